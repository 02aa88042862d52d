// Formats, one line a case: format, arguments, output.
import { expect, test } from 'vitest';
import { ByteWriter } from '../src/byte-writer.js';
import { compileSite } from '../src/format-site.js';
import { recordBytes } from '../src/record-order.js';
import { pack, site } from './module-double.js';

type Value = bigint | number | string | Uint8Array;

function format(text: string, ...values: Value[]): string {
  const payload = pack(values);
  const records = recordBytes(payload.length + 16);
  payload.copy(records.bytes, 8);
  const out = new ByteWriter(1);
  compileSite(site(0, text))(records, 8, out);
  return out.view().toString('latin1');
}

const LEAST = -(1n << 63n);

const CASES: [string, Value[], string][] = [
  // langref, table 1, and stap(1)
  ['%d', [392], '392'],
  ['%i', [-392], '-392'],
  ['%ld', [7], '7'],
  ['%o', [0o610], '610'],
  ['%s', ['sample'], 'sample'],
  ['%u', [7235], '7235'],
  ['%x', [0x7fa], '7fa'],
  ['%X', [0x7fa], '7FA'],
  ['%p', [0xbc614e], '0x0000000000bc614e'],
  ['%p', [0], '0x0000000000000000'],
  ['%p', [-1], '0xffffffffffffffff'],
  ['%d%%', [50], '50%'],
  [
    '%c is %s; %x or %X; %d or %u\n',
    [97, 'alice', 0x1234abcd, 0x1234abcd, -1, -1],
    'a is alice; 1234abcd or 1234ABCD; -1 or 18446744073709551615\n',
  ],
  ['%#o %#x %#X\n', [1, 2, 3], '01 0x2 0X3\n'],
  ['%#c %#c %#c\n', [0, 9, 42], '\\000 \\t *\n'],
  ['%#c', [200], '\\310'],
  ['%c', [200], '\xc8'],
  // binary (langref, "Binary Write Examples")
  ['%3d: %1b%1b%1b\n', [97, 97, 65, 33], ' 97: aA!\n'],
  ['%b%b', [0xc0dedbad, 0x12345678], '\xad\xdb\xde\xc0\0\0\0\0\x78\x56\x34\x12\0\0\0\0'],
  ['%1b%1b%1blo %1b%1brld\n', [72, 101, 108, 87, 111], 'Hello World\n'],
  ['%2b%4b', [0x4142, 0x43444546], 'BAFEDC'],
  // memory
  ['%10.4m', [new Uint8Array([1, 0, 255, 65])], '      \x01\0\xffA'],
  ['%10.4M', [new Uint8Array([0xde, 0xad, 0xbe, 0xef])], '  deadbeef'],
  ['%-10.4M|', [new Uint8Array([0xde, 0xad, 0xbe, 0xef])], 'deadbeef  |'],
  ['%.*M', [2, new Uint8Array([1, 2])], '0102'],
  // width and flags
  ['[%5d][%-5d][%05d]', [42, 42, 42], '[   42][42   ][00042]'],
  ['[%5d][%-5d][%05d]', [-42, -42, -42], '[  -42][-42  ][-0042]'],
  ['[%+d][%+d][% d][% d]', [1, -1, 1, -1], '[+1][-1][ 1][-1]'],
  ['[%+5d][%-+5d][%+05d]', [1, 1, 1], '[   +1][+1   ][+0001]'],
  ['[%8x][%-8x][%08x][%#8x][%#08x]', [255, 255, 255, 255, 255], '[      ff][ff      ][000000ff][    0xff][0x0000ff]'],
  ['%#x %#X %#o', [0, 0, 0], '0 0 0'],
  ['[%.0o][%#.0o][%#4.0o]', [0, 0, 0], '[][0][   0]'],
  ['[%20p][%-20p]', [0xff, 0xff], '[  0x00000000000000ff][0x00000000000000ff  ]'],
  ['[%08.3d]', [42], '[     042]'],
  ['[%8s][%-8s][%.2s][%8.2s]', ['abc', 'abc', 'abc', 'abc'], '[     abc][abc     ][ab][      ab]'],
  ['[%3c][%-3c]', [65, 65], '[  A][A  ]'],
  ['%2s', ['longer'], 'longer'],
  // precision
  ['[%.5d][%8.5d][%-8.5d]', [42, 42, 42], '[00042][   00042][00042   ]'],
  ['[%.0d][%.0x]', [0, 0], '[][]'],
  ['[%.0d]', [5], '[5]'],
  ['[%.4x][%#.4x][%#.4o]', [10, 10, 8], '[000a][0x000a][0010]'],
  ['[%.0s]', ['abc'], '[]'],
  // `*`
  ['[%*d][%-*d]', [5, 42, 5, 42], '[   42][42   ]'],
  ['[%*d]', [-5, 42], '[42   ]'],
  ['[%.*s][%*.*s]', [2, 'abc', 5, 1, 'xyz'], '[ab][    x]'],
  ['[%.*d]', [-1, 42], '[42]'],
  // 64 bits
  ['%d', [LEAST], '-9223372036854775808'],
  ['%d', [(1n << 63n) - 1n], '9223372036854775807'],
  ['%u', [-1], '18446744073709551615'],
  ['%o', [-1], '1777777777777777777777'],
  ['%x', [-1], 'ffffffffffffffff'],
  ['%d %d %d', [1n << 32n, -(1n << 32n), (1n << 53n) + 1n], '4294967296 -4294967296 9007199254740993'],
  ['%d', [1_790_000_000_000_000_001n], '1790000000000000001'],
  ['%x', [1n << 32n], '100000000'],
  ['%x', [0x1_0000_000an], '10000000a'],
];

for (const [text, values, expected] of CASES) {
  test(`${JSON.stringify(text)} shows ${values.map(String).join(', ')} as ${JSON.stringify(expected)}`, () => {
    expect(format(text, ...values)).toBe(expected);
  });
}

test('bytes go out as they came, whatever they are', () => {
  const all = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
  expect(Buffer.from(format('%s', all), 'latin1')).toEqual(Buffer.from(all));
});

test('numbers of every size come out as BigInt prints them', () => {
  const values: bigint[] = [];
  for (let bit = 0n; bit < 64n; bit++) {
    for (const near of [-1n, 0n, 1n])
      values.push(BigInt.asIntN(64, (1n << bit) + near), BigInt.asIntN(64, -(1n << bit) + near));
  }
  for (let power = 1n; power < 1n << 63n; power *= 10n) values.push(power - 1n, power, power + 1n, -power);
  for (const value of values) {
    const unsigned = BigInt.asUintN(64, value);
    expect(format('%d %u %x %o', value, value, value, value)).toBe(
      `${value} ${unsigned} ${unsigned.toString(16)} ${unsigned.toString(8)}`,
    );
  }
});
