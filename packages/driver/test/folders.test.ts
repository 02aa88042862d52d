import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { expect, test } from 'vitest';
import {
  cacheFolder,
  ensureCacheFolder,
  keepTemporaryFolder,
  makeTemporaryFolder,
  removeTemporaryFolder,
} from '../src/folders.js';
import { scratchFolder } from './harness.js';

test('the cache folder follows SYSTEMTAP_DIR, then XDG_CACHE_HOME, then HOME', () => {
  expect(cacheFolder({ SYSTEMTAP_DIR: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a/cache');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/stapkit');
  expect(cacheFolder({ HOME: '/c' })).toBe('/c/.cache/stapkit');
});

test('a cache folder is made with its parents, and one that can not be made is an error that names it', () => {
  const folder = scratchFolder();
  ensureCacheFolder(join(folder, 'a/b/c'));
  expect(existsSync(join(folder, 'a/b/c'))).toBe(true);
  for (const impossible of ['/proc/stapkit/cache', '/dev/null/cache']) {
    expect(() => ensureCacheFolder(impossible)).toThrow(DiagnosticError);
  }
});

test('a cache folder that others can put things into, or exchange, is refused', () => {
  const folder = scratchFolder();
  const inside = join(folder, 'open/cache');
  mkdirSync(inside, { recursive: true });
  ensureCacheFolder(inside);
  chmodSync(join(folder, 'open'), 0o777);
  expect(() => ensureCacheFolder(inside)).toThrow(/open can be written by everybody/);
  // Where it is sticky nobody can exchange what is ours.
  chmodSync(join(folder, 'open'), 0o1777);
  ensureCacheFolder(inside);
  chmodSync(inside, 0o1777);
  expect(() => ensureCacheFolder(inside)).toThrow(/cache can be written by everybody/);
});

test('the next run removes what a killed one has left, and nothing that is in use or kept', async () => {
  const base = scratchFolder();
  const mine = await makeTemporaryFolder(base);
  const kept = await makeTemporaryFolder(base);
  await keepTemporaryFolder(kept);
  // No process of this number was started in the first tick after boot.
  mkdirSync(join(base, 'stapDEAD00'));
  writeFileSync(join(base, 'stapDEAD00/.owner'), '4194303 1');
  mkdirSync(join(base, 'stapble-notes'));
  const next = await makeTemporaryFolder(base);
  expect(readdirSync(base).sort()).toEqual(
    [mine, kept, next, join(base, 'stapble-notes')].map((path) => path.slice(base.length + 1)).sort(),
  );
  await removeTemporaryFolder(next);
  expect(existsSync(next)).toBe(false);
});

test('a link in the way is not followed when killed runs are cleaned up', async () => {
  const base = scratchFolder();
  const victim = scratchFolder();
  writeFileSync(join(victim, '.owner'), '4194303 1');
  symlinkSync(victim, join(base, 'stapLINK00'));
  const folder = await makeTemporaryFolder(base);
  expect(readdirSync(victim)).toEqual(['.owner']);
  // What is made anew belongs to nobody else, and nobody else looks into it.
  expect(lstatSync(folder).mode & 0o777).toBe(0o700);
});
