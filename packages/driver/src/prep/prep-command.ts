// The command line `stap-prep`: stap-prep(1) of SystemTap, `stap-prep [KERNEL_VERSION]`, and what goes beyond it.
import { type Diagnostic, DiagnosticError, type PassContext, renderDiagnostic, systemWords } from '@stapkit/pass';
import { helpText } from '@stapkit/pass/manual';
import { getOptions } from '@stapkit/pass/options';
import { cacheFolder } from '../folders.js';
import { installManuals } from '../install-manuals.js';
import type { CommandIo } from '../io.js';
import { prepManual } from '../manual/prep-manual.js';
import { interruptedStatus } from '../process-io.js';
import { createProgress } from '../progress.js';
import { findOutputFault } from '../reporter.js';
import { VERSION } from '../version.js';
import { checkPreparation, type PreparationOptions, type PreparationReport } from './check.js';
import { below, type Machine, thisMachine } from './machine.js';
import { fetchKernelPackages, type OtherKernelOptions } from './other-suite.js';
import { preparationCommands, prepare } from './prepare.js';

/**
 * Runs `stap-prep`.
 *
 * @param argv the arguments, without the program's name
 * @param machine the machine to prepare; by default this one
 * @returns the exit status
 */
export async function prepCommand(argv: readonly string[], io: CommandIo, machine?: Machine): Promise<number> {
  const status = await run(argv, io, machine);
  const fault = await findOutputFault(io);
  if (!fault) return status;
  io.stderr(`${renderDiagnostic(fault)}\n`);
  return 1;
}

async function run(argv: readonly string[], io: CommandIo, machine?: Machine): Promise<number> {
  const parsed = readArguments(argv);
  if ('fault' in parsed) {
    const { fault, hints = ["Try 'stap-prep --help'"] } = parsed;
    io.stderr(`stap-prep: ${[fault, ...hints].join('\n')}\n`);
    return 1;
  }
  const { flags, release } = parsed;
  if (flags.help) {
    await io.stdout(helpText(prepManual));
    return 0;
  }
  if (flags.version) {
    await io.stdout(`stapkit machine preparation (version ${VERSION})\nThis is free software; MIT license.\n`);
    return 0;
  }
  if (flags.manual !== undefined) {
    let count: number;
    try {
      count = installManuals(flags.manual);
    } catch (error) {
      io.stderr(`stap-prep: cannot write manual pages below ${flags.manual}: ${systemWords(error)}\n`);
      return 1;
    }
    await io.stdout(`${count} manual pages, and completion for bash and zsh, are below ${flags.manual}.\n`);
    return 0;
  }
  const cache = cacheFolder(io.env);
  const ctx = contextOf(io, flags.verbose ? 2 : 0);
  const common = { cacheFolder: cache, ...(machine ? { machine } : {}) };
  try {
    const named = release === undefined ? {} : { release };
    const fetched =
      flags.suite === undefined ? named : await fetchKernel({ ...common, ...named, suite: flags.suite }, ctx);
    const options: PreparationOptions = {
      ...common,
      ...fetched,
      mode: flags.host ? 'host' : flags.vm || flags.suite !== undefined ? 'vm' : 'auto',
      debuginfo: flags.debuginfo,
    };
    let report = await checkPreparation(options, ctx);
    if (!flags.check && !report.ready) {
      if (!flags.json) for (const line of reasonLines(report)) io.stderr(`${line}\n`);
      report = await prepare(report, options, ctx);
    }
    if (!flags.check && report.mayInstall) installForAll(machine ?? thisMachine(), ctx);
    const commands = report.ready ? [] : preparationCommands(report, cache);
    if (flags.json) await io.stdout(`${JSON.stringify({ ...report, commands }, undefined, 2)}\n`);
    else await io.stdout(describeReport(report, commands, flags.check));
    return report.ready ? 0 : 1;
  } catch (error) {
    if (error instanceof DiagnosticError) {
      for (const diagnostic of error.diagnostics) ctx.report(diagnostic);
      return 1;
    }
    if (io.signal.aborted) {
      ctx.progress.finish();
      io.stderr('stap-prep: interrupted\n');
      return interruptedStatus(io.signal) ?? 1;
    }
    throw error;
  } finally {
    ctx.progress.finish();
  }
}

/** Fetches a kernel of another suite, so that what follows finds its headers and image. */
async function fetchKernel(options: OtherKernelOptions, ctx: PassContext): Promise<{ readonly release: string }> {
  const { release } = await fetchKernelPackages(options, ctx);
  return { release };
}

/** Manual pages and completion for everybody on a machine. Without them scripts run all the same. */
function installForAll(machine: Machine, ctx: PassContext): void {
  const share = below(machine, '/usr/local/share');
  try {
    ctx.progress.update('installing manual pages');
    installManuals(share);
  } catch (error) {
    ctx.report({
      code: 'driver/manual',
      severity: 'warning',
      class: 'run',
      message: `the manual pages can't be installed below ${share}: ${systemWords(error)}`,
      hints: ['stap-prep --manual DIR puts them elsewhere'],
    });
  } finally {
    ctx.progress.finish();
  }
}

interface Flags {
  readonly check: boolean;
  readonly json: boolean;
  readonly host: boolean;
  readonly vm: boolean;
  readonly suite: string | undefined;
  readonly debuginfo: boolean;
  readonly manual: string | undefined;
  readonly verbose: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

type Arguments =
  | { readonly flags: Flags; readonly release: string | undefined }
  | { readonly fault: string; readonly hints?: readonly string[] };

function readArguments(argv: readonly string[]): Arguments {
  try {
    const { values, operands } = getOptions(argv, prepManual.options, { program: 'stap-prep', codes: 'driver' });
    const text = (key: string): string | undefined => values.get(key)?.at(-1) as string | undefined;
    const flags: Flags = {
      check: values.has('check'),
      json: values.has('json'),
      host: values.has('host'),
      vm: values.has('vm'),
      suite: text('suite'),
      debuginfo: values.has('debuginfo'),
      manual: text('manual'),
      verbose: values.has('v'),
      help: values.has('h'),
      version: values.has('V'),
    };
    const kernel = text('kernel');
    const named = [...operands, ...(kernel === undefined ? [] : [kernel])];
    const { suite } = flags;
    if (new Set(named).size > 1) return { fault: `one kernel at a time, not ${named.join(' and ')}` };
    if (flags.manual === '') return { fault: '--manual needs the name of a folder' };
    if (flags.host && flags.vm) return { fault: '--host and --vm exclude each other' };
    if (suite !== undefined && !/^[a-z][\w./-]*$/.test(suite)) {
      return { fault: `"${suite}" is not a suite, such as bookworm-backports` };
    }
    if (suite !== undefined && (flags.check || flags.host)) return { fault: '--suite fetches a kernel for the guest' };
    const bad = named.find((name) => !/^\d[\w.+~-]*$/.test(name));
    if (bad !== undefined) return { fault: `"${bad}" is not a kernel release, such as 6.1.0-56-amd64` };
    return { flags, release: named[0] };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const { message, hints = [] } = error.diagnostics[0]!;
    return { fault: message, hints };
  }
}

function reasonLines(report: PreparationReport): string[] {
  if (report.reason === undefined) return [];
  return [`This machine cannot load modules (${report.reason}): preparing the embedded guest.`];
}

/** The report as text. */
export function describeReport(report: PreparationReport, commands: readonly string[], checkOnly: boolean): string {
  const lines: string[] = [];
  const where = report.mode === 'vm' ? 'in the embedded guest' : 'on this machine';
  lines.push(`Scripts run ${where}, kernel ${report.release ?? '(not known before "apt-get update")'}.`);
  if (checkOnly && report.reason !== undefined) lines.push(`This machine cannot load modules: ${report.reason}.`);
  for (const item of report.requirements) {
    const state = item.present ? 'ok      ' : item.required ? 'MISSING ' : 'optional';
    lines.push(`  ${state}  ${item.title}${item.path ? `: ${item.path}` : ''}`);
  }
  if (report.ready) {
    lines.push('Everything required is there.');
  } else if (commands.length > 0) {
    lines.push(checkOnly ? 'To install what is missing run stap-prep, or as root:' : 'Please run as root:');
    lines.push(...commands.map((command) => `  ${command}`));
  } else {
    lines.push('Please install what is missing with this system’s package manager; stap-prep knows only apt and dnf.');
  }
  return `${lines.join('\n')}\n`;
}

function contextOf(io: CommandIo, verbosity: number): PassContext {
  const shown = createProgress(io);
  let told = '';
  const write = (text: string): void => {
    shown.finish();
    io.stderr(text.endsWith('\n') ? text : `${text}\n`);
  };
  return {
    signal: io.signal,
    verbosity,
    progress: {
      update(step, done) {
        shown.update(step, done);
        // Those who have asked get a line for each step, on a terminal and in a pipe.
        if (step !== told && verbosity > 0) write(step);
        told = step;
      },
      finish() {
        shown.finish();
        told = '';
      },
    },
    report: (diagnostic: Diagnostic) => write(renderDiagnostic(diagnostic)),
    log(level, line) {
      if (verbosity >= level && line !== '') write(line);
    },
  };
}
