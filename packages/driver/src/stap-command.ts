// The command `stap`: reads the command line, and turns whatever goes wrong into messages and an exit status. What a run
// needs is loaded only when there is one: `stap -V` and a misspelt option cost nothing more than the command line's reader.
import { DiagnosticError } from '@stapkit/pass';
import { parseCommandLine } from './command-line.js';
import type { CommandIo } from './io.js';
import type { StapOptions } from './options.js';
import { interruptedStatus } from './process-io.js';
import { rcFile, readRc } from './rc-file.js';
import { createReporter, type Reporter, reportOutputFault } from './reporter.js';
import { versionText } from './version.js';

/**
 * Runs `stap`.
 *
 * @param argv the words after the command's name
 * @returns the exit status: 0, or 1 where anything failed (stap(1)); 128 and the signal's number where one ended it
 *   before pass 5
 */
export async function stapCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const plain = createReporter(io, { color: 'auto', suppressWarnings: false, warningsAreErrors: false });
  if (argv[0] === 'vm') {
    return await guarded(plain, io, async () => {
      const { runVm } = await import('./run-vm.js');
      return await runVm(argv.slice(1), io);
    });
  }
  if (argv[0] === 'completion') {
    return await guarded(plain, io, async () => {
      const { runCompletion } = await import('./run-vm.js');
      return await runCompletion(argv.slice(1), io);
    });
  }
  let options: StapOptions;
  try {
    const line = parseCommandLine(argv, { env: io.env, rc: readRc(io.env) });
    if (line.kind === 'help') {
      const { helpText } = await import('@stapkit/pass/manual');
      const { stapManual } = await import('./manual/stap-manual.js');
      await io.stdout(`${versionText()}\n\n${helpText(stapManual, helpNotes(io.env))}`);
      return await withOutputFault(0, plain, io);
    }
    if (line.kind === 'text') {
      await io.stdout(line.text);
      return await withOutputFault(line.status, plain, io);
    }
    options = line.options;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const diagnostic of error.diagnostics) plain.report(diagnostic);
    return 1;
  }
  const reporter = createReporter(io, options);
  return await guarded(reporter, io, async () => {
    const { runStap } = await import('./run-stap.js');
    return await runStap(options, io, reporter);
  });
}

/** What `--help` says about this machine. */
function helpNotes(env: CommandIo['env']): string[] {
  return [
    `Options are also read from ${rcFile(env)}, before those of the command line.`,
    'Scripts written for SystemTap run unchanged; stap-prep installs what a machine lacks.',
  ];
}

/** Turns what a run throws into an exit status: a user's or machine's fault is reported, only our own bugs go on. */
async function guarded(reporter: Reporter, io: CommandIo, run: () => Promise<number>): Promise<number> {
  try {
    return await withOutputFault(await run(), reporter, io);
  } catch (error) {
    reporter.progress.finish();
    if (error instanceof DiagnosticError) {
      for (const diagnostic of error.diagnostics) reporter.report(diagnostic);
      return 1;
    }
    const status = interruptedStatus(io.signal);
    if (status !== undefined) return await withOutputFault(status, reporter, io);
    throw error;
  } finally {
    reporter.progress.finish();
  }
}

async function withOutputFault(status: number, reporter: Reporter, io: CommandIo): Promise<number> {
  return (await reportOutputFault(reporter, io)) ? 1 : status;
}
