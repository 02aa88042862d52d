// What a probe family is. Each file in this folder declares one and `table.ts` lists them all; the matching of probe
// points, wildcards, errors and listings are the same for every family.
import type { NumberLiteral, ProbePart, StringLiteral } from '@stapkit/parser';
import type { CodeFunction, CodeLocation, CodePlace } from '../code-source.js';
import type { ContextSource, ResolvedPoint, TargetKernel } from '../elaborated.js';
import type { FunctionCopies, SymbolSource } from '../symbol-source.js';

/** A value that only this probe point has: `$name` in its handler. */
export interface PointVariable {
  readonly name: string;
  /** Its C type in the symbol source, or the plain script type where it has none. */
  readonly type: number | 'long' | 'string';
  readonly module?: string;
  /** `type` is what the value points to. */
  readonly pointsTo?: boolean;
  readonly source: ContextSource | LocationSource;
  /** What it counts as for `$$parms`, `$$locals`, `$$vars` and `$$return`. */
  readonly group: 'parameter' | 'local' | 'return' | 'other';
  /** Script code may assign it (`$value` of procfs, `$verdict` in guru mode). */
  readonly writable?: 'always' | 'guru';
}

/** Where debug information says that a value is. */
export interface LocationSource {
  readonly kind: 'location';
  readonly location: CodeLocation;
}

/** What the handler of a point can refer to. */
export interface PointVariables {
  /** Of two with one name the first counts: the innermost scope's. */
  readonly variables: readonly PointVariable[];
  /** Variables that are looked for only where a handler asks: those outside the function, or that BTF lacks. */
  readonly more?: (name: string) => PointVariable | undefined;
  /** Everything there is, for `$$vars` and `$$locals`, where `variables` lacks some. */
  readonly all?: () => readonly PointVariable[];
  /** Where the variables are looked at, for messages. */
  readonly place?: CodePlace;
  /** True for `.return`: parameters are those saved at entry. */
  readonly return: boolean;
  /** Where the point is code, the function's name, for messages. */
  readonly function?: string;
  /** Strings by name with two dollars: `$$name`, `$$system` of tracepoints. */
  readonly strings?: Readonly<Record<string, string>>;
  /** What messages about them say, where the family has words of its own. */
  readonly words?: VariableWords;
}

/** Messages about variables that are no code's own, each left out where the common one serves. */
export interface VariableWords {
  /** There is none of this name. */
  unknown?(name: string): string;
  /** It was assigned to, and may not be. */
  readOnly?(name: string): string;
  /** Its value was asked for, and there is none. */
  unreadable?(name: string): string | undefined;
  /** A member of it, or its address, was asked for. */
  structure?(name: string): string;
  addressOf?(name: string): string;
}

/** One place that a point stands for. */
export interface BuiltPoint {
  /** In full, as `pp()` gives it. */
  readonly name: string;
  readonly point: ResolvedPoint;
  /** Computed only when a handler asks for it: wildcards give thousands of points. */
  readonly variables?: () => PointVariables;
  /** C type names of the variables, for `-L`: `$file:struct file*`. */
  readonly wildcard?: boolean;
}

/** What a family is told of the point to build, and what it may ask. */
export interface PointRequest {
  readonly parts: readonly ProbePart[];
  readonly symbols: SymbolSource;
  readonly kernel: TargetKernel;
  readonly guru: boolean;
  /** True where the script is for a SystemTap of that version or an older one (`--compatible`). */
  isFor(version: string): boolean;
  /** The number argument of a part, by the part's name. */
  number(part: string): bigint;
  /** The string argument of a part, by the part's name; undefined where it is a number or missing. */
  string(part: string): string | undefined;
  has(part: string): boolean;
  /** True where the point stands in the tapset. */
  readonly library: boolean;
  /** True where points are only shown (`-l`), not probed. */
  readonly listing: boolean;
  /** Tells the user something about the point that is no error. */
  warn(message: string): void;
  /** Tells how much of what a pattern stands for is probed. */
  cover(coverage: Coverage): void;
}

/** What became of the functions that a pattern stands for: by debug information, or by names alone. */
export type Coverage =
  | {
      readonly pattern: string;
      readonly module: string | undefined;
      readonly functions: readonly CodeFunction[];
      readonly copies?: undefined;
      readonly probed: number;
    }
  | {
      readonly pattern: string;
      readonly module: string | undefined;
      readonly copies: FunctionCopies;
      readonly probed: number;
    };

/** A user's fault found by a family. `near` names what might have been meant. */
export interface PointFault {
  readonly fault: string;
  /** Asked only when the fault is shown. */
  readonly near?: () => readonly string[];
  readonly hint?: string;
}

export interface PointPattern {
  /** E.g. `timer.ms(number).randomize(number)`. */
  readonly pattern: string;
  /** The least privilege that may use it; `stapdev` where left out. */
  readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev';
  build(request: PointRequest): readonly BuiltPoint[] | PointFault;
}

export interface Family {
  readonly name: string;
  readonly points: readonly PointPattern[];
}

export function isFault(built: readonly BuiltPoint[] | PointFault): built is PointFault {
  return 'fault' in built;
}

/** Prints a literal argument as a probe point shows it. */
export function formatArgument(argument: NumberLiteral | StringLiteral | undefined): string {
  if (!argument) return '';
  return argument.kind === 'number' ? `(${argument.value})` : `("${argument.value}")`;
}

/** The number of a point's `.maxactive`, 0 for the default; undefined where it has none. */
export function maxactiveOf(request: PointRequest): number | undefined | PointFault {
  if (!request.has('maxactive')) return undefined;
  const value = request.number('maxactive');
  return value < 0n || value > 32_767n ? { fault: 'maxactive value out of range [0,32767]' } : Number(value);
}

/** Prints parts as written: `kernel.function("vfs_read").call`. */
export function formatParts(parts: readonly ProbePart[]): string {
  return parts.map((part) => part.name + formatArgument(part.argument)).join('.');
}
