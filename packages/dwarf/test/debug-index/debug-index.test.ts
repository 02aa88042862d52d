// The index of a program's debug information: made once, kept, made anew where it is damaged.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layoutIndex } from '../../src/debug-index/build-index.js';
import { INDEX_NAME } from '../../src/debug-index/debug-index.js';
import { Scanner } from '../../src/debug-index/scan.js';
import {
  buildIdPath,
  type DebugIndex,
  DW_TAG,
  Dwarf,
  entryAddress,
  openDebugIndex,
  openElf,
  openSupplementary,
} from '../../src/index.js';
import { compile, SAMPLE_CPP, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
const cacheFolder = join(folder.path, 'cache');
const workerFile = join(folder.path, 'worker.mjs');
let dwarf: Dwarf;
let index: DebugIndex;

beforeAll(async () => {
  const path = compile(folder.path, 'program', ['-O2', '-Wl,--build-id=sha1']);
  dwarf = new Dwarf(openElf(path));
  index = await openDebugIndex(dwarf, { cacheFolder });
  await build({
    entryPoints: [new URL('../../src/debug-index/worker.ts', import.meta.url).pathname],
    outfile: workerFile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['source'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
});
afterAll(() => folder.remove());

test('functions are found with their files, lines and instances', () => {
  const [twice] = index.functions('twice');
  expect(twice).toMatchObject({ name: 'twice', line: 5, concrete: [] });
  expect(twice!.inlined).toHaveLength(2);
  for (const offset of twice!.inlined) expect(dwarf.dieAt(offset).tag).toBe(DW_TAG.inlined_subroutine);
  const names = index.functions('*', '*.c').map((f) => f.name);
  expect(names).toEqual(expect.arrayContaining(['helper', 'main', 'twice']));
  expect(index.functions('*', 'other.c')).toEqual([]);
  expect(index.functions('h*', 'sample.c').map((f) => f.name)).toEqual(['helper']);
  expect(dwarf.dieAt(index.functions('helper')[0]!.concrete[0]!).name).toBe('helper');
});

test('functions tell who may call them, and where each copy starts', () => {
  const byName = new Map(index.functions('*').map((one) => [one.name, one]));
  expect(byName.get('main')!.external).toBe(true);
  expect(byName.get('helper')!.external).toBe(false);
  expect(byName.get('main')!.addresses).toEqual([dwarf.elf.symbols().find('main')!.value]);
  const own = [...byName.values()];
  expect(own.map((one) => one.addresses)).toEqual(
    own.map((one) => one.concrete.map((offset) => entryAddress(dwarf.dieAt(offset)))),
  );
  expect(own.map((one) => one.inlinedAddresses)).toEqual(
    own.map((one) => one.inlined.map((offset) => entryAddress(dwarf.dieAt(offset)))),
  );
  expect(index.functions('*e*', 'sample.c').map((one) => one.name)).toEqual(['helper', 'twice']);
});

const LABELS = `
static int work(int n)
{
again:
  if (n > 100) goto out;
  n = n * 3 + 1;
  goto again;
out:
  __asm__ volatile ("nop");
  return n;
}
int main(int argc, char **argv) { return work(argc); }
`;

test.each([['-O0'], ['-O2']])('labels are found with the function that they are in (%s)', async (flag) => {
  const path = compile(folder.path, `labels${flag}`, [flag, '-Wl,--build-id=sha1'], LABELS);
  const own = new Dwarf(openElf(path));
  const labelled = await openDebugIndex(own, { cacheFolder });
  const labels = labelled.labels('*');
  expect(labels.map((label) => label.name)).toContain('out');
  for (const { name, die, scope, address } of labels) {
    expect(own.dieAt(die)).toMatchObject({ tag: DW_TAG.label, fullName: name });
    expect(own.dieAt(scope).fullName).toBe('work');
    expect(address).toBe(entryAddress(own.dieAt(die)));
  }
  expect(labelled.labels('nothing')).toEqual([]);
  labelled.close();
});

test('a scan by threads finds what a scan by one finds', async () => {
  const one = new Scanner(dwarf);
  const two = [new Scanner(dwarf), new Scanner(dwarf)];
  dwarf.units().forEach((unit, at) => {
    one.scan(unit);
    two[at * 2 < dwarf.units().length ? 0 : 1]!.scan(unit);
  });
  const about = { buildId: '00', infoSize: 1 };
  const whole = layoutIndex([one.packed()], dwarf.units(), about);
  const parts = two.map((scanner) => scanner.packed());
  expect(layoutIndex(parts, dwarf.units(), about).equals(whole)).toBe(true);
});

test('types, enumerators and variables are found by name', () => {
  const [point] = index.types('point');
  expect(dwarf.dieAt(point!).tag).toBe(DW_TAG.structure_type);
  expect(index.types('point', DW_TAG.union_type)).toEqual([]);
  expect(dwarf.dieAt(index.enumeration('GREEN')!).name).toBe('color');
  expect(dwarf.dieAt(index.variables('global_counter')[0]!).name).toBe('global_counter');
  expect(index.variables('k')).toEqual([]);
  expect(index.typeNamesLike('po*', DW_TAG.structure_type)).toEqual(['point']);
  expect(index.variableNamesLike('global_*')).toEqual(['global_counter']);
});

test('the second opening takes it from the cache, and its units too', async () => {
  const path = join(cacheFolder, 'symbols', dwarf.elf.buildId()!, INDEX_NAME);
  const { mtimeMs } = statSync(path);
  const again = await openDebugIndex(dwarf, { cacheFolder });
  expect(statSync(path).mtimeMs).toBe(mtimeMs);
  const other = new Dwarf(dwarf.elf);
  again.adoptUnits(other);
  expect(other.units().map((unit) => unit.header)).toEqual(dwarf.units().map((unit) => unit.header));
  again.close();
});

test('a damaged index is made anew', async () => {
  const path = join(cacheFolder, 'symbols', dwarf.elf.buildId()!, INDEX_NAME);
  const good = readFileSync(path);
  const bad = Buffer.from(good);
  bad[bad.length - 4096]! ^= 1;
  writeFileSync(path, bad);
  const again = await openDebugIndex(dwarf, { cacheFolder });
  expect(again.functions('main')).toHaveLength(1);
  expect(readFileSync(path).equals(good)).toBe(true);
  again.close();
});

test('methods of C++ are found by their own names', async () => {
  const path = compile(folder.path, 'cpp', ['-O0', '-Wl,--build-id=sha1'], SAMPLE_CPP, 'g++');
  const cpp = new Dwarf(openElf(path));
  const own = await openDebugIndex(cpp, { cacheFolder });
  expect(own.functions('area')).toMatchObject([{ name: 'area', line: 6 }]);
  expect(own.types('Circle', DW_TAG.class_type)).toHaveLength(1);
  own.close();
});

test('an aborted scan throws the reason', async () => {
  const other = new Dwarf(openElf(compile(folder.path, 'other', ['-O1', '-Wl,--build-id=sha1'])));
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(openDebugIndex(other, { cacheFolder, signal })).rejects.toThrow('enough');
});

test('threads make the same index, and several may make it at once', async () => {
  const other = join(folder.path, 'cache-threads');
  const steps: number[] = [];
  const progress = { update: (_: string, done?: number) => void steps.push(done ?? -1), finish() {} };
  const made = await Promise.all(
    [2, 2, 0, 1].map((workers) => openDebugIndex(dwarf, { cacheFolder: other, workers, workerFile, progress })),
  );
  for (const one of made) {
    expect(one.counts()).toEqual(index.counts());
    one.close();
  }
  expect(steps.at(-1)).toBe(1);
  const id = dwarf.elf.buildId()!;
  const file = (cache: string) => readFileSync(join(cache, 'symbols', id, INDEX_NAME));
  expect(file(other).equals(file(cacheFolder))).toBe(true);
  expect(readdirSync(join(other, 'symbols', id)).sort()).toEqual([INDEX_NAME, `${INDEX_NAME}.stamp`]);
});

test.skipIf(!existsSync('/usr/bin/dwz'))(
  'threads find the file that dwz moved entries to where the caller found it',
  async () => {
    const files = ['first', 'second'].map((name) => compile(folder.path, name, ['-O1', '-Wl,--build-id=sha1']));
    const common = join(folder.path, 'common');
    execFileSync('dwz', ['-m', common, ...files]);
    const shared = openElf(common);
    const debug = join(folder.path, 'debug');
    const kept = buildIdPath(debug, shared.buildId()!);
    shared.close();
    mkdirSync(dirname(kept), { recursive: true });
    renameSync(common, kept);
    const elf = openElf(files[0]!);
    const own = new Dwarf(elf, openSupplementary(elf, [debug]));
    const alone = await openDebugIndex(own, { cacheFolder, workers: 0 });
    const threads = await openDebugIndex(own, { cacheFolder: join(folder.path, 'cache-dwz'), workers: 2, workerFile });
    expect(threads.functions('*')).toEqual(alone.functions('*'));
    expect(threads.functions('helper')).toHaveLength(1);
  },
);
