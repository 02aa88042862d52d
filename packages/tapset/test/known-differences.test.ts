// Keeps the list of known differences true.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTapset, tapsetFolder } from '../src/index.js';

const text = readFileSync(new URL('fixtures/known-differences.md', import.meta.url), 'utf8');

/** The names of the paragraphs that begin with some words. */
const named = (words: string): string[] =>
  text
    .split('\n\n')
    .filter((paragraph) => paragraph.startsWith(`${words}: `))
    .flatMap((paragraph) => [...paragraph.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!));

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

/** Where the pages of SystemTap's tapset are, if they are installed. */
const PAGES = '/usr/share/man/man3';

test('documented aliases are missing as the list says', async () => {
  const { value: tapset } = await openTapset({
    folders: [tapsetFolder],
    kernelRelease: '6.1.0-56-amd64',
    architecture: 'x86_64',
  });
  const missing = named('No alias');
  expect(missing.length).toBeGreaterThan(50);
  const isThere = (name: string): boolean => tapset!.matchingProbes(name).length > 0;
  expect(missing.filter(isThere)).toEqual([]);
  const documented = (existsSync(PAGES) ? readdirSync(PAGES) : []).flatMap(
    (file) => /^probe::(.*)\.3stap/.exec(file)?.[1] ?? [],
  );
  if (documented.length > 200) {
    expect(documented.filter((name) => !isThere(name)).sort()).toEqual([...missing].sort());
  }
});
