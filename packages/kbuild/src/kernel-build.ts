// Finds what a kernel left behind for building modules against it, and says what it is: release, architecture,
// configuration, the compiler it wants. It runs no program and reads little, because it is on the path of every run.
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';
import type { Diagnostic, Outcome } from '@stapkit/pass';
import { buildError, buildWarning } from './diagnostics.js';

/** A kernel that modules can be built for. Plain data. */
export interface KernelBuild {
  /** As `uname -r` prints it on that kernel. */
  readonly release: string;
  /** As SystemTap names it: `x86_64`, `arm64`, `powerpc`, `s390`, … */
  readonly architecture: string;
  /** Absolute path of the folder that `make -C` is given. */
  readonly buildFolder: string;
  /** The kernel's configuration file. */
  readonly configFile: string;
  /** The exported symbols with their checksums, where the build has them. */
  readonly symversFile?: string;
  /** The objtool that this build uses, where it has one. */
  readonly objtool?: string;
  readonly compiler: KernelCompiler;
  /** The same for the same kernel build with the same compiler; it is part of every cache key. */
  readonly identity: string;
}

/** The compiler that modules for a kernel are built with. */
export interface KernelCompiler {
  /** What the kernel was built with, e.g. `gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0`. */
  readonly wanted: string;
  /** Absolute path of the compiler that is used. */
  readonly path: string;
  /** False where it is known to be of another major version than the kernel's own. */
  readonly matches: boolean;
}

/** Where to look, for tests and for kernels that were unpacked below another root. */
export interface FindOptions {
  /** A folder that holds `lib/modules` and `usr/src`; `/` by default. */
  readonly root?: string;
  /** Where compilers are looked for; `$PATH` by default. */
  readonly path?: string;
  /** stapkit's cache folder: headers that were fetched without being installed lie below it. */
  readonly cacheFolder?: string;
}

/**
 * Finds the build folder of a kernel.
 *
 * @param releaseOrFolder a release such as `6.1.0-56-amd64`, or a folder: a build tree, or `/lib/modules/R`
 * @returns the kernel, or a diagnostic with the command that installs what is missing
 */
export async function findKernelBuild(
  releaseOrFolder: string,
  options: FindOptions = {},
): Promise<Outcome<KernelBuild | undefined>> {
  const root = options.root ?? '/';
  const isFolder = releaseOrFolder.includes('/');
  const candidates = isFolder
    ? [resolve(releaseOrFolder), join(resolve(releaseOrFolder), 'build')]
    : [
        join(root, 'lib/modules', releaseOrFolder, 'build'),
        join(root, 'usr/lib/modules', releaseOrFolder, 'build'),
        // Debian and Ubuntu, Fedora and its relatives, SUSE.
        join(root, 'usr/src', `linux-headers-${releaseOrFolder}`),
        join(root, 'usr/src/kernels', releaseOrFolder),
        join(root, 'usr/src', `linux-${releaseOrFolder}`),
        ...(options.cacheFolder === undefined
          ? []
          : [join(options.cacheFolder, 'headers', releaseOrFolder, 'usr/src', `linux-headers-${releaseOrFolder}`)]),
      ];
  const found = candidates.find((folder) => isFile(join(folder, '.config')) && isFile(join(folder, 'Makefile')));
  if (found === undefined) {
    return fault(
      buildError(
        'headers-missing',
        isFolder
          ? `"${releaseOrFolder}" is not a kernel build folder: it holds no .config and Makefile`
          : `the headers of kernel ${releaseOrFolder} are not installed`,
        { hints: isFolder ? [] : [`run: stap-prep ${releaseOrFolder}`] },
      ),
    );
  }
  const buildFolder = realpathSync(found);
  const configFile = join(buildFolder, '.config');
  const config = readFileSync(configFile, 'utf8');
  const release = readRelease(buildFolder) ?? (isFolder ? undefined : releaseOrFolder);
  if (release === undefined || !isFile(join(buildFolder, 'include/generated/autoconf.h'))) {
    return fault(
      buildError('headers-missing', `the kernel build folder ${buildFolder} has not been prepared for modules`, {
        hints: [`run: make -C ${buildFolder} modules_prepare`],
      }),
    );
  }
  const compiler = findCompiler(config, options.path ?? process.env.PATH ?? '');
  if (compiler.path === undefined) {
    return fault(
      buildError(
        'compiler-missing',
        `no compiler for kernel ${release} is installed: it was built with ${compiler.wanted}`,
        {
          hints: [`run: stap-prep ${release}`],
        },
      ),
    );
  }
  const symversFile = [join(buildFolder, 'Module.symvers')].find(isFile);
  const objtool = [join(buildFolder, 'tools/objtool/objtool')].find(isFile);
  const kernel: KernelBuild = {
    release,
    architecture: architectureOf(config),
    buildFolder,
    configFile,
    ...(symversFile === undefined ? {} : { symversFile }),
    ...(objtool === undefined ? {} : { objtool: realpathSync(objtool) }),
    compiler: { wanted: compiler.wanted, path: compiler.path, matches: compiler.matches },
    identity: identityOf(release, config, buildFolder, symversFile, compiler.path),
  };
  const diagnostics: Diagnostic[] = [];
  if (!compiler.matches) {
    diagnostics.push(
      buildWarning(
        'compiler-differs',
        `kernel ${release} was built with ${compiler.wanted}, but only ${compiler.path} is installed`,
        { hints: [`run: stap-prep ${release}`] },
      ),
    );
  }
  return { value: kernel, diagnostics };
}

function fault(diagnostic: Diagnostic): Outcome<undefined> {
  return { value: undefined, diagnostics: [diagnostic] };
}

/**
 * Reads a kernel's configuration for `CONFIG_…` questions.
 *
 * @returns a function that gives an option's value as the .config has it without quotes, e.g. `y`, `m`, `4`, or
 *   undefined where it is not set
 */
export function kernelConfig(kernel: Pick<KernelBuild, 'configFile'>): (name: string) => string | undefined {
  let text: string | undefined;
  return (name) => {
    text ??= `\n${readFileSync(kernel.configFile, 'utf8')}`;
    return configValue(text, name);
  };
}

/** Finds `NAME=value` in a .config whose text starts with a newline. */
function configValue(text: string, name: string): string | undefined {
  const start = text.indexOf(`\n${name}=`);
  if (start === -1) return undefined;
  const from = start + name.length + 2;
  const end = text.indexOf('\n', from);
  const value = text.slice(from, end === -1 ? text.length : end);
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

// Debian's include/config/kernel.release names the upstream version (6.1.192), and utsrelease.h what uname -r prints
// (6.1.0-56-amd64); modules must carry the latter.
function readRelease(buildFolder: string): string | undefined {
  try {
    const header = readFileSync(join(buildFolder, 'include/generated/utsrelease.h'), 'utf8');
    const match = /#define\s+UTS_RELEASE\s+"([^"]+)"/.exec(header);
    if (match) return match[1];
  } catch {
    // Fall through to the other file.
  }
  try {
    return readFileSync(join(buildFolder, 'include/config/kernel.release'), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

const ARCHITECTURES: readonly (readonly [config: string, name: string])[] = [
  ['CONFIG_X86_64', 'x86_64'],
  ['CONFIG_X86_32', 'i386'],
  ['CONFIG_ARM64', 'arm64'],
  ['CONFIG_ARM', 'arm'],
  ['CONFIG_PPC', 'powerpc'],
  ['CONFIG_S390', 's390'],
  ['CONFIG_MIPS', 'mips'],
  ['CONFIG_RISCV', 'riscv'],
];

function architectureOf(config: string): string {
  const text = `\n${config}`;
  return ARCHITECTURES.find(([option]) => configValue(text, option) === 'y')?.[1] ?? 'unknown';
}

function findCompiler(config: string, path: string): { wanted: string; path: string | undefined; matches: boolean } {
  const text = `\n${config}`;
  const clang = configValue(text, 'CONFIG_CC_IS_CLANG') === 'y';
  const name = clang ? 'clang' : 'gcc';
  // CONFIG_GCC_VERSION is 120200 for 12.2.0.
  const version = Number(configValue(text, clang ? 'CONFIG_CLANG_VERSION' : 'CONFIG_GCC_VERSION') ?? 0);
  const major = Math.floor(version / 10_000);
  const wanted = configValue(text, 'CONFIG_CC_VERSION_TEXT') ?? (major > 0 ? `${name} ${major}` : name);
  const first = basename(wanted.split(' ')[0] ?? '');
  const exact = [`${name}-${major}`, first].filter(
    (candidate) => candidate.startsWith(name) || candidate.includes('-'),
  );
  for (const candidate of [...new Set([...exact, name, 'cc'])]) {
    const found = which(candidate, path);
    if (found === undefined) continue;
    // /usr/bin/gcc → gcc-12 → x86_64-linux-gnu-gcc-12: the name tells the version without running it.
    const known = /-(\d+)$/.exec(basename(realpathSync(found)))?.[1];
    return { wanted, path: found, matches: major === 0 || known === undefined || Number(known) === major };
  }
  return { wanted, path: undefined, matches: false };
}

/** Finds a program in a search path, as a shell does. */
export function which(program: string, path: string = process.env.PATH ?? ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

/** Release, configuration, the export table's and the compiler's size and time: what makes a built module unusable. */
function identityOf(
  release: string,
  config: string,
  buildFolder: string,
  symversFile: string | undefined,
  compiler: string,
): string {
  const hash = createHash('sha256').update(`${release}\0${buildFolder}\0${config}\0`);
  for (const file of [symversFile, realpathSync(compiler)]) {
    if (file === undefined) continue;
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${mtimeMs}\0`);
  }
  return hash.digest('hex').slice(0, 32);
}
