import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCommand, identify, isAlive, isLock, takeLock } from '../src/processes.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vm-processes-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a process is told apart from a later one with its number', () => {
  const self = identify(process.pid)!;
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: '1' })).toBe(false);
  expect(identify(4_000_000)).toBeUndefined();
});

test('a lock is held by one at a time and leaves no file behind', async () => {
  const path = join(folder, 'lock');
  const lock = await takeLock(path);
  expect(isLock(lock)).toBe(true);
  expect(await takeLock(path)).toEqual(identify(process.pid));
  if (isLock(lock)) await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test('of many that want a stale lock, exactly one gets it', async () => {
  const path = join(folder, 'lock');
  await writeFile(path, '4000000 1\n');
  const results = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)));
  expect(results.filter(isLock)).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toContain(`${process.pid} `);
  expect(await readdir(folder)).toEqual(['lock']);
});

test('a command is found in the search path, and a path is taken as it is', async () => {
  expect(await findCommand('sh', '/nowhere:/bin')).toBe('/bin/sh');
  expect(await findCommand('/bin/sh', '')).toBe('/bin/sh');
  expect(await findCommand('no-such-command', '/bin')).toBeUndefined();
});
