// Tokens, in the shape that typescript-parsec asks for. A token also knows its file, the macro or argument that it came
// from, and the stream that yields the token after it: that is how grammar objects, which hold no state, reach the
// diagnostics of the file they read.
import type { SourceText, Span } from '@stapkit/pass';
import { invariant } from '@stapkit/pass';
import type { Token, TokenPosition } from 'typescript-parsec';
import type { Origin } from '../ast.js';

/**
 * The kinds of token. `argument` is `$1`, `@1`, `$#` or `@#` before substitution, `junk` what no token begins with,
 * and `end` stands behind the last one.
 */
export type TokenKind =
  | 'identifier'
  | 'keyword'
  | 'number'
  | 'string'
  | 'operator'
  | 'embedded-code'
  | 'argument'
  | 'junk'
  | 'end';

/** What yields tokens one after the other; see `TokenStream`. */
export interface TokenSupply {
  /** Returns the token behind the one that was handed out last. */
  pull(): ScriptToken;
  /** How many tokens were handed out. */
  readonly pulled: number;
}

/** One token. `text` is as written, quotes and braces included. */
export class ScriptToken implements Token<TokenKind> {
  /** The text of an operator or keyword, else empty: what the grammar compares. */
  readonly symbol: string;
  /** Its number in the stream, from 1: tokens of different files have one order. */
  ordinal = 0;
  supply: TokenSupply | undefined = undefined;
  /** Set where the scanner or preprocessor reported a fault just before it: the grammar then keeps quiet here. */
  afterFault = false;
  private following: ScriptToken | undefined = undefined;

  constructor(
    readonly kind: TokenKind,
    readonly text: string,
    readonly source: SourceText,
    readonly start: number,
    readonly end: number,
    readonly origin: Origin | undefined,
  ) {
    this.symbol = kind === 'operator' || kind === 'keyword' ? text : '';
  }

  /** The place as typescript-parsec wants it: `index` orders tokens, also of different files. */
  get pos(): TokenPosition {
    return new ScriptPosition(this);
  }

  /** The next token, or undefined behind the end. It is read when it is first asked for. */
  get next(): ScriptToken | undefined {
    if (this.kind === 'end') return undefined;
    if (!this.following) this.following = this.advance();
    return this.following;
  }

  /**
   * Reads the next token without keeping it here, so that a long text's tokens need not all be in memory. What was
   * passed by this way cannot be read again.
   */
  advance(): ScriptToken {
    if (this.following) return this.following;
    if (this.kind === 'end') return this;
    const supply = this.supply;
    invariant(supply && supply.pulled === this.ordinal, 'a token was left behind and then asked for its next');
    return supply.pull();
  }

  /** The token's range in its own file. */
  get span(): Span {
    return { file: this.source.name, start: this.start, end: this.end };
  }

  /** The same token as part of an expansion. */
  withOrigin(origin: Origin): ScriptToken {
    return new ScriptToken(this.kind, this.text, this.source, this.start, this.end, origin);
  }
}

/** A position that leads back to its token, so that an error of typescript-parsec can become a span. */
export class ScriptPosition implements TokenPosition {
  constructor(readonly token: ScriptToken) {}

  get index(): number {
    return this.token.ordinal;
  }

  get rowBegin(): number {
    return this.row(this.token.start);
  }

  get columnBegin(): number {
    return this.column(this.token.start);
  }

  get rowEnd(): number {
    return this.row(this.token.end);
  }

  get columnEnd(): number {
    return this.column(this.token.end);
  }

  private row(offset: number): number {
    let row = 1;
    const { text } = this.token.source;
    for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) row += 1;
    return row;
  }

  private column(offset: number): number {
    return offset === 0 ? 1 : offset - this.token.source.text.lastIndexOf('\n', offset - 1);
  }
}

/** A place in the AST: the span of a node and, where all of it came from one expansion, its origin. */
export interface Place {
  readonly span: Span;
  readonly origin?: Origin;
}

/**
 * Works out the place of what reaches from one token to another. Where the two come from different expansions, the
 * place is that of the innermost expansion (or file) that holds both: a macro's use stands for the tokens it gave.
 */
export function placeBetween(first: ScriptToken, last: ScriptToken): Place {
  if (first.origin === last.origin) {
    const span = { file: first.source.name, start: first.start, end: Math.max(first.end, last.end) };
    return first.origin ? { span, origin: first.origin } : { span };
  }
  return joinPlaces(first, last);
}

/** Works out the place that reaches from the beginning of one place to the end of another; see `placeBetween`. */
export function joinPlaces(first: Place, last: Place): Place {
  const common = commonOrigin(first.origin, last.origin);
  const from = liftTo(first, common);
  const to = liftTo(last, common);
  const span = { file: from.file, start: from.start, end: Math.max(from.end, to.end) };
  return common ? { span, origin: common } : { span };
}

function commonOrigin(a: Origin | undefined, b: Origin | undefined): Origin | undefined {
  const seen = new Set<Origin>();
  for (let origin = a; origin; origin = origin.outer) seen.add(origin);
  for (let origin = b; origin; origin = origin.outer) if (seen.has(origin)) return origin;
  return undefined;
}

function liftTo(place: Place, target: Origin | undefined): Span {
  let { span } = place;
  for (let origin = place.origin; origin !== target && origin; origin = origin.outer) span = origin.use;
  return span;
}

/** Names a token the way SystemTap's messages do: `identifier 'foo'`, `operator '='`. */
export function describeToken(token: ScriptToken): string {
  switch (token.kind) {
    case 'end':
      return 'end of file';
    case 'embedded-code':
      return 'embedded-code';
    case 'string': {
      const text = token.text.replace(/^"|"$/g, '');
      return `string '${text.length > 40 ? `${text.slice(0, 40)}…` : text}'`;
    }
    case 'argument':
      return `argument '${token.text}'`;
    default:
      return `${token.kind} '${token.text.length > 60 ? `${token.text.slice(0, 60)}…` : token.text}'`;
  }
}
