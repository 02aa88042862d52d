// A run as typed events, one JSON object a line with `--json`: each print is a row with its values by name, beside it
// everything else that happens. schema.ts has the zod schemas.
import type { ModuleDescription, PrintSite } from './description.js';
import { packedStringSize, type RecordBytes } from './format-site.js';
import type { Loss } from './session.js';

/** A value of a row. Numbers beyond 2^53 are decimal strings, because JSON readers round them. */
export type RowValue = number | string;

/** Something that happened in a run. Times are nanoseconds since boot (CLOCK_MONOTONIC), as decimal strings. */
export type RunEvent =
  | {
      readonly event: 'start';
      readonly module: string;
      readonly script: string;
      readonly release: string;
      readonly probes: number;
    }
  | {
      readonly event: 'print';
      readonly time: string;
      readonly cpu: number;
      readonly place: string;
      /** What was printed. */
      readonly text: string;
      /** The values printed, by the names of `columnNames`. */
      readonly row: Readonly<Record<string, RowValue>>;
    }
  | { readonly event: 'text'; readonly time: string; readonly cpu: number; readonly text: string }
  | { readonly event: 'warning'; readonly time: string; readonly text: string; readonly probe?: string }
  | { readonly event: 'error'; readonly time: string; readonly text: string; readonly probe?: string }
  | ({ readonly event: 'loss' } & Loss)
  | { readonly event: 'detach'; readonly module: string }
  /** Before a run: where a function point does not reach all of a function's code. Written by stap, not by staprun. */
  | {
      readonly event: 'coverage';
      readonly point: string;
      readonly functions: number;
      readonly symbols: number;
      readonly variants: Readonly<Record<string, number>>;
      /** Absent where only debug information could tell. */
      readonly inlined?: number;
      readonly probed: number;
      readonly withoutCode: number;
    }
  | {
      readonly event: 'end';
      readonly module: string;
      readonly exitStatus: number;
      readonly errors: number;
      readonly warnings: number;
      readonly lost: number;
    };

/** A column of a print site's rows. */
export interface Column {
  readonly name: string;
  readonly type: 'long' | 'string' | 'memory';
  /** Which of the site's packed arguments it is. */
  readonly argument: number;
}

/**
 * Names and types of the values that a site prints, in order. Names are what was written (`pid()` is `pid`), made
 * unique by a number. Literals, as in println("text"), say nothing that the text does not, and have no column.
 */
export function siteColumns(site: PrintSite): Column[] {
  const columns: Column[] = [];
  const taken = new Set<string>();
  let argument = 0;
  let shown = 0;
  for (const piece of site.pieces) {
    if (piece.kind === 'text') continue;
    if (piece.width === 'argument') argument++;
    if (piece.precision === 'argument') argument++;
    if (piece.conversion === 'n') continue;
    const written = site.names[shown++] ?? `value${shown}`;
    const type = site.arguments[argument] ?? 'long';
    const position = argument++;
    if (isLiteral(written)) continue;
    const base = columnName(written);
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base}_${number}`;
    taken.add(name);
    columns.push({ name, type, argument: position });
  }
  return columns;
}

function isLiteral(written: string): boolean {
  return /^(?:"|-?\d)/.test(written);
}

/** `pid()` → `pid`, `$file->f_pos` → `file_f_pos`, `a[1]` → `a_1`. */
function columnName(written: string): string {
  const name = written
    .replace(/\(\s*\)/g, '')
    .replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^[A-Za-z_]/.test(name) ? name : `value_${name}`.replace(/_$/, '');
}

/** Reads the values of PRINT records. */
export type RowReader = (records: RecordBytes, offset: number) => Record<string, RowValue>;

/** Prepares a site for reading rows. */
export function compileRow(site: PrintSite): RowReader {
  // For each packed argument the column it fills, if any.
  const targets: (string | undefined)[] = [];
  for (const { name, argument } of siteColumns(site)) targets[argument] = name;
  return (records, offset) => {
    const row: Record<string, RowValue> = {};
    let at = offset;
    site.arguments.forEach((packing, index) => {
      const name = targets[index];
      if (packing === 'long') {
        if (name !== undefined) row[name] = readLong(records, at);
        at += 8;
      } else {
        const length = records.words[at >> 2]!;
        const bytes = records.bytes.subarray(at + 4, at + 4 + length);
        if (name !== undefined) row[name] = packing === 'memory' ? bytes.toString('hex') : bytesText(bytes);
        at += packedStringSize(length);
      }
    });
    return row;
  };
}

function readLong(records: RecordBytes, offset: number): RowValue {
  const value = new BigInt64Array(records.bytes.buffer, records.bytes.byteOffset + offset, 1)[0]!;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Bytes as text: UTF-8 where they are that, else a character a byte. */
export function bytesText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
}

/** The event that a run begins with. */
export function startEvent(module: string, description: ModuleDescription): RunEvent {
  return {
    event: 'start',
    module,
    script: description.script,
    release: description.release,
    probes: description.probes.length,
  };
}
