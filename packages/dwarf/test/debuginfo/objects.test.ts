// What `-d` names is found: a kernel, a module, a program, each with the best of its symbols.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildIdPath, type NamedObject, openElf, openNamedObject } from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const release = '6.1.0-test';
const folders = [join(folder.path, 'debug')];
const modulesFolder = join(folder.path, 'modules');
let full: string;
let stripped: string;
let buildId: string;

beforeAll(() => {
  full = compile(folder.path, 'full', ['-O1', '-Wl,--build-id=sha1']);
  stripped = join(folder.path, 'stripped');
  execFileSync('strip', ['-o', stripped, full]);
  const elf = openElf(full);
  buildId = elf.buildId()!;
  elf.close();
  mkdirSync(join(folders[0]!, 'boot'), { recursive: true });
  copyFileSync(full, join(folders[0]!, 'boot', `vmlinux-${release}`));
  mkdirSync(join(modulesFolder, 'kernel'), { recursive: true });
  writeFileSync(join(modulesFolder, 'kernel/my-driver.ko.xz'), execFileSync('xz', ['-c', stripped]));
  const debugModules = join(folders[0]!, 'lib/modules', release);
  mkdirSync(debugModules, { recursive: true });
  copyFileSync(full, join(debugModules, 'my-driver.ko'));
  copyFileSync(full, join(debugModules, 'not_installed.ko'));
});

function check(found: NamedObject | undefined, kind: string, name: string): void {
  expect(found).toMatchObject({ kind, name, buildId });
  expect(found!.symbols.find('helper')?.name).toBe('helper');
  expect(found!.dwarf?.present).toBe(true);
  found!.close();
}

const open = (name: string) => openNamedObject(name, { release, folders, modulesFolder });

test('the kernel', () => check(open('kernel'), 'kernel', 'kernel'));

test('a module, packed as it is, with its debug file; one that is not installed too', () => {
  check(open('my-driver'), 'module', 'my_driver');
  check(open('my_driver'), 'module', 'my_driver');
  check(open('not_installed'), 'module', 'not_installed');
});

test('a program, and a stripped one with its debug file', () => {
  check(open(full), 'program', full);
  const debug = buildIdPath(folders[0]!, buildId);
  mkdirSync(join(debug, '..'), { recursive: true });
  writeFileSync(debug, readFileSync(full));
  check(open(stripped), 'program', stripped);
});

test('what is not there is undefined', () => {
  expect(open('nothing_of_the_kind')).toBeUndefined();
  expect(open('/no/such/program')).toBeUndefined();
});
