// The bounds of pass 2: what is absurd gets a message, and what is large takes time in proportion. Times are told by
// `tools/bench/frontend.mjs hard`; here a quadratic walk would meet the runner's limit.
import { expect, test } from 'vitest';
import { MOST_ERRORS } from '../src/diagnostics.js';
import { elaborateText } from './helpers.js';

const numbered = (count: number, piece: (index: number) => string, separator = '\n'): string =>
  Array.from({ length: count }, (_, index) => piece(index)).join(separator);

const ERRORS: Readonly<Record<string, string>> = {
  'unknown functions': `probe begin { ${numbered(5000, (i) => `f${i}(1)`)} }`,
  'unknown points': numbered(5000, (i) => `probe nosuch${i} { }`),
  'unknown variables': `probe kernel.function("vfs_read") { ${numbered(5000, (i) => `println($nosuch${i})`)} }`,
  'type errors': `global s = "x" probe begin { ${numbered(5000, () => 's = 1')} }`,
};

test.each(Object.entries(ERRORS))('thousands of %s are told fifty times, and that there are more', (_, text) => {
  const { messages } = elaborateText(text);
  expect(messages).toHaveLength(MOST_ERRORS + 1);
  expect(messages.at(-1)).toBe('more than 49 errors; the rest is not shown');
});

test('thousands of warnings are told a thousand times, and how many more there are', () => {
  const { messages } = elaborateText(`probe begin { println(1) ${numbered(3000, (i) => `v${i} = 1`)} }`);
  expect(messages.at(-1)).toBe('5000 more warnings are not shown');
});

test('many elided statements are no deep nesting', () => {
  const text = `probe begin { println(1) if (1) { ${numbered(12_000, () => 'println(2)')} } }`;
  expect(elaborateText(text).messages).toEqual([]);
});

test('a probe of thousands of points is shown with the first of them', () => {
  const { script, messages } = elaborateText(`probe ${numbered(5000, () => 'begin', ', ')} { println(1) }`);
  expect(messages).toEqual([]);
  expect(script.probes).toHaveLength(5000);
  expect(script.probes[0]?.declared).toMatch(/^begin,begin,.*,\.\.\.$/);
  expect(script.probes[0]?.declared?.length).toBeLessThan(4200);
});

test('a string of a probe point has a bound', () => {
  const { messages } = elaborateText(`probe kernel.function("${'*a'.repeat(10_000)}") { println(1) }`);
  expect(messages).toEqual(["while resolving probe point: identifier 'kernel'"]);
});

test('regular expressions of a script share a bound of work', () => {
  const many = `probe begin { ${numbered(8000, (i) => `println("a" =~ "a${i}(b|c)*")`)} }`;
  expect(elaborateText(many).messages[0]).toMatch(/^regex compilation error: the regular expressions of the script/);
  const few = `probe begin { ${numbered(200, (i) => `println("a" =~ "a${i}(b|c)*")`)} }`;
  expect(elaborateText(few).messages).toEqual([]);
});

test('a format has a bound of conversions', () => {
  expect(elaborateText(`probe begin { printf("${'%d'.repeat(20_000)}", 1) }`).messages).toEqual([
    `more than 10000 conversion specifiers: string '${'%d'.repeat(20_000)}'`,
  ]);
});
