// Source text and places in it. A span is a file's name and two offsets; line and column are worked out only when
// something is printed, from the text that the IR carries along.

/** One file of script text. `name` is what messages show: a path, or `<input>` for the text of `-e`. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** A range of one file: offsets in UTF-16 code units, `end` exclusive. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** A position as people count: line and column both start at 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Works out the line and column of an offset.
 *
 * @param text the file's whole text
 * @param offset an offset into it; one past the end is allowed and is the end of the file
 */
export function positionAt(text: string, offset: number): Position {
  const end = Math.min(offset, text.length);
  const starts = lineStarts(text, end);
  // The last line that starts at the offset or before it.
  let low = 0;
  for (let high = starts.length - 1; low < high; ) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= end) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: end - starts[low]! + 1 };
}

/** Where the lines of a text start, as far as they were counted. */
interface LineTable {
  readonly text: string;
  readonly starts: number[];
}

/** The tables of the texts that were asked about last: thousands of messages may speak of one large script. */
const tables: LineTable[] = [];
const MOST_TABLES = 4;

/** Where lines start, up to an offset at least. */
function lineStarts(text: string, end: number): readonly number[] {
  let table = tables.find((one) => one.text === text);
  if (!table) {
    table = { text, starts: [0] };
    if (tables.unshift(table) > MOST_TABLES) tables.pop();
  }
  const { starts } = table;
  for (let last = starts[starts.length - 1]!; last < end; last = starts[starts.length - 1]!) {
    const newline = text.indexOf('\n', last);
    if (newline === -1 || newline >= end) break;
    starts.push(newline + 1);
  }
  return starts;
}

/**
 * Returns the text of the line that holds an offset, without its line end.
 *
 * @param text the file's whole text
 * @param offset an offset into it
 */
export function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1;
  const end = text.indexOf('\n', start);
  return text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '');
}

/** Returns the smallest span that covers both; they must be in the same file. */
export function joinSpans(first: Span, last: Span): Span {
  return { file: first.file, start: Math.min(first.start, last.start), end: Math.max(first.end, last.end) };
}

/** Prints a span's start as `file:line:column`, the way every message of stapkit names a place. */
export function formatPlace(span: Span, text: string): string {
  const { line, column } = positionAt(text, span.start);
  return `${span.file}:${line}:${column}`;
}
