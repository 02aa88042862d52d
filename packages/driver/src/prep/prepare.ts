// Brings a machine what it lacks, or says which commands do.
import type { PassContext } from '@stapkit/pass';
import { DiagnosticError } from '@stapkit/pass';
import { guestKernelFolder } from '@stapkit/vm';
import { installPackages, isAvailable, prepFault, updateLists } from './apt.js';
import { checkPreparation, type PreparationOptions, type PreparationReport } from './check.js';
import { fetchGuestKernel, noSuchKernel } from './guest-kernel.js';
import { type Machine, thisMachine } from './machine.js';

/**
 * Prepares a machine: installs packages and fetches the guest's kernel.
 *
 * @param report what is missing, from checkPreparation with the same options
 * @returns the report after the work; `ready` is false where something has to be done by somebody with more rights
 * @throws DiagnosticError where a step fails
 */
export async function prepare(
  report: PreparationReport,
  options: PreparationOptions,
  ctx: PassContext,
): Promise<PreparationReport> {
  const machine = options.machine ?? thisMachine();
  if (report.ready || machine.packageManager !== 'apt') return report;
  let current = report;
  if (machine.mayInstall) {
    // Old lists name kernels that the mirrors no longer have, and those of an installer lack the updates' suites.
    await updateLists(machine, ctx);
    ctx.progress.finish();
    // Now it can be told which kernel the guest gets.
    current = await checkPreparation(options, ctx);
  }
  if (current.release === undefined && !machine.mayInstall) return current;
  if (current.release === undefined) {
    throw new DiagnosticError(
      prepFault(
        'no-kernel',
        `the package lists name no kernel for the guest (linux-image-${machine.packageArchitecture})`,
        {
          hints: ['name one: stap-prep --vm --kernel RELEASE', 'see that /etc/apt names a Debian suite'],
        },
      ),
    );
  }
  const missing = current.requirements.filter((item) => item.required && !item.present);
  const packages = missing.filter(({ id }) => id !== 'guest-kernel').flatMap(({ packages }) => packages.apt);
  if (packages.length > 0 && machine.mayInstall) {
    if (missing.some(({ id }) => id === 'headers')) await expectHeaders(machine, current.release, ctx);
    await installPackages(machine, [...new Set(packages)], ctx);
  }
  // Fetching needs no rights beyond the cache folder's.
  if (missing.some(({ id }) => id === 'guest-kernel')) {
    await fetchGuestKernel(machine, options.cacheFolder, current.release, ctx);
  }
  return checkPreparation({ ...options, release: current.release }, ctx);
}

/** Looks for the headers before anything is installed: without them the rest is of no use. */
async function expectHeaders(machine: Machine, release: string, ctx: PassContext): Promise<void> {
  const name = `linux-headers-${release}`;
  if (!(await isAvailable(machine, name, ctx))) throw await noSuchKernel(machine, 'headers', release, ctx);
}

/**
 * The shell commands that bring what is missing, for somebody with the rights.
 *
 * @returns one command an entry; empty where nothing is missing
 */
export function preparationCommands(report: PreparationReport, cacheFolder: string): string[] {
  const missing = report.requirements.filter((item) => item.required && !item.present);
  const installed = missing.filter(({ id }) => id !== 'guest-kernel');
  const fetched = missing.find(({ id }) => id === 'guest-kernel');
  const list = (manager: 'apt' | 'dnf'): string =>
    [...new Set(installed.flatMap(({ packages }) => packages[manager]))].join(' ');
  const commands: string[] = [];
  const folder = report.release === undefined ? undefined : guestKernelFolder(cacheFolder, report.release);
  if (report.packageManager === 'dnf') {
    const debuginfo = installed.filter(({ id }) => id === 'debuginfo').flatMap(({ packages }) => packages.dnf);
    const plain = list('dnf')
      .split(' ')
      .filter((name) => name !== '' && !debuginfo.includes(name));
    if (plain.length > 0) commands.push(`dnf install ${plain.join(' ')}`);
    if (debuginfo.length > 0) commands.push(`dnf debuginfo-install kernel-${report.release}`);
    if (fetched && folder) {
      commands.push(
        `mkdir -p ${folder} && cd ${folder}`,
        `dnf download ${fetched.packages.dnf.join(' ')}`,
        'for rpm in *.rpm; do rpm2cpio "$rpm" | cpio -id; done',
        `mkdir -p boot && cp lib/modules/${report.release}/vmlinuz boot/vmlinuz-${report.release}`,
      );
    }
    return commands;
  }
  if (report.packageManager === 'none') return [];
  if (report.release === undefined) return ['apt-get update', 'stap-prep'];
  if (list('apt') !== '') commands.push('apt-get update', `apt-get install --no-install-recommends ${list('apt')}`);
  if (fetched && folder) {
    commands.push(
      `apt-get download ${fetched.packages.apt.join(' ')}`,
      `mkdir -p ${folder}`,
      ...fetched.packages.apt.map((name) => `dpkg-deb -x ${name}_*.deb ${folder}`),
    );
  }
  return commands;
}
