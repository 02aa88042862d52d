// A short run of the fuzzer of passes 1 and 2; `tools/fuzz-frontend/fuzz.ts` makes long ones.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openFrontEnd } from '../fuzz-frontend/front-end.js';
import { scripts } from '../fuzz-frontend/scripts.js';

const runs = Number(process.env.STAPKIT_PROPERTY_RUNS ?? 300);

test('random scripts get diagnostics from passes 1 and 2, never an exception or a hang', {
  timeout: 60_000 + runs * 20,
}, async () => {
  const run = await openFrontEnd();
  const reached = new Set<string>();
  fc.assert(
    fc.property(scripts(), (text) => {
      // A hang meets the runner's limit; how long each script takes is what `fuzz.ts` looks at.
      reached.add(run(text, ['5', 'begin']).reached);
    }),
    { numRuns: runs, seed: 20240607 },
  );
  // The generator is of use only while it reaches every stage.
  expect([...reached].sort()).toEqual(['done', 'elaborate', 'parse']);
});

test('deep nesting and ten megabytes get a message from passes 1 and 2', { timeout: 60_000 }, async () => {
  const run = await openFrontEnd();
  const many = 10_000;
  const texts = [
    `probe begin { println(${'('.repeat(many)}1${')'.repeat(many)}) }`,
    `probe begin { println(${'1 + '.repeat(many)}1) }`,
    `probe begin { println(${'1 + '.repeat(480)}1) }`,
    `probe begin ${'{'.repeat(490)} println(1) ${'}'.repeat(490)}`,
    `global x probe begin { ${'x = x + 1\n'.repeat(2 ** 20)} }`,
    `/* ${'x'.repeat(10 * 2 ** 20)} */ probe begin { println(1) }`,
  ];
  expect(texts.map((text) => run(text, []).diagnostics.map((diagnostic) => diagnostic.code))).toEqual([
    ['parser/too-deep'],
    ['parser/too-deep'],
    [],
    [],
    ['parser/too-large'],
    [],
  ]);
});
