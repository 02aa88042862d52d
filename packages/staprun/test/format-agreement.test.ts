// printf, which is formatted here, and sprintf, which the runtime formats: the runtime's C, compiled for user space, gives
// for many thousands of directives and values what format-site.ts gives.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ByteWriter } from '../src/byte-writer.js';
import { compileSite } from '../src/format-site.js';
import { recordBytes } from '../src/record-order.js';
import { pack, site } from './module-double.js';

/** What the runtime's source uses of the kernel's headers. */
const KERNEL = `#ifndef KERNEL_STUB
#define KERNEL_STUB
#include <string.h>
#define __user
#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define S32_MAX 0x7fffffff
#define S64_MIN (-0x7fffffffffffffffll - 1)
#define atomic64_t unsigned long long
#define atomic64_inc(p) (++*(p))
#define __ffs64(x) ((unsigned)__builtin_ctzll(x))
#define min_t(t, a, b) ({ t x_ = (a), y_ = (b); x_ < y_ ? x_ : y_; })
#define max_t(t, a, b) ({ t x_ = (a), y_ = (b); x_ > y_ ? x_ : y_; })
#define hex_asc "0123456789abcdef"
#define hex_asc_hi(x) hex_asc[(x) >> 4 & 15]
#define hex_asc_lo(x) hex_asc[(x) & 15]
#define copy_from_kernel_nofault(to, from, size) (memcpy(to, from, size), 0)
#endif
`;

const FLAGS = ['-', '+', ' ', '#', '0'];
const BITS: Readonly<Record<string, number>> = { '-': 1, '+': 2, ' ': 4, '#': 8, '0': 16 };
const NUMBERS = [
  ...[0n, 1n, -1n, 7n, 9n, 10n, 34n, 42n, 65n, 92n, 127n, 128n, 255n, 256n, 4095n, 65536n, 2n ** 31n, -(2n ** 31n)],
  ...[2n ** 32n, 10n ** 18n, 2n ** 63n - 1n, -(2n ** 63n), 0x4142434445464748n],
];
const STRINGS = ['', 'a', 'abc', 'line\n', '\t"\\\x01\x7f\xff', 'a string that is longer than most fields are'];
const WIDTHS = ['', '1', '4', '12', '30', '*'];
const PRECISIONS = ['', '.', '.0', '.1', '.3', '.12', '.*'];

/** Numbers that look random and are always the same. */
function* sequence(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

interface Case {
  readonly format: string;
  readonly values: (bigint | string)[];
  /** For the program. */
  readonly line: string;
}

/** Every conversion with every set of flags, width and precision, each with some of the values. */
function* cases(): Generator<Case> {
  const random = sequence(1);
  const oneOf = <T>(values: readonly T[]): T => values[random.next().value! % values.length]!;
  for (const conversion of 'diuxXopcs') {
    for (let set = 0; set < 32; set += 1) {
      const flags = FLAGS.filter((_, index) => set & (1 << index));
      for (const width of WIDTHS) {
        for (const precision of PRECISIONS) {
          for (let time = 0; time < 3; time += 1) {
            const first: bigint[] = [];
            if (width === '*') first.push(oneOf([0n, 3n, -3n, 20n, -20n]));
            if (precision === '.*') first.push(oneOf([0n, 2n, -1n, 20n]));
            const value = conversion === 's' ? oneOf(STRINGS) : oneOf(NUMBERS);
            const size = (part: string): string => (part === '' ? '-1' : part === '*' ? '-2' : part);
            const words = [
              conversion,
              flags.reduce((bits, flag) => bits | BITS[flag]!, 0),
              size(width),
              size(precision === '.' ? '0' : precision.replace('.', '')),
              first.length,
              ...first,
              typeof value === 'string' ? `=${Buffer.from(value, 'latin1').toString('hex')}` : value,
            ];
            const format = `%${flags.join('')}${width}${precision}${conversion}`;
            yield { format, values: [...first, value], line: words.join(' ') };
          }
        }
      }
    }
  }
}

test('the runtime formats as staprun does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-formats-'));
  try {
    const source = join(import.meta.dirname, '../../runtime/src');
    const files = ['stapkit.h', 'words.h', 'memory.h', 'format.c'].map((name) =>
      readFileSync(join(source, name), 'utf8'),
    );
    for (const [, name] of files.join('\n').matchAll(/#include <(linux\/\w+\.h)>/g)) {
      mkdirSync(join(folder, dirname(name!)), { recursive: true });
      writeFileSync(join(folder, name!), KERNEL);
    }
    writeFileSync(join(folder, 'kernel_features.h'), '');
    const program = join(folder, 'format');
    const flags = ['-O2', '-fno-strict-aliasing', '-fwrapv', '-D_GNU_SOURCE', '-I', source, '-I', folder];
    const sources = [join(import.meta.dirname, 'fixtures/format.c'), join(source, 'format.c')];
    execFileSync('cc', [...flags, '-o', program, ...sources], { stdio: 'pipe' });
    const all = [...cases()];
    const input = all.map(({ line }) => `${line}\n`).join('');
    const theirs = execFileSync(program, { input, maxBuffer: 1 << 28, encoding: 'latin1' }).split('\n');
    expect(theirs).toHaveLength(all.length + 1);
    const differing = all.flatMap(({ format, values }, index) => {
      const payload = pack(values.map((value) => (typeof value === 'string' ? Buffer.from(value, 'latin1') : value)));
      const records = recordBytes(payload.length + 16);
      payload.copy(records.bytes, 8);
      const out = new ByteWriter(1);
      compileSite(site(0, format))(records, 8, out);
      const ours = Buffer.from(out.view()).toString('latin1');
      const other = Buffer.from(theirs[index]!, 'hex').toString('latin1');
      return ours === other ? [] : [{ format, values, staprun: ours, runtime: other }];
    });
    expect(differing.slice(0, 20)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
