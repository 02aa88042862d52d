// The bounds: however deep or large the text, the answer is a message, soon and in little memory.
import { expect, test } from 'vitest';
import { MAXIMUM_DEPTH, MAXIMUM_TOKENS, parseScript, printAst } from '../src/index.js';
import { Ast as AstSchema } from '../src/schema.js';
import { parseText, withoutPlaces } from './support.js';

const MANY = 10_000;

const DEEP: Readonly<Record<string, string>> = {
  parentheses: `probe begin { x = ${'('.repeat(MANY)}1${')'.repeat(MANY)} }`,
  'open parentheses': `probe begin { x = ${'('.repeat(MANY)}`,
  'unary operators': `probe begin { x = ${'!'.repeat(MANY)}1 }`,
  blocks: `probe begin ${'{'.repeat(MANY)}${'}'.repeat(MANY)}`,
  ifs: `probe begin { ${'if (1) '.repeat(MANY)} ; }`,
  elses: `probe begin { ${'if (1) x; else '.repeat(MANY)} ; }`,
  'a sum': `probe begin { x = ${'1 + '.repeat(MANY)} 1 }`,
  'a chain of strings': `probe begin { x = ${'"a" . '.repeat(MANY)} "b" }`,
  assignments: `probe begin { ${'x = '.repeat(MANY)} 1 }`,
  conditionals: `probe begin { x = ${'1 ? 2 : '.repeat(MANY)} 1 }`,
  indexes: `probe begin { x = ${'a['.repeat(MANY)}1${']'.repeat(MANY)} }`,
  calls: `probe begin { x = ${'f('.repeat(MANY)}1${')'.repeat(MANY)} }`,
  'casts of casts': `probe begin { x = ${'@cast('.repeat(MANY)}1`,
  loops: `probe begin { ${'foreach (a in b) '.repeat(MANY)} ; }`,
  tries: `probe begin { ${'try {'.repeat(MANY)} }`,
  'braces of a probe point': `probe ${'{'.repeat(MANY)}a${'}'.repeat(MANY)} {}`,
};

/** These have more tokens than a file may have. */
const LARGE = new Set(['elses', 'loops']);

test.each(Object.entries(DEEP))('%s, 10,000 deep, are one message', (name, text) => {
  expect(parseText(text).codes).toEqual([LARGE.has(name) ? 'parser/too-large' : 'parser/too-deep']);
});

test('macros within macros are bounded as well', () => {
  const chain = Array.from({ length: 500 }, (_, i) => `@define b${i + 1} %( @b${i} %)`).join('\n');
  expect(parseText(`@define b0 %( 7 %) ${chain} probe begin { x = @b500 }`).codes).toEqual(['parser/macro-size']);
  const calls = `${'@id('.repeat(500)}1${')'.repeat(500)}`;
  expect(parseText(`@define id(x) %( @x %) probe begin { x = ${calls} }`).codes).toEqual(['parser/macro-size']);
});

test('braces that stand for too many probe points are one message', () => {
  expect(parseText(`probe ${'{a,b}.'.repeat(40)}c {}`).codes).toEqual(['parser/braces']);
});

test('nested conditionals are read without recursion, as many as a file may have tokens for', () => {
  const nested = (depth: number) => `${'%( 1 == 1 %? '.repeat(depth)} probe begin {} ${'%)'.repeat(depth)}`;
  expect(parseText(nested(MANY / 2 + 2000)).codes).toEqual([]);
  expect(parseText(nested(MANY)).codes).toEqual(['parser/too-large']);
});

test('a tree of the greatest depth prints, reads back, and goes through JSON and the schema', () => {
  const deep = MAXIMUM_DEPTH - 8;
  for (const text of [
    `probe begin { x = ${'1 + '.repeat(deep)}1 }`,
    `probe begin { x = ${'!'.repeat(deep)}1 }`,
    `probe begin ${'{ '.repeat(deep)}x${' }'.repeat(deep)}`,
    `probe begin { x = ${'f('.repeat(deep)}1${')'.repeat(deep)} }`,
  ]) {
    const { ast, messages } = parseText(text);
    expect(messages).toEqual([]);
    const again = parseText(printAst(ast));
    expect(JSON.stringify(withoutPlaces(again.ast.user[0]!.declarations))).toBe(
      JSON.stringify(withoutPlaces(ast.user[0]!.declarations)),
    );
    expect(JSON.stringify(AstSchema.parse(JSON.parse(JSON.stringify(ast)))).length).toBe(JSON.stringify(ast).length);
  }
});

/** A text of ten megabytes made of one piece. */
function tenMegabytes(piece: string): string {
  return piece.repeat(Math.ceil((10 << 20) / piece.length));
}

test.each([
  ['statements', `probe begin { ${tenMegabytes('x = y + 1\n')} }`, ['parser/too-large']],
  ['probes', tenMegabytes('probe begin { printf("%d\\n", pid()) }\n'), ['parser/too-large']],
  ['probe points', `probe ${tenMegabytes('a.b, ')}c {}`, ['parser/too-large']],
  ['arguments', `probe begin { f(${tenMegabytes('1, ')}1) }`, ['parser/too-large']],
  ['a macro', `@define m %( ${tenMegabytes('x ')} %) probe begin {}`, ['parser/too-large']],
  ['a macro’s argument', `@define m(a) %( %) probe begin { @m(${tenMegabytes('x ')}) }`, ['parser/too-large']],
  [
    'parameters',
    `function f(${Array.from({ length: 10 << 17 }, (_, i) => `p${i}`).join(', ')}) {}`,
    ['parser/too-large'],
  ],
  [
    'macro parameters',
    `@define m(${Array.from({ length: 10 << 17 }, (_, i) => `p${i}`).join(', ')}) %( %) probe a {}`,
    ['parser/too-large'],
  ],
  ['comment', `/* ${tenMegabytes('x')} */ probe begin {}`, []],
  ['string', `probe begin { x = "${tenMegabytes('x')}" }`, ['parser/long-string']],
  ['embedded C', `%{ ${tenMegabytes('int x; ')} %} probe begin {}`, []],
])('ten megabytes of %s are read in linear time', (_, text, codes) => {
  // A text of that size read in quadratic time would take hours: the runner's limit tells.
  const { diagnostics } = parseScript({ name: 'big.stp', text });
  expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual(codes);
});

test('a script below the bound is read whole', () => {
  const count = Math.floor(MAXIMUM_TOKENS / 4) - 10;
  const { value, diagnostics } = parseScript({ name: 'big.stp', text: `probe begin {${'x = 1; '.repeat(count)}}` });
  expect(diagnostics).toEqual([]);
  const [probe] = value.declarations;
  expect(probe?.kind === 'probe' && probe.body.statements.length).toBe(count);
});
