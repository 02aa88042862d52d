// The cache of built modules: damage, limits, cleaning.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cleanCache, entryPath, readEntry, writeEntry } from '../src/script-cache.js';
import { temporaryFolder } from './support.js';

const key = (n: number): string => String(n).padStart(32, '0');

describe('an entry', () => {
  test('comes back as it was', () => {
    const path = entryPath(temporaryFolder(), key(1), 'stap_1');
    expect(readEntry(path)).toBeUndefined();
    writeEntry(path, Buffer.from('module'));
    expect(readEntry(path)?.toString()).toBe('module');
  });

  test.each([
    ['changed', 'mOdule'],
    ['cut short', 'mod'],
    ['empty', ''],
  ])('that was %s is not served', (_, content) => {
    const path = entryPath(temporaryFolder(), key(1), 'stap_1');
    writeEntry(path, Buffer.from('module'));
    writeFileSync(path, content);
    expect(readEntry(path)).toBeUndefined();
  });

  test('that somebody else put there is not served, nor is a link', () => {
    const folder = temporaryFolder();
    const path = entryPath(folder, key(1), 'stap_1');
    writeEntry(path, Buffer.from('module'));
    chmodSync(path, 0o666);
    expect(readEntry(path)).toBeUndefined();
    chmodSync(path, 0o644);
    renameSync(path, join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(readEntry(path)).toBeUndefined();
  });

  test('leaves no temporary file', () => {
    const folder = temporaryFolder();
    const path = entryPath(folder, key(1), 'stap_1');
    writeEntry(path, Buffer.from('module'));
    expect(readdirSync(join(folder, 'modules/00')).sort()).toEqual(['stap_1.ko', 'stap_1.ko.sum']);
  });
});

describe('cleaning', () => {
  function filled(entries: number): string {
    const folder = temporaryFolder();
    for (let n = 0; n < entries; n++) {
      const path = entryPath(folder, key(n), `stap_${n}`);
      writeEntry(path, Buffer.alloc(600 * 1024));
      utimesSync(path, 1000 + n, 1000 + n);
    }
    return folder;
  }

  test('removes what was used longest ago until the limit is kept', () => {
    const folder = filled(4);
    writeFileSync(join(folder, 'cache_mb_limit'), '1\n');
    readEntry(entryPath(folder, key(0), 'stap_0'));
    expect(cleanCache(folder)).toEqual({ removed: 3, bytes: 600 * 1024 });
    expect(readEntry(entryPath(folder, key(0), 'stap_0'))).toBeDefined();
    expect(existsSync(entryPath(folder, key(3), 'stap_3'))).toBe(false);
    expect(existsSync(`${entryPath(folder, key(3), 'stap_3')}.sum`)).toBe(false);
  });

  test('waits for its interval unless it is asked for', () => {
    const folder = filled(1);
    expect(cleanCache(folder)).toEqual({ removed: 0, bytes: 600 * 1024 });
    expect(cleanCache(folder)).toBeUndefined();
    expect(cleanCache(folder, true)).toEqual({ removed: 0, bytes: 600 * 1024 });
  });

  test('writes SystemTap’s defaults where there are no settings', () => {
    const folder = filled(0);
    cleanCache(folder);
    expect(readFileSync(join(folder, 'cache_mb_limit'), 'utf8')).toBe('256\n');
    expect(readFileSync(join(folder, 'cache_clean_interval_s'), 'utf8')).toBe('300\n');
  });

  test('removes runtimes that nobody uses any more, and what killed builds left', () => {
    const folder = filled(0);
    const add = (name: string, age: number): void => {
      mkdirSync(join(folder, 'runtime', name), { recursive: true });
      const file = join(folder, 'runtime', name, 'archive.json');
      writeFileSync(file, '{}');
      const time = new Date(Date.now() - age);
      for (const path of [file, join(folder, 'runtime', name)]) utimesSync(path, time, time);
    };
    const day = 86_400_000;
    add('6.1.0-new', day);
    add('6.1.0-old', 31 * day);
    add('.tmp-1-6.1.0', day);
    add('.tmp-2-6.1.0', 1000);
    cleanCache(folder);
    expect(readdirSync(join(folder, 'runtime')).sort()).toEqual(['.tmp-2-6.1.0', '6.1.0-new']);
  });

  test('takes nonsense in a setting for the default', () => {
    const folder = filled(1);
    writeFileSync(join(folder, 'cache_mb_limit'), 'many');
    expect(cleanCache(folder)?.removed).toBe(0);
  });
});
