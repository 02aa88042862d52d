// Prints diagnostics as they come, each once, and keeps count. Long steps are shown on a terminal and nowhere else.
import {
  type Diagnostic,
  type MessageColors,
  type PassContext,
  type Progress,
  parseColors,
  renderDiagnostic,
  type SourceText,
  systemWords,
} from '@stapkit/pass';
import type { CommandIo } from './io.js';
import { createProgress } from './progress.js';

export interface ReporterOptions {
  readonly color: 'auto' | 'always' | 'never';
  readonly suppressWarnings: boolean;
  readonly warningsAreErrors: boolean;
}

/** Where a run's messages go. */
export interface Reporter {
  report(diagnostic: Diagnostic): void;
  /** Errors reported so far, warnings counted where `-W` makes them errors. */
  errorCount(): number;
  /** Adds texts that later messages may point into. */
  addSources(sources: readonly SourceText[]): void;
  /** Writes a line of its own to standard error, e.g. a pass's `-v` line. */
  line(text: string): void;
  readonly progress: Progress;
  /** A context for one pass. */
  context(verbosity: number, signal: AbortSignal): PassContext;
}

/** Makes a reporter that writes to a command's standard error. */
export function createReporter(io: CommandIo, options: ReporterOptions): Reporter {
  const colored = options.color === 'always' || (options.color === 'auto' && io.stderrIsTerminal);
  const colors: MessageColors | undefined = colored ? parseColors(io.env['SYSTEMTAP_COLORS']) : undefined;
  const sources = new Map<string, SourceText>();
  const seen = new Set<string>();
  const progress = createProgress(io);
  let errors = 0;

  const line = (text: string): void => {
    progress.finish();
    io.stderr(`${text}\n`);
  };
  const report = (given: Diagnostic): void => {
    if (given.severity === 'warning' && options.suppressWarnings) return;
    const promoted = given.severity === 'warning' && options.warningsAreErrors;
    const diagnostic: Diagnostic = promoted ? { ...given, severity: 'error' } : given;
    if (diagnostic.severity === 'error' && !diagnostic.bare) errors += 1;
    const text = renderDiagnostic(diagnostic, { sources: sources.values(), ...(colors ? { colors } : {}) });
    if (seen.has(text)) return;
    seen.add(text);
    // Errors in scripts are followed by an empty line, as SystemTap has it; what comes behind them stands apart.
    const isApart =
      diagnostic.severity === 'error' &&
      !diagnostic.bare &&
      (diagnostic.class === 'parse' || diagnostic.class === 'semantic');
    line(isApart ? `${text}\n` : text);
  };
  return {
    report,
    errorCount: () => errors,
    addSources: (more) => {
      for (const source of more) sources.set(source.name, source);
    },
    line,
    progress,
    context: (verbosity, signal) => ({
      signal,
      progress,
      report,
      verbosity,
      log: (level, text) => {
        if (verbosity >= level) line(text);
      },
    }),
  };
}

/**
 * Why standard output took no more, as on a full disk: told of once all has been written. A reader that has gone away
 * wanted no more, and is no fault.
 */
export async function findOutputFault(io: CommandIo): Promise<Diagnostic | undefined> {
  // A stream tells of what the last write met with in a turn of its own.
  await new Promise((resolve) => setImmediate(resolve));
  const fault = io.outputFault?.() as NodeJS.ErrnoException | undefined;
  if (!fault || fault.code === 'EPIPE') return undefined;
  return {
    code: 'driver/output',
    severity: 'error',
    class: 'run',
    message: `writing to standard output failed: ${systemWords(fault)}`,
  };
}

/** Tells, once, of a standard output that took no more; true where that is so. */
export async function reportOutputFault(reporter: Reporter, io: CommandIo): Promise<boolean> {
  const fault = await findOutputFault(io);
  if (fault) reporter.report(fault);
  return fault !== undefined;
}
