// Names of time zones.
import { expect, test } from 'vitest';
import { localTimeZone, ruleName } from '../src/time-zone.js';

test('a rule names standard and summer time', () => {
  const rule = 'CET-1CEST,M3.5.0,M10.5.0/3';
  expect(ruleName(rule, -3600)).toBe('CET');
  expect(ruleName(rule, -7200)).toBe('CEST');
  expect(ruleName('<+0530>-5:30', -19800)).toBe('+0530');
  expect(ruleName('EST5EDT,M3.2.0,M11.1.0', 5 * 3600)).toBe('EST');
  expect(ruleName('', 0)).toBeUndefined();
});

test('a zone that no file tells of still has a name', async () => {
  expect((await localTimeZone('No/Where', new Date(0))).name).toMatch(/^(UTC|local)$/);
  expect(await localTimeZone('XYZ0')).toMatchObject({ name: 'XYZ' });
});
