// The Pass type and the chain that runs passes in order. A third party composes its own chain from the same objects.
import { type Diagnostic, hasErrors, type Outcome } from './diagnostics.js';

/** Says what a long step is doing; the driver shows it on a terminal and drops it in a pipe. */
export interface Progress {
  /**
   * Starts or updates a step.
   *
   * @param step what is being done, e.g. `building the runtime for 6.1.0-56-amd64`
   * @param done how far it is, 0 to 1, where that is known
   */
  update(step: string, done?: number): void;
  /** Ends the step that is shown, if any. */
  finish(): void;
}

/** What a pass gets beside its input. Nothing in here is global, and no pass writes to the console by itself. */
export interface PassContext {
  /** Aborted on Ctrl-C, SIGTERM and time limits; long steps stop and clean up after themselves. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Receives warnings and notes as they are found; errors too. */
  report(diagnostic: Diagnostic): void;
  /** `-v` of this pass: 0 is quiet. Details go to `log`. */
  readonly verbosity: number;
  /** Prints a detail line of this pass where `verbosity` is at least `level`. */
  log(level: number, line: string): void;
}

/**
 * One pass of the chain.
 *
 * `run` throws only on our own bugs, on DiagnosticError, and with `signal.reason` when aborted.
 */
export interface Pass<Input, Output> {
  /** 1 to 5, as SystemTap numbers them. */
  readonly number: number;
  readonly name: string;
  run(input: Input, context: PassContext): Promise<Outcome<Output>>;
  /** What the `-v` line says was done, e.g. `analyzed script: 1 probe, 1 function, 0 embeds, 0 globals`. */
  summarize(output: Output): string;
}

/** Declares a pass; it exists so that the types are inferred. */
export function definePass<Input, Output>(pass: Pass<Input, Output>): Pass<Input, Output> {
  return pass;
}

/**
 * Runs one pass: reports its diagnostics and tells whether the chain may go on.
 *
 * @returns the output, or undefined where the pass reported an error
 */
export async function runPass<Input, Output>(
  pass: Pass<Input, Output>,
  input: Input,
  context: PassContext,
): Promise<Output | undefined> {
  context.signal.throwIfAborted();
  const { value, diagnostics } = await pass.run(input, context);
  for (const diagnostic of diagnostics) context.report(diagnostic);
  return hasErrors(diagnostics) ? undefined : value;
}

/** A context for library use and tests: collects diagnostics in an array and shows nothing. */
export function quietContext(signal?: AbortSignal): PassContext & { readonly diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  return {
    signal: signal ?? new AbortController().signal,
    progress: { update() {}, finish() {} },
    report: (diagnostic) => diagnostics.push(diagnostic),
    verbosity: 0,
    log() {},
    diagnostics,
  };
}
