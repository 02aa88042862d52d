// The index of a program's debug information: made once, kept, made anew where it is damaged.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DebugIndex, DW_TAG, Dwarf, openDebugIndex, openElf } from '../../src/index.js';
import { compile, SAMPLE_CPP, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
const cacheFolder = join(folder.path, 'cache');
let dwarf: Dwarf;
let index: DebugIndex;

beforeAll(async () => {
  const path = compile(folder.path, 'program', ['-O2', '-Wl,--build-id=sha1']);
  dwarf = new Dwarf(openElf(path));
  index = await openDebugIndex(dwarf, { cacheFolder });
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

test('types, enumerators and variables are found by name', () => {
  const [point] = index.types('point');
  expect(dwarf.dieAt(point!).tag).toBe(DW_TAG.structure_type);
  expect(index.types('point', DW_TAG.union_type)).toEqual([]);
  expect(dwarf.dieAt(index.enumeration('GREEN')!).name).toBe('color');
  expect(dwarf.dieAt(index.variables('global_counter')[0]!).name).toBe('global_counter');
  expect(index.variables('k')).toEqual([]);
});

test('the second opening takes it from the cache, and its units too', async () => {
  const path = join(cacheFolder, 'symbols', dwarf.elf.buildId()!, 'dwarf.index');
  const { mtimeMs } = statSync(path);
  const again = await openDebugIndex(dwarf, { cacheFolder });
  expect(statSync(path).mtimeMs).toBe(mtimeMs);
  const other = new Dwarf(dwarf.elf);
  again.adoptUnits(other);
  expect(other.units().map((unit) => unit.header)).toEqual(dwarf.units().map((unit) => unit.header));
  again.close();
});

test('a damaged index is made anew', async () => {
  const path = join(cacheFolder, 'symbols', dwarf.elf.buildId()!, 'dwarf.index');
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
