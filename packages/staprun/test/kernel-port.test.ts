// What insmod says, and what becomes of it.
import { renderDiagnostic } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { moduleRefused } from '../src/diagnostics.js';
import { expectMemory } from '../src/expect-memory.js';
import { insmodWords, kernelBuildId, quoteParameter, refusalReason } from '../src/kernel-port.js';
import { loadParameters } from '../src/load-parameters.js';
import { isSigned } from '../src/modinfo.js';
import { moduleFile } from './module-file.js';

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

test('what is set reaches the kernel as one parameter, whatever stands in it', () => {
  const parameter = (...settings: string[]) => loadParameters(settings).map(quoteParameter);
  expect(parameter()).toEqual([]);
  expect(parameter('n=1', 's=a,b\\c=d')).toEqual(['set=n=1,s=a\\,b\\\\c\\=d']);
  expect(parameter('s=two words')).toEqual(['set="s=two words"']);
  // Quotes switch what they do to blanks on and off; the byte 0xa0 of à is a blank to the kernel, as a new line is.
  expect(parameter('s=a "b c" \\x22')).toEqual(['set="s=a \\x22b c\\x22 \\\\x22"']);
  expect(parameter('s=voilà')).toEqual(['set="s=voilà"']);
  expect(parameter('s=a\nb')).toEqual(['set="s=a\nb"']);
});

test('buffers that there is no memory for are told before they are asked for', () => {
  const facts = 'MemTotal:        2013180 kB\nMemFree:          123456 kB\nMemAvailable:    1638400 kB\n';
  expect(() => expectMemory(800, 2, facts)).not.toThrow();
  expect(() => expectMemory(801, 2, facts)).toThrow(
    'the buffers of 2 CPUs take 1602 megabytes; this machine has 1600 available',
  );
  expect(() => expectMemory(4095, 2, 'MemTotal: 1 kB\n')).not.toThrow();
});

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
  expect(text).toContain('stap --sign-module=KEY,CERTIFICATE -m test -p4 SCRIPT');
  const signed = refused('insmod: x: Operation not permitted', { lockdown: 'integrity', signed: true }, log);
  expect(signed).toContain('hint: the module is signed, but not with such a key');
  expect(signed).not.toContain('--sign-module');
  const facts = { lockdown: 'integrity', modulesDisabled: true };
  expect(refused('insmod: x: Operation not permitted', facts)).toContain('modules_disabled is 1');
  expect(refused('insmod: x: Operation not permitted')).toContain('hint: loading a module needs root');
});

test('a signature at the end of a module is seen', () => {
  const module = moduleFile('test', '6.1.0-56-amd64');
  expect(isSigned(module)).toBe(false);
  expect(isSigned(Buffer.concat([module, Buffer.from('…~Module signature appended~\n')]))).toBe(true);
});

test('the build id is found among the notes of the kernel', () => {
  const note = (name: string, kind: number, description: string): Buffer => {
    const content = Buffer.from(description, 'hex');
    const head = Buffer.alloc(12);
    head.writeUInt32LE(name.length + 1, 0);
    head.writeUInt32LE(content.length, 4);
    head.writeUInt32LE(kind, 8);
    const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
    return Buffer.concat([head, padded(Buffer.from(`${name}\0`, 'latin1')), padded(content)]);
  };
  const notes = Buffer.concat([note('Xen', 6, '6c696e7578'), note('GNU', 3, 'eb4fbcd037'), note('Linux', 0x101, '00')]);
  expect(kernelBuildId(notes)).toBe('eb4fbcd037');
  expect(kernelBuildId(notes.subarray(0, 40))).toBe(undefined);
  expect(kernelBuildId(Buffer.alloc(0))).toBe(undefined);
});
