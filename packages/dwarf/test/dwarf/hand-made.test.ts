// Debug information written byte by byte: every form, both kinds of lists, expressions, what compilers here do not emit.
import { describe, expect, test } from 'vitest';
import {
  attempt,
  DW_AT,
  DW_FORM,
  DW_OP,
  DW_TAG,
  decodeExpression,
  EvaluationError,
  type ExpressionContext,
  evaluate,
  expressionAt,
  findByName,
  locationOf,
  type Machine,
  printExpression,
  rangesOf,
} from '../../src/index.js';
import { ByteWriter } from '../helpers/bytes.js';
import { dwarfOf } from '../helpers/dwarf-writer.js';

const { compile_unit, variable } = DW_TAG;

describe.each([
  ['32-bit little-endian', true, 4],
  ['64-bit little-endian', true, 8],
  ['32-bit big-endian', false, 4],
  ['64-bit big-endian', false, 8],
] as const)('forms in %s DWARF', (_, little, offsetSize) => {
  const off = (value: number) => (w: ByteWriter) => void (offsetSize === 8 ? w.u64(value) : w.u32(value));

  test('strings of every form', () => {
    const strings = Buffer.from('\0plain\0indexed\0');
    const offsets = new ByteWriter(little);
    // A header as .debug_str_offsets has it, then two offsets.
    if (offsetSize === 8) offsets.u32(0xffff_ffff).u64(20).u16(5).u16(0).u64(1).u64(7);
    else offsets.u32(12).u16(5).u16(0).u32(1, 7);
    const forms: [number, (w: ByteWriter) => void, string][] = [
      [DW_FORM.string, (w) => void w.string('here'), 'here'],
      [DW_FORM.strp, off(1), 'plain'],
      [DW_FORM.line_strp, off(7), 'indexed'],
      [DW_FORM.strx, (w) => void w.uleb(1), 'indexed'],
      [DW_FORM.strx1, (w) => void w.u8(0), 'plain'],
      [DW_FORM.strx2, (w) => void w.u16(1), 'indexed'],
      [DW_FORM.strx3, (w) => void w.u8(...(little ? [1, 0, 0] : [0, 0, 1])), 'indexed'],
      [DW_FORM.strx4, (w) => void w.u32(1), 'indexed'],
      [DW_FORM.indirect, (w) => void w.uleb(DW_FORM.string).string('behind'), 'behind'],
    ];
    const dwarf = dwarfOf(
      {
        tag: compile_unit,
        attributes: [[DW_AT.str_offsets_base, DW_FORM.sec_offset, off(offsetSize === 8 ? 16 : 8)]],
        children: forms.map(([form, write]) => ({ tag: variable, attributes: [[DW_AT.name, form, write]] })),
      },
      [
        { name: '.debug_str', bytes: strings },
        { name: '.debug_line_str', bytes: strings },
        { name: '.debug_str_offsets', bytes: offsets.finish() },
      ],
      { little, offsetSize },
    );
    const names = [...dwarf.units()[0]!.root.children()].map((die) => die.name);
    expect(names).toEqual(forms.map(([, , name]) => name));
  });

  test('numbers, blocks, flags and addresses of every form', () => {
    const A = DW_AT.const_value;
    const forms: [number, (w: ByteWriter) => void, bigint | undefined][] = [
      [DW_FORM.data1, (w) => void w.u8(0xff), 0xffn],
      [DW_FORM.data2, (w) => void w.u16(0xfffe), 0xfffen],
      [DW_FORM.data4, (w) => void w.u32(0xffff_fffd), 0xffff_fffdn],
      [DW_FORM.data8, (w) => void w.u64(-2n), 0xffff_ffff_ffff_fffen],
      [DW_FORM.udata, (w) => void w.uleb(2n ** 63n), 2n ** 63n],
      [DW_FORM.sdata, (w) => void w.sleb(-(2n ** 62n)), -(2n ** 62n)],
      [DW_FORM.implicit_const, (w) => void w.sleb(-7), -7n],
      [DW_FORM.block1, (w) => void w.u8(2, 1, 2), undefined],
      [DW_FORM.block2, (w) => void w.u16(1).u8(9), undefined],
      [DW_FORM.block4, (w) => void w.u32(1).u8(9), undefined],
      [DW_FORM.block, (w) => void w.uleb(1).u8(9), undefined],
      [DW_FORM.data16, (w) => void w.u64(1).u64(2), undefined],
      [DW_FORM.flag, (w) => void w.u8(1), 1n],
      [DW_FORM.flag_present, () => {}, 1n],
      [DW_FORM.addr, (w) => void w.u64(0x1234), 0x1234n],
    ];
    const dwarf = dwarfOf(
      {
        tag: compile_unit,
        children: forms.map(([form, write]) => ({
          tag: variable,
          attributes: [
            [A, form, write],
            [DW_AT.decl_line, DW_FORM.data1, (w) => void w.u8(42)],
          ],
        })),
      },
      [],
      { little, offsetSize },
    );
    const dies = [...dwarf.units()[0]!.root.children()];
    expect(dies.map((die) => die.constant(A))).toEqual(forms.map(([, , value]) => value));
    // Each value ended where the next attribute starts.
    expect(dies.every((die) => die.number(DW_AT.decl_line) === 42)).toBe(true);
    expect(dies[0]!.constant(A, true)).toBe(-1n);
    expect(dies[3]!.constant(A, true)).toBe(-2n);
    expect(dies[7]!.block(A)).toEqual(Buffer.from([1, 2]));
  });
});

test('ranges come from .debug_ranges with base addresses in DWARF 4', () => {
  const list = new ByteWriter().u64(0x10).u64(0x20).u64(-1n).u64(0x5000).u64(1).u64(2).u64(3).u64(3).u64(0).u64(0);
  const dwarf = dwarfOf(
    {
      tag: compile_unit,
      attributes: [
        [DW_AT.low_pc, DW_FORM.addr, (w) => void w.u64(0x1000)],
        [DW_AT.ranges, DW_FORM.sec_offset, (w) => void w.u32(0)],
      ],
    },
    [{ name: '.debug_ranges', bytes: list.finish() }],
    { version: 4 },
  );
  expect(rangesOf(dwarf.units()[0]!.root)).toEqual([
    { start: 0x1010n, end: 0x1020n },
    { start: 0x5001n, end: 0x5002n },
  ]);
});

test('ranges come from .debug_rnglists in all their kinds in DWARF 5', () => {
  const addresses = new ByteWriter().u32(20).u16(5).u8(8, 0).u64(0x7000).u64(0x7100).finish();
  const list = new ByteWriter().u32(0).u16(5).u8(8, 0).u32(1, 4);
  list.u8(4).uleb(1).uleb(2); // offset_pair
  list.u8(5).u64(0x2000); // base_address
  list.u8(4).uleb(0).uleb(0x10);
  list.u8(1).uleb(1); // base_addressx
  list.u8(4).uleb(1).uleb(2);
  list.u8(2).uleb(0).uleb(1); // startx_endx
  list.u8(3).uleb(0).uleb(5); // startx_length
  list.u8(6).u64(0x10).u64(0x20); // start_end
  list.u8(7).u64(0x30).uleb(0x10); // start_length
  list.u8(0);
  const dwarf = dwarfOf(
    {
      tag: compile_unit,
      attributes: [
        [DW_AT.low_pc, DW_FORM.addr, (w) => void w.u64(0x1000)],
        [DW_AT.addr_base, DW_FORM.sec_offset, (w) => void w.u32(8)],
        [DW_AT.rnglists_base, DW_FORM.sec_offset, (w) => void w.u32(12)],
        [DW_AT.ranges, DW_FORM.rnglistx, (w) => void w.uleb(0)],
      ],
    },
    [
      { name: '.debug_rnglists', bytes: list.finish() },
      { name: '.debug_addr', bytes: addresses },
    ],
  );
  expect(rangesOf(dwarf.units()[0]!.root).map((r) => [Number(r.start), Number(r.end)])).toEqual([
    [0x1001, 0x1002],
    [0x2000, 0x2010],
    [0x7101, 0x7102],
    [0x7000, 0x7100],
    [0x7000, 0x7005],
    [0x10, 0x20],
    [0x30, 0x40],
  ]);
});

test('location lists name the expression that holds at an address, or the default', () => {
  const list = new ByteWriter();
  list.u8(4).uleb(0).uleb(0x10).uleb(1).u8(0x50); // offset_pair, reg0
  list.u8(9).uleb(1).uleb(2); // GNU's view pair
  list.u8(8).u64(0x2000).uleb(8).uleb(2).u8(0x91, 0x7f); // start_length, fbreg -1
  list.u8(5).uleb(1).u8(0x30); // default, lit0
  list.u8(0);
  const dwarf = dwarfOf(
    {
      tag: compile_unit,
      attributes: [[DW_AT.low_pc, DW_FORM.addr, (w) => void w.u64(0x1000)]],
      children: [{ tag: variable, attributes: [[DW_AT.location, DW_FORM.sec_offset, (w) => void w.u32(0)]] }],
    },
    [{ name: '.debug_loclists', bytes: list.finish() }],
  );
  const [die] = [...dwarf.units()[0]!.root.children()];
  const at = (address: bigint) => printExpression(expressionAt(die!, address)!);
  expect(at(0x1000n)).toBe('DW_OP_reg0');
  expect(at(0x2004n)).toBe('DW_OP_fbreg -1');
  expect(at(0x3000n)).toBe('DW_OP_lit0');
});

test('location lists of DWARF 4 are read with their base addresses', () => {
  const list = new ByteWriter().u64(0).u64(4).u16(1).u8(0x51).u64(-1n).u64(0x9000).u64(1).u64(2).u16(1).u8(0x52);
  list.u64(0).u64(0);
  const dwarf = dwarfOf(
    {
      tag: compile_unit,
      attributes: [[DW_AT.low_pc, DW_FORM.addr, (w) => void w.u64(0x1000)]],
      children: [{ tag: variable, attributes: [[DW_AT.location, DW_FORM.sec_offset, (w) => void w.u32(0)]] }],
    },
    [{ name: '.debug_loc', bytes: list.finish() }],
    { version: 4 },
  );
  const location = locationOf([...dwarf.units()[0]!.root.children()][0]!);
  expect(location?.kind === 'list' && location.entries.map((e) => [e.start, e.end, e.bytes[0]])).toEqual([
    [0x1000n, 0x1004n, 0x51],
    [0x9001n, 0x9002n, 0x52],
  ]);
});

// ------------------------------------------------------------------------------------------------------ expressions

const CONTEXT: ExpressionContext = {
  addressSize: 8,
  offsetSize: 4,
  version: 5,
  littleEndian: true,
  file: 'test',
  section: '.debug_info',
  offset: 0,
};
const MACHINE: Machine = {
  addressSize: 8,
  littleEndian: true,
  register: (number) => BigInt(number) * 0x100n,
  frameBase: () => 0x8000n,
  callFrameAddress: () => 0x9000n,
  memory: (address, size) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(address + 1n);
    return bytes.subarray(0, size);
  },
};

function result(write: (w: ByteWriter) => ByteWriter, machine = MACHINE) {
  return evaluate(decodeExpression(write(new ByteWriter()).finish(), CONTEXT), machine);
}
const value = (write: (w: ByteWriter) => ByteWriter) => {
  const [piece] = result((w) => write(w).u8(DW_OP.stack_value));
  return piece!.location.kind === 'value' ? BigInt.asIntN(64, piece!.location.value) : undefined;
};

test.each<[string, (w: ByteWriter) => ByteWriter, bigint]>([
  ['lit, plus', (w) => w.u8(0x35, 0x36, DW_OP.plus), 11n],
  ['minus', (w) => w.u8(0x35, 0x36, DW_OP.minus), -1n],
  ['const1s, abs', (w) => w.u8(DW_OP.const1s, 0xf6, DW_OP.abs), 10n],
  ['const8u', (w) => w.u8(DW_OP.const8u).u64(2n ** 40n), 2n ** 40n],
  ['consts, neg', (w) => w.u8(DW_OP.consts).sleb(-300).u8(DW_OP.neg), 300n],
  ['div is signed', (w) => w.u8(DW_OP.const1s, 0xf9, 0x32, DW_OP.div), -3n],
  ['mod', (w) => w.u8(0x37, 0x34, DW_OP.mod), 3n],
  ['shl, shr, shra', (w) => w.u8(DW_OP.const1s, 0xf0, 0x31, DW_OP.shl, 0x32, DW_OP.shra), -8n],
  ['swap, over, pick, rot', (w) => w.u8(0x31, 0x32, 0x33, DW_OP.rot, DW_OP.pick, 2, DW_OP.swap, DW_OP.drop), 3n],
  ['comparison is signed', (w) => w.u8(DW_OP.const1s, 0xff, 0x31, DW_OP.lt), 1n],
  ['bra forwards', (w) => w.u8(0x31, DW_OP.bra, 1, 0, 0x35, 0x36), 6n],
  ['skip', (w) => w.u8(0x35, DW_OP.skip, 1, 0, DW_OP.neg), 5n],
  ['breg', (w) => w.u8(DW_OP.breg0 + 3).sleb(-2), 0x2fen],
  ['bregx', (w) => w.u8(DW_OP.bregx).uleb(40).sleb(1), 0x2801n],
  ['fbreg', (w) => w.u8(DW_OP.fbreg).sleb(-16), 0x7ff0n],
  ['call_frame_cfa', (w) => w.u8(DW_OP.call_frame_cfa), 0x9000n],
  ['deref', (w) => w.u8(DW_OP.breg0, 0, DW_OP.deref), 1n],
  ['deref_size', (w) => w.u8(DW_OP.const2u).u16(0x1ff).u8(DW_OP.deref_size, 1), 0n],
  ['addr', (w) => w.u8(DW_OP.addr).u64(0x4000).u8(DW_OP.plus_uconst).uleb(4), 0x4004n],
])('%s', (_, write, expected) => expect(value(write)).toBe(expected));

test('pieces, registers, implicit values and what is optimised out', () => {
  const pieces = result((w) =>
    w
      .u8(0x53, DW_OP.piece, 4)
      .u8(DW_OP.piece, 4)
      .u8(DW_OP.implicit_value, 2, 7, 8, DW_OP.piece, 2)
      .u8(0x35, DW_OP.stack_value, DW_OP.bit_piece, 3, 1),
  );
  expect(pieces).toEqual([
    { location: { kind: 'register', register: 3 }, bits: 32 },
    { location: { kind: 'absent' }, bits: 32 },
    { location: { kind: 'implicit', bytes: Buffer.from([7, 8]) }, bits: 16 },
    { location: { kind: 'value', value: 5n }, bits: 3, bitOffset: 1 },
  ]);
  expect(result((w) => w.u8(DW_OP.implicit_pointer).u32(0).sleb(0))).toEqual([{ location: { kind: 'absent' } }]);
  expect(result((w) => w)).toEqual([{ location: { kind: 'absent' } }]);
});

test('entry values are asked of whoever knows the caller', () => {
  const write = (w: ByteWriter) => w.u8(DW_OP.entry_value, 1, 0x55, DW_OP.stack_value);
  expect(() => result(write)).toThrow(EvaluationError);
  const machine = { ...MACHINE, entryValue: (inner: readonly { op: number }[]) => (inner[0]!.op === 0x55 ? 99n : 0n) };
  expect(result(write, machine)).toEqual([{ location: { kind: 'value', value: 99n } }]);
});

test('expressions that have no end or no sense say so', () => {
  expect(() => value((w) => w.u8(0x31, DW_OP.skip, 0xfd, 0xff))).toThrow('does not end');
  expect(() => value((w) => w.u8(DW_OP.plus))).toThrow('empty stack');
  expect(() => value((w) => w.u8(0x31, 0x30, DW_OP.div))).toThrow('divides by zero');
  expect(attempt(() => decodeExpression(Uint8Array.of(0x02), CONTEXT))).toMatchObject({
    ok: false,
    fault: { problem: 'unknown operation DW_OP_0x2' },
  });
  expect(attempt(() => decodeExpression(Uint8Array.of(DW_OP.addr, 1), CONTEXT)).ok).toBe(false);
});

// ------------------------------------------------------------------------------------------------------------ names

test('.debug_names leads from a name to its entries', () => {
  const strings = Buffer.from('\0main\0other\0');
  const hash = (text: string) => [...Buffer.from(text)].reduce((h, byte) => (Math.imul(h, 33) + byte) >>> 0, 5381);
  const names = new ByteWriter().u16(5).u16(0).u32(1, 0, 0, 1, 2, 7, 0);
  names.u32(0); // the unit
  names.u32(1); // the bucket
  names.u32(hash('main'), hash('other'));
  names.u32(1, 6);
  names.u32(0, 3); // entries
  names.uleb(1).uleb(DW_TAG.subprogram).uleb(3).uleb(DW_FORM.data1).uleb(0).uleb(0).uleb(0); // abbreviations
  names.uleb(1).u8(0x20).uleb(0);
  names.uleb(1).u8(0x30).uleb(0);
  const body = names.finish();
  const dwarf = dwarfOf({ tag: compile_unit }, [
    { name: '.debug_str', bytes: strings },
    { name: '.debug_names', bytes: new ByteWriter().u32(body.length).bytes(body).finish() },
  ]);
  expect(findByName(dwarf, 'main')).toEqual([{ tag: DW_TAG.subprogram, unit: 0, die: 0x20 }]);
  expect(findByName(dwarf, 'other')).toMatchObject([{ die: 0x30 }]);
  expect(findByName(dwarf, 'none')).toEqual([]);
  expect(findByName(dwarfOf({ tag: compile_unit }), 'main')).toBeUndefined();
});

// ----------------------------------------------------------------------------------------------------------- damage

test('faults say in which section and where', () => {
  const dwarf = dwarfOf({
    tag: compile_unit,
    children: [{ tag: variable, attributes: [[DW_AT.name, 0x7777, () => {}]] }],
  });
  const fault = attempt(() => [...dwarf.units()[0]!.root.descendants()].map((die) => die.name));
  expect(fault).toMatchObject({ ok: false, fault: { file: 'made', section: '.debug_info', offset: 14 } });
  expect(!fault.ok && fault.fault.message).toBe('made: .debug_info+0xe: unknown form 0x7777');
  const missing = dwarfOf({ tag: compile_unit, attributes: [[DW_AT.name, DW_FORM.strp, (w) => void w.u32(0)]] });
  expect(attempt(() => missing.units()[0]!.name)).toMatchObject({ ok: false });
});
