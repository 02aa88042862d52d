// Headers compiled for their types: with the compiler that is here, and against folders of the test's own.
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileHeaders, readDependencies } from '../src/compile-headers.js';
import { which } from '../src/kernel-build.js';
import { temporaryFolder } from './support.js';

const { signal } = new AbortController();

test('what the compiler says that it read is read as make would', () => {
  expect(readDependencies('/tmp/x.o: /tmp/x.c /usr/a.h \\\n  /usr/with\\ blank.h\n\n/usr/a.h:\n')).toEqual([
    '/tmp/x.c',
    '/usr/a.h',
    '/usr/with blank.h',
  ]);
});

test('a header of user space becomes an object that is kept', async () => {
  const cacheFolder = temporaryFolder();
  const first = await compileHeaders({ headers: ['sys/time.h'], cacheFolder }, signal);
  expect(first.diagnostics).toEqual([]);
  const made = statSync(first.value!).mtimeMs;
  const second = await compileHeaders({ headers: ['sys/time.h'], cacheFolder }, signal);
  expect(second.value).toBe(first.value);
  expect(statSync(second.value!).mtimeMs).toBe(made);
});

test('a header that has changed is compiled anew', async () => {
  const cacheFolder = temporaryFolder();
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'include'));
  const header = join(folder, 'include/own.h');
  writeFileSync(header, 'struct own { int first; };\n');
  const recipe = { compiler: which('gcc')!, folder, kernelFlags: ['-I', 'include'] };
  const first = await compileHeaders({ headers: ['own.h'], recipe, cacheFolder }, signal);
  const size = statSync(first.value!).size;
  writeFileSync(header, 'struct own { int first; }; struct other_one { long many; char more[10]; };\n');
  utimesSync(header, 1_700_000_000, 1_700_000_000);
  const second = await compileHeaders({ headers: ['own.h'], recipe, cacheFolder }, signal);
  expect(second.value).toBe(first.value);
  expect(statSync(second.value!).size).toBeGreaterThan(size);
});

test('a header that is not there is a warning with the compiler’s words', async () => {
  const { value, diagnostics } = await compileHeaders(
    { headers: ['no/such.h'], cacheFolder: temporaryFolder() },
    signal,
  );
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([
    {
      code: 'kbuild/headers-uncompiled',
      severity: 'warning',
      message: "the types of <no/such.h> can't be had, since the header does not compile",
    },
  ]);
  expect(diagnostics[0]!.detail!.join()).toMatch(/^headers\.c:1: no\/such\.h: No such file or directory$/);
});
