import { expect, test } from 'vitest';
import {
  type Diagnostic,
  definePass,
  editDistance,
  limitValues,
  nearestNames,
  quietContext,
  runPass,
} from '../src/index.js';

const fault: Diagnostic = { code: 'test/fault', severity: 'error', class: 'semantic', message: 'no' };
const double = definePass({
  number: 1,
  name: 'double',
  run: async (input: number) => ({ value: input * 2, diagnostics: input < 0 ? [fault] : [] }),
  summarize: (output) => `doubled to ${output}`,
});

test('a pass that reports an error stops the chain and hands its diagnostics to the context', async () => {
  const context = quietContext();
  expect(await runPass(double, 4, context)).toBe(8);
  expect(context.diagnostics).toEqual([]);
  expect(await runPass(double, -1, context)).toBeUndefined();
  expect(context.diagnostics).toEqual([fault]);
});

test('an aborted chain runs no further pass', async () => {
  await expect(runPass(double, 1, quietContext(AbortSignal.abort(new Error('stop'))))).rejects.toThrow('stop');
});

test('limits take defaults, numbers, and leave text to the compiler', () => {
  const values = limitValues({ MAXACTION: '50', MAXNESTING: 'SOME_MACRO', OTHER: '1' });
  expect(values.MAXACTION).toBe(50);
  expect(values.MAXACTION_INTERRUPTIBLE).toBe(500);
  expect(values.MAXNESTING).toBe(10);
  expect(values.MAXMAPENTRIES).toBe(2048);
  expect(values.STP_PROCFS_BUFSIZE).toBe(512);
  expect(limitValues({ MAXSTRINGLEN: '2000' }).STP_PROCFS_BUFSIZE).toBe(2000);
});

test('nearest names come best first and leave out what is too far', () => {
  expect(nearestNames('vfs.raed', ['vfs.read', 'vfs.write', 'vfs.readv', 'nfs.fop'])[0]).toBe('vfs.read');
  expect(nearestNames('x', ['completely-different'])).toEqual([]);
});

test('edit distance gives up beyond its limit', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('kitten', 'sitting', 1)).toBe(2);
  expect(editDistance('', 'abc')).toBe(3);
});
