// What `stap types` prints.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { eventJsonSchema, eventTypeScript, rowSchema } from '../src/row-types.js';
import { site } from './module-double.js';

const SITES = [
  site(0, '%s(%d) %d %.4M\n', ['execname()', 'pid()', 'pid()', 'buf']),
  site(1, 'done\n'),
  site(2, '%-*s|%5.*d\n', ['name', '$file->f_pos']),
];

test('columns are named after what was written, and told apart', () => {
  expect(Object.keys(rowSchema(SITES[0]!).shape)).toEqual(['execname', 'pid', 'pid_2', 'buf']);
  expect(Object.keys(rowSchema(SITES[2]!).shape)).toEqual(['name', 'file_f_pos']);
  expect(rowSchema(SITES[0]!).parse({ execname: 'cat', pid: 1, pid_2: '9007199254740993', buf: '00ff' })).toBeTruthy();
});

test('literals have no column', () => {
  expect(Object.keys(rowSchema(site(0, '%s %d\n', ['"text"', 'pid()'])).shape)).toEqual(['pid']);
});

test('the JSON schema has a branch for each print and each other event', () => {
  const schema = eventJsonSchema(SITES) as { anyOf: { properties: { event: { const: string } } }[] };
  expect(schema.anyOf.map((branch) => branch.properties.event.const)).toEqual([
    'print',
    'print',
    'print',
    'start',
    'text',
    'warning',
    'error',
    'loss',
    'detach',
    'coverage',
    'end',
  ]);
});

test('the TypeScript compiles, and fits what a run emits', () => {
  const folder = mkdtempSync(join(tmpdir(), 'staprun-test-'));
  try {
    writeFileSync(join(folder, 'types.ts'), eventTypeScript(SITES));
    writeFileSync(
      join(folder, 'use.ts'),
      `import type { OtherEvent, ScriptEvent } from './types.ts';
import type { RunEvent } from ${JSON.stringify(new URL('../src/events.ts', import.meta.url).pathname)};
export const other: (event: Exclude<RunEvent, { event: 'print' }>) => OtherEvent = (event) => event;
export function use(event: ScriptEvent): number | string {
  if (event.event === 'print' && event.place === 'test.stp:1:1') return event.row.pid_2;
  return event.event;
}
`,
    );
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--allowImportingTsExtensions', '--ignoreConfig'];
    const resolution = ['--module', 'nodenext', '--moduleResolution', 'nodenext', '--customConditions', 'source'];
    const types = ['--types', 'node', '--typeRoots', new URL('../../../node_modules/@types', import.meta.url).pathname];
    execFileSync(process.execPath, [compiler, ...options, ...resolution, ...types, join(folder, 'use.ts')], {
      encoding: 'utf8',
    });
  } catch (error) {
    throw new Error(String((error as { stdout?: string }).stdout ?? error));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
