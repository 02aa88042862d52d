// modprobe's index of an unpacked kernel's modules. A package makes it when it is installed; one that was only unpacked
// has none, and then `modprobe` would not work in the guest.
import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { runTool } from './files.js';
import type { GuestKernel } from './guest-kernels.js';
import { findCommand } from './processes.js';

/**
 * Makes the index where it is missing, with kmod's depmod or busybox's. Where neither is installed, or the folder can't
 * be written, there is none: only modprobe in the guest depends on it.
 */
export async function ensureModulesIndex(kernel: GuestKernel, signal?: AbortSignal): Promise<void> {
  const suffix = join('lib', 'modules', kernel.release);
  if (kernel.origin !== 'cache' || !kernel.modulesFolder.endsWith(`${sep}${suffix}`)) return;
  const has = (name: string): boolean => existsSync(join(kernel.modulesFolder, name));
  const kmod = await findCommand('depmod', process.env['PATH']);
  // kmod's modprobe reads only the binary form, which busybox's depmod does not write.
  if (has('modules.dep.bin') || (!kmod && has('modules.dep'))) return;
  const busybox = kmod ? undefined : await findCommand('busybox', process.env['PATH']);
  const command = kmod ?? busybox;
  if (!command) return;
  const base = kernel.modulesFolder.slice(0, -suffix.length);
  const words = ['-b', base, kernel.release];
  await runTool(command, kmod ? words : ['depmod', ...words], signal ? { signal } : {}).catch((error: unknown) => {
    if (signal?.aborted) throw error;
  });
}
