// Which kernels the guest can boot: those installed on this machine, and those that were unpacked into the cache
// without being installed (`CACHE/guest/RELEASE/`, laid out as the package's own file tree).
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A kernel that the guest can boot. */
export interface GuestKernel {
  /** As `uname -r` will say, e.g. `6.1.0-56-amd64`. */
  readonly release: string;
  /** The bootable image, `…/boot/vmlinuz-RELEASE`. */
  readonly image: string;
  /** `…/lib/modules/RELEASE`, which holds `kernel/`. */
  readonly modulesFolder: string;
  /** Where it was found. A `cache` kernel's modules are not below the host's /lib/modules. */
  readonly origin: 'host' | 'cache';
}

export interface FindGuestKernelsOptions {
  /** stapkit's cache folder. */
  readonly cacheFolder: string;
  /** The host's root, for tests. */
  readonly root?: string;
}

/** The folder below the cache that a kernel's package is unpacked into. */
export function guestKernelFolder(cacheFolder: string, release: string): string {
  return join(cacheFolder, 'guest', release);
}

/** Lists the kernels that the guest can boot, newest release first; an installed one before an unpacked one. */
export async function findGuestKernels(options: FindGuestKernelsOptions): Promise<readonly GuestKernel[]> {
  const found: GuestKernel[] = [];
  const root = options.root ?? '/';
  for (const name of await namesIn(join(root, 'boot'))) {
    if (name.startsWith('vmlinuz-')) await consider(found, root, name.slice('vmlinuz-'.length), 'host');
  }
  for (const release of await namesIn(join(options.cacheFolder, 'guest'))) {
    if (found.some((kernel) => kernel.release === release)) continue;
    await consider(found, guestKernelFolder(options.cacheFolder, release), release, 'cache');
  }
  return found.sort((a, b) => compareReleases(b.release, a.release));
}

async function consider(
  found: GuestKernel[],
  tree: string,
  release: string,
  origin: GuestKernel['origin'],
): Promise<void> {
  const image = join(tree, 'boot', `vmlinuz-${release}`);
  // Debian has /lib as a link to usr/lib, but its kernel packages of 2024 and before unpack into lib/.
  for (const lib of ['lib', 'usr/lib']) {
    const modulesFolder = join(tree, lib, 'modules', release);
    if ((await isFile(image)) && (await isFolder(join(modulesFolder, 'kernel')))) {
      found.push({ release, image, modulesFolder, origin });
      return;
    }
  }
}

/** Orders releases by their numbers, then by their text: 6.1.0-9 comes before 6.1.0-56. */
export function compareReleases(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
