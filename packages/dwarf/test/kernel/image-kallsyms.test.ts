// The symbol table that a kernel carries in itself, packed here as three generations of kernels pack it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openKernel } from '../../src/index.js';
import { decodeImageKallsyms } from '../../src/kernel/image-kallsyms.js';
import { BtfWriter, ByteWriter, buildIdNote, writeBzImage, writeElf } from '../helpers/bytes.js';

const BASE = 0xffff_ffff_8100_0000n;

interface Symbol {
  name: string;
  type: string;
  offset: number;
}

/** Enough symbols for the markers of a true table: one for each 256. */
function manySymbols(first: readonly Symbol[]): Symbol[] {
  const symbols = [...first];
  for (let index = symbols.length; index < 5000; index++) {
    symbols.push({ name: `generated_function_${index}`, type: index % 3 ? 't' : 'T', offset: 0x1_0000 + index * 16 });
  }
  return symbols;
}

/** Packs symbols: `old` is the order to 6.3, with per-CPU symbols absolute; `new` that from 6.4; `relative` from 7.0. */
function pack(symbols: readonly Symbol[], order: 'old' | 'new' | 'relative', address = 0n): Buffer {
  const w = new ByteWriter();
  // Two tokens of more than a letter, so that unpacking has something to do.
  const tokens = Array.from({ length: 256 }, (_, code) =>
    code === 1 ? 'generated_' : code === 2 ? 'function_' : code >= 33 && code < 127 ? String.fromCharCode(code) : 'zz',
  );
  const offsets = () => {
    const at = w.length;
    symbols.forEach(({ offset }, index) => {
      if (order === 'old') w.u32((-1 - offset) >>> 0);
      else if (order === 'new') w.u32(offset);
      else w.u32(Number(BigInt.asUintN(32, BASE + BigInt(offset) - (address + BigInt(at + index * 4)))));
    });
    w.align(8);
    if (order !== 'relative') w.u64(BASE).align(8);
  };
  w.bytes(Buffer.from('read-only data before the tables'.padEnd(64)));
  if (order === 'old') offsets();
  w.u32(symbols.length).align(8);
  const names = new ByteWriter();
  const markers: number[] = [];
  symbols.forEach(({ name, type }, index) => {
    if (index % 256 === 0) markers.push(names.length);
    const text = `${type}${name}`.replace('generated_', '\x01').replace('function_', '\x02');
    if (text.length > 127) names.u8((text.length & 0x7f) | 0x80, text.length >> 7);
    else names.u8(text.length);
    names.bytes(Buffer.from(text, 'latin1'));
  });
  w.bytes(names.finish())
    .align(4)
    .u32(...markers);
  const indexes: number[] = [];
  const start = w.length;
  for (const token of tokens) {
    indexes.push(w.length - start);
    w.string(token);
  }
  w.align(4);
  for (const index of indexes) w.u16(index);
  w.align(8);
  if (order !== 'old') offsets();
  w.bytes(Buffer.alloc(64));
  return w.finish();
}

const FIRST: Symbol[] = [
  { name: '_text', type: 'T', offset: 0 },
  { name: 'vfs_read', type: 'T', offset: 0x100 },
  { name: `a_${'very_'.repeat(30)}long_name`, type: 't', offset: 0x140 },
  { name: '__noinstr_text_start', type: 'T', offset: 0x200 },
  { name: 'enter_from_user_mode', type: 'T', offset: 0x210 },
  { name: '__noinstr_text_end', type: 'T', offset: 0x300 },
  { name: 'vfs_helper.isra.0', type: 't', offset: 0x400 },
  { name: '_sinittext', type: 'T', offset: 0x500 },
  { name: 'vfs_caches_init', type: 'T', offset: 0x510 },
  { name: '_einittext', type: 'T', offset: 0x600 },
  { name: '__init_begin', type: 'D', offset: 0x4f0 },
  { name: '_kbl_addr_vfs_barred', type: 'd', offset: 0x610 },
  { name: 'vfs_cleanup', type: 't', offset: 0x620 },
  { name: '__init_end', type: 'R', offset: 0x700 },
  { name: 'vfs_barred', type: 'T', offset: 0x800 },
];

test.each(['old', 'new', 'relative'] as const)('tables of the %s order are found and unpacked', (order) => {
  const symbols = manySymbols(FIRST);
  const decoded = decodeImageKallsyms(pack(symbols, order, 0xffff_ffff_8200_0000n), true, 0xffff_ffff_8200_0000n);
  expect(decoded?.map((s) => `${s.type} ${s.name} ${s.address}`)).toEqual(
    symbols.map((s) => `${s.type} ${s.name} ${BASE + BigInt(s.offset)}`),
  );
});

test('bytes without tables, or with damaged ones, give nothing', () => {
  expect(decodeImageKallsyms(Buffer.alloc(100_000))).toBeUndefined();
  const whole = pack(manySymbols(FIRST), 'new');
  for (let length = whole.length - 80; length > 0; length -= 9973) {
    expect(decodeImageKallsyms(whole.subarray(0, length))).toBeUndefined();
  }
});

test('an image’s symbols tell where functions lie and which can’t be probed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-dwarf-'));
  const w = new BtfWriter();
  const prototype = w.prototype(0, []);
  for (const name of ['vfs_read', 'vfs_caches_init', 'enter_from_user_mode', 'vfs_helper', 'vfs_cleanup', 'vfs_barred'])
    w.func(name, prototype);
  for (let index = 0; index < 100; index++) w.func(`filler_${index}`, prototype);
  const sections = [
    { name: '.rodata', alignment: 16, bytes: pack(manySymbols(FIRST), 'new') },
    { name: '.notes', type: 7, alignment: 4, bytes: buildIdNote('cd'.repeat(20)) },
    { name: '.BTF', bytes: w.finish() },
  ];
  for (const [name, bytes] of [
    ['vmlinux', writeElf(sections, { type: 2 })],
    ['vmlinuz', writeBzImage(gzipSync(writeElf(sections, { type: 2 })))],
  ] as const) {
    const image = join(folder, name);
    writeFileSync(image, bytes);
    const { value: kernel, diagnostics } = await openKernel({
      release: '6.6.0',
      image,
      cacheFolder: join(folder, `c-${name}`),
    });
    expect(diagnostics).toEqual([]);
    expect(kernel.functions('vfs_*')).toMatchObject([
      // A function that is there only under another name has no address of its own.
      { name: 'vfs_helper' },
      { name: 'vfs_read', address: (BASE + 0x100n).toString() },
    ]);
    expect(kernel.functions('vfs_caches_init')).toMatchObject([{ unprobeable: 'init' }]);
    expect(kernel.functions('vfs_cleanup')).toMatchObject([{ unprobeable: 'init' }]);
    expect(kernel.functions('vfs_barred')).toMatchObject([{ unprobeable: 'kprobes' }]);
    expect(kernel.functions('enter_from_user_mode')).toMatchObject([{ unprobeable: 'noinstr' }]);
    expect(kernel.functionVariants('vfs_helper')).toEqual(['vfs_helper.isra.0']);
    expect(kernel.functionCopies('vfs_help*')!.variants).toEqual(['vfs_helper.isra.0']);
    expect(kernel.functionCopies('*')!.functions).toBeGreaterThan(kernel.functions('*').length);
    kernel.close();
  }
  rmSync(folder, { recursive: true });
});
