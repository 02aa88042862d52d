// Locks and atomic files.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { withLock, writeAtomically } from '../src/files.js';
import { temporaryFolder } from './support.js';

const { signal } = new AbortController();

test('of many who want the same thing one works and the others wait', async () => {
  const folder = temporaryFolder();
  const lock = join(folder, 'lock');
  let working = 0;
  let worked = 0;
  let done = false;
  const results = await Promise.all(
    Array.from({ length: 10 }, () =>
      withLock(
        lock,
        () => done,
        async () => {
          working += 1;
          expect(working).toBe(1);
          await sleep(30);
          working -= 1;
          worked += 1;
          done = true;
          return 'made';
        },
        signal,
      ),
    ),
  );
  expect(worked).toBe(1);
  expect(results.filter((result) => result === 'made')).toHaveLength(1);
  expect(existsSync(lock)).toBe(false);
});

test('a lock whose owner is dead is taken over', async () => {
  const lock = join(temporaryFolder(), 'lock');
  writeFileSync(lock, '4194303 12345 x');
  expect(
    await withLock(
      lock,
      () => false,
      async () => 'mine',
      signal,
    ),
  ).toBe('mine');
});

test('a waiter stops waiting when it is aborted', async () => {
  const lock = join(temporaryFolder(), 'lock');
  const controller = new AbortController();
  let release = (): void => {};
  const holder = withLock(
    lock,
    () => false,
    () => new Promise<void>((resolve) => (release = resolve)),
    signal,
  );
  const waiter = withLock(
    lock,
    () => false,
    async () => {},
    controller.signal,
  );
  controller.abort(new Error('enough'));
  await expect(waiter).rejects.toThrow('enough');
  release();
  await holder;
});

test('work that fails frees the lock', async () => {
  const lock = join(temporaryFolder(), 'lock');
  await expect(
    withLock(
      lock,
      () => false,
      () => Promise.reject(new Error('no')),
      signal,
    ),
  ).rejects.toThrow('no');
  expect(existsSync(lock)).toBe(false);
});

test('a file that cannot be put in its place leaves nothing behind', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'file');
  writeAtomically(path, 'one');
  writeAtomically(path, 'two');
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(() => writeAtomically(join(path, 'below'), 'x')).toThrow();
  expect(readdirSync(folder)).toEqual(['file']);
});
