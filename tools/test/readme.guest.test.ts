// The README examples that need the guest.
import { expect, test } from 'vitest';
import { examplesOf, runExample, textOf } from './examples.js';

const readme = 'packages/vm/README.md';
const examples = examplesOf(textOf(readme)).filter((code) => code.includes('Guest'));

test("the guest's README has an example", () => {
  expect(examples.length).toBeGreaterThan(0);
});

test.each(examples)('%s', async (code) => {
  await runExample(readme, code);
});
