// Where pass 5 runs, and so for which kernel the script is built: on the host, or in the embedded guest.
import { existsSync } from 'node:fs';
import { release as hostRelease } from 'node:os';
import { DiagnosticError, type PassContext } from '@stapkit/pass';
import type { GuestKernel } from '@stapkit/vm';
import type { StapOptions } from './options.js';

/** The outcome of the choice. */
export type Place =
  | {
      readonly where: 'host';
      readonly release: string;
      /** What the build is for: a release or, from `-r /DIR`, a build tree. */
      readonly build: string;
    }
  | { readonly where: 'guest'; readonly release: string; readonly build: string; readonly kernel: GuestKernel };

/** SystemTap's names of the architectures that Node names otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  arm64: 'arm64',
  ia32: 'i386',
  ppc64: 'powerpc',
  s390x: 's390',
};

/** This machine's architecture in SystemTap's words. */
export function hostArchitecture(): string {
  return ARCHITECTURES[process.arch] ?? process.arch;
}

/** True where the running kernel can load modules at all: without CONFIG_MODULES there is no /proc/modules. */
export function hostLoadsModules(): boolean {
  return existsSync('/proc/modules');
}

/**
 * Chooses where to run. `--vm` asks for the guest; without it the guest is used where the host's kernel can't load
 * modules, and one line says so. Pass 4 alone (`-p4`) with `-r` needs no place to run: it is built for what was named.
 *
 * @param options the command line
 * @param cache stapkit's cache folder, which holds the guest's kernels
 * @param prepare makes the guest's parts ready where something is missing; it throws where it may not
 */
export async function choosePlace(
  options: StapOptions,
  cache: string,
  context: PassContext,
  prepare: (release: string | undefined) => Promise<void>,
): Promise<Place> {
  const named = options.release;
  const inGuest = options.vm || !hostLoadsModules();
  if (!inGuest) return { where: 'host', release: releaseOf(named) ?? hostRelease(), build: named ?? hostRelease() };

  const { findGuestKernels } = await import('@stapkit/vm');
  const wanted = releaseOf(named);
  const find = async (): Promise<GuestKernel | undefined> => {
    const kernels = await findGuestKernels({ cacheFolder: cache });
    return wanted === undefined ? kernels[0] : kernels.find((kernel) => kernel.release === wanted);
  };
  let kernel = await find();
  // Passes 1 to 4 for a kernel that was named need only its headers, not a machine that runs it.
  if (!kernel && wanted !== undefined && options.lastPass < 5) {
    return { where: 'host', release: wanted, build: named! };
  }
  // A kernel alone is not enough to run a script; passes that come before need no more of the guest than that.
  if (!kernel || options.lastPass === 5) {
    await prepare(kernel?.release ?? wanted);
    kernel ??= await find();
  }
  if (!kernel) {
    throw new DiagnosticError({
      code: 'driver/no-guest-kernel',
      severity: 'error',
      class: 'run',
      message: wanted
        ? `there is no kernel ${wanted} for the embedded guest to boot`
        : 'there is no kernel for the embedded guest to boot',
      hints: [`install one: stap-prep --vm${wanted ? ` --kernel ${wanted}` : ''}`],
    });
  }
  if (!options.vm && options.lastPass === 5) {
    context.report({
      code: 'driver/guest',
      severity: 'note',
      class: 'run',
      message: `this machine's kernel ${hostRelease()} can't load modules: running in the embedded guest with ${kernel.release}`,
    });
  }
  return { where: 'guest', release: kernel.release, build: named ?? kernel.release, kernel };
}

/** The release that `-r` names: itself, or for a build tree (`/…`) undefined until kbuild has read the tree. */
function releaseOf(named: string | undefined): string | undefined {
  if (named === undefined) return undefined;
  const inModules = /^\/(?:usr\/)?lib\/modules\/([^/]+)(?:\/build)?\/?$/.exec(named)?.[1];
  if (inModules) return inModules;
  const headers = /\/linux-headers-([^/]+)\/?$/.exec(named)?.[1];
  return headers ?? (named.startsWith('/') ? undefined : named);
}
