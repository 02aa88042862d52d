import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rcFile, readRc } from '../src/rc-file.js';
import { scratchFolder } from './harness.js';

function withRc(text: string) {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'rc'), text);
  return { SYSTEMTAP_DIR: folder, HOME: '/home/me' };
}

test('words are read as a shell reads them', () => {
  const env = withRc(
    `-v -DFOO=1 # a comment\n\n--vp "00001"\n  -I $HOME/stp -E 'probe end { println("a b") }'\n-I /*/x\n`,
  );
  expect(readRc(env)).toEqual([
    '-v',
    '-DFOO=1',
    '--vp',
    '00001',
    '-I',
    '/home/me/stp',
    '-E',
    'probe end { println("a b") }',
    '-I',
    '/*/x',
  ]);
});

test('the folder is $SYSTEMTAP_DIR, else .systemtap at home', () => {
  expect(rcFile({ HOME: '/home/me' })).toBe('/home/me/.systemtap/rc');
  expect(rcFile({ HOME: '/home/me', SYSTEMTAP_DIR: '/etc/s' })).toBe('/etc/s/rc');
});

test('no file means no words', () => {
  expect(readRc({ HOME: scratchFolder() })).toEqual([]);
});

test('what is no word is told with its place', () => {
  expect(() => readRc(withRc('-v\n-o out | cat\n'))).toThrow(/rc:2: '\|' is no option/);
});

test('a file that cannot be read is told', () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'rc'));
  expect(() => readRc({ SYSTEMTAP_DIR: folder })).toThrow(/rc can't be read/);
});
