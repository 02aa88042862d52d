import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseText } from './support.js';

const text = readFileSync(new URL('fixtures/known-differences.md', import.meta.url), 'utf8');
const entries = [...text.matchAll(/^## (.*)\n\n```\n([\s\S]*?)```\n\nSystemTap[^\n]*: [\s\S]*?\nOurs: (.*)$/gm)];

test('every heading of the list is an entry', () => {
  expect(entries).toHaveLength(text.match(/^## /gm)!.length);
});

test.each(entries.map(([, title, script, ours]) => [title!, script!, ours!] as const))('%s', (_, script, ours) => {
  const { messages } = parseText(script.replace('@DEEP@', `${'('.repeat(10_000)}1${')'.repeat(10_000)}`), {
    arguments: ['5'],
  });
  if (ours === 'accepted.') expect(messages).toEqual([]);
  else expect(messages.map((message) => message.split('\n')[0])).toEqual([expect.stringContaining(ours)]);
});
