// Finds out what a machine lacks for running scripts: on its own kernel, or in the embedded guest.
import { existsSync } from 'node:fs';
import { findKernelBuild, which } from '@stapkit/kbuild';
import { type PassContext, quietContext } from '@stapkit/pass';
import { findGuestKernels } from '@stapkit/vm';
import { chooseGuestRelease } from './guest-kernel.js';
import { below, isReadable, type Machine, thisMachine } from './machine.js';

/** What to look for. */
export interface PreparationOptions {
  /** The kernel that scripts are for; by default the running one, or the guest's. */
  readonly release?: string;
  /** `auto` takes the guest where the running kernel can't load modules. */
  readonly mode?: 'auto' | 'host' | 'vm';
  /** Debug information of the kernel too: large, and needed only by some probes. */
  readonly debuginfo?: boolean;
  readonly cacheFolder: string;
  /** The machine; by default the one that runs this. */
  readonly machine?: Machine;
}

/** One thing that scripts need. Plain data. */
export interface Requirement {
  readonly id: 'headers' | 'compiler' | 'make' | 'loader' | 'debuginfo' | 'qemu' | 'xz' | 'guest-kernel' | 'setpriv';
  /** What it is, in the user's words. */
  readonly title: string;
  readonly present: boolean;
  /** False for what only some scripts need. */
  readonly required: boolean;
  /** Where it is, where it is there. */
  readonly path?: string;
  /** The packages that bring it, by package manager; the guest's kernel is fetched, not installed. */
  readonly packages: { readonly apt: readonly string[]; readonly dnf: readonly string[] };
}

/** What was found. Plain data. */
export interface PreparationReport {
  readonly kind: 'preparation-report';
  /** Where scripts will run. */
  readonly mode: 'host' | 'vm';
  /** Why the guest is used though nobody asked for it. */
  readonly reason?: string;
  /** The kernel that scripts are for; undefined where the package lists are needed to tell and are not there. */
  readonly release?: string;
  readonly packageManager: 'apt' | 'dnf' | 'none';
  readonly mayInstall: boolean;
  readonly requirements: readonly Requirement[];
  /** True where nothing that is required is missing. */
  readonly ready: boolean;
}

/** Checks a machine. It changes nothing and asks nothing of the network. */
export async function checkPreparation(
  options: PreparationOptions,
  ctx: PassContext = quietContext(),
): Promise<PreparationReport> {
  const machine = options.machine ?? thisMachine();
  const asked = options.mode ?? 'auto';
  const mode = asked === 'auto' ? (machine.noModules ? 'vm' : 'host') : asked;
  const release =
    options.release ??
    (mode === 'host' ? machine.release : await chooseGuestRelease(machine, options.cacheFolder, ctx));
  const requirements = [
    ...(await buildRequirements(machine, options.cacheFolder, release)),
    ...(mode === 'host' ? hostRequirements(machine) : await guestRequirements(machine, options.cacheFolder, release)),
    debuginfoRequirement(machine, release, options.debuginfo ?? false),
  ];
  return {
    kind: 'preparation-report',
    mode,
    ...(asked === 'auto' && mode === 'vm' && machine.noModules ? { reason: machine.noModules } : {}),
    ...(release === undefined ? {} : { release }),
    packageManager: machine.packageManager,
    mayInstall: machine.mayInstall,
    requirements,
    ready: release !== undefined && requirements.every((item) => item.present || !item.required),
  };
}

async function buildRequirements(
  machine: Machine,
  cacheFolder: string,
  release: string | undefined,
): Promise<Requirement[]> {
  const found =
    release === undefined
      ? undefined
      : await findKernelBuild(release, { root: machine.root, path: machine.path, cacheFolder });
  const kernel = found?.value;
  const lacksHeaders =
    kernel === undefined && !found?.diagnostics.some(({ code }) => code === 'kbuild/compiler-missing');
  const wanted = kernel?.compiler.wanted ?? found?.diagnostics.map(({ message }) => message).join(' ') ?? '';
  const major = /\bgcc[-\w]* .*?(\d+)\.\d/.exec(wanted)?.[1] ?? /gcc-(\d+)/.exec(wanted)?.[1];
  // Without headers nobody knows which compiler is wanted; Debian's headers depend on it, other packages on gcc.
  const compiler = kernel?.compiler.matches
    ? kernel.compiler.path
    : lacksHeaders
      ? which('gcc', machine.path)
      : undefined;
  const make = which('make', machine.path);
  return [
    {
      id: 'headers',
      title: `headers of kernel ${release ?? '(not known yet)'}`,
      present: !lacksHeaders,
      required: true,
      ...(kernel ? { path: kernel.buildFolder } : {}),
      packages: {
        apt: release === undefined ? [] : [`linux-headers-${release}`],
        dnf: release === undefined ? [] : [`kernel-devel-${release}`],
      },
    },
    {
      id: 'compiler',
      title: major === undefined ? 'C compiler' : `C compiler gcc ${major}`,
      present: compiler !== undefined,
      required: true,
      ...(compiler ? { path: compiler } : {}),
      packages: { apt: [major === undefined ? 'gcc' : `gcc-${major}`], dnf: ['gcc'] },
    },
    {
      id: 'make',
      title: 'make',
      present: make !== undefined,
      required: true,
      ...(make ? { path: make } : {}),
      packages: { apt: ['make'], dnf: ['make'] },
    },
  ];
}

/** The guest loads modules with this machine's own programs too. */
function hostRequirements(machine: Machine): Requirement[] {
  return [program(machine, 'loader', 'insmod and rmmod', ['insmod', 'busybox'], { apt: ['kmod'], dnf: ['kmod'] })];
}

async function guestRequirements(
  machine: Machine,
  cacheFolder: string,
  release: string | undefined,
): Promise<Requirement[]> {
  const kernels = await findGuestKernels({ cacheFolder, root: machine.root });
  const kernel = kernels.find((entry) => entry.release === release);
  return [
    program(machine, 'qemu', 'QEMU', ['qemu-system-x86_64'], {
      apt: ['qemu-system-x86'],
      dnf: ['qemu-system-x86-core'],
    }),
    ...hostRequirements(machine),
    // Debian packs its kernel images with xz, whose dictionary is too large for the library that reads small files.
    program(machine, 'xz', 'xz, to unpack the kernel', ['xz'], { apt: ['xz-utils'], dnf: ['xz'] }),
    program(machine, 'setpriv', 'setpriv', ['setpriv'], { apt: ['util-linux'], dnf: ['util-linux'] }),
    {
      id: 'guest-kernel',
      title: `kernel ${release ?? '(not known yet)'} for the guest`,
      present: kernel !== undefined,
      required: true,
      ...(kernel ? { path: kernel.image } : {}),
      packages: {
        apt: release === undefined ? [] : [`linux-image-${release}`],
        dnf: release === undefined ? [] : [`kernel-core-${release}`, `kernel-modules-core-${release}`],
      },
    },
  ];
}

function program(
  machine: Machine,
  id: Requirement['id'],
  title: string,
  names: readonly string[],
  packages: Requirement['packages'],
): Requirement {
  const path = names.map((name) => which(name, machine.path)).find((found) => found !== undefined);
  return { id, title, present: path !== undefined, required: true, ...(path ? { path } : {}), packages };
}

function debuginfoRequirement(machine: Machine, release: string | undefined, wanted: boolean): Requirement {
  const path =
    release === undefined
      ? undefined
      : [`/usr/lib/debug/boot/vmlinux-${release}`, `/usr/lib/debug/lib/modules/${release}/vmlinux`]
          .map((file) => below(machine, file))
          .find((file) => existsSync(file) && isReadable(file));
  return {
    id: 'debuginfo',
    title: `debug information of kernel ${release ?? '(not known yet)'}`,
    present: path !== undefined,
    required: wanted,
    ...(path ? { path } : {}),
    packages: {
      apt: release === undefined ? [] : [`linux-image-${release}-dbg`],
      dnf: release === undefined ? [] : [`kernel-debuginfo-${release}`],
    },
  };
}
