// What is known of a kernel's code, over a small program that calls itself one.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KernelCode, kernelCode, openElf } from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const SOURCE = `
int (*volatile sink)(int);
static inline __attribute__((always_inline)) int twice(int v)
{
  int t = v * 2;
  return t + sink(t);
}
static __attribute__((noinline)) int local(int v)
{
  int sum = 0;
  for (int i = 0; i < v; i++)
    sum += twice(i);
again:
  if (sink(sum) > 3)
    goto again;
  return sum;
}
int outer(int v)
{
  int k = local(v) + 1;
  if (k < 0)
    return -1;
  k += twice(k);
  return k + local(k);
}
static __attribute__((noinline)) int scaled(int v, int by)
{
  return sink(v) * by + sink(by);
}
int barred(int v) { return sink(v) + 1; }
void *volatile _kbl_addr_barred = barred;
int _stext(int argc) { return outer(argc) + local(argc) + scaled(argc, 3) + scaled(argc + 1, 3); }
static int split(int *p, int v)
{
  if (!p)
    return 0;
  for (int i = 0; i < v; i++)
    *p += sink(i) * sink(v) + sink(*p) + sink(*p + i) - sink(i - v);
  return sink(*p) + sink(v) * sink(*p + v) - sink(1) + sink(2);
}
__attribute__((noinline)) int a_use(int *p) { return split(p, 3) + 1; }
__attribute__((noinline)) int b_use(int *p) { return split(p, sink(4)) * 2; }
int main(int argc, char **argv) { return _stext(argc) + a_use(&argc) + b_use(argc > 1 ? &argc : 0); }
`;

const ASSEMBLY = `
	.text
	.globl fast_set, quick_set
	.type fast_set, @function
fast_set:
	nop
	ret
	.size fast_set, .-fast_set
	.set quick_set, fast_set
	.section .note.GNU-stack,"",@progbits
`;

const release = '6.1.0-test';
const folder = temporaryFolder();
let kernel: KernelCode;
let start: bigint;

beforeAll(async () => {
  const assembly = join(folder.path, 'fast.S');
  writeFileSync(assembly, ASSEMBLY);
  const program = compile(folder.path, 'kernel', ['-O2', '-g', '-no-pie', '-Wl,--build-id=sha1', assembly], SOURCE);
  mkdirSync(join(folder.path, 'debug/boot'), { recursive: true });
  copyFileSync(program, join(folder.path, `debug/boot/vmlinux-${release}`));
  const elf = openElf(program);
  start = elf.symbols().find('_stext')!.address;
  elf.close();
  kernel = kernelCode({
    release,
    cacheFolder: join(folder.path, 'cache'),
    folders: [join(folder.path, 'debug')],
    modulesFolders: [join(folder.path, 'modules')],
  });
});

afterAll(() => {
  kernel.close();
  folder.remove();
});

/** Asks until nothing more is opened, as pass 2 is run again. */
async function ask<T>(question: () => T): Promise<T> {
  for (;;) {
    const answer = question();
    if (!(await kernel.supply()).value) return answer;
  }
}

test('nothing is open before it is asked for', async () => {
  expect(kernel.wanting).toBe(false);
  expect(kernel.code.has(undefined)).toBe(false);
  expect(kernel.wanting).toBe(true);
  expect(await ask(() => kernel.code.has(undefined))).toBe(true);
  expect(await ask(() => kernel.code.has('no_such_module'))).toBe(false);
  expect(kernel.wanting).toBe(false);
});

test('a function of the whole kernel is found by its symbol, with no index', async () => {
  kernel.code.has(undefined);
  await kernel.supply();
  const [outer] = kernel.code.functions({ name: 'outer', copies: 'all' });
  expect(kernel.wanting).toBe(false);
  expect(outer).toMatchObject({ name: 'outer', line: 18, external: true, withoutCode: 0 });
  expect(outer!.entries).toMatchObject([{ symbol: 'outer', offset: 0, entry: true, inline: false }]);
});

test('a local function and inlined copies are counted from the start of the code', async () => {
  const [local] = await ask(() => kernel.code.functions({ name: 'local', copies: 'all' }));
  const [entry] = local!.entries;
  expect(local!.external).toBe(false);
  expect(entry!.symbol).toBe('_stext');
  expect(BigInt(entry!.address) - start).toBe(BigInt(entry!.offset));
  const [twice] = await ask(() => kernel.code.functions({ name: 'twice', copies: 'all' }));
  expect(twice!.entries).toEqual([]);
  expect(twice!.inlined).toHaveLength(2);
  expect(twice!.inlined.every((one) => one.inline)).toBe(true);
});

test('what the compiler took out of a function is a part of it, and no way into it', async () => {
  const [split] = await ask(() => kernel.code.functions({ name: 'split', copies: 'all' }));
  expect(split!.entries).toEqual([]);
  expect(split!.parts.map((one) => kernel.code.symbolAt(one))).toEqual(['split.part.0']);
  expect(split!.inlined).toHaveLength(2);
  const [called] = await ask(() => kernel.code.functions({ name: 'split', copies: 'entries' }));
  expect(called).toMatchObject({ entries: [], copies: 2 });
  const { address } = split!.parts[0]!;
  expect(kernel.code.functionAt(address, undefined)!.entries).toMatchObject([{ address }]);
});

test('what the compiler renamed, and what is out of bounds to probes, is told with an index and without', async () => {
  const open = async (cache: string) => {
    const one = kernelCode({
      release,
      cacheFolder: join(folder.path, cache),
      folders: [join(folder.path, 'debug')],
    });
    one.code.has(undefined);
    expect(one.code.pending).toBe(true);
    await one.supply();
    expect(one.code.pending).toBe(false);
    return one;
  };
  const without = await open('no-cache');
  const [barred] = without.code.functions({ name: 'barred', copies: 'entries' });
  expect(without.code.pending).toBe(false);
  expect(barred!.entries[0]!.unprobeable).toMatch(/NOKPROBE_SYMBOL/);
  // Making the index, and the next opening that finds it.
  without.code.functions({ name: 'scal*', copies: 'entries' });
  await without.supply();
  const found = without.code.functions({ name: '*', copies: 'entries' });
  without.close();
  const withIndex = await open('no-cache');
  const again = withIndex.code.functions({ name: '*', copies: 'entries' });
  expect(again).toEqual(found);
  const symbols = new Map(again.map((one) => [one.name, one.entries.map((entry) => withIndex.code.symbolAt(entry))]));
  expect(symbols.get('scaled')).toEqual(['scaled.constprop.0']);
  expect(symbols.get('outer')).toEqual(['outer']);
  expect(again.find((one) => one.name === 'barred')!.entries[0]!.unprobeable).toMatch(/NOKPROBE_SYMBOL/);
  expect(again.find((one) => one.name === 'outer')!.entries[0]!.unprobeable).toBeUndefined();
  withIndex.close();
});

test('an assembler’s function has the line of its first instruction, and is found by each of its names', async () => {
  const named = async (name: string) =>
    (await ask(() => kernel.code.functions({ name, copies: 'entries' }))).map((one) => [one.name, one.line]);
  expect(await named('fast_set')).toEqual([['fast_set', 6]]);
  expect(await named('quick_set')).toEqual([[expect.stringMatching(/^(fast|quick)_set$/), 6]]);
  expect(await named('slow_set')).toEqual([]);
});

test('patterns fit names and files', async () => {
  const names = async (name: string, file?: string) =>
    (await ask(() => kernel.code.functions({ name, copies: 'entries', ...(file === undefined ? {} : { file }) })))
      .map((one) => one.name)
      .sort();
  expect(await names('*o*')).toEqual(['local', 'outer']);
  expect(await names('outer', 'sample.c')).toEqual(['outer']);
  expect(await names('outer', 's*.c')).toEqual(['outer']);
  expect(await names('outer', 'other.c')).toEqual([]);
});

test('each line of a function has one place, in its own code', async () => {
  const lines = async (name: string, from: number, to = from, nearest = false) =>
    (
      await ask(() =>
        kernel.code.statements({ name, file: 'sample.c', lines: { kind: 'lines', lines: [[from, to]] }, nearest }),
      )
    ).map((one) => `${one.function}:${one.line}`);
  expect(await lines('outer', 20)).toEqual(['outer:20']);
  // The line of `twice` that was inlined into it is not its own.
  expect(await lines('outer', 5)).toEqual([]);
  expect(await lines('*', 20)).toEqual(['outer:20']);
  expect(await lines('outer', 1, 7)).toEqual([]);
  expect(await lines('twice', 6)).toEqual(['twice:6', 'twice:6']);
  expect(await lines('outer', 1000, 1000, true)).toEqual(['outer:1000']);
  const all = await ask(() =>
    kernel.code.statements({ name: 'outer', file: 'sample.c', lines: { kind: 'all' }, nearest: false }),
  );
  const numbers = all.map((one) => one.line);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(new Set(all.map((one) => one.address)).size).toBe(all.length);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(18);
  expect(Math.max(...numbers)).toBeLessThanOrEqual(25);
});

test('labels, and the function and line of an address', async () => {
  const [local] = await ask(() => kernel.code.functions({ name: 'local', copies: 'all' }));
  const labels = kernel.code.labels(local!, 'a*');
  expect(labels.map((one) => [one.name, one.place.line])).toEqual([['again', 13]]);
  const [entry] = local!.entries;
  expect(kernel.code.placeAt(entry!.address, undefined)).toMatchObject({ function: 'local', entry: true });
  expect(kernel.code.isStatement(entry!.address, undefined)).toBe(true);
  expect(kernel.code.functionAt(entry!.address, undefined)).toMatchObject({ name: 'local', line: 8 });
  expect(kernel.code.placeAt('1', undefined)).toBeUndefined();
  expect(kernel.code.symbolAt(entry!)).toMatch(/^local/);
});

test('calls say where they return to and how far up the next return address lies', async () => {
  const [outer] = await ask(() => kernel.code.functions({ name: 'outer', copies: 'all' }));
  const calls = await ask(() => kernel.code.calls(outer!.entries));
  expect(calls.map((one) => one.callee.name)).toEqual(['local', 'twice']);
  const [local, twice] = calls;
  expect(local!.returns.length).toBeGreaterThan(0);
  for (const after of local!.returns) {
    expect(after.symbol).toBe('_stext');
    expect(after.frame).toBeGreaterThanOrEqual(0);
    expect(after.frame! % 8).toBe(0);
  }
  expect(twice!.returns).toEqual([]);
  expect(twice!.callee.inlined).toHaveLength(1);
});

test('functions with scopes are found by as many of them as are written, and by what the linker calls them', async () => {
  const source = `
struct thing { int n; __attribute__((noinline)) int twice(int k) const { return n + k; } };
namespace outer {
struct thing { int n; __attribute__((noinline)) int twice(int k) const { return n * k; } };
template <typename T> __attribute__((noinline)) T same(T t) { return t; }
__attribute__((noinline)) int plain(int a) { return same(a) + 1; }
}
__attribute__((noinline)) int twice(int a) { return a * 2; }
extern "C" int _stext(int a) { return a; }
int main(int argc, char **) { outer::thing t{_stext(argc)}; thing u{3}; return t.twice(3) + u.twice(argc) + outer::plain(argc) + twice(argc); }
`;
  const program = join(folder.path, 'scoped');
  writeFileSync(`${program}.cpp`, source);
  execFileSync('g++', ['-O1', '-g', '-no-pie', '-Wl,--build-id=sha1', '-o', program, `${program}.cpp`]);
  const scoped = kernelCode({ release: '6.1.0-scoped', file: program, cacheFolder: join(folder.path, 'scoped-cache') });
  const found = async (name: string) => {
    scoped.code.has(undefined);
    let all: ReturnType<typeof scoped.code.functions>;
    do all = scoped.code.functions({ name, copies: 'entries' });
    while ((await scoped.supply()).value);
    return all.map((one) => `${one.name}:${one.line} ${one.entries.map((place) => place.symbol).join()}`).sort();
  };
  expect(await found('twice')).toEqual([
    'twice:2 _ZNK5thing5twiceEi',
    'twice:4 _ZNK5outer5thing5twiceEi',
    'twice:8 _Z5twicei',
  ]);
  expect(await found('thing::twice')).toEqual([
    'thing::twice:2 _ZNK5thing5twiceEi',
    'thing::twice:4 _ZNK5outer5thing5twiceEi',
  ]);
  expect(await found('::thing::twice')).toEqual(['::thing::twice:2 _ZNK5thing5twiceEi']);
  expect(await found('::twice')).toEqual(['::twice:8 _Z5twicei']);
  expect(await found('outer::*::t*')).toEqual(['outer::thing::twice:4 _ZNK5outer5thing5twiceEi']);
  expect(await found('outer::*')).toEqual([
    'outer::plain:6 _ZN5outer5plainEi',
    'outer::same<int>:5 _ZN5outer4sameIiEET_S1_',
  ]);
  expect(await found('same<int>')).toEqual(['same<int>:5 _ZN5outer4sameIiEET_S1_']);
  expect(await found('_ZN5outer5plainEi')).toEqual(['plain:6 _ZN5outer5plainEi']);
  expect(await found('inner::plain')).toEqual([]);
  scoped.close();
});
