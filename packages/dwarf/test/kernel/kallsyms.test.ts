// Lists of symbols as text.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attempt, parseSymbolList, readKallsyms, readSystemMap } from '../../src/index.js';
import { temporaryFolder } from '../helpers/compile.js';

const TEXT = `ffffffff81000000 T _stext
ffffffff81001000 t do_one
ffffffff81001000 T alias_of_do_one
ffffffff81002000 t do_one
ffffffffc0000000 t ext4_open\t[ext4]
`;

test('symbols are found by name, module and address', () => {
  const list = parseSymbolList(TEXT, 'kallsyms');
  expect(list.count).toBe(5);
  expect(list.find('do_one').map((s) => s.address)).toEqual([0xffffffff81001000n, 0xffffffff81002000n]);
  expect(list.find('ext4_open', 'ext4')).toEqual([
    { name: 'ext4_open', address: 0xffffffffc0000000n, type: 't', module: 'ext4' },
  ]);
  expect(list.lookup(0xffffffff81001010n)).toMatchObject({ symbol: { name: 'do_one' }, offset: 16n });
  expect(list.lookup(0x1000n)).toBeUndefined();
});

test('a list whose addresses are hidden says so', () => {
  const list = parseSymbolList(TEXT.replaceAll(/^[0-9a-f]{16}/gm, '0'.repeat(16)), 'kallsyms');
  expect(list.hasAddresses).toBe(false);
  expect(list.find('do_one')).toHaveLength(2);
  expect(list.lookup(5n)).toBeUndefined();
});

test('a line of another form is a fault', () => {
  expect(attempt(() => parseSymbolList(`${TEXT}what is this\n`, 'map'))).toMatchObject({
    ok: false,
    fault: { file: 'map', offset: TEXT.length },
  });
});

test('Debian’s placeholder of System.map is told from the true one', () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'System.map');
  writeFileSync(path, 'ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n');
  expect(attempt(() => readSystemMap(path))).toMatchObject({ ok: false });
  writeFileSync(path, TEXT);
  expect(readSystemMap(path).count).toBe(5);
  folder.remove();
});

test('the running kernel’s list is read', () => {
  expect(readKallsyms().count).toBeGreaterThan(1000);
});
