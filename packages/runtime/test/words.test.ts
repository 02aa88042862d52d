// The runtime's string functions, compiled for user space and run against the C library's.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runtimeFolder } from '../src/index.js';

/** What the two sources use of the kernel's headers. */
const KERNEL = `#ifndef KERNEL_STUB
#define KERNEL_STUB
#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define U32_MAX 0xffffffffu
#define atomic64_t unsigned long long
#define atomic64_inc(p) (++*(p))
#define __ffs64(x) ((unsigned)__builtin_ctzll(x))
#define swab64(x) __builtin_bswap64(x)
#endif
`;

test('strings are read by words, never into the next page, and give what the C library gives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-words-'));
  try {
    const source = join(runtimeFolder, 'src');
    mkdirSync(join(folder, 'linux'));
    const files = ['stapkit.h', 'words.h', 'string.c'].map((name) => readFileSync(join(source, name), 'utf8'));
    for (const [, name] of files.join('\n').matchAll(/#include <(linux\/\w+\.h)>/g))
      writeFileSync(join(folder, name!), KERNEL);
    writeFileSync(join(folder, 'kernel_features.h'), '');
    const program = join(folder, 'words');
    const flags = ['-O2', '-Wall', '-fno-strict-aliasing', '-D_GNU_SOURCE', '-I', source, '-I', folder];
    execFileSync(
      'cc',
      [...flags, '-o', program, join(import.meta.dirname, 'fixtures/words.c'), join(source, 'string.c')],
      {
        stdio: 'pipe',
      },
    );
    expect(execFileSync(program, { encoding: 'utf8' })).toMatch(/^600000 strings, [1-9]\d* cut\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
