// The elaborator and dwarf must not import each other, so each tells the shapes of what is known of code; they are one text.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './harness.js';

test('what dwarf knows of code has the shapes that the elaborator asks for, word for word', () => {
  const declarations = (path: string) =>
    readFileSync(join(root, 'packages', path), 'utf8').replace(/^(?:\/\/.*\n)+/, '');
  expect(declarations('dwarf/src/kernel/code-types.ts')).toBe(declarations('elaborator/src/code-source.ts'));
});
