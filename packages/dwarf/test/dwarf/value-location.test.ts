// Where variables are, as trees: by hand-made expressions, and against the evaluator on every location of compiled code.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type DebugInfo,
  type Die,
  DW_AT,
  DW_ATE,
  DW_FORM,
  DW_OP,
  DW_TAG,
  type Dwarf,
  EvaluationError,
  evaluate,
  expressionAt,
  frameTables,
  type LocationPlace,
  locationOf,
  openDebugInfo,
  type Piece,
  placedVariables,
  rangesOf,
  scopesAt,
  type ValueLocation,
  valueLocation,
} from '../../src/index.js';
import { ByteWriter } from '../helpers/bytes.js';
import { compile, temporaryFolder } from '../helpers/compile.js';
import { dwarfOf, type EntrySpec } from '../helpers/dwarf-writer.js';
import { describeLocation } from '../helpers/value-tree.js';

/** What one variable's expression comes to, in a unit with `unsigned int` at 0x… and a frame based on register 6. */
function follow(write: (w: ByteWriter, types: { u32: number; s32: number; double: number }) => void): ValueLocation {
  const base = (encoding: number, size: number): EntrySpec => ({
    tag: DW_TAG.base_type,
    attributes: [
      [DW_AT.encoding, DW_FORM.data1, (w) => void w.u8(encoding)],
      [DW_AT.byte_size, DW_FORM.data1, (w) => void w.u8(size)],
    ],
  });
  const block = (fill: (w: ByteWriter) => void) => (w: ByteWriter) => {
    const bytes = new ByteWriter();
    fill(bytes);
    w.uleb(bytes.length).bytes(bytes.finish());
  };
  // The unit's header has 12 bytes and its root 1; each base type 3.
  const types = { u32: 13, s32: 16, double: 19 };
  const dwarf = dwarfOf({
    tag: DW_TAG.compile_unit,
    children: [
      base(DW_ATE.unsigned, 4),
      base(DW_ATE.signed, 4),
      base(DW_ATE.float, 8),
      {
        tag: DW_TAG.subprogram,
        attributes: [
          [DW_AT.low_pc, DW_FORM.addr, (w) => void w.u64(0x1000)],
          [DW_AT.high_pc, DW_FORM.data8, (w) => void w.u64(0x100)],
          [DW_AT.frame_base, DW_FORM.exprloc, block((w) => w.u8(DW_OP.reg0 + 6))],
        ],
        children: [
          { tag: DW_TAG.variable, attributes: [[DW_AT.location, DW_FORM.exprloc, block((w) => write(w, types))]] },
        ],
      },
    ],
  });
  const subprogram = [...dwarf.units()[0]!.root.children()][3]!;
  const [variable] = [...subprogram.children()];
  return valueLocation(variable!, {
    address: 0x1010n,
    subprogram,
    frames: [],
    relocate: (address) => (address === 0x5000n ? { kind: 'symbol', name: 'counter', offset: 0 } : undefined),
  });
}

const register = (number: number) => ({ kind: 'register', number });
const constant = (value: number | string) => ({ kind: 'constant', value: String(value) });

describe('expressions become trees', () => {
  test.each<[string, (w: ByteWriter) => void, unknown]>([
    ['a register', (w) => w.u8(DW_OP.reg0 + 3), { kind: 'value', value: register(3) }],
    [
      'memory at a register and an offset',
      (w) => w.u8(DW_OP.breg0 + 7).sleb(-8),
      { kind: 'memory', address: { kind: 'binary', operator: '+', left: register(7), right: constant(-8) } },
    ],
    [
      'memory in the frame',
      (w) => w.u8(DW_OP.fbreg).sleb(-24),
      { kind: 'memory', address: { kind: 'binary', operator: '+', left: register(6), right: constant(-24) } },
    ],
    [
      'a static variable, offsets folded into its symbol',
      (w) => w.u8(DW_OP.addr).u64(0x5000).u8(DW_OP.plus_uconst).uleb(12),
      { kind: 'memory', address: { kind: 'symbol', name: 'counter', offset: 12 } },
    ],
    ['an address that nothing is known of', (w) => w.u8(DW_OP.addr).u64(0x6000), { kind: 'absent' }],
    [
      'a constant that was worked out',
      (w) => w.u8(DW_OP.lit0 + 5, DW_OP.lit0 + 3, DW_OP.mul, DW_OP.neg, DW_OP.stack_value),
      { kind: 'value', value: constant(-15) },
    ],
    [
      'a value read from memory',
      (w) => w.u8(DW_OP.breg0).sleb(0).u8(DW_OP.deref_size, 4, DW_OP.stack_value),
      { kind: 'value', value: { kind: 'read', size: 4, signed: false } },
    ],
    [
      'bytes that stand in the file',
      (w) => w.u8(DW_OP.implicit_value, 2, 0x34, 0x12),
      { kind: 'value', value: constant(0x1234) },
    ],
    [
      'more bytes than a number has',
      (w) => w.u8(DW_OP.implicit_value, 9, 1, 0, 0, 0, 0, 0, 0, 0, 2),
      {
        kind: 'pieces',
        pieces: [
          { size: 8, location: { kind: 'value', value: constant(1) } },
          { size: 1, location: { kind: 'value', value: constant(2) } },
        ],
      },
    ],
    [
      'pieces, one of them gone',
      (w) => w.u8(DW_OP.reg0, DW_OP.piece, 8, DW_OP.piece, 4),
      {
        kind: 'pieces',
        pieces: [
          { size: 8, location: { kind: 'value', value: register(0) } },
          { size: 4, location: { kind: 'absent', reason: 'optimized out' } },
        ],
      },
    ],
    ['an implicit pointer', (w) => w.u8(DW_OP.implicit_pointer).u32(13).sleb(0), { kind: 'absent' }],
    [
      'a value that is known at the entry alone',
      (w) => w.u8(DW_OP.entry_value, 1, DW_OP.reg0 + 5, DW_OP.stack_value),
      { kind: 'absent', reason: 'known only where the function is entered' },
    ],
    ['a stack that is empty', (w) => w.u8(DW_OP.plus), { kind: 'absent' }],
    ['a branch back for ever', (w) => w.u8(DW_OP.skip).u16(0xfffd), { kind: 'absent' }],
    [
      'a branch that is settled',
      (w) =>
        w
          .u8(DW_OP.lit0 + 1, DW_OP.bra)
          .u16(1)
          .u8(DW_OP.lit0 + 9, DW_OP.lit0 + 2, DW_OP.stack_value),
      { kind: 'value', value: constant(2) },
    ],
    [
      'a branch on what only the program knows',
      (w) =>
        w
          .u8(DW_OP.breg0)
          .sleb(0)
          .u8(DW_OP.bra)
          .u16(4)
          .u8(DW_OP.lit0 + 9, DW_OP.skip)
          .u16(1)
          .u8(DW_OP.lit0 + 2, DW_OP.stack_value),
      // biome-ignore lint/suspicious/noThenProperty: the tree names the branch so.
      { kind: 'value', value: { kind: 'choice', then: constant(2), else: constant(9) } },
    ],
  ])('%s', (_, write, expected) => {
    expect(follow(write)).toMatchObject(expected as object);
  });

  test('a typed value is cut to its type and extended', () => {
    const machine = { register: () => 0xffff_ffff_8000_0001n, read: () => 0n, symbol: () => 0n };
    const typed = (type: 'u32' | 's32') =>
      describeLocation(
        follow((w, types) => w.u8(DW_OP.regval_type).uleb(0).uleb(types[type]).u8(DW_OP.convert, 0, DW_OP.stack_value)),
        machine,
      );
    expect(typed('u32')).toBe(`value ${0x8000_0001n}`);
    expect(typed('s32')).toBe(`value ${0xffff_ffff_8000_0001n}`);
    expect(follow((w, types) => w.u8(DW_OP.regval_type).uleb(0).uleb(types.double).u8(DW_OP.stack_value))).toEqual({
      kind: 'absent',
      reason: 'a value of floating-point type',
    });
  });
});

const SOURCE = `
struct pair { long a; long b; };
volatile int sink; static int counter = 4;
__attribute__((noipa)) long use(void *p) { return (long)p; }
static inline __attribute__((always_inline)) long mix(struct pair pair, unsigned char small)
{
  long sum = pair.a * 3 + small;
  { unsigned int narrow = sum >> 3; sink = narrow; sum ^= narrow; }
  return sum;
}
__attribute__((noipa)) long work(long first, int second, const char *text, struct pair byval)
{
  static int kept = 7;
  int local[4] = { 1, second, 3, 4 };
  long total = first;
  const int gone = 12;
  for (int i = 0; i < second; i++) {
    long inner = total * i;
    total += mix((struct pair){ inner, i }, text[i & 1]) + local[i & 3];
    sink += kept++ + counter++ + gone;
  }
  use(local);
  return total + use(&byval);
}
int main(int argc, char **argv) { return work(argc, argc * 2, argv[0], (struct pair){ 1, 2 }); }
`;

/** Numbers that look like any, but are the same each time. */
function made(seed: bigint): bigint {
  let value = BigInt.asUintN(64, seed + 0x9e37_79b9_7f4a_7c15n);
  value = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  return value ^ (value >> 31n);
}

const machine = {
  register: (number: number) => made(BigInt(number)),
  read: (address: bigint, size: number) => BigInt.asUintN(size * 8, made(address)),
  symbol: (name: string, offset: number) => BigInt(name) + BigInt(offset),
};

/** What `evaluate` says of a variable at a place, in the words of `describeLocation`; undefined where it can't tell. */
function evaluated(die: Die, place: LocationPlace): string | undefined {
  const owner = die.owner(DW_AT.location)!;
  const operations = expressionAt(owner, place.address);
  if (!operations) return 'absent';
  const call = () => {
    for (const table of place.frames) {
      const entry = table.find(place.address);
      const cfa = entry && table.rowAt(entry, place.address)?.cfa;
      if (cfa?.kind === 'register') return machine.register(cfa.register) + BigInt(cfa.offset);
    }
    throw new EvaluationError('no frame');
  };
  const describePiece = ({ location }: Piece): string => {
    switch (location.kind) {
      case 'memory':
        return `memory ${location.address}`;
      case 'register':
        return `value ${machine.register(location.register)}`;
      case 'value':
        return `value ${location.value}`;
      case 'implicit':
        return `value ${Buffer.from(location.bytes).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)}`;
      case 'absent':
        return 'absent';
    }
  };
  try {
    const pieces = evaluate(operations, {
      addressSize: 8,
      littleEndian: true,
      register: machine.register,
      memory: (address, size) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(machine.read(address, size));
        return bytes.subarray(0, size);
      },
      callFrameAddress: call,
      frameBase: call,
    });
    if (pieces.length === 1 && pieces[0]!.bits === undefined) return describePiece(pieces[0]!);
    return pieces.map((piece) => `${piece.bits! / 8}:${describePiece(piece)}`).join(' ');
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

const relocate = (address: bigint) => ({ kind: 'symbol', name: String(address), offset: 0 }) as const;

/** Compares every variable at every address where its location changes; returns how many could be compared. */
function compareAll(dwarf: Dwarf, limit = Number.POSITIVE_INFINITY): { compared: number; differences: string[] } {
  const frames = frameTables(dwarf.elf);
  let compared = 0;
  const differences: string[] = [];
  for (const unit of dwarf.units()) {
    const owners: Die[] = [];
    for (const die of unit.root.descendants()) {
      owners.push(die);
      if (die.tag !== DW_TAG.variable && die.tag !== DW_TAG.formal_parameter) continue;
      let subprogram: Die | undefined = die.parent;
      while (subprogram && subprogram.tag !== DW_TAG.subprogram) subprogram = subprogram.parent;
      const location = locationOf(die);
      if (!subprogram || !location) continue;
      const starts =
        location.kind === 'list' ? location.entries.map((e) => e.start) : rangesOf(subprogram).map((r) => r.start);
      for (const address of starts) {
        const place = { address, subprogram, frames, relocate };
        const expected = evaluated(die, place);
        if (expected === undefined) continue;
        const typed = expressionAt(die, address)?.some(({ name }) => /type|convert|reinterpret/.test(name));
        if (typed) continue;
        compared++;
        const found = describeLocation(valueLocation(die, place), machine);
        if (found !== expected) differences.push(`${die.fullName} at ${address.toString(16)}: ${found} / ${expected}`);
        if (compared >= limit) return { compared, differences };
      }
    }
  }
  return { compared, differences };
}

describe.each([
  ['-gdwarf-4', '-O0'],
  ['-gdwarf-4', '-O2'],
  ['-gdwarf-5', '-O1'],
  ['-gdwarf-5', '-O2'],
])('compiled with %s %s', (version, level) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let info: DebugInfo;
  beforeAll(() => {
    folder = temporaryFolder();
    info = openDebugInfo(compile(folder.path, 'sample', [version, level], SOURCE))!;
  });
  afterAll(() => {
    info.close();
    folder.remove();
  });

  test('trees come to what the evaluator says, wherever a variable is', () => {
    const { compared, differences } = compareAll(info.dwarf);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(10);
  });

  test('lists what is visible where a function is entered', () => {
    const address = info.elf.symbols().find('work')!.address;
    const [subprogram] = scopesAt(info.dwarf.unitForAddress(address)!, address);
    const place = { address, subprogram: subprogram!, frames: frameTables(info.elf), relocate };
    const variables = placedVariables(subprogram!, place);
    expect(variables.filter((v) => v.parameter).map((v) => v.name)).toEqual(['first', 'second', 'text', 'byval']);
    expect(variables.map((v) => v.name)).toEqual(expect.arrayContaining(['kept', 'local', 'total', 'gone']));
    const kept = variables.find((v) => v.name === 'kept')!;
    expect(kept.location).toMatchObject({ kind: 'memory', address: { kind: 'symbol' } });
    // By the calling convention the first integers are in rdi, rsi and rdx; unoptimised code has not stored them yet.
    if (level !== '-O0') {
      const registers = variables.slice(0, 3).map((v) => v.location);
      expect(registers).toEqual([5, 4, 1].map((number) => ({ kind: 'value', value: { kind: 'register', number } })));
      expect(variables.find((v) => v.name === 'gone')!.location).toEqual({
        kind: 'value',
        value: { kind: 'constant', value: '12' },
      });
    }
  });

  test('an inlined copy has its origin’s variables in their order', () => {
    if (level === '-O0') return;
    const copies: Die[] = [];
    for (const unit of info.dwarf.units()) {
      for (const die of unit.root.descendants()) {
        if (die.tag === DW_TAG.inlined_subroutine && die.fullName === 'mix') copies.push(die);
      }
    }
    expect(copies.length).toBeGreaterThan(0);
    for (const copy of copies) {
      const address = rangesOf(copy)[0]!.start;
      const [subprogram] = scopesAt(copy.unit, address);
      const variables = placedVariables(copy, {
        address,
        subprogram: subprogram!,
        frames: frameTables(info.elf),
        relocate,
      });
      expect(variables.filter((v) => v.parameter).map((v) => v.name)).toEqual(['pair', 'small']);
      expect(variables.map((v) => v.name)).toContain('sum');
    }
  });
});
