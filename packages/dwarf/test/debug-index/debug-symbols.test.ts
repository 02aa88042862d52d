// Functions and types by name from debug information, in the shapes that a kernel's BTF gives too.
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DebugSymbols, Dwarf, debugSymbols, openDebugIndex, openElf, type TypeFacts } from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function symbolsOf(name: string, flags: readonly string[], source?: string): Promise<DebugSymbols> {
  const path = compile(folder.path, name, [...flags, '-Wl,--build-id=sha1'], source);
  const dwarf = new Dwarf(openElf(path));
  return debugSymbols(dwarf, await openDebugIndex(dwarf, { cacheFolder: join(folder.path, `cache-${name}`) }));
}

const SOURCE = `
struct flags { int whole; unsigned a : 3; unsigned b : 7; int : 4; signed c : 2; char *text; int table[2][3]; };
union both { long l; double d; };
enum color { RED, GREEN = 5, BLUE = -1 };
struct later;
typedef struct later *later_p;
struct flags f; union both u; enum color e; later_p l; const volatile int cv = 1; _Bool flag; char letter;
int (*handler)(struct flags *, ...);
int main(void) { return f.a + (int)u.l + e + (l != 0) + cv + flag + letter + (handler != 0); }
`;

describe.each([
  ['DWARF 2', ['-gdwarf-2', '-gstrict-dwarf']],
  ['DWARF 4', ['-gdwarf-4']],
  ['DWARF 5', ['-gdwarf-5']],
  ['DWARF 4 with type units', ['-gdwarf-4', '-fdebug-types-section']],
  ['DWARF 5 with type units', ['-gdwarf-5', '-fdebug-types-section']],
] as const)('types of %s', (name, flags) => {
  test('have the facts that the source says', async () => {
    const s = await symbolsOf(name.replaceAll(' ', '-'), flags, SOURCE);
    const facts = (id: number | undefined): TypeFacts => s.typeFacts(id!);
    const struct = facts(s.type('struct flags'));
    if (struct.kind !== 'struct') throw new Error('no structure');
    expect(struct.members.map((m) => [m.name, m.bitOffset, m.bitSize])).toEqual([
      ['whole', 0, undefined],
      ['a', 32, 3],
      ['b', 35, 7],
      ['c', 46, 2],
      ['text', 64, undefined],
      ['table', 128, undefined],
    ]);
    expect(facts(struct.members[0]!.type)).toEqual({
      kind: 'integer',
      name: 'int',
      size: 4,
      signed: true,
      char: false,
      bool: false,
    });
    const pointer = facts(struct.members[4]!.type);
    expect(pointer).toMatchObject({ kind: 'pointer', size: 8 });
    expect(pointer.kind === 'pointer' && facts(pointer.target)).toMatchObject({
      kind: 'integer',
      char: true,
      signed: true,
    });
    const outer = facts(struct.members[5]!.type);
    expect(outer).toMatchObject({ kind: 'array', length: 2 });
    const inner = outer.kind === 'array' ? facts(outer.element) : undefined;
    expect(inner).toMatchObject({ kind: 'array', length: 3 });
    expect(inner?.kind === 'array' && facts(inner.element)).toMatchObject({ name: 'int' });
    expect(facts(s.type('both'))).toMatchObject({ kind: 'union', size: 8, members: [{ name: 'l' }, { name: 'd' }] });
    expect(facts(s.type('enum color'))).toMatchObject({ kind: 'enum', signed: true });
    expect(['RED', 'GREEN', 'BLUE', 'PINK'].map((value) => s.enumerator(value))).toEqual(['0', '5', '-1', undefined]);
    expect(s.type('struct later')).toBeUndefined();
    const typedef = facts(s.type('later_p'));
    const target = typedef.kind === 'typedef' ? facts(typedef.target) : undefined;
    expect(target?.kind === 'pointer' && facts(target.target)).toEqual({
      kind: 'forward',
      name: 'later',
      of: 'struct',
    });
    expect(facts(0)).toEqual({ kind: 'void' });
  });
});

test('functions have their parameters, places and lines', async () => {
  const s = await symbolsOf('functions', ['-O2', '-gdwarf-5']);
  const [helper] = s.functions('helper');
  expect(helper).toMatchObject({ name: 'helper', line: 10, parameters: [{ name: 'p' }, { name: 'c' }] });
  expect(helper!.file).toMatch(/sample\.c$/);
  expect(BigInt(helper!.address!)).toBe(s.dwarf.elf.symbols().find('helper')!.value);
  expect(s.typeFacts(helper!.result!)).toMatchObject({ name: 'int' });
  const [twice] = s.functions('twice', 'sample.c');
  expect(twice).toMatchObject({ concrete: [], parameters: [{ name: 'v' }] });
  expect(twice!.inlined.map((offset) => s.address(offset)).every((address) => address! > 0n)).toBe(true);
  const lines = s.lineAddresses(helper!.concrete[0]!, 'sample.c', 15);
  expect(lines.length).toBeGreaterThan(0);
  for (const { line } of lines) expect(line).toBe(15);
  expect(s.nearestFunctions('halper')).toEqual(['helper']);
});
