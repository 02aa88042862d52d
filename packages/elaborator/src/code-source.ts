// What DWARF adds to a symbol source: places inside functions, inlined copies, lines, labels, and every variable with the
// place where its value is. Plain data, and every answer is given at once; the driver opens the files beforehand.

/** What debug information knows of code; absent where only BTF is known. */
export interface CodeSource {
  /**
   * Whether there is debug information of a module, or of the kernel itself for undefined. Without it every other
   * question about the module is answered with nothing.
   */
  has(module: string | undefined): boolean;
  /**
   * The functions that match, with all their copies. Where `module` is a pattern, those of every module that matches.
   */
  functions(query: CodeQuery): readonly CodeFunction[];
  /** The places where code of lines begins, in the functions that match. */
  statements(query: StatementQuery): readonly CodePlace[];
  /** The labels of a function whose names match a pattern. */
  labels(found: CodeFunction, pattern: string): readonly CodeLabel[];
  /** The functions that a function's code calls, inlined ones included, once each. */
  callees(found: CodeFunction): readonly CodeFunction[];
  /** The place of an address; undefined where no function holds it. */
  placeAt(address: string, module: string | undefined): CodePlace | undefined;
  /** Names that are spelt alike. */
  nearestFunctions(name: string, module: string | undefined): readonly string[];
  /** The source files that match nothing, spelt alike: for `@FILE` of a pattern. */
  nearestFiles(file: string, module: string | undefined): readonly string[];
  /** Everything that is visible at a place, innermost scope first, parameters in their order. */
  variables?(place: CodePlace): readonly CodeVariable[];
  /** The type of what the function of a place returns; undefined for void. */
  resultType?(place: CodePlace): number | undefined;
  /**
   * A variable outside functions: `@var("NAME@FILE")`.
   *
   * @param file a file's path or the end of it; undefined takes the first
   */
  variable?(name: string, file: string | undefined, module: string | undefined): CodeVariable | undefined;
}

export interface CodeQuery {
  /** A name or a pattern of `*`, `?` and `[…]`. */
  readonly name: string;
  /** A pattern of the file's path or of its end. */
  readonly file?: string;
  /** A name or pattern of modules; undefined for the kernel itself. */
  readonly module?: string;
}

/** Which lines: `:N` one, `:N-M` a range, `:*` all of the function, `+N` counted from where it is declared. */
export type LineQuery =
  | { readonly kind: 'lines'; readonly lines: readonly (readonly [from: number, to: number])[] }
  | { readonly kind: 'relative'; readonly offset: number }
  | { readonly kind: 'all' };

export interface StatementQuery extends CodeQuery {
  readonly lines: LineQuery;
  /** Where a line has no code, the nearest that has. */
  readonly nearest: boolean;
}

/** A function as the source declares it. Static functions of one name in two files are two. */
export interface CodeFunction {
  readonly name: string;
  readonly module?: string;
  /** As SystemTap prints it: below the folder that the kernel was built in. */
  readonly file: string;
  readonly line: number;
  readonly external: boolean;
  /**
   * Where its own code begins: one place a copy that the compiler made (`NAME.isra.0`, `NAME.constprop.0`). None where
   * every call was inlined.
   */
  readonly entries: readonly CodePlace[];
  /** Where its inlined copies begin. */
  readonly inlined: readonly CodePlace[];
  /** How many inlined copies have no code of their own left. */
  readonly withoutCode: number;
}

/** An address of code and what it belongs to. */
export interface CodePlace {
  /** Link-time address in decimal; in a module counted over its sections as its debug file lays them out. */
  readonly address: string;
  /** How the kernel finds it wherever it was loaded: a symbol that there is one of, and bytes past it. */
  readonly symbol: string;
  readonly offset: number;
  readonly module?: string;
  /** The innermost function that the place is in, an inlined one as well. */
  readonly function: string;
  /** The symbol whose code holds the place: `NAME.isra.0`. */
  readonly container: string;
  readonly file: string;
  readonly line: number;
  /** In a copy that was inlined. */
  readonly inline: boolean;
  /** First instruction of a function of its own, where parameters are as the calling convention has them. */
  readonly entry: boolean;
  /** Why no probe can be placed here, where that is known. */
  readonly unprobeable?: string;
  /** The innermost function's entry in the debug information, for the source that it came from. */
  readonly scope: number;
}

export interface CodeLabel {
  readonly name: string;
  readonly place: CodePlace;
}

/** A variable at one place. */
export interface CodeVariable {
  readonly name: string;
  /** As `typeFacts` takes it. */
  readonly type: number;
  readonly group: 'parameter' | 'local' | 'global';
  readonly location: CodeLocation;
}

/** Where a variable's value is, at one place. */
export type CodeLocation =
  /** In memory at an address. */
  | { readonly kind: 'memory'; readonly address: CodeValue }
  /** Nowhere but in a register or computed; it has no address. */
  | { readonly kind: 'value'; readonly value: CodeValue }
  /** Each piece so many bytes, from the lowest on. */
  | { readonly kind: 'pieces'; readonly pieces: readonly { readonly size: number; readonly location: CodeLocation }[] }
  /** Optimised out, or in a form that can't be followed; `reason` says which. */
  | { readonly kind: 'absent'; readonly reason: string };

/** How a number of 64 bits is come by when the place is hit. */
export type CodeValue =
  | { readonly kind: 'constant'; readonly value: string }
  /** By its DWARF number. */
  | { readonly kind: 'register'; readonly number: number }
  | { readonly kind: 'read'; readonly address: CodeValue; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly kind: 'unary'; readonly operator: 'negate' | 'complement'; readonly operand: CodeValue }
  | {
      readonly kind: 'binary';
      readonly operator: '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>' | '>>>' | '<' | '<=' | '==' | '!=';
      readonly left: CodeValue;
      readonly right: CodeValue;
    }
  | { readonly kind: 'choice'; readonly condition: CodeValue; readonly then: CodeValue; readonly else: CodeValue }
  /** The address that a symbol has in the running kernel or in a module, and bytes past it. */
  | { readonly kind: 'symbol'; readonly name: string; readonly module?: string; readonly offset: number }
  /** Where this CPU's copies of per-CPU variables lie from their link-time addresses. */
  | { readonly kind: 'per-cpu-base' };
