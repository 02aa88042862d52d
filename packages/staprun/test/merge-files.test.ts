// stap-merge over files that bulk mode has written.
import { linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quietContext } from '@stapkit/pass';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mergeCommand } from '../src/merge-cli.js';
import { RECORD } from '../src/protocol.js';
import { runModule } from '../src/run-module.js';
import { VERSION } from '../src/version.js';
import { end, moduleDouble, print, record, site, watermark } from './module-double.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staprun-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function merge(...argv: string[]): Promise<{ status: number; output: string; errors: string }> {
  let output = '';
  let errors = '';
  const status = await mergeCommand(argv, {
    output: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
    errors: (text) => {
      errors += text;
    },
  });
  return { status, output, errors };
}

test('what bulk mode wrote by CPU comes together in order', async () => {
  const cpus = new Map<number, Buffer[]>();
  await runModule(
    { path: '', name: 'test' },
    {
      port: moduleDouble({
        sites: [site(0, '%d\n')],
        batches: [
          [
            print(0, 10, [1], 0),
            print(0, 30, [3], 0),
            print(0, 20, [2], 1),
            record({ kind: RECORD.EXIT, stamp: 50 }),
            watermark(60),
          ],
        ],
        atExit: [[print(0, 70, [4], 1), end(80)]],
      }),
      output: () => {},
      errors: () => {},
      bulkOutput: (cpu, frames) => void cpus.set(cpu, [...(cpus.get(cpu) ?? []), Buffer.from(frames)]),
    },
    quietContext(),
  );
  const paths = [...cpus].map(([cpu, chunks]) => {
    const path = join(folder, `out_${cpu}`);
    writeFileSync(path, Buffer.concat(chunks));
    return path;
  });
  expect(paths).toHaveLength(2);
  expect(await merge(...paths)).toEqual({ status: 0, output: '1\n2\n3\n4\n', errors: '' });
  expect((await merge('-v', ...paths)).output).toBe('[0, 0, 2]\n1\n[1, 0, 2]\n2\n[0, 1, 2]\n3\n[1, 1, 2]\n4\n');
});

test('other files are refused by name and place', async () => {
  const path = join(folder, 'text');
  writeFileSync(path, 'this is no bulk file at all');
  expect(await merge(path)).toMatchObject({
    status: 1,
    errors: expect.stringContaining('holds no bulk output (at byte 0)'),
  });
  expect(await merge(join(folder, 'none'))).toMatchObject({
    status: 1,
    errors: expect.stringContaining('no such file'),
  });
  expect(await merge()).toMatchObject({ status: 1, errors: expect.stringContaining('need the files to merge') });
});

test('a folder is told, and an output that is one of the inputs is not emptied', async () => {
  expect(await merge(folder)).toMatchObject({
    status: 1,
    errors: `ERROR: unable to read "${folder}": it is a directory\n`,
  });
  const path = join(folder, 'input');
  const link = join(folder, 'link');
  writeFileSync(path, 'kept');
  linkSync(path, link);
  for (const name of [path, link]) {
    expect(await merge('-o', name, path)).toEqual({
      status: 1,
      output: '',
      errors: `ERROR: -o names "${path}", which is to be merged\n`,
    });
  }
  expect(readFileSync(path, 'utf8')).toBe('kept');
  expect(await merge('-o', '', path)).toMatchObject({ status: 1, errors: expect.stringContaining('name of a file') });
});

test('its command line is read as those of the other programs', async () => {
  expect(await merge('-O', 'x', 'y')).toMatchObject({
    status: 1,
    errors: "ERROR: unrecognized option '-O'\n  hint: did you mean -o?\n",
  });
  expect(await merge('--hlep')).toMatchObject({ status: 1, errors: expect.stringContaining('did you mean --help?') });
  expect(await merge('y', '-o')).toMatchObject({
    status: 1,
    errors: expect.stringContaining("option requires an argument -- 'o'"),
  });
  expect(await merge('--verbose')).toMatchObject({ status: 1, errors: expect.stringContaining('did you mean -v?') });
  expect((await merge('--help')).output).toMatch(/^Usage: stap-merge \[options\]/);
  for (const option of ['-V', '--version']) {
    const text = `stapkit bulk file merger (version ${VERSION})\nThis is free software; MIT license.\n`;
    expect(await merge(option)).toEqual({ status: 0, output: text, errors: '' });
  }
});

test('a full disk behind standard output is told', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  let errors = '';
  const io = {
    output: () => Promise.reject(full),
    errors: (text: string) => {
      errors += text;
    },
  };
  expect(await mergeCommand(['--help'], io)).toBe(1);
  expect(errors).toBe('ERROR: writing to standard output failed: no space left on device\n');
});
