// The bridge between the hand-written part of the grammar and typescript-parsec. Statements and expressions are read by
// a `Reader`, which walks the tokens without keeping them; `reading` wraps such a function as a typescript-parsec
// parser, so that declarations are composed of both kinds with its combinators.
//
// Depth: a tree that is too deep overflows the stack of whoever walks it later, so every node counts its height (the
// longest way down to a leaf) and the parser its own depth, and both are bounded by MAXIMUM_DEPTH.
import type { Diagnostic } from '@stapkit/pass';
import { invariant } from '@stapkit/pass';
import type { ParseError, Parser, ParserOutput, Token } from 'typescript-parsec';
import { type Extra, MAXIMUM_DEPTH, parseError } from '../diagnostics.js';
import { type Place, placeBetween, type ScriptToken, type TokenKind } from '../lexical/token.js';
import type { TokenStream } from '../lexical/token-stream.js';

/** Thrown by a `Reader` to leave a construct; its diagnostic goes where the construct's owner decides. */
export class Failure {
  constructor(
    readonly token: ScriptToken,
    readonly diagnostic: Diagnostic,
    /** Set where going on within the declaration would only give the same error again. */
    readonly fatal = false,
  ) {}
}

/** A typescript-parsec error that carries our own diagnostic. */
interface DiagnosedError extends ParseError {
  readonly failure: Failure;
}

/** Walks the tokens of one file. */
export class Reader {
  /** The token that is looked at. */
  token: ScriptToken;
  /** The one before it, once there was one. */
  previous: ScriptToken;
  readonly stream: TokenStream;
  /** How deep the construct that is being read lies in the tree. */
  depth = 0;
  /** The height of the node that was returned last: 1 for a leaf. */
  height = 0;
  /** The histogram operator that begins the arguments of a print, and the one that was read without an index there. */
  printed: ScriptToken | undefined = undefined;
  bare: ScriptToken | undefined = undefined;
  /** Whether `return` may stand here. */
  inFunction: boolean;

  constructor(token: ScriptToken, inFunction = false) {
    this.token = token;
    this.previous = token;
    this.stream = token.supply as TokenStream;
    this.inFunction = inFunction;
  }

  /** Moves on and returns the token that was passed. */
  take(): ScriptToken {
    const { token } = this;
    this.previous = token;
    this.token = token.advance();
    return token;
  }

  /** Passes an operator or keyword where it stands here. */
  accept(symbol: string): boolean {
    if (this.token.symbol !== symbol) return false;
    this.take();
    return true;
  }

  /** Passes an operator or keyword that must stand here. */
  expect(symbol: string, hints?: readonly string[]): ScriptToken {
    if (this.token.symbol === symbol) return this.take();
    return this.fail('expected', `expected '${symbol}'`, hints ? { hints } : {});
  }

  /** Passes an identifier that must stand here. */
  expectIdentifier(): ScriptToken {
    if (this.token.kind === 'identifier') return this.take();
    return this.fail('expected', 'expected identifier');
  }

  /** The place from a token to the one that was passed last. */
  place(first: ScriptToken): Place {
    return placeBetween(first, this.previous);
  }

  /** Leaves the construct with an error at the present token, or another one. */
  fail(code: string, message: string, extra: Extra = {}, token = this.token): never {
    throw new Failure(token, failureAt(code, message, token, extra));
  }

  /** Reports an error and stays in the construct. */
  error(code: string, message: string, token: ScriptToken, extra?: Extra): void {
    this.stream.report(parseError(code, message, token, extra));
  }

  /** Goes one level down; `leave` must follow on every way out but a failure. */
  enter(): void {
    this.depth += 1;
    if (this.depth > MAXIMUM_DEPTH) this.tooDeep();
  }

  leave(): void {
    this.depth -= 1;
  }

  /** Notes that a node was built above a child of this height. */
  raise(childHeight: number): void {
    this.height = childHeight + 1;
    if (this.height > MAXIMUM_DEPTH) this.tooDeep();
  }

  private tooDeep(): never {
    const hints = [`expressions and statements nest ${MAXIMUM_DEPTH} levels deep at most; use variables or functions`];
    throw new Failure(this.token, failureAt('too-deep', 'nested too deeply', this.token, { hints }), true);
  }
}

/** Words an error; at the end of the file it has a code of its own, so that tools know that more text may help. */
export function failureAt(code: string, message: string, token: ScriptToken, extra: Extra = {}): Diagnostic {
  return parseError(token.kind === 'end' ? 'unexpected-end' : code, message, token, extra);
}

/** Reports a failure, unless a fault just before it, or another failure at the same token, was reported already. */
export function reportFailure(stream: TokenStream, failure: Failure): void {
  const { token } = failure;
  if (!token.afterFault && token !== stream.failedAt) stream.report(failure.diagnostic);
  stream.failedAt = token;
}

/**
 * Wraps a hand-written reading function as a typescript-parsec parser.
 *
 * @param read reads the construct and moves the reader behind it; it may throw a `Failure`
 */
export function reading<T>(read: (reader: Reader) => T): Parser<TokenKind, T> {
  return {
    parse(token: Token<TokenKind> | undefined): ParserOutput<TokenKind, T> {
      invariant(token, 'a parser was asked to read behind the end');
      const reader = new Reader(token as ScriptToken);
      try {
        const result = read(reader);
        return {
          candidates: [{ firstToken: token, nextToken: reader.token, result }],
          successful: true,
          error: undefined,
        };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { successful: false, error: asParseError(error) };
      }
    },
  };
}

/** A parser that takes one operator or keyword, for use with typescript-parsec's combinators. */
export function symbol(text: string, hints?: readonly string[]): Parser<TokenKind, ScriptToken> {
  return reading((reader) => reader.expect(text, hints));
}

/**
 * A list with separators, at least one item long. typescript-parsec's own lists copy what they have at every item,
 * which takes quadratic time.
 */
export function separated<T>(item: Parser<TokenKind, T>, separator: string): Parser<TokenKind, T[]> {
  return {
    parse(token: Token<TokenKind> | undefined): ParserOutput<TokenKind, T[]> {
      let result: T[] | undefined;
      for (let at = token as ScriptToken; ; ) {
        const output = item.parse(at);
        if (!output.successful) return output;
        const candidate = output.candidates[0];
        invariant(candidate?.nextToken, 'a parser succeeded with nothing');
        // Most lists have one item; a list that began empty has room for many.
        if (result) result.push(candidate.result);
        else result = [candidate.result];
        const behind = candidate.nextToken as ScriptToken;
        if (behind.symbol !== separator) {
          return {
            candidates: [{ firstToken: token, nextToken: behind, result }],
            successful: true,
            error: output.error,
          };
        }
        at = behind.next!;
      }
    },
  };
}

function asParseError(failure: Failure): DiagnosedError {
  return { kind: 'Error', pos: failure.token.pos, message: failure.diagnostic.message, failure };
}

/** The failure behind an error of typescript-parsec. */
export function failureOf(error: ParseError, fallback: ScriptToken): Failure {
  const { failure } = error as Partial<DiagnosedError>;
  return failure ?? new Failure(fallback, failureAt('syntax', error.message, fallback));
}
