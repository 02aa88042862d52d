// Where code of source lines begins in a function's copy, as the line table tells it.
import type { Die } from '../dwarf/die.js';
import { type LineTable, ROW_END, ROW_STATEMENT } from '../dwarf/line.js';
import { rangesOf } from '../dwarf/ranges.js';

/** A line's code begins here. */
export interface LineStart {
  readonly address: bigint;
  readonly line: number;
  /** The other places where code of the line begins, in the order in which they would be taken for it. */
  readonly others: readonly bigint[];
}

/**
 * Where code of lines begins in a function's copy: for each line one place, the first at which a statement of it begins, or,
 * where the compiler mixed it so far with others that no statement begins with it, the first of its code.
 *
 * @param path the function's file
 * @param from the first line that is the function's
 * @param end the first line behind it: what was inlined into it from the same file has other lines
 */
export function lineStarts(die: Die, table: LineTable, path: string, from: number, end: number): LineStart[] {
  const ranges = rangesOf(die);
  if (ranges.length === 0) return [];
  const files = new Set<number>();
  table.files.forEach((file, index) => {
    if (file?.path === path) files.add(index);
  });
  const starts = new Map<number, Map<bigint, boolean>>();
  for (let index = 0; index < table.rowCount; index++) {
    const line = table.lines[index]!;
    if (line < from || line >= end || !files.has(table.fileNumbers[index]!)) continue;
    const flags = table.flags[index]!;
    const address = table.addresses[index]!;
    if ((flags & ROW_END) !== 0 || !ranges.some((range) => range.start <= address && address < range.end)) continue;
    const places = starts.get(line) ?? new Map<bigint, boolean>();
    starts.set(line, places);
    places.set(address, places.get(address) === true || (flags & ROW_STATEMENT) !== 0);
  }
  return [...starts]
    .map(([line, places]) => {
      const [first, ...others] = [...places].sort(([a, x], [b, y]) => (x === y ? Number(a - b) : x ? -1 : 1));
      return { line, address: first![0], others: others.map(([address]) => address) };
    })
    .sort((a, b) => a.line - b.line);
}

/**
 * Lines that are probed together, each at a place of its own: where code is of several lines at once, it is the first one's,
 * and the others are at their next place; a line without any is left out. So each place is hit once, as in SystemTap, which
 * tells the first of such lines.
 *
 * @param rows in the order of their lines
 */
export function apart(rows: readonly LineStart[]): LineStart[] {
  const taken = new Set<bigint>();
  const placed = new Map<LineStart, bigint>();
  const take = (row: LineStart, address: bigint | undefined) => {
    if (address === undefined || taken.has(address)) return;
    taken.add(address);
    placed.set(row, address);
  };
  for (const row of rows) take(row, row.address);
  for (const row of rows) {
    if (placed.has(row)) continue;
    take(
      row,
      row.others.find((address) => !taken.has(address)),
    );
  }
  return rows.flatMap((row) => {
    const address = placed.get(row);
    return address === undefined ? [] : [{ ...row, address }];
  });
}
