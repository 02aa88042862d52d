// Diagnostics are values: passes return them, and one renderer prints them. A message uses the user's words, quotes the
// user's text and ends without a full stop.
import type { Span } from './source.js';

/** How grave a diagnostic is. Any `error` ends the chain after the pass that reported it. */
export type Severity = 'error' | 'warning' | 'note';

/** The kinds of error that SystemTap tells apart in its messages: `parse error: …`, `semantic error: …`. */
export type DiagnosticClass = 'parse' | 'semantic' | 'build' | 'run' | 'usage';

/** Another place that a diagnostic speaks of, e.g. where an alias was defined. */
export interface RelatedPlace {
  readonly message: string;
  readonly span?: Span;
}

/** One thing to tell the user. */
export interface Diagnostic {
  /** A stable name, `package/slug`, e.g. `elaborate/alias-cycle`. */
  readonly code: string;
  readonly severity: Severity;
  readonly class: DiagnosticClass;
  readonly message: string;
  /** It stands by itself: told without the word for its kind before it, and not counted, as SystemTap tells some. */
  readonly bare?: boolean;
  /** What stood at the place instead, as SystemTap prints it on a line of its own: `saw: identifier 'x'`. */
  readonly saw?: string;
  readonly span?: Span;
  /** Places worth seeing too, and the chain of macro and alias expansions that led here, innermost first. */
  readonly related?: readonly RelatedPlace[];
  /** What to do about it, one suggestion an entry. */
  readonly hints?: readonly string[];
  /** Lines to show as they are, e.g. a compiler's own words or the last lines of a console. */
  readonly detail?: readonly string[];
}

/** What every function that may find fault returns. */
export interface Outcome<T> {
  readonly value: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** True where a list holds at least one error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

/**
 * What a pass throws to end the run at once on a user's or a machine's fault: it carries the diagnostics, so that the
 * driver prints them like any other. Passes prefer to return diagnostics; this is for faults deep inside I/O.
 */
export class DiagnosticError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(...diagnostics: Diagnostic[]) {
    super(diagnostics.map((diagnostic) => diagnostic.message).join('\n'));
    this.name = 'DiagnosticError';
    this.diagnostics = diagnostics;
  }
}

/**
 * Fails on one of our own bugs, never on bad input.
 *
 * @throws Error when the condition does not hold
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`stapkit bug: ${message}`);
}

/** Fails to type-check where a switch over a union has left out a case. */
export function unreachable(value: never, what: string): never {
  throw new Error(`stapkit bug: unknown ${what}: ${JSON.stringify(value)}`);
}
