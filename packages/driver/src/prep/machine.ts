// What stap-prep must know of the machine it runs on, as a value: tests hand in machines that don't exist.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { runTool, type ToolOptions, type ToolResult, which } from '@stapkit/kbuild';

/** The package managers that stap-prep knows. */
export type PackageManager = 'apt' | 'dnf' | 'none';

/** A machine to prepare. */
export interface Machine {
  /** `/`, or where a test has put the files of another machine. */
  readonly root: string;
  /** The running kernel, as `uname -r` prints it. */
  readonly release: string;
  /** Debian's name of the architecture that kernels are taken for, e.g. `amd64`. */
  readonly packageArchitecture: string;
  readonly packageManager: PackageManager;
  /** True for root. */
  readonly mayInstall: boolean;
  /** Why the running kernel can't load modules, or undefined where it can. */
  readonly noModules: string | undefined;
  /** Where programs are looked for. */
  readonly path: string;
  run(command: string, args: readonly string[], options?: ToolOptions): Promise<ToolResult>;
}

const PACKAGE_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ppc64: 'ppc64el',
  s390x: 's390x',
};

/** CAP_SYS_MODULE's bit (include/uapi/linux/capability.h). */
const CAP_SYS_MODULE = 16n;

/** Looks at the machine that runs this program. */
export function thisMachine(env: Readonly<Record<string, string | undefined>> = process.env): Machine {
  // apt-get and its like lie in sbin too on some systems, and a user's PATH may leave that out.
  const path = `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  return {
    root: '/',
    release: release(),
    packageArchitecture: PACKAGE_ARCHITECTURES[process.arch] ?? process.arch,
    packageManager: which('apt-get', path) ? 'apt' : which('dnf', path) ? 'dnf' : 'none',
    mayInstall: process.getuid?.() === 0,
    noModules: whyNoModules(),
    path,
    run: (command, args, options) => runTool(command, args, { ...options, env: { PATH: path, ...options?.env } }),
  };
}

/** Tells why no module can be loaded here, in words that follow `because`. */
function whyNoModules(): string | undefined {
  if (!existsSync('/proc/modules')) return 'its kernel was built without loadable modules';
  try {
    if (readFileSync('/proc/sys/kernel/modules_disabled', 'latin1').trim() === '1') {
      return 'loading modules was switched off (kernel.modules_disabled)';
    }
  } catch {
    // Older kernels have no such switch.
  }
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status'))?.[1];
  if (process.getuid?.() === 0 && effective && ((BigInt(`0x${effective}`) >> CAP_SYS_MODULE) & 1n) === 0n) {
    return 'root lacks CAP_SYS_MODULE here, as in a container';
  }
  return undefined;
}

/** Reads a file, or gives an empty text. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** True for a file that can be read. */
export function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** A path below the machine's root. */
export function below(machine: Machine, path: string): string {
  return join(machine.root, path);
}
