// Output files: names, rotation by size and on demand, and that no line is cut.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputFiles } from '../src/output-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staprun-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(join(folder, name), 'latin1');

test('without a size everything goes to the one file', async () => {
  const files = await OutputFiles.open({ name: join(folder, 'out') });
  await files.write(Buffer.from('one\n'));
  await files.write(Buffer.from('two\n'));
  await files.close();
  expect(readdirSync(folder)).toEqual(['out']);
  expect(read('out')).toBe('one\ntwo\n');
});

test('with a size files are numbered from 0 and the oldest go', async () => {
  const files = await OutputFiles.open({ name: join(folder, 'out'), size: 8, count: 2 });
  await files.write(Buffer.from('aaa\nbbb\nccc\nddd\neee\n'));
  await files.close();
  expect(readdirSync(folder).sort()).toEqual(['out.1', 'out.2']);
  expect(read('out.1')).toBe('ccc\nddd\n');
  expect(read('out.2')).toBe('eee\n');
});

test('a line longer than a file stays whole', async () => {
  const files = await OutputFiles.open({ name: join(folder, 'out'), size: 4 });
  await files.write(Buffer.from('a\nlong line'));
  await files.write(Buffer.from(' goes on\nb\n'));
  await files.close();
  expect(readdirSync(folder).map(read)).toEqual(['a\n', 'long line goes on\n', 'b\n']);
});

test('a request rotates at once, or at the end of the line', async () => {
  const files = await OutputFiles.open({ name: join(folder, 'out') });
  await files.write(Buffer.from('one\ntw'));
  files.requestRotation();
  await files.write(Buffer.from('o\nthree\n'));
  files.requestRotation();
  await files.close();
  expect(readdirSync(folder).sort()).toEqual(['out', 'out.1', 'out.2']);
  expect(read('out')).toBe('one\ntwo\n');
  expect(read('out.1')).toBe('three\n');
  expect(read('out.2')).toBe('');
});

test('names take strftime conversions', async () => {
  const files = await OutputFiles.open({ name: join(folder, '%Y-%m'), now: () => new Date(2026, 10, 23) });
  await files.close();
  expect(readdirSync(folder)).toEqual(['2026-11']);
});

test('a file that cannot be opened is named', async () => {
  const opening = OutputFiles.open({ name: join(folder, 'none', 'out') });
  await expect(opening).rejects.toThrow(DiagnosticError);
  await expect(opening).rejects.toThrow(/writing to .*none\/out failed: no such file/);
});

test('whatever the sizes, all bytes arrive, no line is cut and files keep to their size but for a line', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(12), { maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 }),
      async (lengths, size, cuts) => {
        const text = lengths.map((length, index) => `${String(index % 10).repeat(length)}\n`).join('');
        const place = mkdtempSync(join(folder, 'case-'));
        const files = await OutputFiles.open({ name: join(place, 'o'), size });
        for (let from = 0, turn = 0; from < text.length; turn++) {
          const to = from + cuts[turn % cuts.length]!;
          await files.write(Buffer.from(text.slice(from, to)));
          from = to;
        }
        await files.close();
        const names = readdirSync(place).sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
        const contents = names.map((name) => readFileSync(join(place, name), 'latin1'));
        expect(contents.join('')).toBe(text);
        for (const content of contents) {
          expect(content === '' || content.endsWith('\n')).toBe(true);
          // A line that was begun in a file is ended in it, so a file may be too large by less than a line.
          expect(content.length).toBeLessThan(size + 13);
        }
      },
    ),
    { numRuns: 60 },
  );
});
