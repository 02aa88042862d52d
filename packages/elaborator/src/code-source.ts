// What DWARF adds to a symbol source: places inside functions, inlined copies, lines, labels, and every variable with the
// place where its value is. Plain data, and every answer is given at once; the driver opens the files beforehand.

/**
 * What debug information knows of code. Nothing is open at first: what is asked for and is not open is noted, and answered
 * with nothing; whoever holds the files then opens them and has the script elaborated again. So a run that needs none of
 * this never pays for it, and every answer is given at once.
 */
export interface CodeSource {
  /**
   * Whether debug information of a module, or of the kernel itself for undefined, is open. Ask this first.
   */
  has(module: string | undefined): boolean;
  /** Whether something was asked for that is not open yet: the answers so far are not the last ones. */
  readonly pending?: boolean;
  /**
   * The functions that match, with all their copies. Where `module` is a pattern, those of every module that matches.
   */
  functions(query: CodeQuery): readonly CodeFunction[];
  /** The places where code of lines begins, in the functions that match. */
  statements(query: StatementQuery): readonly CodePlace[];
  /** The labels of a function whose names match a pattern. */
  labels(found: CodeFunction, pattern: string): readonly CodeLabel[];
  /**
   * What the code of some functions calls, in the order of the callees' names.
   *
   * @param callers entries or inlined copies; what an inlined copy inside one of them calls is that copy's own
   */
  calls(callers: readonly CodePlace[]): readonly CodeCall[];
  /** The place of an address; undefined where no function holds it. */
  placeAt(address: string, module: string | undefined): CodePlace | undefined;
  /** Whether the code of a line begins at an address. */
  isStatement(address: string, module: string | undefined): boolean;
  /** The function with code of its own that holds an address. */
  functionAt(address: string, module: string | undefined): CodeFunction | undefined;
  /** How far above the stack pointer, at a place, its function's return address lies; undefined where that varies. */
  frameOf(place: CodePlace): number | undefined;
  /** The symbol of the function that begins at a place: its name, or what the compiler made of it, `NAME.isra.0`. */
  symbolAt(place: CodePlace): string | undefined;
  /** The lines nearest to those asked for that have code, where `statements` found none. */
  nearestLines(query: StatementQuery): readonly number[];
  /** Names that are spelt alike. */
  nearestFunctions(name: string, module: string | undefined): readonly string[];
  /** Everything that is visible at a place, innermost scope first, parameters in their order. */
  variables?(place: CodePlace): readonly CodeVariable[];
  /** A variable outside functions that the source file of a place can name. */
  visible?(place: CodePlace, name: string): CodeVariable | undefined;
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
  /** Which copies are asked for: to find all that were inlined takes longest. */
  readonly copies: 'entries' | 'inlined' | 'all';
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

export interface StatementQuery extends Omit<CodeQuery, 'copies'> {
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
  /**
   * Where parts of it begin that the compiler took out of it (`NAME.part.0`): reached from its entries and inlined copies,
   * so that a probe here as well would count a call twice.
   */
  readonly parts: readonly CodePlace[];
  /** Where its inlined copies begin, each address once. */
  readonly inlined: readonly CodePlace[];
  /** How many inlined copies there are, those included that were not asked for or have no code. */
  readonly copies: number;
  /** How many of the inlined copies that were asked for have no code left. */
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

/** A function that others call. */
export interface CodeCall {
  /** Its `inlined` copies are only those in the callers. */
  readonly callee: CodeFunction;
  /** Where calls of its own code return to. */
  readonly returns: readonly CodeReturn[];
}

/** Where a call returns to. */
export interface CodeReturn {
  /** See CodePlace. */
  readonly symbol: string;
  readonly offset: number;
  readonly module?: string;
  /** How far above the stack pointer, after the return, the caller's own return address lies; undefined where that varies. */
  readonly frame?: number;
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
