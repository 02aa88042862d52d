// Which headers of a source can be compiled ahead.
import { expect, test } from 'vitest';
import { plainIncludes, setsUpHeaders } from '../src/precompiled-header.js';

test('headers outside of conditions are taken, those inside are not', () => {
  const text =
    '#include <linux/a.h>\n#include "own.h"\n#ifdef X\n#include <linux/b.h>\n#endif\n# include <linux/c.h>\n';
  expect(plainIncludes(text)).toEqual(['<linux/a.h>', '<linux/c.h>']);
});

test('an include guard is no condition', () => {
  const text = '/* x */\n#ifndef A_H\n#define A_H\n#include <linux/a.h>\n#if 1\n#include <linux/b.h>\n#endif\n#endif\n';
  expect(plainIncludes(text)).toEqual(['<linux/a.h>']);
});

test('a source that defines something first keeps to its own headers', () => {
  expect(setsUpHeaders('#define pr_fmt(f) "x" f\n#include <linux/printk.h>\n')).toBe(true);
  expect(setsUpHeaders('// text\n#include <linux/printk.h>\n#define A 1\n')).toBe(false);
  expect(setsUpHeaders('int x;\n')).toBe(false);
});
