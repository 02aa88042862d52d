// First use: installs what the embedded guest needs, where that may be done unasked. From a checkout's `./stap` as root it
// may, since running it there is what the README tells a newcomer to do; an installed `stap` never installs anything by
// itself and says what to do instead.
import { DiagnosticError } from '@stapkit/pass';
import { cacheFolder } from './folders.js';
import type { CommandIo } from './io.js';
import { checkPreparation, preparationCommands, prepare } from './prep/index.js';
import type { Reporter } from './reporter.js';

/**
 * Makes this machine ready for the guest.
 *
 * @param release the kernel that the guest shall boot; undefined leaves the choice to stap-prep
 * @throws DiagnosticError where something is missing and may not be installed, with the commands to type
 */
export async function prepareForGuest(release: string | undefined, io: CommandIo, reporter: Reporter): Promise<void> {
  const cache = cacheFolder(io.env);
  const options = { mode: 'vm', cacheFolder: cache, ...(release === undefined ? {} : { release }) } as const;
  const context = reporter.context(0, io.signal);
  const report = await checkPreparation(options, context);
  if (report.ready) return;
  const missing = report.requirements.filter((requirement) => requirement.required && !requirement.present);
  const titles = missing.map((requirement) => requirement.title).join(', ');
  if (io.env['STAPKIT_CHECKOUT'] === undefined || !report.mayInstall) {
    throw new DiagnosticError({
      code: 'driver/unprepared',
      severity: 'error',
      class: 'run',
      message: `the embedded guest can't start yet: ${titles} missing`,
      hints: ['stap-prep --vm, as root, does this:', ...preparationCommands(report, cache)],
    });
  }
  reporter.line(`stapkit: preparing this machine for the embedded guest: ${titles} …`);
  // One line says so in a pipe, too: this machine gets other programs. The steps are shown on a terminal only.
  const after = await prepare(report, options, context).finally(() => reporter.progress.finish());
  if (!after.ready) {
    throw new DiagnosticError({
      code: 'driver/unprepared',
      severity: 'error',
      class: 'run',
      message: "the embedded guest can't start yet",
      hints: preparationCommands(after, cache),
    });
  }
}
