// What the elaborator asks of the kernel. `dwarf` answers in production, a literal table answers in tests.
import type { CodeSource, CodeVariable } from './code-source.js';
import type { TargetKernel } from './elaborated.js';
import type { ProgramSource } from './program-source.js';

/** Facts about one kernel, from its BTF, symbol table or DWARF. Every answer is plain data. */
export interface SymbolSource {
  readonly kernel: TargetKernel;
  /**
   * The functions whose names match a pattern of `*` and `?`; a name without either is looked up directly.
   *
   * @param pattern as in `kernel.function("vfs_*")`, without `@file`
   * @param module the module's name, or undefined for the kernel itself
   */
  functions(pattern: string, module?: string): readonly FunctionFacts[];
  /** What the symbols tell of the functions of a pattern, where they are known; `functions` leaves some out. */
  functionCopies?(pattern: string, module?: string): FunctionCopies | undefined;
  /** The names nearest to a function's that was not found, for the error's hint. */
  nearestFunctions(name: string, module?: string): readonly string[];
  /** The names of the modules that match a pattern; undefined where nobody knows. */
  modules?(pattern: string): readonly string[];
  /** The name of the module in a file, `module("/path/to/m.ko")`; it is known by it from then on. */
  moduleOfFile?(path: string): string | undefined;
  /** The names nearest to a module's that was not found. */
  nearestModules?(name: string): readonly string[];
  /**
   * The tracepoints whose names match a pattern, NAME or SYSTEM:NAME; of the latter those that are known to be of such a
   * system.
   */
  tracepoints(pattern: string): readonly TracepointFacts[];
  /**
   * The structure, union, enumeration or typedef of a name; undefined where there is none.
   *
   * @param module a module's name, headers (`<sys/time.h>`, `kernel<linux/fs.h>`), or undefined for the kernel itself
   */
  type(name: string, module?: string): number | undefined;
  /** What a type id (from any answer of this source) stands for. */
  typeFacts(id: number): TypeFacts;
  /** Whether a type describes the memory of user-space programs; absent where none does. */
  isUserType?(id: number): boolean;
  /** An enumerator's value in decimal. */
  enumerator(name: string): string | undefined;
  /**
   * A variable outside functions that BTF knows: those that every CPU has its own copy of.
   *
   * @param module the module's name, or undefined for the kernel itself
   */
  variable?(name: string, module?: string): CodeVariable | undefined;
  /** What DWARF adds; absent where it is not to be used (`--debuginfo=btf`). What is not open yet, it says (`has`). */
  readonly code?: CodeSource;
  /** The program that a name stands for, as the shell finds it, links followed; undefined where there is none. */
  executable?(name: string): string | undefined;
  /** Finds places in user-space programs; absent where nobody reads them. */
  readonly programs?: ProgramSource;
  /** True where everything is to come from DWARF (`--debuginfo=dwarf`), also what BTF could serve. */
  readonly codeOnly?: boolean;
}

export interface FunctionFacts {
  readonly name: string;
  readonly module?: string;
  readonly parameters: readonly ParameterFacts[];
  /** The result's type; undefined for void. */
  readonly result?: number;
  /** As the compiler saw it, where debug information says. */
  readonly file?: string;
  readonly line?: number;
  /** Link-time address in decimal, where known. */
  readonly address?: string;
  /** True where only its name is known: of a module without BTF. */
  readonly untyped?: boolean;
  /** Whether other files can call it, where known: what `.exported` asks. */
  readonly external?: boolean;
}

export interface FunctionCopies {
  /** How many functions match, those included that no probe can be placed in. */
  readonly functions: number;
  /** Symbols that the compiler made of them: `foo.isra.0`, `foo.cold`. */
  readonly variants: readonly string[];
}

export interface ParameterFacts {
  readonly name: string;
  readonly type: number;
}

export interface TracepointFacts {
  readonly name: string;
  readonly system?: string;
  readonly module?: string;
  readonly arguments: readonly ParameterFacts[];
}

/** A type, one level deep; ids lead on. */
export type TypeFacts =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'integer';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly char: boolean;
      readonly bool: boolean;
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'pointer'; readonly target: number; readonly size: number }
  | { readonly kind: 'array'; readonly element: number; readonly length: number }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly MemberFacts[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly kind: 'typedef'; readonly name: string; readonly target: number }
  | {
      readonly kind: 'qualifier';
      readonly qualifier: 'const' | 'volatile' | 'restrict' | 'atomic';
      readonly target: number;
    }
  | { readonly kind: 'function'; readonly parameters: readonly ParameterFacts[]; readonly result?: number }
  | { readonly kind: 'forward'; readonly name: string; readonly of: 'struct' | 'union' | 'enum' };

export interface MemberFacts {
  /** Empty for an anonymous struct or union, whose members count as the outer one's. */
  readonly name: string;
  readonly type: number;
  /** From the start of the structure, in bits. */
  readonly bitOffset: number;
  /** Width of a bit-field, else undefined. */
  readonly bitSize?: number;
}
