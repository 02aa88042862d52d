// The scanner: text to raw tokens, before any preprocessing. It is written by hand because every pass-1 time goes
// through it; it works on char codes and makes one object a token.
//
// Quirks kept from SystemTap's documents and behaviour: identifiers may hold `$`; `#` starts a comment except in `$#`
// and `@#`; a number runs on through letters, so that `12abc` is one bad number and not two tokens; a backslash before
// the end of a line lets a string go on behind it.
import type { SourceText, Span } from '@stapkit/pass';
import { MAXIMUM_STRING } from '../diagnostics.js';
import { ScriptToken, type TokenKind } from './token.js';

/** A comment as found, for tools that want to keep or colour it. */
export interface Comment {
  readonly span: Span;
  readonly style: 'shell' | 'line' | 'block';
}

/** A fault in the text that the scanner found. */
export type ScanFault = 'string' | 'long-string' | 'comment' | 'embedded-code' | 'junk';

/** What the scanner tells beside its tokens. */
export interface ScannerEvents {
  fault(fault: ScanFault, token: ScriptToken): void;
  comment?(comment: Comment): void;
}

const KEYWORDS: ReadonlySet<string> = new Set([
  'probe',
  'global',
  'private',
  'function',
  'if',
  'else',
  'for',
  'foreach',
  'in',
  'limit',
  'return',
  'delete',
  'while',
  'break',
  'continue',
  'next',
  'string',
  'long',
  'try',
  'catch',
]);

/** True for a word that the language keeps for itself. */
export function isKeyword(word: string): boolean {
  return KEYWORDS.has(word);
}

/** The operators by their first character, longest first. */
const OPERATORS: ReadonlyMap<number, readonly string[]> = groupByFirst([
  '>>>=',
  '<<<',
  '<<=',
  '>>=',
  '>>>',
  '->',
  '++',
  '--',
  '<<',
  '>>',
  '<=',
  '>=',
  '==',
  '!=',
  '=~',
  '!~',
  '&&',
  '||',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '&=',
  '^=',
  '|=',
  '.=',
  '%(',
  '%)',
  '%?',
  '%:',
  '%}',
  ...'+-*/%<>=!~&|^?:;,.()[]{}',
]);

function groupByFirst(operators: readonly string[]): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const operator of operators) {
    const code = operator.charCodeAt(0);
    const group = groups.get(code);
    if (group) group.push(operator);
    else groups.set(code, [operator]);
  }
  for (const group of groups.values()) group.sort((a, b) => b.length - a.length);
  return groups;
}

// Classes of ASCII characters, as bits of one table.
const WORD_START = 1;
const WORD_PART = 2;
const DIGIT = 4;
const SPACE = 8;
const CLASSES = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_$]/.test(character)) CLASSES[code] = WORD_START | WORD_PART;
  if (/[0-9]/.test(character)) CLASSES[code] = DIGIT | WORD_PART;
  if (/[ \t\r\n\f\v]/.test(character)) CLASSES[code] = SPACE;
}

function classOf(code: number): number {
  return code < 128 ? CLASSES[code]! : 0;
}

const QUOTE = 0x22;
const HASH = 0x23;
const DOLLAR = 0x24;
const PERCENT = 0x25;
const STAR = 0x2a;
const SLASH = 0x2f;
const AT = 0x40;
const BACKSLASH = 0x5c;
const UNDERSCORE = 0x5f;
const BRACE = 0x7b;
const NEWLINE = 0x0a;

/** Reads the raw tokens of one text. */
export class Scanner {
  private offset = 0;
  /** Words seen before, so that equal names are one string in memory. */
  private readonly words = new Map<string, string>();

  /**
   * @param source the text
   * @param events receives faults, and comments where it asks for them
   */
  constructor(
    readonly source: SourceText,
    private readonly events: ScannerEvents,
  ) {
    // A byte-order mark is no part of the script.
    if (source.text.charCodeAt(0) === 0xfeff) this.offset = 1;
  }

  /** Returns the next token; behind the last one, `end` tokens for ever. */
  next(): ScriptToken {
    this.skipBlank();
    const { text } = this.source;
    const start = this.offset;
    if (start >= text.length) {
      // Behind the last word, not behind the newlines: a message about the end should show a line that says something.
      const end = text.trimEnd().length;
      return this.make('end', '', end, end);
    }
    const code = text.charCodeAt(start);
    const kind = classOf(code);
    if (code === DOLLAR) {
      const argument = this.argument(start);
      if (argument) return argument;
    }
    if (kind & WORD_START) return this.word(start);
    if (kind & DIGIT) {
      const end = this.numberEnd(start + 1);
      this.offset = end;
      return this.make('number', text.slice(start, end), start, end);
    }
    if (code === QUOTE) return this.string(start);
    if (code === AT) {
      const argument = this.argument(start);
      if (argument) return argument;
      if (classOf(text.charCodeAt(start + 1)) & WORD_START) {
        const end = this.wordEnd(start + 2);
        this.offset = end;
        return this.make('operator', this.intern(text.slice(start, end)), start, end);
      }
    }
    if (code === PERCENT && text.charCodeAt(start + 1) === BRACE) return this.embedded(start);
    for (const operator of OPERATORS.get(code) ?? []) {
      if (operator.length === 1 || text.startsWith(operator, start)) {
        this.offset = start + operator.length;
        return this.make('operator', operator, start, this.offset);
      }
    }
    return this.junk(start);
  }

  /** Passes over the rest of the text: what follows is the end. */
  skipToEnd(): void {
    this.offset = this.source.text.length;
  }

  protected make(kind: TokenKind, text: string, start: number, end: number): ScriptToken {
    return new ScriptToken(kind, text, this.source, start, end, undefined);
  }

  protected intern(word: string): string {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    this.words.set(word, word);
    return word;
  }

  private wordEnd(from: number): number {
    const { text } = this.source;
    let end = from;
    while (end < text.length && classOf(text.charCodeAt(end)) & WORD_PART) end += 1;
    return end;
  }

  /** The end of a number: it runs on through letters, but not through `_` and `$`. */
  private numberEnd(from: number): number {
    const { text } = this.source;
    let end = from;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === DOLLAR || code === UNDERSCORE || !(classOf(code) & WORD_PART)) break;
    }
    return end;
  }

  private word(start: number): ScriptToken {
    const end = this.wordEnd(start + 1);
    this.offset = end;
    const word = this.intern(this.source.text.slice(start, end));
    return this.make(KEYWORDS.has(word) ? 'keyword' : 'identifier', word, start, end);
  }

  /** `$1`, `$#`, `@1`, `@#`: undefined where it is something else. */
  private argument(start: number): ScriptToken | undefined {
    const { text } = this.source;
    let end = start + 1;
    if (text.charCodeAt(end) === HASH) end += 1;
    else {
      while (end < text.length && classOf(text.charCodeAt(end)) & DIGIT) end += 1;
      if (end === start + 1) return undefined;
    }
    this.offset = end;
    return this.make('argument', text.slice(start, end), start, end);
  }

  private string(start: number): ScriptToken {
    const { text } = this.source;
    let at = start + 1;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.offset = at + 1;
        const token = this.make('string', text.slice(start, at + 1), start, at + 1);
        if (at - start > MAXIMUM_STRING) this.events.fault('long-string', token);
        return token;
      }
      if (code === BACKSLASH) at += 1;
      else if (code === NEWLINE) break;
    }
    // Unterminated: the rest of the line is taken for the string, which loses least of what follows.
    const end = Math.min(at, text.length);
    this.offset = end;
    const token = this.make('string', text.slice(start, end), start, end);
    this.events.fault('string', token);
    return token;
  }

  private embedded(start: number): ScriptToken {
    const { text } = this.source;
    const close = text.indexOf('%}', start + 2);
    const end = close === -1 ? text.length : close + 2;
    this.offset = end;
    const token = this.make('embedded-code', text.slice(start, end), start, end);
    if (close === -1) this.events.fault('embedded-code', token);
    return token;
  }

  private junk(start: number): ScriptToken {
    const { text } = this.source;
    const end = start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
    this.offset = end;
    const token = this.make('junk', text.slice(start, end), start, end);
    this.events.fault('junk', token);
    return token;
  }

  private skipBlank(): void {
    const { text } = this.source;
    let at = this.offset;
    for (; at < text.length; ) {
      const code = text.charCodeAt(at);
      if (classOf(code) & SPACE) {
        at += 1;
      } else if (code === HASH) {
        at = this.comment('shell', at, this.lineEnd(at));
      } else if (code === SLASH && text.charCodeAt(at + 1) === SLASH) {
        at = this.comment('line', at, this.lineEnd(at));
      } else if (code === SLASH && text.charCodeAt(at + 1) === STAR) {
        const close = text.indexOf('*/', at + 2);
        const end = close === -1 ? text.length : close + 2;
        if (close === -1) this.events.fault('comment', this.make('junk', '/*', at, at + 2));
        at = this.comment('block', at, end);
      } else break;
    }
    this.offset = at;
  }

  private lineEnd(from: number): number {
    const end = this.source.text.indexOf('\n', from);
    return end === -1 ? this.source.text.length : end;
  }

  private comment(style: Comment['style'], start: number, end: number): number {
    this.events.comment?.({ span: { file: this.source.name, start, end }, style });
    return end;
  }
}

/** Counts tokens without keeping any. */
class TokenCounter extends Scanner {
  private readonly token: ScriptToken;
  private kind: TokenKind = 'end';
  private start = 0;
  private end = 0;

  constructor(source: SourceText) {
    super(source, { fault: () => {} });
    this.token = new ScriptToken('end', '', source, 0, 0, undefined);
  }

  protected override make(kind: TokenKind, _text: string, start: number, end: number): ScriptToken {
    this.kind = kind;
    this.start = start;
    this.end = end;
    return this.token;
  }

  protected override intern(word: string): string {
    return word;
  }

  /** The token that was read last; undefined at the end. */
  last(): ScriptToken | undefined {
    const { kind, source, start, end } = this;
    if (kind === 'end') return undefined;
    return new ScriptToken(kind, source.text.slice(start, end), source, start, end, undefined);
  }
}

/**
 * Looks for the first token beyond a number of them, without keeping any: a text that is too large is told from others
 * before anything of it is read.
 *
 * @param most how many tokens the text may have
 * @returns the token behind those, or undefined where there is none
 */
export function findTokenBeyond(source: SourceText, most: number): ScriptToken | undefined {
  // Each takes a character at least.
  if (source.text.length <= most) return undefined;
  const counter = new TokenCounter(source);
  for (let count = 0; count < most; count++) counter.next();
  counter.next();
  return counter.last();
}
