// The AST: pass 1's output, and the only thing that the elaborator knows of the parser. Every node is plain data with a
// `kind` and a `span`. Words are those of the SystemTap language reference.
import type { SourceText, Span } from '@stapkit/pass';

/** Pass 1's output: the user's scripts and the tapset files that they may need. */
export interface Ast {
  readonly kind: 'ast';
  /** The script of the command line, then those of `-E`. */
  readonly user: readonly ScriptFile[];
  /**
   * Tapset files whose names are used, directly or through one another, in the order they were pulled in; of their
   * functions and aliases, those that are used.
   */
  readonly library: readonly ScriptFile[];
  /** The text of every file above, and of macro files, so that any later message can show its line. */
  readonly sources: readonly SourceText[];
  /** What stood in for `$1 … @1`. */
  readonly arguments: readonly string[];
}

export interface ScriptFile {
  readonly kind: 'script-file';
  readonly span: Span;
  readonly name: string;
  /** Set on tapset files; they may hold embedded C, and their `private` names are theirs alone. */
  readonly privileged: boolean;
  readonly declarations: readonly Declaration[];
}

/**
 * Where a token came from when it is not what the file says at `span`: a macro's body or a command-line argument. The
 * chain goes outwards: `use` is where the macro was used, which may itself lie in a macro's body.
 */
export interface Origin {
  readonly kind: 'macro' | 'argument';
  readonly name: string;
  readonly use: Span;
  readonly outer?: Origin;
}

interface Node {
  readonly span: Span;
  readonly origin?: Origin;
}

// ---------------------------------------------------------------------------------------------------- declarations

export type Declaration = ProbeDeclaration | ProbeAlias | FunctionDeclaration | GlobalDeclaration | EmbeddedCode;

/** `probe POINT, … { … }` */
export interface ProbeDeclaration extends Node {
  readonly kind: 'probe';
  readonly points: readonly ProbePoint[];
  readonly body: Block;
}

/** `probe NAME = POINT, … { … }` (`prologue`) or `+=` (`epilogue`); `{…}, {…}` gives both. */
export interface ProbeAlias extends Node {
  readonly kind: 'probe-alias';
  /** The alias's own name; one alias may be declared under several names at once. */
  readonly names: readonly ProbePoint[];
  readonly style: 'prologue' | 'epilogue';
  readonly points: readonly ProbePoint[];
  readonly body: Block;
  /** The second block of the form with both; it runs after the probe's own body. */
  readonly epilogue?: Block;
}

/** `kernel.function("vfs_read").call ? if (armed)` */
export interface ProbePoint extends Node {
  readonly kind: 'probe-point';
  readonly parts: readonly ProbePart[];
  /** `?` */
  readonly optional: boolean;
  /** `!` */
  readonly sufficient: boolean;
  /** `if (…)`: the probe is armed only while this is true. */
  readonly condition?: Expression;
}

/** One dotted part of a probe point as written: `function("vfs_read")`. The name may hold `*` and `**`. */
export interface ProbePart extends Node {
  readonly kind: 'probe-part';
  readonly name: string;
  readonly argument?: NumberLiteral | StringLiteral;
}

/** `function NAME:TYPE (ARGUMENT:TYPE, …) { … }`, or with a body of embedded C. */
export interface FunctionDeclaration extends Node {
  readonly kind: 'function';
  readonly name: string;
  readonly nameSpan: Span;
  readonly private: boolean;
  readonly result?: ValueTypeName;
  readonly parameters: readonly Parameter[];
  /** `function f:long(…) : PRIORITY`; lower numbers are tried first, and the user's own before the tapset's. */
  readonly priority?: number;
  readonly body: Block | EmbeddedCode;
}

export interface Parameter extends Node {
  readonly kind: 'parameter';
  readonly name: string;
  readonly type?: ValueTypeName;
}

/** The types that a script can write: `:long`, `:string`. */
export type ValueTypeName = 'long' | 'string';

/** `global a, b%[100], c = 3`: one node a name. */
export interface GlobalDeclaration extends Node {
  readonly kind: 'global';
  readonly name: string;
  readonly nameSpan: Span;
  readonly private: boolean;
  readonly type?: ValueTypeName;
  /** `[SIZE]`: an array of that many entries at most. */
  readonly size?: number;
  /** `%`: the oldest entry makes room when the array is full. */
  readonly wrap: boolean;
  readonly initial?: NumberLiteral | StringLiteral;
}

/** `%{ … %}`, at the top level, as a function's body, as a statement or as an expression. */
export interface EmbeddedCode extends Node {
  readonly kind: 'embedded-code';
  /** The text between the braces, as written. */
  readonly code: string;
  /** The pragma comments found in it (`pure`, `unprivileged`, `guru`, `string`, …), without the asterisks. */
  readonly pragmas: readonly string[];
}

// ------------------------------------------------------------------------------------------------------ statements

export type Statement =
  | Block
  | EmptyStatement
  | ExpressionStatement
  | IfStatement
  | WhileStatement
  | ForStatement
  | ForeachStatement
  | ReturnStatement
  | DeleteStatement
  | JumpStatement
  | TryStatement
  | EmbeddedCode;

export interface Block extends Node {
  readonly kind: 'block';
  readonly statements: readonly Statement[];
}

export interface EmptyStatement extends Node {
  readonly kind: 'empty';
}

export interface ExpressionStatement extends Node {
  readonly kind: 'expression-statement';
  readonly expression: Expression;
}

export interface IfStatement extends Node {
  readonly kind: 'if';
  readonly condition: Expression;
  readonly then: Statement;
  readonly else?: Statement;
}

export interface WhileStatement extends Node {
  readonly kind: 'while';
  readonly condition: Expression;
  readonly body: Statement;
}

export interface ForStatement extends Node {
  readonly kind: 'for';
  readonly initial?: Expression;
  readonly condition?: Expression;
  readonly step?: Expression;
  readonly body: Statement;
}

/** `foreach (value = [a, b-] in map[*, 3]-  limit 10) …` */
export interface ForeachStatement extends Node {
  readonly kind: 'foreach';
  /** `value = …`: takes the element itself. */
  readonly value?: Identifier;
  readonly keys: readonly Identifier[];
  /** What is walked: an array, or the buckets of `@hist_log(x)`. */
  readonly target: Identifier | ArrayElement | HistogramOperation;
  /** `in map[*, 3]`: fixed keys of a slice; undefined stands for `*`. */
  readonly slice?: readonly (Expression | null)[];
  readonly sort?: {
    /** 0 sorts by value, n by the n-th key. */
    readonly column: number;
    readonly direction: 'ascending' | 'descending';
    /** `@sum+` etc.: which statistic a column of aggregates is sorted by; count where not said. */
    readonly by?: StatisticName;
  };
  readonly limit?: Expression;
  readonly body: Statement;
}

export interface ReturnStatement extends Node {
  readonly kind: 'return';
  readonly value?: Expression;
}

/** `delete array`, `delete array[i, *]`, `delete scalar` */
export interface DeleteStatement extends Node {
  readonly kind: 'delete';
  readonly target: Expression;
}

export interface JumpStatement extends Node {
  readonly kind: 'next' | 'break' | 'continue';
}

export interface TryStatement extends Node {
  readonly kind: 'try';
  readonly body: Block;
  /** `catch (message)` */
  readonly variable?: Identifier;
  readonly handler: Block;
}

// ----------------------------------------------------------------------------------------------------- expressions

export type Expression =
  | NumberLiteral
  | StringLiteral
  | Identifier
  | ArrayElement
  | CallExpression
  | UnaryExpression
  | UpdateExpression
  | BinaryExpression
  | ConditionalExpression
  | AssignmentExpression
  | MembershipExpression
  | RegexExpression
  | TargetVariable
  | CastOperation
  | VarOperation
  | MemberAccess
  | DefinedOperation
  | ChooseDefinedOperation
  | EntryOperation
  | PerfOperation
  | ProbewriteOperation
  | ConstOperation
  | EnumOperation
  | DereferenceOperation
  | RegisterOperation
  | StatisticOperation
  | HistogramOperation
  | PrintExpression
  | EmbeddedCode;

/** A 64-bit integer, in decimal and signed (`0xffffffffffffffff` is "-1"), since JSON has no such number. */
export interface NumberLiteral extends Node {
  readonly kind: 'number';
  readonly value: string;
}

/** A string with its escapes resolved and adjacent literals joined. Bytes above 0x7f are Latin-1 code units. */
export interface StringLiteral extends Node {
  readonly kind: 'string';
  readonly value: string;
}

export interface Identifier extends Node {
  readonly kind: 'identifier';
  readonly name: string;
}

/** `map[i, j]`, in slices `map[*, j]` with null for `*`; also an indexed histogram, `@hist_log(x)[3]`. */
export interface ArrayElement extends Node {
  readonly kind: 'array-element';
  readonly array: Identifier | HistogramOperation;
  readonly keys: readonly (Expression | null)[];
}

export interface CallExpression extends Node {
  readonly kind: 'call';
  readonly name: string;
  readonly nameSpan: Span;
  readonly arguments: readonly Expression[];
}

export interface UnaryExpression extends Node {
  readonly kind: 'unary';
  readonly operator: '+' | '-' | '!' | '~';
  readonly operand: Expression;
}

/** `++x`, `x--` */
export interface UpdateExpression extends Node {
  readonly kind: 'update';
  readonly operator: '++' | '--';
  readonly prefix: boolean;
  readonly operand: Expression;
}

export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '+'
  | '-'
  | '<<'
  | '>>'
  | '>>>'
  | '.'
  | '<'
  | '>'
  | '<='
  | '>='
  | '=='
  | '!='
  | '&'
  | '^'
  | '|'
  | '&&'
  | '||';

/** Arithmetic, shifts, comparisons, logic, and `.` for concatenation. */
export interface BinaryExpression extends Node {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

export interface ConditionalExpression extends Node {
  readonly kind: 'conditional';
  readonly condition: Expression;
  readonly then: Expression;
  readonly else: Expression;
}

export type AssignmentOperator =
  | '='
  | '<<<'
  | '.='
  | '+='
  | '-='
  | '*='
  | '/='
  | '%='
  | '<<='
  | '>>='
  | '>>>='
  | '&='
  | '^='
  | '|=';

export interface AssignmentExpression extends Node {
  readonly kind: 'assignment';
  readonly operator: AssignmentOperator;
  readonly target: Expression;
  readonly value: Expression;
}

/** `[a, b] in map`, `a in map`; null is the `*` of a slice. */
export interface MembershipExpression extends Node {
  readonly kind: 'membership';
  readonly keys: readonly (Expression | null)[];
  readonly array: Identifier;
}

/** `text =~ "regex"`, `text !~ "regex"` */
export interface RegexExpression extends Node {
  readonly kind: 'regex';
  readonly negated: boolean;
  readonly subject: Expression;
  readonly pattern: StringLiteral;
}

/** A step from a target variable: `->field` (and `.field`), `[index]`. */
export type PathStep =
  | { readonly kind: 'field'; readonly span: Span; readonly origin?: Origin; readonly name: string }
  | { readonly kind: 'index'; readonly span: Span; readonly origin?: Origin; readonly index: Expression };

/** What may follow every target: a path, `$`/`$$` for pretty printing, a leading `&`. */
interface Target extends Node {
  readonly path: readonly PathStep[];
  /** 0: the value; 1: `$x$`, one level printed; 2: `$x$$`, all levels printed. */
  readonly pretty: 0 | 1 | 2;
  /** `&$x->y`: the address, not the value. */
  readonly addressOf: boolean;
}

/** `$name…`, with `name` as written after the dollar: `return`, or with a second dollar `$vars`, `$parms`, … */
export interface TargetVariable extends Target {
  readonly kind: 'target-variable';
  readonly name: string;
}

/** `@cast(value, "type" [, "module" | "kernel<header.h>"])…` */
export interface CastOperation extends Target {
  readonly kind: 'cast';
  readonly operand: Expression;
  readonly type: StringLiteral;
  readonly module?: StringLiteral;
}

/** `@var("name@file.c" [, "module"])…` */
export interface VarOperation extends Target {
  readonly kind: 'var';
  readonly variable: StringLiteral;
  readonly module?: StringLiteral;
}

/** `expression->field…`, by the type that the expression's own target or function result has (autocast). */
export interface MemberAccess extends Target {
  readonly kind: 'member';
  readonly operand: Expression;
}

/** `@defined(expression)` */
export interface DefinedOperation extends Node {
  readonly kind: 'defined';
  readonly operand: Expression;
}

/** `@choose_defined($a, $b)` */
export interface ChooseDefinedOperation extends Node {
  readonly kind: 'choose-defined';
  readonly first: Expression;
  readonly second: Expression;
}

/** `@entry(expression)`: the expression's value when the function was entered. */
export interface EntryOperation extends Node {
  readonly kind: 'entry';
  readonly operand: Expression;
}

/** `@perf("name")`: reads the counter of a `perf.*.counter("name")` probe. */
export interface PerfOperation extends Node {
  readonly kind: 'perf';
  readonly operand: StringLiteral;
}

/** `@probewrite(variable)`: 1 where the handler writes the script's or the target's variable. */
export interface ProbewriteOperation extends Node {
  readonly kind: 'probewrite';
  readonly variable: Identifier | TargetVariable;
}

/** `@const("C constant")` */
export interface ConstOperation extends Node {
  readonly kind: 'const';
  readonly text: StringLiteral;
}

/** `@enum("NAME")` */
export interface EnumOperation extends Node {
  readonly kind: 'enum';
  readonly name: StringLiteral;
  readonly module?: StringLiteral;
}

/** `@kderef(size, address)`, `@uderef(size, address)` */
export interface DereferenceOperation extends Node {
  readonly kind: 'dereference';
  readonly space: 'kernel' | 'user';
  readonly size: Expression;
  readonly address: Expression;
}

/** `@kregister(number)`, `@uregister(number)`: a register by its DWARF number. */
export interface RegisterOperation extends Node {
  readonly kind: 'register';
  readonly space: 'kernel' | 'user';
  readonly register: Expression;
}

export type StatisticName = 'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance';

/** `@count(x)` … `@variance(x [, shift])` */
export interface StatisticOperation extends Node {
  readonly kind: 'statistic';
  readonly name: StatisticName;
  readonly operand: Expression;
  /** The bit shift of `@variance`. */
  readonly shift?: NumberLiteral;
}

/** `@hist_linear(x, low, high, interval)`, `@hist_log(x)` */
export interface HistogramOperation extends Node {
  readonly kind: 'histogram';
  readonly name: 'linear' | 'log';
  readonly operand: Expression;
  /** low, high and interval of a linear one, else empty. */
  readonly parameters: readonly NumberLiteral[];
}

export type PrintName =
  | 'print'
  | 'println'
  | 'printd'
  | 'printdln'
  | 'printf'
  | 'sprint'
  | 'sprintln'
  | 'sprintd'
  | 'sprintdln'
  | 'sprintf';

/** The print family; the format and the delimiter are its first argument, as written. */
export interface PrintExpression extends Node {
  readonly kind: 'print';
  readonly name: PrintName;
  readonly arguments: readonly Expression[];
}

// --------------------------------------------------------------------------------------------------- child fields

export type AstNode = Ast | ScriptFile | Declaration | Parameter | ProbePoint | ProbePart | Statement | Expression;
export type AstKind = AstNode['kind'];

/**
 * The child fields of every kind: the visitor, the printer and the span checker all go by this table. A field holds a
 * node, an array of nodes (null allowed in slices), or nothing. Path steps count through `index`.
 */
export const CHILD_FIELDS: Readonly<Record<AstKind, readonly string[]>> = {
  ast: ['user', 'library'],
  'script-file': ['declarations'],
  probe: ['points', 'body'],
  'probe-alias': ['names', 'points', 'body', 'epilogue'],
  'probe-point': ['parts', 'condition'],
  'probe-part': ['argument'],
  function: ['parameters', 'body'],
  parameter: [],
  global: ['initial'],
  'embedded-code': [],
  block: ['statements'],
  empty: [],
  'expression-statement': ['expression'],
  if: ['condition', 'then', 'else'],
  while: ['condition', 'body'],
  for: ['initial', 'condition', 'step', 'body'],
  foreach: ['value', 'keys', 'target', 'slice', 'limit', 'body'],
  return: ['value'],
  delete: ['target'],
  next: [],
  break: [],
  continue: [],
  try: ['body', 'variable', 'handler'],
  number: [],
  string: [],
  identifier: [],
  'array-element': ['array', 'keys'],
  call: ['arguments'],
  unary: ['operand'],
  update: ['operand'],
  binary: ['left', 'right'],
  conditional: ['condition', 'then', 'else'],
  assignment: ['target', 'value'],
  membership: ['keys', 'array'],
  regex: ['subject', 'pattern'],
  'target-variable': ['path'],
  cast: ['operand', 'type', 'module', 'path'],
  var: ['variable', 'module', 'path'],
  member: ['operand', 'path'],
  defined: ['operand'],
  'choose-defined': ['first', 'second'],
  entry: ['operand'],
  perf: ['operand'],
  probewrite: ['variable'],
  const: ['text'],
  enum: ['name', 'module'],
  dereference: ['size', 'address'],
  register: ['register'],
  statistic: ['operand', 'shift'],
  histogram: ['operand', 'parameters'],
  print: ['arguments'],
};
