// Order over CPUs and batches, and what damaged batches do.
import { DiagnosticError } from '@stapkit/pass';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RECORD } from '../src/protocol.js';
import { RecordOrder, recordBytes, recordCpu, recordSite, recordStamp } from '../src/record-order.js';
import { print, record, watermark } from './module-double.js';

/** Feeds batches and returns what comes out, as stamp/cpu/site. */
function feed(batches: readonly (readonly Buffer[])[], finish = true): string[] {
  const order = new RecordOrder();
  const seen: string[] = [];
  const visit: Parameters<RecordOrder['accept']>[2] = (records, offset) =>
    seen.push(`${recordStamp(records, offset)}/${recordCpu(records, offset)}/${recordSite(records, offset)}`);
  for (const batch of batches) {
    const bytes = Buffer.concat(batch);
    const records = recordBytes(bytes.length);
    bytes.copy(records.bytes);
    order.accept(records, bytes.length, visit);
    records.bytes.fill(0xff);
  }
  if (finish) order.finish(visit);
  return seen;
}

test('records of several CPUs come out by stamp, those beyond the watermark only later', () => {
  const first = [print(0, 10, [], 0), print(1, 30, [], 0), print(2, 50, [], 0), print(3, 20, [], 1), watermark(30)];
  expect(feed([first], false)).toEqual(['10/0/0', '20/1/3']);
  expect(feed([first, [print(4, 40, [], 1), watermark(60)]], false)).toEqual([
    '10/0/0',
    '20/1/3',
    '30/0/1',
    '40/1/4',
    '50/0/2',
  ]);
});

test('equal stamps are ordered by CPU, then by their place in the stream', () => {
  const batch = [print(0, 5, [], 1), print(1, 5, [], 1), print(2, 5, [], 0), watermark(9)];
  expect(feed([batch])).toEqual(['5/0/2', '5/1/0', '5/1/1']);
});

test('the end of the run lets everything out', () => {
  expect(feed([[print(0, 10), watermark(1)]])).toEqual(['10/0/0']);
});

test('stamps are told apart to the nanosecond after years of uptime', () => {
  const year = 31_557_600_000_000_000n * 10n;
  expect(feed([[print(0, year + 1n, [], 1), print(1, year, [], 0), watermark(year + 5n)]])).toEqual([
    `${year}/0/1`,
    `${year + 1n}/1/0`,
  ]);
});

test('any split into batches gives the one order', () => {
  const stream = fc.array(fc.array(fc.nat(1000), { maxLength: 30 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(stream, fc.array(fc.nat(1000), { maxLength: 6 }), (cpus, cuts) => {
      const sorted = cpus.map((stamps) => [...stamps].sort((a, b) => a - b));
      const marks = [...cuts].sort((a, b) => a - b);
      let site = 0;
      const numbered = sorted.map((stamps, cpu) => stamps.map((stamp) => ({ stamp, cpu, site: site++ })));
      const batches: Buffer[][] = [];
      const given = new Set<number>();
      for (const mark of [...marks, 2000]) {
        const batch: Buffer[] = [];
        for (const list of numbered) {
          for (const { stamp, cpu, site } of list) {
            // Everything below the mark, and now and then something above it.
            if (given.has(site) || (stamp >= mark && (site + mark) % 3 !== 0)) continue;
            if (list.some((other) => !given.has(other.site) && other.site < site)) continue;
            given.add(site);
            batch.push(print(site, stamp, [], cpu));
          }
        }
        batches.push([...batch, watermark(mark)]);
      }
      const expected = numbered
        .flat()
        .sort((a, b) => a.stamp - b.stamp || a.cpu - b.cpu || a.site - b.site)
        .map(({ stamp, cpu, site }) => `${stamp}/${cpu}/${site}`);
      expect(feed(batches)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('padding of any length is skipped', () => {
  const pad = (length: number): Buffer => {
    const bytes = Buffer.alloc(length, 0xee);
    bytes.writeUInt32LE(length, 0);
    bytes.writeUInt16LE(RECORD.PAD, 4);
    return bytes;
  };
  expect(feed([[pad(8), print(0, 1), pad(16), pad(24), print(1, 2), watermark(3), pad(8)]], false)).toEqual([
    '1/0/0',
    '2/0/1',
  ]);
});

test('a request to exit is heard at once, out of order', () => {
  const order = new RecordOrder();
  const bytes = record({ kind: RECORD.EXIT, stamp: 100 });
  const records = recordBytes(bytes.length);
  bytes.copy(records.bytes);
  let heard = 0;
  order.accept(
    records,
    bytes.length,
    () => {},
    () => heard++,
  );
  expect(heard).toBe(1);
});

test('a record that runs over the end of its batch is a diagnostic, not a crash', () => {
  const whole = print(0, 1, ['text']);
  expect(() => feed([[whole.subarray(0, whole.length - 8)]])).toThrow(DiagnosticError);
  expect(() => feed([[Buffer.alloc(24)]])).toThrow(/length 0 at byte 0/);
});
