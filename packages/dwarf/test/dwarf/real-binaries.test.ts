// What gcc makes of a small program, in every version of DWARF it can write, read by us and by binutils.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Die,
  DW_AT,
  DW_TAG,
  Dwarf,
  type ElfFile,
  evaluate,
  expressionAt,
  frameTables,
  locationOf,
  openElf,
  parametersOf,
  printExpression,
  qualifiedName,
  spreadSections,
  symbolize,
  variablesAt,
} from '../../src/index.js';
import { compile, SAMPLE_CPP, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
}

function allDies(dwarf: Dwarf): Die[] {
  return dwarf.units().flatMap((unit) => [unit.root, ...unit.root.descendants()]);
}

const VARIANTS: [name: string, flags: string[]][] = [
  ['DWARF 2', ['-gdwarf-2', '-O1']],
  ['DWARF 3', ['-gdwarf-3', '-O2']],
  ['DWARF 4', ['-gdwarf-4', '-O2']],
  ['DWARF 4 with type units', ['-gdwarf-4', '-fdebug-types-section']],
  ['DWARF 5', ['-gdwarf-5', '-O2']],
  ['DWARF 5 with type units', ['-gdwarf-5', '-fdebug-types-section']],
  ['DWARF 5, not optimised', ['-gdwarf-5', '-O0']],
  ['compressed sections', ['-gdwarf-5', '-O2', '-gz=zlib']],
  ['the old compressed sections', ['-gdwarf-4', '-O2', '-gz=zlib-gnu']],
  ['an object file', ['-gdwarf-5', '-O2', '-c', '-fno-reorder-functions']],
  ['an object file of 64-bit DWARF', ['-gdwarf-5', '-gdwarf64', '-O2', '-c', '-fno-reorder-functions']],
];

describe.each(VARIANTS)('%s', (name, flags) => {
  let path: string;
  let elf: ElfFile;
  let dwarf: Dwarf;
  beforeAll(() => {
    path = compile(folder.path, name.replaceAll(/\W/g, '-'), flags);
    elf = openElf(path);
    dwarf = new Dwarf(elf);
  });

  test('has the entries that readelf shows, with their names', () => {
    const shown = run('readelf', '--debug-dump=info', path);
    const offsets = [...shown.matchAll(/^ *<\d+><([0-9a-f]+)>: Abbrev Number: (\d+)/gm)].filter((m) => m[2] !== '0');
    const dies = allDies(dwarf);
    expect(dies.map((die) => die.offset.toString(16)).sort()).toEqual(offsets.map((m) => m[1]).sort());
    const names = [...shown.matchAll(/DW_AT_name +: (?:\([^)]*\)(?: \([^)]*\))?: |\(.*?\): )?(.*)/g)].map((m) =>
      m[1]!.trim(),
    );
    expect(dies.flatMap((die) => die.name ?? []).sort()).toEqual(names.sort());
  });

  test('has the line rows that objdump shows', () => {
    const shown = run('objdump', '--dwarf=decodedline', path)
      .split('\n')
      .flatMap((line) => {
        const hit = /^\S+\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\[\d+\])?(?:\s+\d+)?(?:\s+x)?(?:\s+END)?\s*$/.exec(line);
        return hit ? [`${hit[1] === '-' ? 'end' : hit[1]} ${BigInt(hit[2]!)}`] : [];
      });
    const tables = new Set(dwarf.units().map((unit) => unit.root.number(DW_AT.stmt_list)));
    const seen = new Set<number>();
    const rows = dwarf.units().flatMap((unit) => {
      const offset = unit.root.number(DW_AT.stmt_list);
      if (offset === undefined || seen.has(offset)) return [];
      seen.add(offset);
      return [...unit.lines()!].map((row) => `${row.endSequence ? 'end' : row.line} ${row.address}`);
    });
    expect(tables.size).toBeGreaterThan(0);
    expect(rows).toEqual(shown);
  });

  test('symbolizes addresses as addr2line does', () => {
    const main = elf.symbols().find('main')!;
    const helper = elf.symbols().find('helper')!;
    // In an object file addr2line looks at one section only.
    const functions = flags.includes('-c') ? [helper] : [main, helper];
    // binutils 2.40 does not see inlined calls in units beside type units of DWARF 5, nor in 64-bit DWARF.
    if (name === 'DWARF 5 with type units' || flags.includes('-gdwarf64')) return;
    for (const { value, size } of functions) {
      for (let at = value; at < value + BigInt(size); at += 5n) {
        const shown = run('addr2line', '-i', '-f', '-e', path, `0x${at.toString(16)}`)
          .trim()
          .split('\n');
        const expected: string[] = [];
        for (let line = 0; line + 1 < shown.length; line += 2) {
          expected.push(
            `${shown[line]} ${shown[line + 1]!.replace(/ \(discriminator \d+\)$/, '').replace(/.*\//, '')}`,
          );
        }
        const ours = symbolize(dwarf, at).map((f) => `${f.function} ${f.file?.replace(/.*\//, '')}:${f.line || '?'}`);
        expect(ours).toEqual(expected);
      }
    }
  });

  test('has the frame rows that readelf works out', () => {
    for (const table of frameTables(elf)) {
      const interpreted = run('readelf', '--debug-dump=frames-interp', path);
      const expected = [...interpreted.matchAll(/^([0-9a-f]{16}) (rsp|rbp|exp)(?:\+(\d+))?\s/gm)]
        .map((m) => `${BigInt(`0x${m[1]}`)} ${m[2]}${m[3] ? `+${m[3]}` : ''}`)
        .sort();
      const names: Record<number, string> = { 6: 'rbp', 7: 'rsp' };
      const rows = [...table].flatMap((fde) =>
        table
          .rows(fde)
          .map(({ address, cfa }) =>
            cfa.kind === 'register' ? `${address} ${names[cfa.register]}+${cfa.offset}` : `${address} exp`,
          ),
      );
      // readelf shows a CIE's own row at 0 too, and none of an entry that changes nothing.
      for (const row of expected) if (!row.startsWith('0 ')) expect(rows).toContain(row);
      const changes = new Set([...table].map((fde) => String(fde.start)));
      for (const row of rows) if (!changes.has(row.split(' ')[0]!)) expect(expected).toContain(row);
    }
  });

  test('tells members, bit-fields and types of a structure', () => {
    const point = allDies(dwarf).find(
      (die) => die.tag === DW_TAG.structure_type && die.name === 'point' && die.hasChildren,
    )!;
    const members = [...point.children()].map((member) => [member.name, member.type?.name, member.type?.tag]);
    expect(members).toEqual([
      ['x', 'int', DW_TAG.base_type],
      ['flag', 'unsigned int', DW_TAG.base_type],
      [undefined, undefined, DW_TAG.union_type],
      ['name', undefined, DW_TAG.array_type],
    ]);
    const flag = [...point.children()][1]!;
    expect(flag.number(DW_AT.bit_size)).toBe(3);
  });

  test('finds variables in scope, and where they are', () => {
    const helper = allDies(dwarf).find(
      (die) => die.tag === DW_TAG.subprogram && die.fullName === 'helper' && die.address(DW_AT.low_pc) !== undefined,
    )!;
    expect(parametersOf(helper).map((die) => die.fullName)).toEqual(['p', 'c']);
    const start = helper.address(DW_AT.low_pc)!;
    const expression = expressionAt(parametersOf(helper)[0]!, start);
    if (!/-O[12]/.test(flags.join())) {
      expect(printExpression(expression!)).toMatch(/^DW_OP_fbreg -\d+$/);
    } else {
      expect(evaluate(expression!, { addressSize: 8, littleEndian: true })).toEqual([
        { location: { kind: 'register', register: 5 } },
      ]);
    }
    const symbol = elf.symbols().find('helper')!;
    const names = new Set<string | undefined>();
    for (let at = symbol.value; at < symbol.value + BigInt(symbol.size); at += 1n) {
      for (const die of variablesAt(helper, at)) names.add(die.fullName);
    }
    expect([...names]).toEqual(expect.arrayContaining(['p', 'c', 'k', 'i', 'q']));
  });

  test('every location list can be decoded', () => {
    let lists = 0;
    for (const die of allDies(dwarf)) if (locationOf(die)?.kind === 'list') lists += 1;
    const shown = /O[12]/.test(flags.join()) ? 1 : 0;
    expect(lists).toBeGreaterThanOrEqual(shown);
  });
});

test('sections of an object file are told apart when they are given addresses', () => {
  const path = compile(folder.path, 'apart.o', ['-O2', '-c']);
  const elf = openElf(path, undefined, { sectionAddress: spreadSections(0x1000n) });
  const dwarf = new Dwarf(elf);
  for (const name of ['main', 'helper']) {
    const symbol = elf.symbols().find(name)!;
    expect(symbolize(dwarf, symbol.address).at(-1)?.function).toBe(name);
    expect(elf.symbols().functionAt(symbol.address + 2n)?.name).toBe(name);
  }
});

test('C++ names are told with their scopes', () => {
  const path = compile(folder.path, 'cpp', ['-O0'], SAMPLE_CPP, 'g++');
  const dwarf = new Dwarf(openElf(path));
  const names = allDies(dwarf)
    .filter((die) => die.tag === DW_TAG.subprogram)
    .map((die) => qualifiedName(die));
  expect(names).toEqual(expect.arrayContaining(['shapes::Circle::area', 'shapes::Box<long int>::size', 'main']));
});

test('libc and node have the symbols and build ids that readelf shows', () => {
  for (const path of ['/usr/lib/x86_64-linux-gnu/libc.so.6', process.execPath]) {
    const elf = openElf(path);
    const shown = /Build ID: ([0-9a-f]+)/.exec(run('readelf', '-nW', path))?.[1];
    expect(elf.buildId()).toBe(shown);
    const count = /'\.dynsym' contains (\d+) entries/.exec(run('readelf', '--dyn-syms', '-W', path))?.[1];
    expect(elf.dynamicSymbols().count).toBe(Number(count));
    for (const table of frameTables(elf)) {
      let entries = 0;
      for (const fde of table) {
        entries += 1;
        if (entries % 500 === 0) expect(table.rows(fde).length).toBeGreaterThan(0);
      }
      expect(entries).toBeGreaterThan(100);
    }
    elf.close();
  }
});
