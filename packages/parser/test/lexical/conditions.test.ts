import { expect, test } from 'vitest';
import { compareVersions, matchesWildcard } from '../../src/lexical/conditions.js';

test('versions compare as strverscmp(3) says', () => {
  // The order given in the manual page, and kernel versions.
  const ascending = ['000', '00', '01', '010', '09', '0', '1', '9', '10'];
  for (let i = 0; i < ascending.length; i++) {
    for (let j = 0; j < ascending.length; j++) {
      expect(Math.sign(compareVersions(ascending[i]!, ascending[j]!)), `${ascending[i]} ${ascending[j]}`).toBe(
        Math.sign(i - j),
      );
    }
  }
  expect(compareVersions('2.6.9', '2.6.13')).toBeLessThan(0);
  expect(compareVersions('6.1.0', '6.1')).toBeGreaterThan(0);
  expect(compareVersions('6.1.0-56-amd64', '6.1.0-9-amd64')).toBeGreaterThan(0);
  expect(compareVersions('item#99', 'item#100')).toBeLessThan(0);
  expect(compareVersions('4.8', '4.8')).toBe(0);
});

test('wildcards match as fnmatch(3) says', () => {
  expect(matchesWildcard('2.6.13-1.322FC3smp', '2.6.13*smp')).toBe(true);
  expect(matchesWildcard('x86_64', 'x86*')).toBe(true);
  expect(matchesWildcard('i386', 'i?86')).toBe(true);
  expect(matchesWildcard('i486', 'i[3-5]86')).toBe(true);
  expect(matchesWildcard('i486', 'i[!3-5]86')).toBe(false);
  expect(matchesWildcard('', '*')).toBe(true);
  expect(matchesWildcard('y', '')).toBe(false);
  expect(matchesWildcard('a*b', 'a\\*b')).toBe(true);
  expect(matchesWildcard('axb', 'a\\*b')).toBe(false);
});

test('a pattern of many stars takes no time', () => {
  expect(matchesWildcard('a'.repeat(2000), `${'*a'.repeat(200)}b`)).toBe(false);
});
