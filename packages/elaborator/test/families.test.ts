import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { elaborateText } from './helpers.js';

test('the table lists every family of the folder', async () => {
  const script = new URL('../scripts/list-families.mjs', import.meta.url);
  const { familyTable } = (await import(script.href)) as { familyTable: () => string };
  expect(readFileSync(new URL('../src/families/table.ts', import.meta.url), 'utf8')).toBe(familyTable());
});

test('says that user-space points are not available, and drops optional ones', () => {
  const { diagnostics } = elaborateText('probe process("/bin/ls").function("main") { print(1) }');
  expect(diagnostics[0]?.related?.[0]?.message).toMatch(/^user-space probe points are not available/);
  expect(elaborateText('probe process.begin ?, begin { print(1) }').diagnostics).toEqual([]);
});
