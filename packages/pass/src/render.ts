// The one renderer of diagnostics. The layout is the one that SystemTap's users know:
//
//   semantic error: unresolved function: identifier 'foo' at <input>:1:15
//           source: probe begin { foo() }
//                                 ^
//
// followed by related places and hints, which SystemTap has only in part.
import type { Diagnostic, RelatedPlace } from './diagnostics.js';
import { lineAt, positionAt, type SourceText, type Span } from './source.js';

/** The escape sequences of the parts of a message (`SYSTEMTAP_COLORS` of stap(1)); empty strings switch one off. */
export interface MessageColors {
  readonly error: string;
  readonly warning: string;
  readonly source: string;
  readonly caret: string;
  readonly token: string;
}

/** SystemTap's default colours, from stap(1): `error=01;31:warning=00;33:source=00;34:caret=01:token=01`. */
export const DEFAULT_COLORS: MessageColors = {
  error: '01;31',
  warning: '00;33',
  source: '00;34',
  caret: '01',
  token: '01',
};

export interface RenderOptions {
  /** The texts that spans point into; a span into a file that is not here shows no source line. */
  readonly sources?: Iterable<SourceText>;
  /** Colours, or undefined for plain text. */
  readonly colors?: MessageColors;
}

/**
 * Renders one diagnostic as lines of text, without a final newline.
 *
 * @param diagnostic what to print
 * @param options the source texts and the colours
 */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const texts = textsOf(options.sources ?? []);
  // Each part is followed by an erasing of the rest of the line, as GCC and SystemTap do it.
  const paint = (code: string | undefined, text: string): string =>
    code ? `\x1b[${code}m\x1b[K${text}\x1b[m\x1b[K` : text;
  const paintPart = (part: keyof MessageColors, text: string): string => paint(options.colors?.[part], text);

  const label = labelOf(diagnostic);
  const labelColor = diagnostic.severity === 'error' ? options.colors?.error : options.colors?.warning;
  const lines: string[] = [];
  const place = placeSuffix(diagnostic.span, texts, paintPart);
  const message = visible(diagnostic.message);
  const head = diagnostic.bare ? `${message}.` : `${paint(labelColor, `${label}:`)} ${message}`;
  if (diagnostic.saw === undefined) lines.push(`${head}${place}`);
  else {
    // The colons stand below one another: `parse error: …` and `        saw: …`.
    const verb = diagnostic.saw.indexOf(':');
    lines.push(head, `${' '.repeat(Math.max(0, label.length - verb))}${visible(diagnostic.saw)}${place}`);
  }
  pushSource(lines, diagnostic.span, texts, label.length, paintPart);
  for (const related of diagnostic.related ?? []) {
    lines.push(`        ${visible(related.message)}${placeSuffix(related.span, texts, paintPart)}`);
    pushSource(lines, related.span, texts, label.length, paintPart);
  }
  for (const line of diagnostic.detail ?? []) lines.push(`    ${line}`);
  for (const hint of diagnostic.hints ?? []) lines.push(`  hint: ${hint}`);
  return lines.join('\n');
}

/** Texts by name, worked out once for a list: there may be hundreds of files and thousands of messages. */
const textMaps = new WeakMap<Iterable<SourceText>, { readonly length: number; readonly texts: Map<string, string> }>();

function textsOf(sources: Iterable<SourceText>): ReadonlyMap<string, string> {
  // An array may have grown since; anything else is read anew.
  const length = Array.isArray(sources) ? sources.length : -1;
  const known = textMaps.get(sources);
  if (known && known.length === length) return known.texts;
  const texts = new Map<string, string>();
  for (const source of sources) texts.set(source.name, source.text);
  if (length >= 0) textMaps.set(sources, { length, texts });
  return texts;
}

function labelOf(diagnostic: Diagnostic): string {
  if (diagnostic.severity === 'warning') return 'WARNING';
  if (diagnostic.severity === 'note') return 'note';
  switch (diagnostic.class) {
    case 'parse':
      return 'parse error';
    case 'semantic':
      return 'semantic error';
    case 'build':
    case 'run':
    case 'usage':
      return 'ERROR';
  }
}

/** Paints one part of a message. */
type Paint = (part: keyof MessageColors, text: string) => string;

function placeSuffix(span: Span | undefined, texts: ReadonlyMap<string, string>, paint: Paint) {
  if (!span) return '';
  const text = texts.get(span.file);
  if (text === undefined) return ` at ${paint('source', span.file)}`;
  const { line, column } = positionAt(text, span.start);
  return ` at ${paint('source', `${span.file}:${line}:${column}`)}`;
}

function pushSource(
  lines: string[],
  span: RelatedPlace['span'],
  texts: ReadonlyMap<string, string>,
  labelWidth: number,
  paint: Paint,
): void {
  if (!span) return;
  const text = texts.get(span.file);
  if (text === undefined) return;
  const { source, column } = excerpt(visible(lineAt(text, span.start)), positionAt(text, span.start).column);
  // The caret must stand below its character, so tabs before it are kept as tabs.
  const indent = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const margin = `${' '.repeat(Math.max(0, labelWidth - 'source'.length))}source: `;
  const token = TOKEN.exec(source.slice(column - 1))?.[0] ?? '';
  const [before, after] = [source.slice(0, column - 1), source.slice(column - 1 + token.length)];
  lines.push(`${margin}${before}${token && paint('token', token)}${after}`);
  lines.push(`${' '.repeat(margin.length)}${indent}${paint('caret', '^')}`);
}

/** Text of the user's as a terminal may get it: what would control it is shown as a sign of its own. */
function visible(text: string): string {
  return text.replace(/(?![\t\n]|\r$)\p{Cc}/gu, '\ufffd');
}

/** What stands where a message points: a name, number, string or sign. */
const TOKEN = /^(?:[@$]*\w+|"(?:[^"\\]|\\.)*"?|[^\w\s])/;

/** Characters of a source line that a message shows. */
const LONGEST_LINE = 1000;

/** A source line as a message shows it: of one that no screen holds, what is around the column. */
function excerpt(line: string, column: number): { readonly source: string; readonly column: number } {
  if (line.length <= LONGEST_LINE) return { source: line, column };
  const start = Math.max(0, Math.min(column - 1 - LONGEST_LINE / 2, line.length - LONGEST_LINE));
  const end = start + LONGEST_LINE;
  const before = start > 0 ? '...' : '';
  const after = end < line.length ? '...' : '';
  return { source: `${before}${line.slice(start, end)}${after}`, column: column - start + before.length };
}

/**
 * Reads SYSTEMTAP_COLORS (stap(1), `--color`): `part=code[;code]:…`. Where it is not set the defaults hold; where it is
 * empty or malformed colouring is off, as the man page says.
 *
 * @param text the variable's value, or undefined where it is not set
 * @returns the colours, or undefined for none
 */
export function parseColors(text: string | undefined): MessageColors | undefined {
  if (text === undefined) return DEFAULT_COLORS;
  const colors: Record<keyof MessageColors, string> = { error: '', warning: '', source: '', caret: '', token: '' };
  for (const entry of text.split(':')) {
    const match = /^(error|warning|source|caret|token)=(\d{1,2}(?:;\d{1,2})*)$/.exec(entry);
    if (!match) return undefined;
    colors[match[1] as keyof MessageColors] = match[2]!;
  }
  return colors;
}
