// The bar chart that print() makes of a histogram (langref.pdf, section 8.4). What the text of the manual leaves open
// was read off the sample outputs of SystemTap's example scripts, all of which test/histogram.test.ts renders again:
//
//   * the value column is as wide as its widest value, at least as wide as the word "value"; the count column is as
//     wide as the widest count
//   * a bar is at most 50 wide; where the largest count is above that, one @ stands for ceil(largest / 50)
//   * up to `elision` empty buckets are shown below the first and above the last that counted anything, and up to that
//     many at both ends of a run of empty ones; a "~" line stands for the rest (HIST_ELISION, 2 by default; negative
//     shows all)
import type { ByteWriter } from './byte-writer.js';

/** Widest bar, in characters. */
const BAR = 50;

/** One histogram as it is printed. */
export interface HistogramData {
  readonly buckets: readonly HistogramBucket[];
  /** HIST_ELISION: how many empty buckets in a row are shown at each end. */
  readonly elision: number;
}

/** One row. */
export interface HistogramBucket {
  /** The least value that the bucket counts; for those out of range, the bound with `<` or `>` before it. */
  readonly label: string;
  readonly count: bigint;
  /** True for the buckets below and above a linear histogram's range, which are shown only where they counted. */
  readonly outOfRange?: boolean;
}

/**
 * Names the buckets of `@hist_linear(v, low, high, interval)`.
 *
 * @param counts the counts: below the range, each interval from `low` to `high` inclusive, above the range
 */
export function linearBuckets(counts: readonly bigint[], low: bigint, interval: bigint): HistogramBucket[] {
  const last = counts.length - 1;
  return counts.map((count, index) => {
    if (index === 0) return { label: `<${low}`, count, outOfRange: true };
    const value = low + BigInt(index - 1) * interval;
    if (index === last) return { label: `>${value - interval}`, count, outOfRange: true };
    return { label: String(value), count };
  });
}

/**
 * Names the buckets of `@hist_log(v)`: -2^63 … -2, -1, 0, 1, 2, 4, … 2^62.
 *
 * @param counts 128 counts (64 for the negative values from the largest magnitude on, one for 0, 63 for the positive)
 */
export function logBuckets(counts: readonly bigint[]): HistogramBucket[] {
  return counts.map((count, index) => ({ label: String(logBucketValue(index)), count }));
}

/** The least magnitude that a bucket of a logarithmic histogram counts, with its sign. Bucket 64 is 0. */
export function logBucketValue(index: number): bigint {
  if (index === 64) return 0n;
  return index < 64 ? -(1n << BigInt(63 - index)) : 1n << BigInt(index - 65);
}

/**
 * Prints a histogram.
 *
 * @param histogram its buckets in order
 * @param out where the lines go, each with its newline
 */
export function writeHistogram(histogram: HistogramData, out: ByteWriter): void {
  const shown = histogram.buckets.filter((bucket) => !bucket.outOfRange || bucket.count !== 0n);
  const first = shown.findIndex((bucket) => bucket.count !== 0n);
  let last = shown.length - 1;
  while (last >= 0 && shown[last]!.count === 0n) last--;
  const { elision } = histogram;

  // Which rows appear: the counted ones, and the empty ones near enough to the end of their run.
  const rows: (HistogramBucket | undefined)[] = [];
  if (first !== -1) {
    const start = elision < 0 ? 0 : Math.max(0, first - elision);
    const end = elision < 0 ? shown.length - 1 : Math.min(shown.length - 1, last + elision);
    for (let index = start; index <= end; ) {
      if (shown[index]!.count !== 0n) {
        rows.push(shown[index]);
        index++;
        continue;
      }
      let after = index;
      while (after <= end && shown[after]!.count === 0n) after++;
      const inside = index > first && after <= last;
      if (inside && elision >= 0 && after - index > 2 * elision) {
        for (let row = index; row < index + elision; row++) rows.push(shown[row]);
        if (elision > 0) rows.push(undefined);
        for (let row = after - elision; row < after; row++) rows.push(shown[row]);
      } else {
        for (let row = index; row < after; row++) rows.push(shown[row]);
      }
      index = after;
    }
  }

  let valueWidth = 'value'.length;
  let largest = 0n;
  for (const row of rows) {
    if (!row) continue;
    if (row.label.length > valueWidth) valueWidth = row.label.length;
    if (row.count > largest) largest = row.count;
  }
  const countWidth = String(largest).length;
  const scale = largest > BigInt(BAR) ? (largest + BigInt(BAR) - 1n) / BigInt(BAR) : 1n;

  out.latin1(`${'value'.padStart(valueWidth)} |${'-'.repeat(BAR)} count\n`);
  for (const row of rows) {
    if (!row) {
      out.latin1(`${' '.repeat(valueWidth)} ~\n`);
      continue;
    }
    const bar = '@'.repeat(Number(row.count / scale)).padEnd(BAR);
    out.latin1(`${row.label.padStart(valueWidth)} |${bar} ${String(row.count).padStart(countWidth)}\n`);
  }
  out.latin1('\n');
}
