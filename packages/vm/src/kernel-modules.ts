// The modules that must be in the guest before it reaches the host's files, and the order they load in. Each module
// names those that it depends on in its .modinfo section (`depends=9pnet,fscache`), so the list follows the kernel:
// 5.10 knows no netfs, 6.12 has fscache inside it.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decompress } from './decompress.js';
import { errorText, faults } from './diagnostics.js';

/** One module, unpacked. */
export interface ModuleFile {
  /** The kernel's name for it, with underscores. */
  readonly name: string;
  readonly data: Buffer;
}

const NEEDED = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay'];

/**
 * Reads the modules that the guest boots with, those depended on first.
 *
 * @param modulesFolder `…/lib/modules/RELEASE`
 * @throws DiagnosticError where one is neither a file nor built into the kernel
 */
export async function readBootModules(
  release: string,
  modulesFolder: string,
  signal?: AbortSignal,
): Promise<readonly ModuleFile[]> {
  const files = await findModuleFiles(modulesFolder);
  const builtIn = await readBuiltIn(modulesFolder);
  const ordered: ModuleFile[] = [];
  const visited = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (visited.has(name)) return;
    visited.add(name);
    const path = files.get(name);
    if (path === undefined) {
      if (builtIn.has(name)) return;
      throw faults.missingModule(release, name, join(modulesFolder, 'kernel'));
    }
    const data = await decompress(await readFile(path), path, signal);
    for (const dependency of moduleDependencies(data)) await visit(dependency);
    ordered.push({ name, data });
  };
  for (const name of NEEDED) await visit(name);
  return ordered;
}

/** Maps the name of each module below a folder to its file. */
async function findModuleFiles(modulesFolder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const folder = join(modulesFolder, 'kernel');
  try {
    for (const path of await readdir(folder, { recursive: true })) {
      const match = /^(.+)\.ko(?:\.(?:xz|zst|gz))?$/.exec(basename(path));
      if (match) files.set(moduleName(match[1]!), join(folder, path));
    }
  } catch (error) {
    throw faults.unreadable(folder, errorText(error));
  }
  return files;
}

async function readBuiltIn(modulesFolder: string): Promise<Set<string>> {
  const text = await readFile(join(modulesFolder, 'modules.builtin'), 'utf8').catch(() => '');
  return new Set(text.split('\n').map((line) => moduleName(basename(line, '.ko'))));
}

/** File names may have dashes where the kernel's name has underscores. */
function moduleName(fileName: string): string {
  return fileName.replaceAll('-', '_');
}

/**
 * The modules that a module depends on, from its .modinfo strings. They are searched for in the whole file, which needs
 * no reading of ELF: each is `\0depends=a,b\0`, and a module has exactly one.
 */
export function moduleDependencies(module: Buffer): string[] {
  let at = module.indexOf('\0depends=', 0, 'latin1');
  if (at < 0) return [];
  at += '\0depends='.length;
  const text = module.toString('latin1', at, module.indexOf(0, at));
  return text.split(',').filter(Boolean).map(moduleName);
}
