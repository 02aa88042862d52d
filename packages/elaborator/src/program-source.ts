// What the elaborator asks of user-space programs and libraries, for process(…) points. Whoever reads their files and
// their debug information answers; the elaborator opens nothing.
import type { PointVariable } from './families/family.js';

/** Finds places in programs; `SymbolSource.programs` holds one where there is any. */
export interface ProgramSource {
  /**
   * The places that a point stands for.
   *
   * @returns the places, or why there are none: no such program, no such function, no debug information
   */
  places(query: ProgramQuery): readonly ProgramPlace[] | ProgramFault;
}

export interface ProgramQuery {
  /** A path, a name that is looked for in PATH, or a pattern of paths; absent with `pid`, and for the target process. */
  readonly path?: string;
  readonly pid?: string;
  /** Of a library that the process uses. */
  readonly library?: string;
  readonly what: ProgramWhat;
}

/** What is looked for in a program. Names may be patterns; `function` and `statement` take `NAME@FILE:LINE` too. */
export type ProgramWhat =
  | {
      readonly kind: 'function';
      /** A name, or an address in decimal. */
      readonly name?: string;
      readonly address?: string;
      readonly only?: 'call' | 'exported' | 'inline' | 'return';
      readonly label?: string;
      readonly callee?: string;
      /** `callees`: how deep. */
      readonly callees?: number;
    }
  | {
      readonly kind: 'statement';
      readonly name?: string;
      readonly address?: string;
      /** The address is that of the running process. */
      readonly absolute: boolean;
      readonly nearest: boolean;
    }
  | { readonly kind: 'plt'; readonly name: string; readonly return: boolean }
  | { readonly kind: 'mark'; readonly name: string; readonly provider?: string };

export interface ProgramPlace {
  /** The point in full, as pp() gives it: `process("/bin/ls").function("main@src/ls.c:1667")`. */
  readonly name: string;
  /** The file that holds the code, and the offset in it, in decimal. */
  readonly file: string;
  readonly offset: string;
  readonly pid?: number;
  /** Of a mark that is counted: the offset of its counter, in decimal. */
  readonly semaphore?: string;
  readonly return: boolean;
  readonly function?: string;
  readonly variables?: () => readonly PointVariable[];
  /** `$$name` and `$$provider`. */
  readonly strings?: Readonly<Record<string, string>>;
}

export interface ProgramFault {
  /** In SystemTap's words where it has some: `cannot find executable 'x'`. */
  readonly fault: string;
  readonly near?: () => readonly string[];
  readonly hint?: string;
}
