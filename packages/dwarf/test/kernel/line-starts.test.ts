import { expect, test } from 'vitest';
import { apart } from '../../src/kernel/line-starts.js';

const row = (line: number, address: bigint, ...others: bigint[]) => ({ line, address, others });
const places = (...rows: Parameters<typeof apart>[0]) =>
  apart(rows).map((one) => `${one.line}:${one.address.toString(16)}`);

test('lines that share a place are probed at places of their own, the first line at the shared one', () => {
  expect(places(row(10, 0x10n), row(11, 0x20n))).toEqual(['10:10', '11:20']);
  expect(places(row(10, 0x10n), row(11, 0x10n, 0x18n))).toEqual(['10:10', '11:18']);
  // The place that one line would be moved to may be the first of another, which keeps it.
  expect(places(row(10, 0x10n), row(11, 0x10n, 0x18n, 0x8n), row(12, 0x18n))).toEqual(['10:10', '11:8', '12:18']);
});

test('a line without a place of its own is left out', () => {
  expect(places(row(10, 0x10n, 0x14n), row(11, 0x10n), row(12, 0x10n, 0x14n), row(13, 0x10n, 0x14n))).toEqual([
    '10:10',
    '12:14',
  ]);
});
