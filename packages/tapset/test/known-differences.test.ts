// Keeps the list of known differences true.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTapset, tapsetFolder } from '../src/index.js';

const text = readFileSync(new URL('fixtures/known-differences.md', import.meta.url), 'utf8');

/** The names of the paragraphs that begin with some words. */
const named = (words: string): string[] =>
  text
    .split('\n\n')
    .filter((paragraph) => paragraph.startsWith(`${words}: `))
    .flatMap((paragraph) => [...paragraph.matchAll(/`(\w+)`/g)].map(([, name]) => name!));

test('system calls are there, and not there, as the list says', async () => {
  const { value: tapset } = await openTapset({
    folders: [tapsetFolder],
    kernelRelease: '6.1.0-56-amd64',
    architecture: 'x86_64',
  });
  const there = new Set(tapset!.matchingProbes('syscall.*').map((name) => name.replace('syscall.', '')));
  expect(named('Not here').length).toBeGreaterThan(50);
  expect(named('Only here').length).toBeGreaterThan(20);
  expect(named('Not here').filter((name) => there.has(name))).toEqual([]);
  expect(named('Only here').filter((name) => !there.has(name))).toEqual([]);
});
