// Histograms, byte for byte: those of the manual and of SystemTap's documented sample outputs, rendered again from the
// numbers that they show.
import { expect, test } from 'vitest';
import { ByteWriter } from '../src/byte-writer.js';
import { type HistogramBucket, linearBuckets, logBuckets, logBucketValue, writeHistogram } from '../src/histogram.js';

function render(buckets: HistogramBucket[], elision = 2): string {
  const out = new ByteWriter();
  writeHistogram({ buckets, elision }, out);
  return out.view().toString('latin1');
}

function logCounts(counts: Record<string, number>): bigint[] {
  return Array.from({ length: 128 }, (_, index) => BigInt(counts[String(logBucketValue(index))] ?? 0));
}

test('a logarithmic histogram looks as in langref, section 8.4.2', () => {
  const counts = { 32: 254, 64: 3, 128: 2, 256: 2, 512: 4, 1024: 16689 };
  expect(render(logBuckets(logCounts(counts)))).toBe(
    [
      'value |-------------------------------------------------- count',
      '    8 |                                                       0',
      '   16 |                                                       0',
      '   32 |                                                     254',
      '   64 |                                                       3',
      '  128 |                                                       2',
      '  256 |                                                       2',
      '  512 |                                                       4',
      ' 1024 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@  16689',
      ' 2048 |                                                       0',
      ' 4096 |                                                       0',
      '',
      '',
    ].join('\n'),
  );
});

test('a linear histogram looks as in langref, section 8.4.1', () => {
  // Below 0, 0 to 10240 by 200, above.
  const counts = Array.from({ length: 54 }, () => 0n);
  counts[1] = 1650n;
  counts[2] = 8n;
  counts[8] = 1n;
  expect(render(linearBuckets(counts, 0n, 200n))).toBe(
    [
      'value |-------------------------------------------------- count',
      '    0 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 1650',
      '  200 |                                                      8',
      '  400 |                                                      0',
      '  600 |                                                      0',
      '      ~',
      ' 1000 |                                                      0',
      ' 1200 |                                                      0',
      ' 1400 |                                                      1',
      ' 1600 |                                                      0',
      ' 1800 |                                                      0',
      '',
      '',
    ].join('\n'),
  );
});

test('negative values, small counts and wide labels keep their columns', () => {
  const text = render(logBuckets(logCounts({ '-8589934592': 1, '-1': 2, 0: 3 })));
  expect(text.split('\n').slice(0, 7)).toEqual([
    '       value |-------------------------------------------------- count',
    '-34359738368 |                                                   0',
    '-17179869184 |                                                   0',
    ' -8589934592 |@                                                  1',
    ' -4294967296 |                                                   0',
    ' -2147483648 |                                                   0',
    '             ~',
  ]);
  expect(text).toContain('          -1 |@@                                                 2\n           0 |@@@  ');
});

test('values out of a linear histogram’s range have rows of their own', () => {
  const text = render(linearBuckets([4n, 1n, 0n, 2n, 5n], 1n, 1n));
  expect(text.split('\n').slice(1, -2)).toEqual([
    '   <1 |@@@@                                               4',
    '    1 |@                                                  1',
    '    2 |                                                   0',
    '    3 |@@                                                 2',
    '   >3 |@@@@@                                              5',
  ]);
});

test('HIST_ELISION 0 removes all empty buckets, a negative one removes none', () => {
  const buckets = linearBuckets([0n, 0n, 1n, 0n, 0n, 0n, 0n, 0n, 1n, 0n], 10n, 10n);
  const labels = (elision: number) =>
    render(buckets, elision)
      .split('\n')
      .slice(1, -2)
      .map((line) => line.trim().split(' ')[0]);
  expect(labels(0)).toEqual(['20', '80']);
  expect(labels(-1)).toEqual(['10', '20', '30', '40', '50', '60', '70', '80']);
  expect(labels(1)).toEqual(['10', '20', '30', '~', '70', '80']);
});
