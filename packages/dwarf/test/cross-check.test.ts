// What this package reads of small files is what readelf, objdump, addr2line and bpftool print of them. Large ones (a
// kernel, its modules, libc, Node) are compared by tools/cross-check.mjs.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseBtf } from '../src/index.js';
import { compile, SAMPLE_C, SAMPLE_CPP, temporaryFolder } from './helpers/compile.js';
import { crossCheck } from './helpers/cross-check.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function check(path: string, least: number): Promise<void> {
  const found = await crossCheck(path, {}, parseBtf);
  expect(found.filter((one) => one.differences > 0)).toEqual([]);
  expect(found.length).toBeGreaterThanOrEqual(least);
}

test.each([
  ['DWARF 5', ['-gdwarf-5', '-O2']],
  ['DWARF 4', ['-gdwarf-4', '-O1']],
  ['DWARF 3', ['-gdwarf-3', '-O2']],
  ['DWARF 2', ['-gdwarf-2', '-gstrict-dwarf']],
  // addr2line does not understand it in a program.
  ['64-bit DWARF', ['-gdwarf-5', '-gdwarf64', '-O2', '-c']],
  ['an object file', ['-gdwarf-5', '-O2', '-c']],
  ['compressed sections', ['-gdwarf-5', '-O2', '-gz=zlib']],
  ['type units', ['-gdwarf-5', '-fdebug-types-section']],
] as const)('a program in C, %s', async (name, flags) => {
  await check(compile(folder.path, name.replaceAll(' ', '-'), flags), 5);
});

test('a program in C++', async () => {
  await check(compile(folder.path, 'cpp.o', ['-O1', '-c'], SAMPLE_CPP, 'g++'), 5);
});

test('BTF as the compiler writes it', async () => {
  // Older BTF does not say whether an enumeration is signed: the tool takes it for unsigned, this package looks.
  const source = SAMPLE_C.replace('BLUE = -1', 'BLUE');
  compile(folder.path, 'unused.o', ['-c'], source);
  const path = join(folder.path, 'btf.o');
  execFileSync('gcc', ['-gbtf', '-O1', '-c', join(folder.path, 'sample.c'), '-o', path]);
  await check(path, 4);
});
