import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { writeCpio } from '../src/cpio.js';

/** Reads an archive back by the format's description, independent of the writer. */
function readCpio(archive: Buffer): { name: string; mode: number; data: string }[] {
  const entries: { name: string; mode: number; data: string }[] = [];
  for (let at = 0; at < archive.length; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('utf8', at + 110, nameEnd - 1);
    const start = Math.ceil(nameEnd / 4) * 4;
    const data = archive.toString('utf8', start, start + field(6));
    entries.push({ name, mode: field(1), data });
    at = Math.ceil((start + field(6)) / 4) * 4;
  }
  return entries;
}

const archive = writeCpio([
  { kind: 'folder', path: 'dev' },
  { kind: 'file', path: 'init', mode: 0o755, data: Buffer.from('#!') },
  { kind: 'file', path: 'm/a.ko', data: Buffer.from('12345') },
  { kind: 'symlink', path: 'sbin', target: 'bin' },
]);

test('an archive holds each entry with its kind, mode and content, and ends with the trailer', () => {
  expect(readCpio(archive)).toEqual([
    { name: 'dev', mode: 0o040755, data: '' },
    { name: 'init', mode: 0o100755, data: '#!' },
    { name: 'm/a.ko', mode: 0o100644, data: '12345' },
    { name: 'sbin', mode: 0o120777, data: 'bin' },
    { name: 'TRAILER!!!', mode: 0, data: '' },
  ]);
});

test('every entry begins on a multiple of four, so that archives can be joined', () => {
  expect(archive.length % 4).toBe(0);
  expect(readCpio(Buffer.concat([archive, archive]))).toHaveLength(10);
});

test("busybox's cpio reads it", ({ skip }) => {
  let listing: string;
  try {
    listing = execFileSync('busybox', ['cpio', '-t'], {
      input: archive,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch {
    return skip('busybox is not installed');
  }
  expect(listing.trim().split('\n')).toEqual(['dev', 'init', 'm/a.ko', 'sbin']);
});
