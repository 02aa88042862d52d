// The elaborated script: pass 2's output. It says what the script means, fully typed and with every name resolved, and
// nothing of C: an interpreter or another runtime can stand on it. Plain data throughout; things refer to one another by
// the indexes of the arrays below, so it has no cycles and goes through JSON unchanged.
import type { SourceText, Span } from '@stapkit/pass';

export interface Elaborated {
  readonly kind: 'elaborated';
  /** The kernel that probe points and offsets were resolved for. */
  readonly target: TargetKernel;
  readonly sources: readonly SourceText[];
  readonly globals: readonly GlobalVariable[];
  readonly functions: readonly ResolvedFunction[];
  readonly probes: readonly ResolvedProbe[];
  /** Top-level embedded C, in order. */
  readonly embedded: readonly EmbeddedText[];
  readonly automata: readonly RegexAutomaton[];
  /** Where a function point does not reach all of a function's code, or the compiler made variants of it. */
  readonly coverage?: readonly FunctionCoverage[];
  /** `-g` was given: embedded C of the user's own and writes to memory were allowed. */
  readonly guru: boolean;
  /** `--privilege=stapusr` was given: handlers may look at nothing but the processes of the user who runs them. */
  readonly ownProcesses?: boolean;
}

/** What became of the functions that one point stands for, so far as debug information tells. */
export interface FunctionCoverage {
  /** The point as written. */
  readonly point: string;
  /** Functions that the source declares. */
  readonly functions: number;
  /** Copies with code of their own, each a symbol. */
  readonly symbols: number;
  /** Of these, those that the compiler changed: `.isra`, `.constprop`, `.part`, `.cold`, by the suffix. */
  readonly variants: Readonly<Record<string, number>>;
  /** Inlined copies; left out where only debug information could tell. */
  readonly inlined?: number;
  readonly probed: number;
  /** Inlined copies of which no code is left. */
  readonly withoutCode: number;
}

export interface TargetKernel {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** SystemTap's name of the architecture: `x86_64`, `arm64`, … */
  readonly architecture: string;
  /** The kernel's GNU build id in hexadecimal, where known. */
  readonly buildId?: string;
}

/** Values that a script's expressions have. */
export type ValueType = 'long' | 'string';

interface Place {
  /** The place in the script or tapset that this comes from; messages and `#line` use it. */
  readonly span: Span;
}

// ------------------------------------------------------------------------------------------------ names with values

export interface GlobalVariable extends Place {
  readonly name: string;
  /** What an element holds; `statistic` takes `<<<`. */
  readonly type: ValueType | 'statistic';
  /** Key types of an array; empty for a scalar. */
  readonly keys: readonly ValueType[];
  /** `[N]`: the most entries the array may hold; undefined leaves it to MAXMAPENTRIES. */
  readonly size?: number;
  readonly wrap: boolean;
  readonly initial?: NumberValue | StringValue;
  readonly statistic?: StatisticNeeds;
  /** True for a global that is only written: its value is printed by itself when the run ends. */
  readonly printAtEnd: boolean;
  /** Set on tapset globals; `-G` changes only the user's. */
  readonly library: boolean;
}

/** What must be kept of a statistic for every use that the script makes of it. */
export interface StatisticNeeds {
  readonly operations: readonly ('count' | 'sum' | 'min' | 'max' | 'avg' | 'variance')[];
  readonly varianceShift: number;
  readonly histogram?: Histogram;
}

export type Histogram =
  | { readonly kind: 'log' }
  | { readonly kind: 'linear'; readonly low: number; readonly high: number; readonly interval: number };

/** A local variable or parameter of one function or probe. */
export interface LocalVariable extends Place {
  readonly name: string;
  readonly type: ValueType;
}

export interface ResolvedFunction extends Place {
  readonly name: string;
  /** `locals[0 … parameters-1]` are the parameters. */
  readonly parameters: number;
  readonly locals: readonly LocalVariable[];
  /** `none` for a function that never returns a value. */
  readonly result: ValueType | 'none';
  readonly body: Statement | EmbeddedText;
  /** The overload that `next` in this one goes on with. */
  readonly fallback?: number;
  /** The probe whose context it refers to (`$name`): it is that one's own copy, and only called from there. */
  readonly probe?: number;
  readonly library: boolean;
}

/** C of the script's or the tapset's own. */
export interface EmbeddedText extends Place {
  readonly kind: 'embedded';
  readonly code: string;
  readonly pragmas: readonly string[];
}

// ---------------------------------------------------------------------------------------------------------- probes

export interface ResolvedProbe extends Place {
  /** The point in full as `pp()` gives it, e.g. `kernel.function("vfs_read@fs/read_write.c:450").call`. */
  readonly name: string;
  /** The point as the script wrote it, e.g. `vfs.read`. */
  readonly written: string;
  /** Every point of the declaration it came from, as written: `begin,end`. */
  readonly declared?: string;
  /** From the written point outwards to the resolved one: each alias and wildcard expansion on the way. */
  readonly chain: readonly ProbeStep[];
  readonly point: ResolvedPoint;
  /** `if (…)` of the point; always about globals only. */
  readonly condition?: Expression;
  /** Values to take at function entry for `@entry` and `$param` in return probes; read by `entry-value`. */
  readonly entryValues: readonly Expression[];
  readonly locals: readonly LocalVariable[];
  readonly body: Statement;
}

export interface ProbeStep extends Place {
  readonly text: string;
  readonly how: 'written' | 'alias' | 'wildcard' | 'resolved';
  /** Of a step through an alias: its declaration up to the handler, `NAME = POINTS`. */
  readonly alias?: string;
}

/**
 * Where a probe goes. `family` names the probe family, which alone knows the rest; elaborator and translator each keep
 * a table of families, so a new one touches no other file. The shapes of the built-in families follow.
 */
export type ResolvedPoint =
  | BeginPoint
  | EndPoint
  | NeverPoint
  | TimerPoint
  | ProfilePoint
  | KprobePoint
  | TracepointPoint
  | PerfPoint
  | ProcfsPoint
  | NetfilterPoint
  | WatchpointPoint
  | UprobePoint
  | ProcessPoint
  | InputPoint;

/** `begin`, `begin(N)`: lower sequence numbers first. */
export interface BeginPoint {
  readonly family: 'begin';
  readonly sequence: string;
}

/** `end`, `end(N)`; `error` runs instead of `end` when the run ended by an error. */
export interface EndPoint {
  readonly family: 'end' | 'error';
  readonly sequence: string;
}

export interface NeverPoint {
  readonly family: 'never';
}

/** `timer.s(N)` … `timer.hz(N)` as nanoseconds, `timer.jiffies(N)` as jiffies. */
export interface TimerPoint {
  readonly family: 'timer';
  readonly unit: 'ns' | 'jiffies';
  readonly interval: string;
  /** `.randomize(M)`, in the same unit: the interval varies by up to ±M. */
  readonly randomize: string;
}

/** `timer.profile`: every tick of every CPU's clock; `.profile.freq.hz(N)` where a rate was asked for. */
export interface ProfilePoint {
  readonly family: 'profile';
  readonly hertz?: number;
}

/** A place in kernel or module code. */
export interface KprobePoint {
  readonly family: 'kprobe';
  /** The symbol to probe; the kernel resolves it when the module is loaded. */
  readonly symbol?: string;
  /** Bytes past the symbol. */
  readonly offset: number;
  /** An absolute or (in a module) section-relative address in decimal, where no symbol serves. */
  readonly address?: string;
  /** The module that holds the symbol; undefined for the kernel itself. */
  readonly module?: string;
  /** True for `.return`. */
  readonly return: boolean;
  readonly maxactive?: number;
  /** The probed function's name, for probefunc(). */
  readonly function?: string;
  /**
   * Only when called from there (`.callee`): the handler runs where all of one list's return addresses are on the stack.
   * `above` counts from the stack pointer in bytes.
   */
  readonly callers?: readonly (readonly CallerCheck[])[];
}

export interface CallerCheck {
  readonly above: number;
  readonly symbol: string;
  readonly offset: number;
  readonly module?: string;
}

/** `kernel.trace("sched_switch")` */
export interface TracepointPoint {
  readonly family: 'tracepoint';
  readonly name: string;
  readonly system?: string;
  readonly module?: string;
  /** Size in bytes and signedness of each argument, `__data` not counted. */
  readonly arguments: readonly { readonly name: string; readonly size: number; readonly signed: boolean }[];
}

export interface PerfPoint {
  readonly family: 'perf';
  readonly type: number;
  readonly config: string;
  readonly sample?: string;
  readonly hertz?: number;
  readonly process?: string;
  readonly counter?: string;
}

export interface ProcfsPoint {
  readonly family: 'procfs';
  readonly path?: string;
  readonly direction: 'read' | 'write';
  readonly umask?: number;
  readonly maxsize?: number;
}

export interface NetfilterPoint {
  readonly family: 'netfilter';
  readonly protocol: string;
  readonly hook: string;
  readonly priority: number;
}

/** `kernel.data(ADDRESS or "symbol").length(N).write|rw` */
export interface WatchpointPoint {
  readonly family: 'watchpoint';
  readonly address?: string;
  readonly symbol?: string;
  readonly length: number;
  readonly access: 'write' | 'rw';
}

export interface UprobePoint {
  readonly family: 'uprobe';
  readonly path: string;
  readonly pid?: number;
  readonly offset: string;
  readonly semaphore?: string;
  readonly return: boolean;
  readonly function?: string;
}

/** What happens to a process or thread: `process.begin`, `process("PATH").syscall.return`. */
export interface ProcessPoint {
  readonly family: 'process';
  readonly event: 'begin' | 'end' | 'thread-begin' | 'thread-end' | 'syscall' | 'syscall-return';
  /** Of the program; with neither path nor number, every process, or those that come from the target. */
  readonly path?: string;
  readonly pid?: number;
}

/** `input.char`, or `input.line` where `line` is set: the script's own standard input. */
export interface InputPoint {
  readonly family: 'input';
  readonly line?: boolean;
}

// ------------------------------------------------------------------------------------------------------ statements

export type Statement =
  | { readonly kind: 'block'; readonly span: Span; readonly statements: readonly Statement[] }
  | { readonly kind: 'expression'; readonly span: Span; readonly expression: Expression }
  | {
      readonly kind: 'if';
      readonly span: Span;
      readonly condition: Expression;
      readonly then: Statement;
      readonly else?: Statement;
    }
  | {
      /** `while` and `for`; `initial` has become a statement of its own before it. */
      readonly kind: 'loop';
      readonly span: Span;
      readonly condition?: Expression;
      readonly step?: Expression;
      readonly body: Statement;
    }
  | ForeachStatement
  | {
      readonly kind: 'foreach-bucket';
      readonly span: Span;
      readonly key: number;
      readonly value?: number;
      readonly source: StatisticSource;
      readonly limit?: Expression;
      readonly body: Statement;
    }
  | { readonly kind: 'return'; readonly span: Span; readonly value?: Expression }
  | { readonly kind: 'next' | 'break' | 'continue'; readonly span: Span }
  | { readonly kind: 'delete'; readonly span: Span; readonly target: DeleteTarget }
  | {
      readonly kind: 'try';
      readonly span: Span;
      readonly body: Statement;
      /** The local that takes the message. */
      readonly variable?: number;
      readonly handler: Statement;
    }
  | { readonly kind: 'embedded'; readonly span: Span; readonly code: string; readonly pragmas: readonly string[] };

export interface ForeachStatement {
  readonly kind: 'foreach';
  readonly span: Span;
  readonly global: number;
  /** Locals that take the keys, one a key. */
  readonly keys: readonly number[];
  /** The local that takes the element's value; of a statistic, its count. */
  readonly value?: number;
  /** Fixed keys; null stands for `*`. Empty where there is no slice. */
  readonly slice: readonly (Expression | null)[];
  readonly sort?: {
    readonly column: number;
    readonly direction: 'ascending' | 'descending';
    readonly by?: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance';
  };
  readonly limit?: Expression;
  readonly body: Statement;
}

export type DeleteTarget =
  | { readonly kind: 'global'; readonly global: number }
  | { readonly kind: 'element'; readonly global: number; readonly keys: readonly Expression[] }
  | { readonly kind: 'slice'; readonly global: number; readonly keys: readonly (Expression | null)[] };

// ----------------------------------------------------------------------------------------------------- expressions

export interface NumberValue {
  readonly kind: 'number';
  readonly type: 'long';
  /** Signed decimal. */
  readonly value: string;
}
export interface StringValue {
  readonly kind: 'string';
  readonly type: 'string';
  readonly value: string;
}

/** `/` and `%` fail on zero; shifts beyond 63 and all overflow wrap as the language reference says. */
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '>>>' | '&' | '^' | '|';
export type ComparisonOperator = '<' | '>' | '<=' | '>=' | '==' | '!=';

/** Something that can be read and written. */
export type Variable =
  | { readonly kind: 'local'; readonly type: ValueType; readonly local: number }
  | { readonly kind: 'global'; readonly type: ValueType; readonly global: number }
  | {
      readonly kind: 'element';
      readonly type: ValueType;
      readonly global: number;
      readonly keys: readonly Expression[];
    };

/** A statistic: a global, an element of an array of them, or a slice that is summed up. */
export type StatisticSource =
  | { readonly kind: 'global'; readonly global: number }
  | { readonly kind: 'element'; readonly global: number; readonly keys: readonly (Expression | null)[] };

/** Memory of a known width; a bit-field where `bits` is set. */
export interface MemoryPlace {
  readonly address: Expression;
  readonly space: 'kernel' | 'user';
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** Counted from the least significant bit of the `size` bytes at `address`. */
  readonly bits?: { readonly offset: number; readonly width: number };
}

export type Expression =
  | NumberValue
  | StringValue
  | Variable
  | {
      readonly kind: 'call';
      readonly type: ValueType | 'none';
      readonly span: Span;
      readonly function: number;
      readonly arguments: readonly Expression[];
    }
  | { readonly kind: 'negate' | 'complement' | 'not'; readonly type: 'long'; readonly operand: Expression }
  | {
      readonly kind: 'arithmetic';
      readonly type: 'long';
      readonly span: Span;
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'comparison';
      readonly type: 'long';
      readonly operator: ComparisonOperator;
      readonly operands: ValueType;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'and' | 'or'; readonly type: 'long'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concatenation'; readonly type: 'string'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'conditional';
      readonly type: ValueType;
      readonly condition: Expression;
      readonly then: Expression;
      readonly else: Expression;
    }
  /** `target = value`, or `target OP= value` where `operator` is set (`.` is `.=`); its value is the new one. */
  | {
      readonly kind: 'assignment';
      readonly type: ValueType;
      readonly span: Span;
      readonly target: Variable;
      readonly operator?: ArithmeticOperator | '.';
      readonly value: Expression;
    }
  | {
      readonly kind: 'update';
      readonly type: 'long';
      readonly span: Span;
      readonly target: Variable;
      readonly delta: 1 | -1;
      readonly prefix: boolean;
    }
  | {
      readonly kind: 'accumulate';
      readonly type: 'long';
      readonly span: Span;
      readonly target:
        | { readonly kind: 'global'; readonly global: number }
        | { readonly kind: 'element'; readonly global: number; readonly keys: readonly Expression[] };
      readonly value: Expression;
    }
  | {
      readonly kind: 'membership';
      readonly type: 'long';
      readonly global: number;
      readonly keys: readonly (Expression | null)[];
    }
  | {
      readonly kind: 'regex';
      readonly type: 'long';
      readonly automaton: number;
      readonly negated: boolean;
      readonly subject: Expression;
    }
  | {
      readonly kind: 'statistic';
      readonly type: 'long';
      readonly span: Span;
      readonly operation: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance';
      readonly shift?: number;
      readonly source: StatisticSource;
    }
  | {
      readonly kind: 'bucket';
      readonly type: 'long';
      readonly span: Span;
      readonly source: StatisticSource;
      readonly index: Expression;
    }
  | { readonly kind: 'load'; readonly type: 'long'; readonly span: Span; readonly place: MemoryPlace }
  /** Guru mode. The value of the expression is the stored one. */
  | {
      readonly kind: 'store';
      readonly type: 'long';
      readonly span: Span;
      readonly place: MemoryPlace;
      readonly value: Expression;
    }
  /** The NUL-terminated string at an address, cut at MAXSTRINGLEN. */
  | {
      readonly kind: 'string-load';
      readonly type: 'string';
      readonly span: Span;
      readonly address: Expression;
      readonly space: 'kernel' | 'user';
      readonly length?: Expression;
    }
  /** A string only for `procfs-value`. */
  | { readonly kind: 'context'; readonly type: ValueType; readonly span: Span; readonly source: ContextSource }
  /**
   * Sets what the probe gives back: `$value` of a procfs read probe (`.=` appends), `$verdict` of netfilter; or, in guru
   * mode, a parameter or the return value of the probed function.
   */
  | {
      readonly kind: 'context-store';
      readonly type: ValueType;
      readonly span: Span;
      readonly source: ContextSource;
      readonly append: boolean;
      readonly value: Expression;
    }
  /** What `entryValues[slot]` of this probe was when the function was entered. */
  | { readonly kind: 'entry-value'; readonly type: ValueType; readonly slot: number }
  /** Evaluates `value` into `local`, then `body`: for values that are used twice. */
  | {
      readonly kind: 'let';
      readonly type: ValueType;
      readonly local: number;
      readonly value: Expression;
      readonly body: Expression;
    }
  /** sprintf and its kin. */
  | { readonly kind: 'format'; readonly type: 'string'; readonly span: Span; readonly format: Format }
  /** printf and its kin; the value is 0. */
  | { readonly kind: 'print'; readonly type: 'long'; readonly span: Span; readonly format: Format }
  | { readonly kind: 'print-histogram'; readonly type: 'long'; readonly span: Span; readonly source: StatisticSource }
  | {
      readonly kind: 'embedded';
      readonly type: ValueType;
      readonly span: Span;
      readonly code: string;
      readonly pragmas: readonly string[];
    };

/** Values that only the probe's own context has. */
export type ContextSource =
  /** The n-th parameter by the architecture's calling convention, at function entry. */
  | { readonly kind: 'parameter'; readonly index: number; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly kind: 'return-value'; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  /** A register by its DWARF number, of the probed context or of the user code below it. */
  | { readonly kind: 'register'; readonly number: number; readonly space: 'kernel' | 'user' }
  | { readonly kind: 'tracepoint-argument'; readonly index: number }
  /** Where a symbol of the kernel or a module was loaded, and bytes past it; not of the context, but the same everywhere. */
  | { readonly kind: 'symbol-address'; readonly name: string; readonly module?: string; readonly offset: number }
  /** How far this CPU's copies of per-CPU variables lie from their link-time addresses. */
  | { readonly kind: 'per-cpu-base' }
  | { readonly kind: 'perf-counter'; readonly probe: number }
  /** An argument of a netfilter hook: 0 hook number, 1 skb, 2 in, 3 out, 4 verdict. */
  | { readonly kind: 'hook-argument'; readonly index: number }
  /** What was written to a procfs file or typed at the script's input; a string. */
  | { readonly kind: 'procfs-value' };

/** A format taken to pieces; `arguments` go to the directives in order, `*` widths and precisions included. */
export interface Format {
  readonly pieces: readonly FormatPiece[];
  readonly arguments: readonly Expression[];
}

export type FormatPiece =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'directive';
      readonly conversion: 'b' | 'c' | 'd' | 'i' | 'm' | 'M' | 'o' | 'p' | 's' | 'u' | 'x' | 'X' | 'n';
      /** Any of `-`, `+`, space, `#`, `0`, as written. */
      readonly flags: string;
      readonly width?: number | 'argument';
      readonly precision?: number | 'argument';
      /** Bytes of `%b`, `%m` and `%M`'s integer (`%4b`-like size modifiers: `hh`, `h`, `l`, `ll` too). */
      readonly size?: string;
    };

// ----------------------------------------------------------------------------------------------------------- regex

/**
 * A minimal DFA over bytes. State 0 starts. The subject's end is read as one byte 0 after its last, so `$` is a transition
 * on 0; no other transition takes 0. A run goes on until no transition fits or the 0 was consumed, and the subject
 * matches if an accepting state was passed; the last one passed counts. Without tags the first accepting state passed is
 * enough, and it has no transitions.
 */
export interface RegexAutomaton {
  readonly pattern: string;
  readonly groups: number;
  readonly states: readonly RegexState[];
  /** How many registers the tag operations use, the results included. */
  readonly registers: number;
  /** False where no handler asks for the groups: there are no tag operations then. */
  readonly tagged: boolean;
}

export interface RegexState {
  readonly accepting: boolean;
  /**
   * Byte ranges, both ends inclusive, in order, with the tag operations to do on the way, one after another. The current
   * position is then the offset of the byte that is being consumed.
   */
  readonly transitions: readonly {
    readonly from: number;
    readonly to: number;
    readonly target: number;
    readonly tags: readonly RegexTag[];
  }[];
  /**
   * Tag operations on each pass through an accepting state; register 2g and 2g+1 then hold the bounds of group g, group 0
   * being the whole match. The current position is the offset of the next byte, but never beyond the subject's length.
   */
  readonly finish: readonly RegexTag[];
}

export interface RegexTag {
  readonly register: number;
  /** The register to copy; undefined sets it to the current position. */
  readonly copyOf?: number;
  /** Set on results of groups that took no part in the match: the register becomes -1. */
  readonly unset?: boolean;
}
