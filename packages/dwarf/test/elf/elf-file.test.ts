// ELF of both word sizes and byte orders, written by hand: sections, symbols, notes, compression, relocations.

import { execFileSync } from 'node:child_process';
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { attempt, openElf } from '../../src/index.js';
import { ByteWriter, buildIdNote, writeElf } from '../helpers/bytes.js';

const ID = 'ab'.repeat(20);

describe.each([
  ['64-bit little-endian', true, true],
  ['64-bit big-endian', true, false],
  ['32-bit little-endian', false, true],
  ['32-bit big-endian', false, false],
])('%s', (_, is64, little) => {
  test('sections and the build id are read', () => {
    const bytes = writeElf(
      [
        { name: '.note.gnu.build-id', type: 7, alignment: 4, bytes: buildIdNote(ID, little) },
        { name: '.text', flags: 6, address: 0x1000, bytes: Buffer.from('code') },
      ],
      { is64, little },
    );
    const elf = openElf(bytes);
    expect(elf.buildId()).toBe(ID);
    expect(elf.addressSize).toBe(is64 ? 8 : 4);
    expect(elf.section('.text')).toMatchObject({ address: 0x1000n, flags: 6, size: 4 });
    expect(Buffer.from(elf.sectionBytes(elf.section('.text')!)).toString()).toBe('code');
    expect(elf.section('.data')).toBeUndefined();
  });

  test('symbols are found by name and by address', () => {
    const strings = Buffer.from('\0start\0x_helper\0');
    const symbols = new ByteWriter(little);
    const symbol = (name: number, info: number, section: number, value: number, size: number) =>
      is64
        ? symbols.u32(name).u8(info, 0).u16(section).u64(value).u64(size)
        : symbols.u32(name, value, size).u8(info, 0).u16(section);
    symbol(0, 0, 0, 0, 0);
    symbol(1, 0x12, 3, 0x1000, 16);
    // `helper` shares its text with `x_helper`.
    symbol(9, 0x02, 3, 0x1010, 8);
    const bytes = writeElf(
      [
        { name: '.symtab', type: 2, link: 2, bytes: symbols.finish() },
        { name: '.strtab', type: 3, bytes: strings },
        { name: '.text', flags: 6, address: 0x1000, bytes: Buffer.alloc(32) },
      ],
      { is64, little },
    );
    const table = openElf(bytes).symbols();
    expect(table.find('start')).toMatchObject({ value: 0x1000n, size: 16, type: 2, binding: 1 });
    expect(table.find('helper')).toMatchObject({ value: 0x1010n, binding: 0 });
    expect(table.find('x_helper')).toBeUndefined();
    expect(table.functionAt(0x1008n)?.name).toBe('start');
    expect(table.functionAt(0x1017n)?.name).toBe('helper');
    expect(table.functionAt(0x1018n)).toBeUndefined();
    expect(table.functionAt(0xfffn)).toBeUndefined();
  });

  test('zlib sections of both forms are inflated', () => {
    const text = Buffer.from('debugging '.repeat(100));
    const header = new ByteWriter(little).u32(1);
    if (is64) header.u32(0).u64(text.length).u64(1);
    else header.u32(text.length, 1);
    const bytes = writeElf(
      [
        { name: '.debug_str', flags: 0x800, bytes: Buffer.concat([header.finish(), deflateSync(text)]) },
        {
          name: '.zdebug_line',
          bytes: Buffer.concat([Buffer.from('ZLIB'), Buffer.from([0, 0, 0, 0, 0, 0, 3, 0xe8]), deflateSync(text)]),
        },
      ],
      { is64, little },
    );
    const elf = openElf(bytes);
    for (const name of ['.debug_str', '.debug_line']) {
      expect(elf.sectionSize(elf.section(name)!)).toBe(1000);
      expect(Buffer.from(elf.sectionBytes(elf.section(name)!)).equals(text)).toBe(true);
      expect(elf.window(elf.section(name)!).size).toBe(1000);
    }
  });
});

test('zstd sections are inflated', () => {
  const text = Buffer.from('debugging '.repeat(500));
  const packed = execFileSync('zstd', ['-qc'], { input: text });
  const header = new ByteWriter().u32(2, 0).u64(text.length).u64(1).finish();
  const elf = openElf(writeElf([{ name: '.debug_info', flags: 0x800, bytes: Buffer.concat([header, packed]) }]));
  expect(Buffer.from(elf.sectionBytes(elf.section('.debug_info')!)).equals(text)).toBe(true);
});

test('a compressed section whose header lies is a fault', () => {
  const packed = deflateSync(Buffer.alloc(100));
  for (const size of [99, 101, 2 ** 40]) {
    const header = new ByteWriter().u32(1, 0).u64(size).u64(1).finish();
    const elf = openElf(
      writeElf([{ name: '.debug_info', flags: 0x800, bytes: Buffer.concat([header, packed]) }]),
      'lie',
    );
    expect(attempt(() => elf.sectionBytes(elf.section('.debug_info')!))).toMatchObject({
      ok: false,
      fault: { file: 'lie', section: '.debug_info' },
    });
  }
});

test('relocations are applied in a relocatable file', () => {
  const symbols = new ByteWriter().bytes(new Uint8Array(24)).u32(0).u8(3, 0).u16(4).u64(0).u64(0).finish();
  const rela = new ByteWriter().u64(0).u32(10, 1).u64(0x123).u64(8).u32(1, 1).u64(0x456).finish();
  const sections = [
    { name: '.debug_info', bytes: Buffer.alloc(16, 0xee) },
    { name: '.rela.debug_info', type: 4, link: 3, info: 1, bytes: rela },
    { name: '.symtab', type: 2, link: 0, bytes: symbols },
    { name: '.text', flags: 6, bytes: Buffer.alloc(8) },
  ];
  const plain = openElf(writeElf(sections, { type: 1 }));
  const read = (elf: typeof plain) => Buffer.from(elf.sectionBytes(elf.section('.debug_info')!));
  expect(read(plain).readUInt32LE(0)).toBe(0x123);
  expect(read(plain).readBigUInt64LE(8)).toBe(0x456n);
  // The bytes between are left alone.
  expect(read(plain).readUInt32LE(4)).toBe(0xeeeeeeee);
  const placed = openElf(writeElf(sections, { type: 1 }), undefined, {
    sectionAddress: (section) => (section.name === '.text' ? 0x4000_0000n : undefined),
  });
  expect(read(placed).readBigUInt64LE(8)).toBe(0x4000_0456n);
  // A linked file has them applied already.
  expect(read(openElf(writeElf(sections, { type: 2 }))).readUInt32LE(0)).toBe(0xeeeeeeee);
});

test('what is no ELF file, or ends early, is a fault with its place', () => {
  expect(attempt(() => openElf(Buffer.from('hello'), 'text'))).toMatchObject({
    ok: false,
    fault: { file: 'text', offset: 0 },
  });
  const whole = writeElf([{ name: '.text', bytes: Buffer.alloc(100) }]);
  for (let length = 0; length < whole.length; length += 7) {
    const result = attempt(() => {
      const elf = openElf(whole.subarray(0, length), 'cut');
      for (const section of elf.sections) elf.sectionBytes(section);
    });
    expect(result.ok).toBe(false);
  }
});
