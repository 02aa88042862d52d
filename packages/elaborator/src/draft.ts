// The draft: what a script looks like between binding and lowering. Expressions have the shapes of the Elaborated IR,
// but name things by symbol objects instead of indexes, and carry a type cell that inference fills in. It never leaves
// this package.
import type { Origin } from '@stapkit/parser';
import type { Diagnostic, Span } from '@stapkit/pass';
import type {
  ArithmeticOperator,
  ComparisonOperator,
  ContextSource,
  Histogram,
  ProbeStep,
  ResolvedPoint,
} from './elaborated.js';
import type { DraftPiece } from './formats.js';

export type DraftType = 'long' | 'string' | 'stats';

/** What a message shows of a place: SystemTap's name of the token, and where it is. */
export interface Token {
  /** E.g. `identifier 'x'`, `number '1'`, `operator '='`, `keyword`. */
  readonly text: string;
  readonly span: Span;
  readonly origin?: Origin;
}

/** A type to be found out. Cells that must agree are joined; the one without `up` speaks for all of them. */
export interface Cell {
  up?: Cell;
  type?: DraftType;
  /** Where the type was first inferred. */
  place?: Token;
  /** Bumped whenever something is learnt, so that inference knows when to stop. */
}

export function newCell(type?: DraftType, place?: Token): Cell {
  return type === undefined ? {} : { type, place };
}

export function findCell(cell: Cell): Cell {
  let root = cell;
  while (root.up) root = root.up;
  // Halving the path keeps later look-ups short.
  for (let at = cell; at.up && at.up !== root; ) {
    const next: Cell = at.up;
    at.up = root;
    at = next;
  }
  return root;
}

export interface LocalSymbol {
  readonly kind: 'local';
  readonly name: string;
  readonly token: Token;
  readonly cell: Cell;
  readonly parameter: boolean;
  /** Made by the elaborator: no warning speaks of it. */
  readonly hidden?: boolean;
  /** The C type of what is in it, where every assignment agrees, for `x->member`. */
  typed?: TypedValue | null;
}

/** A C type of the target: what `->` may go on from. */
export interface TypedValue {
  readonly type: number;
  /** Levels of pointer on top of `type`: 1 where the value is the address of one. */
  readonly pointers: number;
  readonly module?: string;
  readonly space: 'kernel' | 'user';
}

export interface GlobalSymbol {
  readonly kind: 'global';
  readonly name: string;
  readonly token: Token;
  readonly cell: Cell;
  readonly library: boolean;
  readonly private: boolean;
  readonly file: string;
  readonly size?: number;
  readonly wrap: boolean;
  readonly initial?: DraftExpression & { kind: 'number' | 'string' };
  /** Key cells, once the arity is known; [] for a scalar. */
  keys?: Cell[];
  arityPlace?: Token;
  /** The C type of what is in it, where every assignment agrees; of scalars only. */
  typed?: TypedValue | null;
}

export interface FunctionSymbol {
  readonly kind: 'function';
  readonly name: string;
  readonly token: Token;
  readonly library: boolean;
  readonly file: string;
  readonly parameters: LocalSymbol[];
  readonly result: Cell;
  /** The body holds `return VALUE`, or the declaration names a result type. */
  returns: boolean;
  /** The values of its `return` statements, also of those that are elided: its type is theirs. */
  readonly returned: DraftExpression[];
  body: DraftStatement;
  embedded?: { readonly code: string; readonly pragmas: readonly string[]; readonly span: Span };
  /** What `next` goes on with. */
  fallback?: FunctionSymbol;
  /** The context that its `$name`s are of: it is one probe's own copy. */
  readonly context?: object;
  /** The C type of its result (autocast), where `return` statements agree. */
  typed?: TypedValue | null;
  readonly span: Span;
}

export interface DraftProbe {
  readonly span: Span;
  readonly token: Token;
  readonly name: string;
  readonly written: string;
  readonly declared: string;
  readonly chain: readonly ProbeStep[];
  readonly point: ResolvedPoint;
  readonly library: boolean;
  condition?: DraftExpression;
  /** What the functions that are its own copies name it by. */
  readonly context: object;
  entryValues: DraftExpression[];
  body: DraftStatement;
}

interface Base {
  readonly token: Token;
  /** From a tapset file: warnings about it are kept back. */
  readonly library: boolean;
}

export type DraftStatement =
  | (Base & { kind: 'block'; statements: DraftStatement[] })
  | (Base & { kind: 'expression'; expression: DraftExpression })
  | (Base & { kind: 'if'; condition: DraftExpression; then: DraftStatement; else?: DraftStatement })
  | (Base & { kind: 'loop'; condition?: DraftExpression; step?: DraftExpression; body: DraftStatement })
  | (Base & {
      kind: 'foreach';
      global: GlobalSymbol;
      keys: LocalSymbol[];
      keyTokens: Token[];
      value?: LocalSymbol;
      valueToken?: Token;
      slice: (DraftExpression | null)[];
      sort?: {
        readonly column: number;
        readonly direction: 'ascending' | 'descending';
        readonly by?: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance';
      };
      limit?: DraftExpression;
      body: DraftStatement;
    })
  | (Base & {
      kind: 'foreach-bucket';
      key: LocalSymbol;
      value?: LocalSymbol;
      source: DraftStatisticSource;
      histogram: Histogram;
      limit?: DraftExpression;
      body: DraftStatement;
    })
  | (Base & { kind: 'return'; value?: DraftExpression; function: FunctionSymbol })
  | (Base & { kind: 'next' | 'break' | 'continue' })
  | (Base & {
      kind: 'delete';
      global: GlobalSymbol;
      /** Undefined deletes all of it. */
      keys?: (DraftExpression | null)[];
    })
  | (Base & { kind: 'delete-local'; local: LocalSymbol })
  | (Base & { kind: 'try'; body: DraftStatement; variable?: LocalSymbol; handler: DraftStatement })
  | (Base & { kind: 'embedded'; code: string; pragmas: readonly string[] });

export interface DraftStatisticSource {
  readonly global: GlobalSymbol;
  readonly token: Token;
  /** Undefined for a scalar. */
  keys?: (DraftExpression | null)[];
}

export interface DraftPlace {
  address: DraftExpression;
  readonly space: 'kernel' | 'user';
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly bits?: { readonly offset: number; readonly width: number };
  /** The kernel's memory by the words of the source, `@kderef`, whatever its address. */
  readonly kernelOnly?: true;
}

interface ExpressionBase extends Base {
  cell: Cell;
  /** The C type that its value has, for `->`. */
  typed?: TypedValue;
}

export type DraftExpression = ExpressionBase &
  (
    | { kind: 'number'; value: bigint }
    | { kind: 'string'; value: string }
    | { kind: 'local'; symbol: LocalSymbol }
    | { kind: 'global'; symbol: GlobalSymbol }
    | { kind: 'element'; symbol: GlobalSymbol; keys: DraftExpression[] }
    | { kind: 'call'; function: FunctionSymbol; arguments: DraftExpression[] }
    | { kind: 'unary'; operator: 'negate' | 'complement' | 'not'; operand: DraftExpression }
    | { kind: 'arithmetic'; operator: ArithmeticOperator; left: DraftExpression; right: DraftExpression }
    | { kind: 'comparison'; operator: ComparisonOperator; left: DraftExpression; right: DraftExpression }
    | { kind: 'logical'; operator: 'and' | 'or'; left: DraftExpression; right: DraftExpression }
    | { kind: 'concatenation'; parts: DraftExpression[] }
    | { kind: 'conditional'; condition: DraftExpression; then: DraftExpression; else: DraftExpression }
    | {
        kind: 'assignment';
        operator?: ArithmeticOperator | '.';
        target: DraftExpression & { kind: 'local' | 'global' | 'element' };
        value: DraftExpression;
      }
    | {
        kind: 'update';
        delta: 1 | -1;
        prefix: boolean;
        target: DraftExpression & { kind: 'local' | 'global' | 'element' };
      }
    | { kind: 'accumulate'; target: DraftStatisticSource; value: DraftExpression }
    | { kind: 'membership'; global: GlobalSymbol; keys: (DraftExpression | null)[]; arrayToken: Token }
    | { kind: 'regex'; negated: boolean; subject: DraftExpression; pattern: string; patternToken: Token }
    | {
        kind: 'statistic';
        operation: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance';
        shift?: number;
        source: DraftStatisticSource;
      }
    | { kind: 'bucket'; source: DraftStatisticSource; histogram: Histogram; index: DraftExpression }
    | { kind: 'print-histogram'; source: DraftStatisticSource; histogram: Histogram }
    | { kind: 'load'; place: DraftPlace }
    | { kind: 'store'; place: DraftPlace; value: DraftExpression; operator?: ArithmeticOperator }
    | { kind: 'string-load'; address: DraftExpression; space: 'kernel' | 'user'; length?: DraftExpression }
    | { kind: 'context'; source: ContextSource; counter?: string }
    | { kind: 'context-store'; source: ContextSource; append: boolean; value: DraftExpression }
    | { kind: 'entry-value'; slot: number }
    | { kind: 'let'; local: LocalSymbol; value: DraftExpression; body: DraftExpression }
    | { kind: 'format' | 'print'; pieces: DraftPiece[]; arguments: DraftExpression[] }
    | { kind: 'embedded'; code: string; pragmas: readonly string[] }
    /** What could not be resolved: an error only where it is still there after optimisation. */
    | { kind: 'unresolved'; diagnostic: Diagnostic }
    /** `@probewrite(x)`, settled once every probe is bound. */
    | { kind: 'probewrite'; global?: GlobalSymbol }
  );

/** The whole script, bound. */
export interface Draft {
  readonly globals: GlobalSymbol[];
  readonly functions: FunctionSymbol[];
  readonly probes: DraftProbe[];
  readonly embedded: { readonly code: string; readonly pragmas: readonly string[]; readonly span: Span }[];
}
