// Damaged files of every kind give typed faults and nothing else, and none takes long. A short seeded run is part of
// every test run; STAPKIT_FUZZ=100000 makes it as long as one likes, STAPKIT_FUZZ_SEED another one.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BinaryFault, openElf } from '../src/index.js';
import { BtfWriter, ByteWriter } from './helpers/bytes.js';
import { compile, SAMPLE_CPP, temporaryFolder } from './helpers/compile.js';
import { writeDwarf } from './helpers/dwarf-writer.js';
import { exerciseBtf, exerciseElf } from './helpers/exercise.js';

const ROUNDS = Number(process.env.STAPKIT_FUZZ ?? 250);
const SEED = Number(process.env.STAPKIT_FUZZ_SEED ?? 20251);
/** Milliseconds of a processor; only the long run looks, for a short one shares its machine with other tests. */
const LONGEST = process.env.STAPKIT_FUZZ ? 2000 : Number.POSITIVE_INFINITY;

const folder = temporaryFolder();
const samples: { name: string; bytes: Buffer; btf: boolean; split?: boolean; ranges: [number, number][] }[] = [];
let base: Buffer;

/** No compiler here writes this byte order: entries, a line table of version 3 and ranges by hand. */
function bigEndian(): Buffer {
  const text = (value: string) => (w: ByteWriter) => void w.string(value);
  const line = new ByteWriter(false).u16(3).u32(0);
  const headerStart = line.length;
  line.u8(1, 1, 251, 14, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1).string('src').u8(0).string('a.c').u8(1, 0, 0, 0);
  line.patch32(headerStart - 4, line.length - headerStart);
  line.u8(0, 9, 2).u64(0x1000).u8(3, 4, 1, 0x4b, 0x4c, 2, 4, 0, 1, 1);
  const program = line.finish();
  const ranges = new ByteWriter(false).u64(0).u64(0x10).u64(0x20).u64(0x40).u64(0).u64(0);
  const table = new ByteWriter(false).u32(program.length).bytes(program);
  return writeDwarf(
    {
      tag: 0x11,
      attributes: [
        [0x03, 0x08, text('a.c')],
        [0x10, 0x17, (w) => void w.u32(0)],
        [0x11, 0x01, (w) => void w.u64(0x1000)],
        [0x55, 0x17, (w) => void w.u32(0)],
      ],
      children: [
        {
          tag: 0x2e,
          attributes: [
            [0x03, 0x08, text('main')],
            [0x11, 0x01, (w) => void w.u64(0x1000)],
            [0x12, 0x06, (w) => void w.u32(0x10)],
            [0x40, 0x18, (w) => void w.uleb(2).u8(0x91, 0x70)],
          ],
          children: [
            {
              tag: 0x34,
              attributes: [
                [0x03, 0x08, text('v')],
                [0x02, 0x18, (w) => void w.uleb(1).u8(0x9c)],
              ],
            },
          ],
        },
      ],
    },
    [
      { name: '.debug_line', bytes: table.finish() },
      { name: '.debug_ranges', bytes: ranges.finish() },
    ],
    { version: 4, little: false },
  );
}

beforeAll(() => {
  for (const [name, flags] of [
    ['v5', ['-gdwarf-5', '-O2']],
    ['v4', ['-gdwarf-4', '-O1', '-fdebug-types-section']],
    ['v2', ['-gdwarf-2', '-gstrict-dwarf']],
    ['z', ['-gdwarf-5', '-gz=zlib']],
    ['o', ['-gdwarf-5', '-O2', '-c']],
    ['wide', ['-gdwarf-5', '-gdwarf64', '-O2', '-c']],
  ] as const) {
    const bytes = readFileSync(compile(folder.path, name, flags));
    samples.push({ name, bytes, btf: false, ranges: readRanges(bytes) });
  }
  // No header is needed, so this compiles where there are none for 32 bits.
  const plain =
    'struct s { int a : 3; long b; } g; static int f(int x) { int y = x * 2; return y; } int main(void) { return f(g.a); }';
  const narrow = readFileSync(compile(folder.path, 'narrow', ['-m32', '-O1', '-c'], plain));
  samples.push({ name: 'narrow', bytes: narrow, btf: false, ranges: readRanges(narrow) });
  const big = bigEndian();
  samples.push({ name: 'big', bytes: big, btf: false, ranges: readRanges(big) });
  const cpp = readFileSync(compile(folder.path, 'cpp', ['-O1', '-c'], SAMPLE_CPP, 'g++'));
  samples.push({ name: 'cpp', bytes: cpp, btf: false, ranges: readRanges(cpp) });
  const w = new BtfWriter();
  const int = w.int('int', 4, 1);
  const struct = w.struct('s', 16, [
    ['a', int, 0, 3],
    ['b', w.pointer(int), 64, 0],
  ]);
  w.func(
    'f',
    w.prototype(int, [
      ['p', w.pointer(w.simple(10, '', struct))],
      ['', 0],
    ]),
  );
  w.enum(
    'e',
    [
      ['A', 1],
      ['B', -1],
    ],
    true,
  );
  w.enum64('l', [['C', -1n]]);
  w.array(w.simple(8, 't', w.simple(9, '', int)), int, 3);
  w.dataSection('.data', 8, [[w.variable('v', int), 0, 4]]);
  w.declarationTag('tag', struct, 1);
  base = w.finish();
  samples.push({ name: 'btf', bytes: base, btf: true, ranges: [] });
  const split = new BtfWriter(true, w);
  split.func('g', split.prototype(int, [['p', split.pointer(struct)]]));
  split.struct('own', 8, [['s', struct, 0]]);
  samples.push({ name: 'split', bytes: split.finish(), btf: true, split: true, ranges: [] });
});

/** Where the sections that are read lie in a file: hits elsewhere would find nothing. */
function readRanges(bytes: Buffer): [number, number][] {
  const elf = openElf(bytes);
  const read = elf.sections.filter((s) => /debug|frame|tab|note|rela/.test(s.name) && s.size > 0);
  const at = elf.is64 ? 40 + (elf.littleEndian ? 0 : 4) : 32;
  const headers = elf.littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const size = elf.sections.length * (elf.is64 ? 64 : 40);
  return [...read.map((s): [number, number] => [s.offset, s.size]), [headers, size]];
}
afterAll(() => folder.remove());

/** A small generator of numbers with a seed (mulberry32), so that a failure can be had again. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Hits a file in a few places, mostly in the sections that are read. */
function mutate(bytes: Buffer, ranges: readonly [number, number][], random: () => number): Buffer {
  const pick = (count: number) => Math.floor(random() * count);
  let out = Buffer.from(bytes);
  const spot = () => {
    const range = ranges.length > 0 && random() < 0.9 ? ranges[pick(ranges.length)]! : undefined;
    const at = range ? range[0] + pick(range[1]) : random() < 0.3 ? pick(64) : pick(out.length);
    return Math.min(at, out.length - 1);
  };
  for (let hits = 1 + pick(12); hits > 0; hits--) {
    switch (pick(6)) {
      case 0:
        out[spot()] = pick(256);
        break;
      case 1:
        out[spot()]! ^= 1 << pick(8);
        break;
      case 2:
        {
          const at = spot();
          out.fill(random() < 0.5 ? 0xff : 0, at, Math.min(out.length, at + pick(40)));
        }
        break;
      case 3: {
        const at = spot();
        if (at + 4 <= out.length)
          out.writeUInt32LE([0, 0xffff_ffff, 0x7fff_ffff, 0xffff_fff0, out.length][pick(5)]!, at);
        break;
      }
      case 4: {
        const [from, to] = [spot(), spot()];
        out.copy(out, to, from, from + pick(64));
        break;
      }
      default:
        if (random() < 0.1) out = out.subarray(0, pick(out.length));
    }
    if (out.length === 0) break;
  }
  return out;
}

test(
  `${ROUNDS} damaged files give only faults that name file and offset, quickly`,
  () => {
    const random = generator(SEED);
    let faults = 0;
    let slowest = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const sample = samples[round % samples.length]!;
      const bytes = mutate(sample.bytes, sample.ranges, random);
      const start = process.cpuUsage();
      try {
        for (const fault of sample.btf ? exerciseBtf(bytes, sample.split ? base : undefined) : exerciseElf(bytes)) {
          faults += 1;
          if (!(fault instanceof BinaryFault) || fault.file !== 'fuzzed' || !Number.isSafeInteger(fault.offset)) {
            throw new Error(`a fault without its place: ${fault}`);
          }
        }
      } catch (error) {
        throw new Error(`round ${round} of seed ${SEED} (${sample.name}): ${(error as Error).stack}`);
      }
      const used = process.cpuUsage(start);
      slowest = Math.max(slowest, (used.user + used.system) / 1000);
      if (slowest > LONGEST) throw new Error(`round ${round} of seed ${SEED} (${sample.name}) took ${slowest} ms`);
    }
    expect(faults).toBeGreaterThan(0);
  },
  600_000 + ROUNDS * 1000,
);

test('undamaged files give no fault', () => {
  for (const sample of samples) {
    const faults = sample.btf ? exerciseBtf(sample.bytes, sample.split ? base : undefined) : exerciseElf(sample.bytes);
    expect(faults.map((fault) => `${sample.name}: ${fault.message}`)).toEqual([]);
  }
});
