// Variables of a made-up kernel: a program with the symbols and sections by which a kernel's variables are found.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KernelCode, kernelCode } from '../../src/index.js';
import type { CodePlace, CodeVariable } from '../../src/kernel/code-types.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const SOURCE = `
asm(".text; .globl _stext; _stext: nop");
struct pair { long a, b; };
long counter = 5;
static long counted;
__attribute__((section(".data..percpu"))) long first_copy, runs;
extern long declared_only;
asm(".data; .globl declared_only; declared_only: .quad 1; .text");
__attribute__((noipa)) long use(void *p) { return (long)p; }
__attribute__((noipa)) struct pair work(long first, int second)
{
  long here[3] = { first, second, declared_only };
  runs++; first_copy++; counted++;
  use(here);
  return (struct pair){ here[0], counter + counted };
}
int main(int argc, char **argv) { return work(argc, 2).a; }
`;

let folder: ReturnType<typeof temporaryFolder>;
let kernel: KernelCode;
let place: CodePlace;

beforeAll(async () => {
  folder = temporaryFolder();
  const file = compile(folder.path, 'kernel', ['-O2', '-fno-pie', '-no-pie', '-Wl,--unique=.data..percpu'], SOURCE);
  kernel = kernelCode({ release: '0.0', file, cacheFolder: folder.path });
  kernel.code.has(undefined);
  await kernel.supply();
  const query = { name: 'work', copies: 'entries' } as const;
  kernel.code.functions(query);
  await kernel.supply();
  // Variables outside functions take the index.
  kernel.code.variable!('counter', undefined, undefined);
  await kernel.supply();
  place = kernel.code.functions(query)[0]!.entries[0]!;
});
afterAll(() => {
  kernel.close();
  folder.remove();
});

const symbolOf = (variable: CodeVariable | undefined) => {
  const location = variable?.location;
  return location?.kind === 'memory' ? location.address : undefined;
};

test('lists what is visible at a place', () => {
  const found = kernel.code.variables!(place);
  expect(found.map(({ name, group }) => `${group} ${name}`)).toEqual([
    'parameter first',
    'parameter second',
    'local here',
  ]);
  expect(found[0]!.location).toEqual({ kind: 'value', value: { kind: 'register', number: 5 } });
  expect(kernel.typeFacts(found[1]!.type)).toMatchObject({ kind: 'integer', size: 4, signed: true });
  expect(kernel.typeFacts(kernel.code.resultType!(place)!)).toMatchObject({ kind: 'struct', name: 'pair' });
});

test('finds variables outside functions by name and file', () => {
  expect(symbolOf(kernel.code.variable!('counter', undefined, undefined))).toMatchObject({ name: '_stext' });
  expect(symbolOf(kernel.code.variable!('counted', 'sample.c', undefined))).toMatchObject({ name: '_stext' });
  expect(kernel.code.variable!('counted', 'ample.c', undefined)).toBeUndefined();
  expect(kernel.code.variable!('nothing', undefined, undefined)).toBeUndefined();
  expect(symbolOf(kernel.code.visible!(place, 'counter'))).toMatchObject({ name: '_stext' });
});

test('a variable that is only declared has its symbol’s address', () => {
  for (const found of [
    kernel.code.variable!('declared_only', undefined, undefined),
    kernel.code.visible!(place, 'declared_only'),
  ]) {
    expect(symbolOf(found)).toMatchObject({ kind: 'symbol', name: '_stext' });
  }
});

test('a per-CPU variable is the copy of the CPU that asks', () => {
  const addresses = ['first_copy', 'runs'].map((name) => symbolOf(kernel.code.variable!(name, undefined, undefined)));
  for (const address of addresses) {
    expect(address).toMatchObject({
      kind: 'binary',
      operator: '+',
      left: { kind: 'per-cpu-base' },
      right: { kind: 'symbol', name: '__per_cpu_start' },
    });
  }
  const offsets = addresses.map((one) =>
    one?.kind === 'binary' && one.right.kind === 'symbol' ? one.right.offset : -1,
  );
  expect([...offsets].sort((a, b) => a - b)).toEqual([0, 8]);
});
