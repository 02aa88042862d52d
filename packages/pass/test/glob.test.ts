import { expect, test } from 'vitest';
import { globSource } from '../src/index.js';

const fits = (pattern: string, name: string): boolean => new RegExp(`^${globSource(pattern)}$`).test(name);

test.each([
  ['vfs_*', 'vfs_read', 'vfs'],
  ['vfs_?ead', 'vfs_read', 'vfs_rread'],
  ['v[a-f]s', 'vfs', 'vgs'],
  ['v[!a-f]s', 'vgs', 'vfs'],
  ['v[^a-f]s', 'vgs', 'vfs'],
  ['v[-a]s', 'v-s', 'vbs'],
  ['v[a-]s', 'v-s', 'vbs'],
  ['v[\\]s', 'v\\s', 'vs'],
  ['a.b(c)+$', 'a.b(c)+$', 'aXb(c)+$'],
  // What nothing closes stands for itself.
  ['a[', 'a[', 'a'],
  ['a]b(', 'a]b(', 'a'],
])('%s fits %s and not %s', (pattern, name, other) => {
  expect(fits(pattern, name)).toBe(true);
  expect(fits(pattern, other)).toBe(false);
});

test('a range backwards fits nothing, and no wildcard the end of a line', () => {
  for (const name of ['a', 'z', '-', '', '[z-a]']) expect(fits('[z-a]', name)).toBe(false);
  expect(fits('a*b', 'a\nb')).toBe(false);
  expect(fits('a[!b]c', 'a\nc')).toBe(false);
  expect(fits('[!z-a]', 'a')).toBe(true);
});
