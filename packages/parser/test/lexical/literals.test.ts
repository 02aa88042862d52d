import { expect, test } from 'vitest';
import { decodeScript, numberValue, pragmasOf, stringLiteral, stringValue } from '../../src/lexical/literals.js';
import { declarationsOf, parseText } from '../support.js';

test('numbers are decimal, hexadecimal or octal, have 64 bits and wrap to signed values', () => {
  const cases = {
    '0': '0',
    '007': '7',
    '0x10': '16',
    '0XfF': '255',
    '010': '8',
    '9223372036854775807': '9223372036854775807',
    '9223372036854775808': '-9223372036854775808',
    '18446744073709551615': '-1',
    '0xffffffffffffffff': '-1',
    '01777777777777777777777': '-1',
    '0x0000000000000000000000001': '1',
  };
  for (const [text, value] of Object.entries(cases)) expect(numberValue(text), text).toBe(value);
});

test('numbers out of range or with wrong digits are none', () => {
  for (const text of ['18446744073709551616', '08', '0x', '12abc', '0x1g', '02000000000000000000000', '1_000', '']) {
    expect(numberValue(text), text).toBeUndefined();
  }
  const { messages } = parseText('probe begin { x = 08; y = 18446744073709551616 }');
  expect(messages).toHaveLength(2);
  expect(messages[0]).toBe(
    [
      'parse error: number invalid or out of range',
      "        saw: number '08' at <input>:1:19",
      '     source: probe begin { x = 08; y = 18446744073709551616 }',
      '                               ^',
      '  hint: a number that begins with 0 is octal: its digits are 0 to 7',
    ].join('\n'),
  );
});

test('escapes are those of C, and any other escaped character stands for itself', () => {
  expect(stringValue('"\\a\\b\\t\\n\\v\\f\\r"')).toBe('\x07\b\t\n\v\f\r');
  expect(stringValue('"\\0\\1\\12\\123\\1234"')).toBe('\0\x01\nSS4');
  expect(stringValue('"\\x41\\x4142\\xg"')).toBe('ABxg');
  expect(stringValue('"\\400\\777"')).toBe('\0\xff');
  expect(stringValue('"\\q\\"\\\\\\e"')).toBe('q"\\e');
});

test('a string that goes on behind a backslash at the end of a line holds that end', () => {
  expect(stringValue('"a\\\nb"')).toBe('a\nb');
  expect(stringValue('"a\\\r\nb"')).toBe('a\r\nb');
});

test('text outside ASCII is its UTF-8 bytes, and prints as itself again', () => {
  expect(stringValue('"é€😀"')).toBe('\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80');
  expect(stringLiteral('\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80')).toBe('"é€😀"');
  expect(stringLiteral('\xc3')).toBe('"\\303"');
  expect(stringLiteral('\xe9t')).toBe('"\\351t"');
});

test('a script in another encoding keeps the bytes of its strings', () => {
  const text = decodeScript(Uint8Array.from([0x22, 0xe9, 0x41, 0xc3, 0xa9, 0xff, 0x22]));
  expect(text).toBe('"\udce9Aé\udcff"');
  expect(stringValue(text)).toBe('\xe9A\xc3\xa9\xff');
  expect(decodeScript(new TextEncoder().encode('"é"'))).toBe('"é"');
});

test('every byte goes through a literal unchanged, whatever follows it', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (const next of ['', '0', 'a', '"', '\\', '\x80']) {
      const value = String.fromCharCode(byte) + next;
      expect(stringValue(stringLiteral(value))).toBe(value);
    }
  }
});

test('adjacent strings are joined, also with arguments and macros between them', () => {
  const [, probe] = [
    0,
    ...declarationsOf('@define m %( "c" %) probe begin { x = "a" "b" @m @1 $# "" }', { arguments: ['d'] }),
  ];
  expect(JSON.stringify(probe)).toContain('"value":"abcd"');
});

test('pragmas are words that stand alone in comments of embedded C', () => {
  expect(
    pragmasOf('/* pure */ x /*unprivileged*/ /* is pure */ /* pragma:read:var */ // guru\n/* myproc-unprivileged */'),
  ).toEqual(['pure', 'unprivileged', 'pragma:read:var', 'myproc-unprivileged']);
});

test('a string that does not end is reported once and its line is lost', () => {
  const { messages } = parseText('probe begin { x = "abc\n y = 1 }\nprobe end {}');
  expect(messages).toHaveLength(1);
  expect(messages[0]).toContain('parse error: Could not find matching closing quote');
});

test('comments of all three styles are skipped, and the marks of arguments are none', () => {
  const text = '# one\n// two\n/* three\n */ probe begin { x = $# # four\n }';
  expect(declarationsOf(text, { arguments: ['a', 'b'] })).toMatchObject([
    { body: { statements: [{ expression: { value: { kind: 'number', value: '2' } } }] } },
  ]);
});

test('comments and embedded C that do not end are reported, the comment as a warning', () => {
  expect(parseText('probe begin {} /* x').codes).toEqual(['parser/open-comment']);
  expect(parseText('probe begin {} %{ x').codes).toEqual(['parser/open-embedded-code']);
});

test('a byte-order mark and carriage returns are white space', () => {
  expect(declarationsOf('\ufeffprobe begin {\r\n x = 1\r\n}\r\n')).toHaveLength(1);
});
