// Places of a script as messages name them: `file:line:column`, and SystemTap's `operator '/' at file:line:column`.
import type { SourceText, Span } from '@stapkit/pass';

const KEYWORDS = new Set(
  'probe global private function if else for foreach in limit return delete while break continue next string long try catch'.split(
    ' ',
  ),
);

const TOKEN =
  /\s+|\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\[\s\S]|[^"\\])*"|0[xX][0-9a-fA-F]+|\d+|[@$]*[A-Za-z_][A-Za-z0-9_$]*|<<<=?|>>>=?|<<=|>>=|\+\+|--|&&|\|\||[-+*/%&|^.<>=!]=|=~|!~|->|<<|>>|[\s\S]/y;

interface Token {
  readonly start: number;
  readonly text: string;
  readonly type: 'identifier' | 'keyword' | 'operator' | 'number' | 'string';
}

/** Answers questions about places from the texts that the IR carries. */
export class Places {
  private readonly texts = new Map<string, string>();
  private readonly starts = new Map<string, number[]>();

  constructor(sources: readonly SourceText[]) {
    for (const source of sources) this.texts.set(source.name, source.text);
  }

  /** Line and column of a span's start; 1:1 where the text is not known. */
  position(span: Span, offset = span.start): { readonly line: number; readonly column: number } {
    const text = this.texts.get(span.file);
    if (text === undefined) return { line: 1, column: 1 };
    let starts = this.starts.get(span.file);
    if (starts === undefined) {
      starts = [0];
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
      this.starts.set(span.file, starts);
    }
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.min(offset, text.length) - starts[low]! + 1 };
  }

  /** `file:line:column` */
  place(span: Span, offset = span.start): string {
    const { line, column } = this.position(span, offset);
    return `${span.file}:${line}:${column}`;
  }

  /**
   * Names the token that a fault is blamed on, as SystemTap does: `operator '/' at x.stp:1:8`.
   *
   * @param span what failed
   * @param operator look for this operator inside the span instead of taking its first token
   */
  near(span: Span, operator?: string): string {
    const tokens = this.tokens(span);
    const token = (operator === undefined ? undefined : findOperator(tokens, operator)) ?? tokens[0];
    if (token === undefined) return this.place(span);
    return `${token.type} '${token.text}' at ${this.place(span, token.start)}`;
  }

  /** The source text of a span; empty where it is not known. */
  text(span: Span): string {
    return this.texts.get(span.file)?.slice(span.start, span.end) ?? '';
  }

  private tokens(span: Span): Token[] {
    const text = this.texts.get(span.file);
    const tokens: Token[] = [];
    if (text === undefined) return tokens;
    TOKEN.lastIndex = span.start;
    while (TOKEN.lastIndex < Math.max(span.end, span.start + 1) && TOKEN.lastIndex < text.length) {
      const start = TOKEN.lastIndex;
      const found = TOKEN.exec(text)?.[0];
      if (found === undefined) break;
      if (/^(\s|\/\/|\/\*|#)/.test(found)) continue;
      tokens.push({ start, text: found, type: tokenType(found) });
    }
    return tokens;
  }
}

function tokenType(text: string): Token['type'] {
  if (KEYWORDS.has(text)) return 'keyword';
  if (/^[@$A-Za-z_]/.test(text)) return 'identifier';
  if (/^\d/.test(text)) return 'number';
  return text.startsWith('"') ? 'string' : 'operator';
}

/** The last such operator outside all parentheses: operators of one level associate to the left. */
function findOperator(tokens: readonly Token[], operator: string): Token | undefined {
  let depth = 0;
  let found: Token | undefined;
  for (const token of tokens) {
    if (token.type !== 'operator') continue;
    if (token.text === '(' || token.text === '[') depth += 1;
    else if (token.text === ')' || token.text === ']') depth -= 1;
    else if (depth === 0 && token.text === operator) found = token;
  }
  return found;
}
