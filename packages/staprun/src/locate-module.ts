// From MODULE on the command line to a file that can be loaded.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DiagnosticError, systemWords } from '@stapkit/pass';
import { asRoot, isLent } from './as-root.js';
import { inUse, noModuleFile, notAModule, notAName } from './diagnostics.js';
import { type ModuleInfo, moduleInfo, renameModule } from './modinfo.js';
import type { ModuleFile, ModulePort } from './module-port.js';
import { moduleUsers } from './module-users.js';
import type { StaprunOptions } from './options.js';

/** MODULE_NAME_LEN less its NUL. */
const LONGEST_NAME = 55;

/** A module that was found. */
export interface LocatedModule {
  readonly module: ModuleFile;
  /** How to load it: with a new name it is loaded from a copy, which goes away at once. */
  readonly port: ModulePort;
  /** The file as it lies on disk: its real path, owner and permissions. Undefined when attaching. */
  readonly file?: { readonly path: string; readonly uid: number; readonly mode: number };
  /** What the file says about itself. */
  readonly info?: ModuleInfo;
  /** Removes the copy, if it is still there. */
  dispose(): Promise<void>;
}

/** The folder in which staprun(8) looks for modules by name. */
export function systemFolder(): string {
  return `/lib/modules/${release()}/systemtap`;
}

/**
 * Finds the module that a command line names.
 *
 * @param port how it will be loaded
 * @throws DiagnosticError where there is no such file, or it is no module
 */
export async function locateModule(
  options: Pick<StaprunOptions, 'module' | 'action' | 'rename'>,
  port: ModulePort,
): Promise<LocatedModule> {
  const given = options.module!;
  if (options.action === 'attach') {
    const name = expectModuleName(given);
    if (moduleUsers(name).length > 0) throw new DiagnosticError(inUse(name));
    return { module: { path: given, name }, port, async dispose() {} };
  }
  const path = given.includes('/') || given.endsWith('.ko') ? given : join(systemFolder(), `${given}.ko`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const { uid, mode } = await handle.stat();
    const file = { path: await realpath(path), uid, mode };
    const bytes = await handle.readFile();
    const info = moduleInfo(bytes);
    if (!info) throw new DiagnosticError(notAModule(path));
    if (!options.rename) return { module: { path: file.path, name: info.name }, port, file, info, async dispose() {} };
    return { ...(await renamed(bytes, info.name, port, file)), info };
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const here = path === given || !existsSync(given) ? undefined : `./${given}`;
    throw new DiagnosticError(noModuleFile(path, systemWords(error), here));
  } finally {
    await handle?.close();
  }
}

/** The kernel's name for a file or a name. */
export function moduleName(given: string): string {
  return basename(given).replace(/\.ko$/, '').replaceAll('-', '_');
}

/** As moduleName. @throws DiagnosticError where no module can have such a name */
export function expectModuleName(given: string): string {
  const name = moduleName(given);
  if (/^\w+$/.test(name)) return name;
  throw new DiagnosticError(notAName(given));
}

async function renamed(
  bytes: Buffer,
  oldName: string,
  port: ModulePort,
  file: LocatedModule['file'],
): Promise<LocatedModule> {
  const suffix = `_${process.pid}`;
  const name = oldName.slice(0, LONGEST_NAME - suffix.length) + suffix;
  // A folder that only root can enter, in one from which nobody can move it: nobody can put another module in its place.
  const folder = asRoot(() => mkdtempSync(join(isLent() ? '/tmp' : tmpdir(), 'staprun-')));
  const dispose = async (): Promise<void> => asRoot(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const path = join(folder, `${name}.ko`);
    asRoot(() => writeFileSync(path, renameModule(bytes, name)!, { mode: 0o600, flag: 'wx' }));
    const module = { path, name };
    const load: ModulePort['load'] = async (target, parameters) => {
      try {
        await port.load(target, parameters);
      } finally {
        await dispose();
      }
    };
    return { module, port: { ...port, load }, ...(file ? { file } : {}), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
