// The kernel that the embedded guest boots: a distribution's stock image, unpacked below the cache folder and never
// installed on the host. Layout: CACHE/guest/R/boot/vmlinuz-R and CACHE/guest/R/lib/modules/R/kernel.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticError, type PassContext } from '@stapkit/pass';
import { findGuestKernels, guestKernelFolder } from '@stapkit/vm';
import { type AptOptions, dependencies, isAvailable, packageNames, prepFault, unpackPackages } from './apt.js';
import { below, type Machine, readText } from './machine.js';

/** Orders releases by their numbers: 6.1.0-9 before 6.1.0-56. */
export function compareReleases(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/**
 * Chooses the guest's kernel: one that can be booted already, else the one that the configured suite calls its newest,
 * as the meta packages linux-image-ARCH and linux-headers-ARCH name it.
 *
 * @returns the release, or undefined where neither tells
 */
export async function chooseGuestRelease(
  machine: Machine,
  cacheFolder: string,
  ctx: PassContext,
): Promise<string | undefined> {
  const present = (await findGuestKernels({ cacheFolder, root: machine.root })).map((kernel) => kernel.release);
  const withHeaders = present.find((release) => existsSync(below(machine, `/lib/modules/${release}/build`)));
  if (withHeaders ?? present[0]) return withHeaders ?? present[0];
  if (machine.packageManager !== 'apt') return undefined;
  const architecture = machine.packageArchitecture;
  const released = async (kind: 'image' | 'headers'): Promise<string[]> =>
    (await dependencies(machine, `linux-${kind}-${architecture}`, ctx))
      .filter((name) => name.startsWith(`linux-${kind}-`) && /\d/.test(name))
      .map((name) => name.slice(`linux-${kind}-`.length));
  const images = await released('image');
  const headers = await released('headers');
  const both = images.filter((release) => headers.includes(release)).sort(compareReleases);
  return both.at(-1) ?? headers.sort(compareReleases).at(-1);
}

/**
 * The packages that hold a kernel's image and modules. Since Debian 14 the image is in linux-binary-R and the modules
 * in linux-modules-R, both of which linux-image-R depends on.
 */
export async function imagePackages(machine: Machine, release: string, ctx: PassContext, options: AptOptions = []) {
  const image = `linux-image-${release}`;
  if (!(await isAvailable(machine, image, ctx, options))) return [];
  const parts = (await dependencies(machine, image, ctx, options)).filter((name) =>
    /^linux-(binary|modules|image)-/.test(name),
  );
  return [image, ...parts.filter((name) => name.endsWith(`-${release}`) && name !== image)];
}

/**
 * Makes the fault of a kernel that the package lists don't have.
 *
 * @param kind which of its packages was looked for
 */
export async function noSuchKernel(
  machine: Machine,
  kind: 'image' | 'headers',
  release: string,
  ctx: PassContext,
  options: AptOptions = [],
): Promise<DiagnosticError> {
  const known = (await packageNames(machine, `linux-${kind}-`, ctx, options))
    .map((name) => name.slice(`linux-${kind}-`.length))
    .filter((name) => /^\d/.test(name) && name.endsWith(`-${machine.packageArchitecture}`))
    .sort(compareReleases)
    .reverse();
  return new DiagnosticError(
    prepFault('no-such-kernel', `no package of this system's suites holds the ${kind} of kernel ${release}`, {
      hints:
        known.length > 0
          ? [`they hold: ${known.slice(0, 5).join(', ')}${known.length > 5 ? ` and ${known.length - 5} more` : ''}`]
          : [],
    }),
  );
}

/**
 * Fetches a kernel for the guest.
 *
 * @throws DiagnosticError where no package has it, with the releases nearest to it as hints
 */
export async function fetchGuestKernel(
  machine: Machine,
  cacheFolder: string,
  release: string,
  ctx: PassContext,
  options: AptOptions = [],
): Promise<void> {
  const packages = await imagePackages(machine, release, ctx, options);
  if (packages.length === 0) throw await noSuchKernel(machine, 'image', release, ctx, options);
  const into = guestKernelFolder(cacheFolder, release);
  await unpackPackages(machine, packages, into, ctx, (folder) => settleKernel(machine, folder, release, ctx), options);
}

/** Brings an unpacked image into the guest's layout, and drops what a guest has no use for. */
async function settleKernel(machine: Machine, folder: string, release: string, ctx: PassContext): Promise<void> {
  // Merged /usr: newer packages keep modules below usr/lib.
  const merged = join(folder, 'usr/lib/modules', release);
  const modules = join(folder, 'lib/modules', release);
  if (existsSync(merged) && !existsSync(modules)) {
    mkdirSync(join(folder, 'lib/modules'), { recursive: true });
    renameSync(merged, modules);
  }
  const image = join(folder, 'boot', `vmlinuz-${release}`);
  if (!existsSync(image) && existsSync(join(modules, 'vmlinuz'))) {
    mkdirSync(join(folder, 'boot'), { recursive: true });
    renameSync(join(modules, 'vmlinuz'), image);
  }
  rmSync(join(folder, 'usr'), { recursive: true, force: true });
  if (!existsSync(image) || !existsSync(join(modules, 'kernel'))) {
    throw new DiagnosticError(
      prepFault('no-such-kernel', `the packages of kernel ${release} hold no bootable image and modules`),
    );
  }
  // The package makes modules.dep only when it is installed. Without it modprobe fails in the guest; insmod doesn't.
  for (const command of [['depmod'], ['busybox', 'depmod']]) {
    const [program, ...args] = command;
    const result = await machine.run(program!, [...args, '-b', folder, release], { signal: ctx.signal });
    if (result.code === 0 && readText(join(modules, 'modules.dep')) !== '') break;
  }
}
