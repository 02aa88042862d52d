// The guest's first file system: the agent as /init, the modules that reach the host's files, and a configuration that
// differs from guest to guest. The large part is kept in the cache; the configuration is a second archive behind it.
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCpio } from './cpio.js';
import { contentKey, writeWhole } from './files.js';
import type { GuestKernel } from './guest-kernels.js';
import { readBootModules } from './kernel-modules.js';

/** What the agent is told; see `setting()` in agent/agent.c. A key with several values is repeated. */
export type AgentSettings = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * Returns the archive that all guests of a kernel share.
 *
 * @param agent the compiled agent
 */
export async function baseInitramfs(
  kernel: GuestKernel,
  agent: string,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  const program = await readFile(agent);
  const folder = await stat(join(kernel.modulesFolder, 'kernel'));
  const image = await stat(kernel.image);
  const key = contentKey(kernel.modulesFolder, program, `${folder.mtimeMs} ${image.mtimeMs} ${image.size}`);
  const path = join(cacheFolder, 'vm', `initramfs-${kernel.release}-${key}`);
  if (existsSync(path)) return readFile(path);
  const modules = await readBootModules(kernel.release, kernel.modulesFolder, signal);
  const archive = writeCpio([
    { kind: 'folder', path: 'dev' },
    { kind: 'folder', path: 'proc' },
    { kind: 'folder', path: 'm' },
    { kind: 'file', path: 'init', mode: 0o755, data: program },
    ...modules.map(({ name, data }) => ({ kind: 'file', path: `m/${name}.ko`, data }) as const),
    { kind: 'file', path: 'm/order', data: Buffer.from(modules.map(({ name }) => `${name}.ko\n`).join('')) },
  ]);
  await writeWhole(path, archive);
  return archive;
}

/** The archive that goes behind the shared one. */
export function settingsArchive(settings: AgentSettings): Buffer {
  const lines: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${key}=${one}`);
  }
  return writeCpio([{ kind: 'file', path: 'stapkit.conf', data: Buffer.from(`${lines.join('\n')}\n`) }]);
}
