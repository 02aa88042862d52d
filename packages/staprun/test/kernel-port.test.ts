// What insmod says, and what becomes of it.
import { renderDiagnostic } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { moduleRefused } from '../src/diagnostics.js';
import { insmodWords, refusalReason } from '../src/kernel-port.js';

const refused = (
  text: string,
  facts: Partial<Parameters<typeof moduleRefused>[4]> = {},
  log: readonly string[] = [],
): string => {
  const words = insmodWords(text);
  return renderDiagnostic(
    moduleRefused('test', refusalReason(words), words, log, { runningRelease: '6.1.0-56-amd64', ...facts }),
  );
};

test('kmod’s and busybox’s words are understood', () => {
  expect(insmodWords('insmod: ERROR: could not insert module x.ko: Invalid module format\n')).toBe(
    'Invalid module format',
  );
  expect(insmodWords("insmod: can't insert '/x: y.ko': Operation not permitted\n")).toBe('Operation not permitted');
  expect(refusalReason('File exists')).toBe('exists');
  expect(refusalReason('Key was rejected by service')).toBe('signature');
  expect(refusalReason('unknown symbol in module, or unknown parameter')).toBe('unknown-symbol');
  expect(refusalReason('Invalid argument')).toBe('parameter');
  expect(refusalReason('Cannot allocate memory')).toBe('memory');
  expect(refusalReason('Device or resource busy')).toBe('other');
});

test('a module for another kernel is told as that', () => {
  const text = refused('insmod: x: Invalid module format', { vermagic: '6.1.0-18-amd64 SMP preempt' }, [
    'test: version magic …',
  ]);
  expect(text).toBe(
    [
      "ERROR: couldn't insert module 'test': it was built for the kernel 6.1.0-18-amd64, this one is 6.1.0-56-amd64",
      '    Invalid module format',
      '    test: version magic …',
      '  hint: build it for this kernel: stap -r 6.1.0-56-amd64 -m test -p4 SCRIPT',
    ].join('\n'),
  );
});

test('a locked-down kernel is told as that', () => {
  const log = ['Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7'];
  const text = refused('insmod: x: Operation not permitted', { lockdown: 'integrity' }, log);
  expect(text).toContain('    Lockdown: insmod: unsigned module loading is restricted');
  expect(text).toContain('hint: the kernel is locked down (integrity)');
  expect(refused('insmod: x: Operation not permitted')).toContain('hint: loading a module needs root');
});
