import { expect, test } from 'vitest';
import { formatPlace, joinSpans, lineAt, positionAt } from '../src/index.js';

test('counts lines and columns from 1, also at the end and past it', () => {
  const text = 'ab\ncd\n';
  expect(positionAt(text, 0)).toEqual({ line: 1, column: 1 });
  expect(positionAt(text, 2)).toEqual({ line: 1, column: 3 });
  expect(positionAt(text, 3)).toEqual({ line: 2, column: 1 });
  expect(positionAt(text, 6)).toEqual({ line: 3, column: 1 });
  expect(positionAt(text, 99)).toEqual({ line: 3, column: 1 });
});

test('finds the line of an offset without its line end', () => {
  expect(lineAt('one\r\ntwo\r\n', 6)).toBe('two');
  expect(lineAt('one\ntwo', 3)).toBe('one');
  expect(lineAt('one\ntwo', 4)).toBe('two');
  expect(lineAt('', 0)).toBe('');
});

test('joins spans and prints places', () => {
  const span = joinSpans({ file: 'a', start: 4, end: 5 }, { file: 'a', start: 1, end: 2 });
  expect(span).toEqual({ file: 'a', start: 1, end: 5 });
  expect(formatPlace(span, 'x\nyz')).toBe('a:1:2');
});
