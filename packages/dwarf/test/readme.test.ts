// The examples of the README run as they stand, and print what they say they print.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import * as library from '../src/index.js';
import { BtfWriter } from './helpers/bytes.js';
import { compile, temporaryFolder } from './helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const examples = [
  ...readFileSync(new URL('../README.md', import.meta.url), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
].map((match) => match[1]!);

/** Runs an example with its imports taken from the library; returns what it logged. */
async function run(example: string, given: Record<string, unknown>): Promise<unknown[][]> {
  const lines: unknown[][] = [];
  const imports = /import \{([^}]*)\} from '@stapkit\/dwarf';/.exec(example)![1]!;
  const body = example.replace(/^import .*$/m, '');
  const fakeConsole = {
    log: (...values: unknown[]) => lines.push(values),
    error: (text: string) => lines.push([text]),
  };
  const names = ['library', 'console', ...Object.keys(given)];
  const program = new Function(...names, `return (async () => { const {${imports}} = library;\n${body} })()`);
  await program(library, fakeConsole, ...Object.values(given));
  return lines;
}

test('the example of a kernel', async () => {
  const w = new BtfWriter();
  const size = w.simple(8, 'size_t', w.int('unsigned long', 8));
  const file = w.pointer(w.struct('file', 8, []));
  const buffer = w.pointer(w.int('char', 1));
  const position = w.pointer(w.simple(8, 'loff_t', w.int('long long', 8, 1)));
  w.func(
    'vfs_read',
    w.prototype(size, [
      ['file', file],
      ['buf', buffer],
      ['count', size],
      ['pos', position],
    ]),
  );
  w.enum('pid_type', [['PIDTYPE_MAX', 4]]);
  const image = join(folder.path, 'btf');
  writeFileSync(image, w.finish());
  const lines = await run(examples[0]!, { release: '6.1.0', image, cacheFolder: join(folder.path, 'cache') });
  expect(lines).toEqual([[['struct file * file', 'char * buf', 'size_t count', 'loff_t * pos']], ['4']]);
});

test('the example of a program', async () => {
  const program = compile(folder.path, 'program', ['-O1'], 'int answer = 42;\n\nint main(void) { return answer; }\n');
  const lines = await run(examples[1]!, { program });
  expect(lines[0]).toEqual(['main', 3]);
  expect(lines.flat()).toEqual(expect.arrayContaining(['answer', 'int']));
});

const SAMPLE = `struct point { int x; int y; };
extern int add(struct point *point);
static inline __attribute__((always_inline)) int twice(int value) { return value * 2; }
__attribute__((noipa)) int add(struct point *point) { return twice(point->x) + point->y; }
int main(void) { struct point p = { 1, 2 }; return add(&p); }
`;

/** What the example's comments say that it prints. */
const said = (example: string) => [...example.matchAll(/^\/\/ → (.*)$/gm)].map((match) => match[1]!);
const printed = (lines: unknown[][]) =>
  lines.map((values) => values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));

test.each([
  ['a variable’s place and the caller’s frame', 'expressionAt'],
  ['names', 'demangle('],
  ['the index', 'openDebugIndex('],
  ['a kernel’s code', 'kernelCode('],
])('the example of %s', async (_, word) => {
  // A kernel's code begins at _stext.
  const flags = ['-O2', '-gdwarf-5', '-no-pie', '-Wl,--build-id=sha1', '-Wl,--defsym=_stext=main'];
  const program = compile(folder.path, 'sample', flags, SAMPLE);
  const example = examples.find((one) => one.includes(word))!;
  const given = { program, cacheFolder: join(folder.path, 'cache'), release: '6.1.0-test' };
  const lines = await run(example, given);
  expect(said(example).length).toBeGreaterThan(0);
  expect(printed(lines)).toEqual(said(example));
});
