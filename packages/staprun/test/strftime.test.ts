// strftime against date(1), which goes by the C library.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { strftime } from '../src/strftime.js';

const CONVERSIONS = [...'aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ'];

test.each([0, 951_782_400, 1_230_768_000, 1_419_984_000, 1_719_792_001, 1_798_761_599, 1_830_297_599])(
  'the conversions show second %i as date(1) does',
  (seconds) => {
    const format = CONVERSIONS.map((conversion) => `${conversion}=%${conversion}`).join('|');
    const theirs = execFileSync('date', ['-d', `@${seconds}`, `+${format}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    expect(strftime(format, new Date(seconds * 1000))).toBe(theirs.trimEnd());
  },
);

test('a doubled percent sign is one, and what is no conversion stays', () => {
  expect(strftime('100%% of %Q', new Date())).toBe('100% of %Q');
});
