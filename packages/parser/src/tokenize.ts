// Tokens for highlighting: what an editor colours, comments included, before any preprocessing.
import type { SourceText, Span } from '@stapkit/pass';
import { Scanner } from './lexical/scanner.js';
import type { TokenKind } from './lexical/token.js';

/** What a stretch of text is. */
export type SyntaxKind = Exclude<TokenKind, 'end'> | 'comment' | 'target-variable' | 'directive' | 'preprocessor';

/** A stretch of text and what it is. */
export interface SyntaxToken {
  readonly kind: SyntaxKind;
  readonly span: Span;
  readonly text: string;
  /** Set where the token is not closed or belongs to nothing. */
  readonly malformed?: true;
}

/**
 * Splits a text into tokens and comments, in order, whatever is wrong with it. Between them there is only white space.
 *
 * @param source the file's name and text
 */
export function tokenize(source: SourceText): SyntaxToken[] {
  const tokens: SyntaxToken[] = [];
  const faults = new Set<number>();
  const scanner = new Scanner(source, {
    fault: (_, token) => faults.add(token.start),
    comment: ({ span }) => {
      tokens.push({ kind: 'comment', span, text: source.text.slice(span.start, span.end) });
    },
  });
  for (let token = scanner.next(); token.kind !== 'end'; token = scanner.next()) {
    tokens.push({ kind: syntaxKind(token.kind, token.text), span: token.span, text: token.text });
  }
  return faults.size === 0
    ? tokens
    : tokens.map((token) => (faults.has(token.span.start) ? { ...token, malformed: true } : token));
}

function syntaxKind(kind: TokenKind, text: string): SyntaxKind {
  switch (kind) {
    case 'end':
      return 'junk';
    case 'identifier':
      return text.startsWith('$') ? 'target-variable' : 'identifier';
    case 'operator':
      if (text.length > 1 && text.startsWith('@')) return text === '@define' ? 'preprocessor' : 'directive';
      return /^%[(?:)]$/.test(text) ? 'preprocessor' : 'operator';
    default:
      return kind;
  }
}
