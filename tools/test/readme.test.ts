// Every package has its README, and the TypeScript examples in it run. Those that boot a guest run with the guest tests.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplesOf, root, runExample, textOf } from './examples.js';

const readmes = ['README.md', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`)];

describe.each(readmes)('%s', (readme) => {
  const text = textOf(readme);
  // A package that tests its README itself gives the examples what they stand on, e.g. a compiled program.
  const testsItself = textOf(readme.replace('README.md', 'test/readme.test.ts')) !== '';
  const examples = testsItself ? [] : examplesOf(text).filter((code) => !code.includes('Guest'));

  test('exists and says what the package is', () => {
    expect(text.length).toBeGreaterThan(200);
  });

  test.each(examples.map((code, index) => [index + 1, code] as const))('example %i runs', async (_index, code) => {
    await runExample(readme, code);
  });
});

test("the README's example composes passes 1 to 3 in under 15 lines and prints the C", async () => {
  const code = examplesOf(textOf('README.md'))[0]!;
  expect(code.trim().split('\n').length).toBeLessThan(15);
  expect(await runExample('README.md', code)).toContain('#include "stapkit_abi.h"');
});
