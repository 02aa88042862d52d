import { parse } from '@stapkit/parser';
import { hasErrors } from '@stapkit/pass';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elaborate, formatElaborated } from '../src/index.js';
import { Elaborated } from '../src/schema.js';
import { kernel, libraryOf } from './helpers.js';

const LIBRARY = libraryOf(`
  function pid:long () %{ /* pure */ /* runtime: stapkit_fn_pid */ %}
  function execname:string () %{ /* pure */ /* runtime: stapkit_fn_execname */ %}
  function log (msg:string) %{ /* runtime: stapkit_fn_log */ %}
  probe vfs.read = kernel.function("vfs_read") { name = "vfs.read"; file = $file }
`);

// Mostly sensible: arrays are indexed, statistics counted; a wrong one now and then is wanted.
const name = fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'g') }, fc.constantFrom('s', 'm'));
const array = fc.oneof({ weight: 12, arbitrary: fc.constant('m') }, name);
const statistic = fc.oneof({ weight: 12, arbitrary: fc.constant('s') }, name);
const number = fc.integer({ min: -5, max: 70 }).map(String);
const text = fc.constantFrom('"x"', '"%d"', '"a(b|c)*"', '""');

const { expression } = fc.letrec<{ expression: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(
    name,
    number,
    text,
    fc.constantFrom('pid()', 'execname()', '$file', '$count', '$return', '$$parms', 'm[1]'),
  ),
  expression: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    tie('leaf'),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '/', '%', '.', '==', '<', '&&', '||', '<<', '&', '^'),
        tie('expression'),
      )
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc.tuple(fc.constantFrom('-', '!', '~'), tie('expression')).map(([operator, operand]) => `${operator}(${operand})`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.tuple(array, tie('expression')).map(([target, key]) => `${target}[${key}]`),
    fc.tuple(name, tie('expression')).map(([target, value]) => `(${target} = ${value})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('flags', 'path', 'next', 'comm'))
      .map(([base, field]) => `@cast(${base}, "file")->${field}`),
    tie('expression').map((inner) => `@defined(${inner})`),
    tie('expression').map((inner) => `@entry(${inner})`),
    statistic.map((target) => `@count(${target})`),
    fc.tuple(tie('expression'), text).map(([subject, pattern]) => `(${subject} =~ ${pattern})`),
    tie('expression').map((inner) => `sprintf("%s %d", ${inner}, 1)`),
    fc
      .tuple(fc.constantFrom('f', 'h', 'log', 'nothing'), tie('expression'))
      .map(([call, argument]) => `${call}(${argument})`),
  ),
}));

const { statement } = fc.letrec<{ statement: string }>((tie) => ({
  statement: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    expression.map((inner) => `${inner};`),
    expression.map((inner) => `println(${inner});`),
    fc.tuple(statistic, expression).map(([target, value]) => `${target} <<< ${value};`),
    fc
      .tuple(expression, tie('statement'), tie('statement'))
      .map(([condition, a, b]) => `if (${condition}) ${a} else ${b}`),
    fc.tuple(expression, tie('statement')).map(([condition, body]) => `while (${condition}) ${body}`),
    fc.tuple(name, array, tie('statement')).map(([key, walked, body]) => `foreach (${key} in ${walked}) ${body}`),
    name.map((target) => `delete ${target};`),
    fc.constantFrom('next;', 'break;', 'return 1;', 'try { error } catch (e) { println(e) }', '{}'),
    fc.array(tie('statement'), { maxLength: 4 }).map((inner) => `{ ${inner.join(' ')} }`),
  ),
}));

const point = fc.constantFrom(
  'begin',
  'end',
  'vfs.read',
  'vfs.*',
  'kernel.function("vfs_*")',
  'kernel.function("vfs_read").return',
  'kernel.trace("sched_switch")',
  'timer.s(1)',
  'nothing.at.all ?',
);

const script = fc
  .tuple(
    fc.constantFrom('global g, s, m', 'global g = 1, m[10]%', ''),
    fc.array(fc.tuple(point, statement), { minLength: 1, maxLength: 3 }),
    statement,
  )
  .map(
    ([globals, probes, body]) =>
      `${globals}\nfunction f(a) { ${body} return a }\nfunction h(b) { return f(b) }\n${probes
        .map(([where, handler]) => `probe ${where} { ${handler} }`)
        .join('\n')}`,
  );

const facts = { kernelRelease: '6.1.0', architecture: 'x86_64', runtime: 'kernel', config: () => undefined };

test('gives diagnostics or a sound script for whatever parses, never an exception', () => {
  fc.assert(
    fc.property(script, fc.boolean(), fc.boolean(), (source, guru, unoptimized) => {
      const parsed = parse({ scripts: [{ name: 'p.stp', text: source }], facts: { ...facts, guru }, library: LIBRARY });
      if (hasErrors(parsed.diagnostics)) return;
      const { value, diagnostics } = elaborate(parsed.value, { symbols: kernel, guru, unoptimized });
      for (const one of diagnostics) expect(one.message).not.toMatch(/undefined|\[object|NaN/);
      if (hasErrors(diagnostics)) return;
      expect(Elaborated.parse(JSON.parse(JSON.stringify(value)))).toEqual(value);
      expect(formatElaborated(value)).not.toMatch(/undefined|<local|<global|<function>\(/);
    }),
    { numRuns: 1500 },
  );
});
