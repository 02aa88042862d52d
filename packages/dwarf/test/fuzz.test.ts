// Damaged files of every kind give typed faults and nothing else, and none takes long. A short seeded run is part of
// every test run; STAPKIT_FUZZ=100000 makes it as long as one likes, STAPKIT_FUZZ_SEED another one.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BinaryFault, openElf } from '../src/index.js';
import { BtfWriter } from './helpers/bytes.js';
import { compile, SAMPLE_CPP, temporaryFolder } from './helpers/compile.js';
import { exerciseBtf, exerciseElf } from './helpers/exercise.js';

const ROUNDS = Number(process.env.STAPKIT_FUZZ ?? 250);
const SEED = Number(process.env.STAPKIT_FUZZ_SEED ?? 20251);
const LONGEST = 2000;

const folder = temporaryFolder();
const samples: { name: string; bytes: Buffer; btf: boolean; ranges: [number, number][] }[] = [];

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
  samples.push({ name: 'btf', bytes: w.finish(), btf: true, ranges: [] });
});

/** Where the sections that are read lie in a file: hits elsewhere would find nothing. */
function readRanges(bytes: Buffer): [number, number][] {
  const elf = openElf(bytes);
  const read = elf.sections.filter((s) => /debug|frame|tab|note|rela/.test(s.name) && s.size > 0);
  const headers = bytes.readUInt32LE(40);
  return [...read.map((s): [number, number] => [s.offset, s.size]), [headers, elf.sections.length * 64]];
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
      const start = performance.now();
      try {
        for (const fault of sample.btf ? exerciseBtf(bytes) : exerciseElf(bytes)) {
          faults += 1;
          if (!(fault instanceof BinaryFault) || fault.file !== 'fuzzed' || !Number.isSafeInteger(fault.offset)) {
            throw new Error(`a fault without its place: ${fault}`);
          }
        }
      } catch (error) {
        throw new Error(`round ${round} of seed ${SEED} (${sample.name}): ${(error as Error).stack}`);
      }
      slowest = Math.max(slowest, performance.now() - start);
      if (slowest > LONGEST) throw new Error(`round ${round} of seed ${SEED} (${sample.name}) took ${slowest} ms`);
    }
    expect(faults).toBeGreaterThan(0);
  },
  60_000 + ROUNDS * 50,
);

test('undamaged files give no fault', () => {
  for (const sample of samples) {
    const faults = sample.btf ? exerciseBtf(sample.bytes) : exerciseElf(sample.bytes);
    expect(faults.map((fault) => `${sample.name}: ${fault.message}`)).toEqual([]);
  }
});
