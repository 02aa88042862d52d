// Kernels of other Debian suites than the machine's own: headers and image are fetched with a sources list of our own and
// unpacked below the cache folder. The machine's own apt set-up, lists and packages are not touched.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { DiagnosticError, type PassContext } from '@stapkit/pass';
import {
  type AptOptions,
  dependencies,
  isAvailable,
  packageNames,
  prepFault,
  unpackPackages,
  updateLists,
} from './apt.js';
import { compareReleases, fetchGuestKernel, noSuchKernel } from './guest-kernel.js';
import { type Machine, thisMachine } from './machine.js';

/** Which kernel to fetch. */
export interface OtherKernelOptions {
  /** Debian's name of the suite, e.g. `bookworm-backports`, `trixie`, `sid`. */
  readonly suite: string;
  /** By default the suite's newest. */
  readonly release?: string;
  readonly cacheFolder: string;
  /** By default Debian's own. */
  readonly mirror?: string;
  /** Only the headers, for building; else the image too, for the guest. */
  readonly headersOnly?: boolean;
  readonly machine?: Machine;
}

/** A kernel that was fetched. */
export interface OtherKernel {
  readonly release: string;
  /** The folder to build in; `findKernelBuild` takes it. */
  readonly buildFolder: string;
}

/** Where headers that are not installed are kept: a tree of its own for each release. */
export function headersFolder(cacheFolder: string, release: string): string {
  return join(cacheFolder, 'headers', release);
}

/**
 * Fetches a kernel's headers and image from a suite of Debian's.
 *
 * @throws DiagnosticError with apt's words, or where the suite has no such kernel
 */
export async function fetchKernelPackages(options: OtherKernelOptions, ctx: PassContext): Promise<OtherKernel> {
  const machine = options.machine ?? thisMachine();
  const apt = suiteOptions(options, options.mirror ?? (await ownMirror(machine, ctx)));
  await updateLists(machine, ctx, apt);
  const release = options.release ?? (await newestRelease(machine, options.suite, ctx, apt));
  const headers = `linux-headers-${release}`;
  if (!(await isAvailable(machine, headers, ctx, apt))) throw await noSuchKernel(machine, 'headers', release, ctx, apt);
  const parts = (await dependencies(machine, headers, ctx, apt)).filter((name) =>
    /^linux-(headers|kbuild)-/.test(name),
  );
  const into = headersFolder(options.cacheFolder, release);
  await unpackPackages(machine, [headers, ...parts], into, ctx, async (folder) => settleHeaders(folder, into), apt);
  if (!options.headersOnly) await fetchGuestKernel(machine, options.cacheFolder, release, ctx, apt);
  return { release, buildFolder: join(into, 'usr/src', headers) };
}

/** Options that give apt a sources list, lists and a cache of its own. */
function suiteOptions(options: OtherKernelOptions, mirror: string): AptOptions {
  const folder = join(options.cacheFolder, 'apt', options.suite);
  for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, part), { recursive: true });
  const sources = join(folder, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  // What is installed on the machine must not look like something that the suite holds.
  const status = join(folder, 'status');
  writeFileSync(status, '');
  writeFileSync(sources, `deb [signed-by=${keyring}] ${mirror} ${options.suite} main\n`);
  return [
    ...['-o', `Dir::Etc::sourcelist=${sources}`],
    ...['-o', 'Dir::Etc::sourceparts=/dev/null'],
    ...['-o', `Dir::State::Lists=${join(folder, 'lists')}`],
    ...['-o', `Dir::State::status=${status}`],
    ...['-o', `Dir::Cache=${folder}`],
    ...['-o', 'APT::Sandbox::User=root'],
  ];
}

/** The Debian mirror that the machine's own package sources name. */
async function ownMirror(machine: Machine, ctx: PassContext): Promise<string> {
  const { stdout } = await machine.run('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages'], {
    signal: ctx.signal,
  });
  // The security archive lies elsewhere and holds no whole suite.
  const mirror = stdout.split('\n').find((site) => /\/debian\/?$/.test(site.trim()));
  if (mirror) return mirror.trim();
  throw new DiagnosticError(
    prepFault('no-mirror', "none of this machine's package sources is a Debian mirror", {
      hints: ['deb lines in /etc/apt/sources.list name them; apt-get update reads them'],
    }),
  );
}

async function newestRelease(machine: Machine, suite: string, ctx: PassContext, apt: AptOptions): Promise<string> {
  const architecture = machine.packageArchitecture;
  const pattern = new RegExp(`^linux-headers-(\\d[\\w.+~-]*-${architecture})$`);
  const known = (await packageNames(machine, 'linux-headers-', ctx, apt))
    .map((name) => pattern.exec(name)?.[1])
    .filter((name): name is string => name !== undefined && !/-(rt|cloud)-/.test(name))
    .sort(compareReleases);
  // A name may come from the installed packages: only what can be fetched counts.
  for (const release of known.reverse()) {
    if (await isAvailable(machine, `linux-headers-${release}`, ctx, apt)) return release;
  }
  throw new DiagnosticError(prepFault('no-kernel', `the suite ${suite} holds no kernel headers for ${architecture}`));
}

/**
 * Makes headers work where they lie: the Makefiles of Debian's name /usr/src/…, and some links lead to absolute paths.
 */
function settleHeaders(folder: string, into: string): void {
  const source = join(folder, 'usr/src');
  for (const name of readdirSync(source)) {
    if (!name.startsWith('linux-headers-')) continue;
    const makefile = join(source, name, 'Makefile');
    const text = readFileSync(makefile, 'utf8');
    writeFileSync(makefile, text.replace(/(?<=[\s=:])\/usr\/(src|lib)\//g, `${into}/usr/$1/`));
    for (const entry of readdirSync(join(source, name), { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) continue;
      const link = join(source, name, entry.name);
      const target = readlinkSync(link);
      if (!target.startsWith('/usr/')) continue;
      unlinkSync(link);
      symlinkSync(relative(dirname(link), join(folder, target)), link);
    }
  }
}
