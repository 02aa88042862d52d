// Keeps the list of known differences true: what each entry says of us is what comes of its script.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatElaborated } from '../src/index.js';
import { elaborateText } from './helpers.js';

const text = readFileSync(new URL('fixtures/known-differences.md', import.meta.url), 'utf8');
const entries = text
  .split(/^## /m)
  .slice(1)
  .map((entry) => /^(.*)\n\n```\n([\s\S]*?)```\n\nSystemTap: .*\nOurs: ([\s\S]*)$/.exec(entry));

test('every heading of the list is an entry', () => {
  expect(entries.filter((entry) => entry === null)).toEqual([]);
});

test.each(entries.map((entry) => [entry![1]!, entry![2]!, entry![3]!.trim()] as const))('%s', (_, source, ours) => {
  const { script, messages } = elaborateText(source);
  const lines = /^the script's text:\n([\s\S]*)$/.exec(ours)?.[1];
  if (lines === undefined) expect([...new Set(messages)].join('; ')).toBe(ours);
  else expect(formatElaborated(script, { bodies: false }).trim()).toBe(lines);
});
