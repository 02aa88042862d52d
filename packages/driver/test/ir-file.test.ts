import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Intermediate, writeIntermediate } from '../src/ir-file.js';
import { command, scratchFolder } from './harness.js';

const module: Intermediate = { pass: 4, ir: { path: '/x.ko', name: 'x', cached: false } as never };

test('a result takes the place of a link instead of going where it leads', async () => {
  const folder = scratchFolder();
  const [path, elsewhere] = [join(folder, 'ir.json'), join(folder, 'elsewhere')] as const;
  writeFileSync(elsewhere, 'mine');
  symlinkSync(elsewhere, path);
  await writeIntermediate(path, module);
  expect(readFileSync(elsewhere, 'utf8')).toBe('mine');
  expect(lstatSync(path).isFile()).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['elsewhere', 'ir.json']);
  await expect(writeIntermediate(join(folder, 'none/ir.json'), module)).rejects.toThrow(/cannot write/);
});

test('a device stays one, and a pipe takes the text', async () => {
  await writeIntermediate('/dev/null', module);
  expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  const pipe = join(scratchFolder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = command(['cat', pipe]);
  await writeIntermediate(pipe, module);
  expect(JSON.parse((await reader).stdout)).toMatchObject({ format: 'stapkit-ir', pass: 4 });
});
