import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemWords } from '../src/index.js';

function faultOf(read: () => unknown): unknown {
  try {
    read();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('an error of the system is told in its words alone', () => {
  expect(systemWords(faultOf(() => readFileSync('/no/such/file')))).toBe('no such file or directory');
  expect(systemWords(faultOf(() => readFileSync('/')))).toBe('it is a directory');
  expect(systemWords(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }))).toBe(
    'no space left on device',
  );
  expect(systemWords(new Error('the tool ended: badly'))).toBe('the tool ended: badly');
  expect(systemWords('text')).toBe('text');
});
