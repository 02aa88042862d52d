import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from '@stapkit/parser';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildFolderIndex, openTapset, searchFolders, tapsetFolder } from '../src/index.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapset-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const open = async (folders = [folder], cacheFolder?: string) =>
  (
    await openTapset({
      folders,
      kernelRelease: '6.1.0-56-amd64',
      architecture: 'x86_64',
      ...(cacheFolder ? { cacheFolder } : {}),
    })
  ).value;

const asking = (names: { functions?: string[]; variables?: string[]; probes?: string[] }) => ({
  functions: new Set(names.functions),
  variables: new Set(names.variables),
  probes: names.probes ?? [],
});

test('searches version and architecture folders, the most specific first', () => {
  expect(searchFolders('6.1.0-56-amd64', 'x86_64')).toEqual([
    '6.1.0-56-amd64/x86_64',
    '6.1.0-56-amd64',
    '6.1.0/x86_64',
    '6.1.0',
    '6.1/x86_64',
    '6.1',
    'x86_64',
    '',
  ]);
});

test('a function of a more specific folder overrides one of a less specific, whatever its file is called', async () => {
  write('a.stp', 'function f () { return 1 }\nfunction g () { return f() }\nprobe p = begin { }');
  write('6.1/a.stp', 'function f () { return 6 }\nprobe p = end { }');
  write('5.10/a.stp', 'function h () { }');
  const tapset = await open();
  expect(tapset.names('function')).toEqual(['f', 'g']);
  expect(tapset.filesFor(asking({ functions: ['f'] })).map((file) => file.name)).toEqual([join(folder, '6.1/a.stp')]);
  const { value } = parse({
    scripts: [{ name: 'x.stp', text: 'probe p { println(g()) }' }],
    facts: { kernelRelease: '6.1.0-56-amd64', architecture: 'x86_64', config: () => undefined },
    library: tapset,
  });
  const declared = value.library.flatMap((file) => file.declarations.map((node) => [node.kind, file.name]));
  expect(declared).toHaveLength(4);
  expect(declared).toEqual(
    expect.arrayContaining([
      ['function', join(folder, '6.1/a.stp')],
      ['function', join(folder, 'a.stp')],
      ['probe-alias', join(folder, '6.1/a.stp')],
      ['probe-alias', join(folder, 'a.stp')],
    ]),
  );
});

test('a function of an -I folder takes the place of the shipped one, beside others of its file', async () => {
  write('one/a.stp', 'function pid:long () { return 1 }');
  const tapset = await open([join(folder, 'one'), tapsetFolder]);
  const { value } = parse({
    scripts: [{ name: 'x.stp', text: 'probe begin { println(execname(), pid()) }' }],
    facts: { kernelRelease: '6.1.0-56-amd64', architecture: 'x86_64', config: () => undefined },
    library: tapset,
  });
  const functions = value.library.flatMap((file) =>
    file.declarations.flatMap((node) => (node.kind === 'function' ? [`${node.name} ${file.name}`] : [])),
  );
  expect(functions.filter((name) => name.startsWith('pid '))).toEqual([`pid ${join(folder, 'one/a.stp')}`]);
});

test('gives the files that define a name, of the first folder that does', async () => {
  write('one/a.stp', 'function f () { print(1) }');
  write('two/a.stp', 'function f () { print(2) }\nglobal v');
  const tapset = await open([join(folder, 'one'), join(folder, 'two')]);
  expect(tapset.filesFor(asking({ functions: ['f'] })).map((file) => file.name)).toEqual([join(folder, 'one/a.stp')]);
  expect(tapset.filesFor(asking({ variables: ['v'] })).map((file) => file.name)).toEqual([join(folder, 'two/a.stp')]);
  expect(tapset.filesFor(asking({ functions: ['nothing'] }))).toEqual([]);
});

test('matches probe names with wildcards and suffixes', async () => {
  write('a.stp', 'probe net.in = begin { }\nprobe net.out.slow = end { }');
  const tapset = await open();
  expect(tapset.matchingProbes('net.in.return')).toEqual(['net.in']);
  expect(tapset.matchingProbes('net.*')).toEqual(['net.in']);
  expect(tapset.matchingProbes('net.**')).toEqual(['net.in', 'net.out.slow']);
  expect(tapset.matchingProbes('*.out.*')).toEqual(['net.out.slow']);
});

test('finds macros in .stpm files only, and helps with spelling', async () => {
  write('a.stpm', '@define twice(x) %( (@x * 2) %)');
  write('a.stp', '@define local %( 1 %)\nfunction frobnicate () { }');
  const tapset = await open();
  expect(tapset.macro('twice')?.name).toBe(join(folder, 'a.stpm'));
  expect(tapset.macro('local')).toBeUndefined();
  expect(tapset.nearest('function', 'frobincate')).toEqual(['frobnicate']);
  expect(tapset.nearest('macro', 'twize')).toEqual(['twice']);
});

test('keeps an index in the cache, and makes it anew when a file has changed', async () => {
  const cache = join(folder, 'cache');
  write('lib/a.stp', 'function f () { }');
  await open([join(folder, 'lib')], cache);
  expect(readdirSync(join(cache, 'tapset'))).toHaveLength(1);
  write('lib/a.stp', 'function h () { }');
  const later = new Date(Date.now() + 10_000);
  utimesSync(join(folder, 'lib/a.stp'), later, later);
  expect((await open([join(folder, 'lib')], cache)).names('function')).toEqual(['h']);
  write(`cache/tapset/${readdirSync(join(cache, 'tapset'))[0]}`, '{"version":');
  expect((await open([join(folder, 'lib')], cache)).names('function')).toEqual(['h']);
});

test('goes on without a folder that is not there, and without a cache that cannot be written', async () => {
  write('a.stp', 'function f () { }');
  write('file', '');
  const { value, diagnostics } = await openTapset({
    folders: [join(folder, 'nothing'), folder],
    kernelRelease: '6.1.0',
    architecture: 'x86_64',
    cacheFolder: join(folder, 'file'),
  });
  expect(diagnostics[0]?.message).toMatch(/^cannot read the tapset folder ".*nothing": no such file or directory$/);
  expect(value.names('function')).toEqual(['f']);
});

test('the shipped tapset has what the documents name', async () => {
  const tapset = await open([tapsetFolder]);
  expect(tapset.names('function').length).toBeGreaterThan(400);
  expect(tapset.names('probe').length).toBeGreaterThan(1500);
  expect(tapset.matchingProbes('vfs.read')).toEqual(['vfs.read']);
  expect(tapset.filesFor(asking({ functions: ['exit'] })).map((file) => file.name)).toEqual([
    join(tapsetFolder, 'logging.stp'),
  ]);
});

test('a trusted index is taken without a look at the files', async () => {
  write('stp/a.stp', 'function f () { }');
  const index = join(folder, 'index.json');
  writeFileSync(index, JSON.stringify(buildFolderIndex(join(folder, 'stp'))));
  write('stp/b.stp', 'function g () { }');
  const names = async (trusted: boolean) => {
    const shipped = { folder: join(folder, 'stp'), index, trusted };
    const options = { folders: [shipped.folder], kernelRelease: '6.1.0', architecture: 'x86_64', shipped };
    return (await openTapset(options)).value.names('function');
  };
  expect(await names(true)).toEqual(['f']);
  expect(await names(false)).toEqual(['f', 'g']);
});

test('--compatible gives the tapset of an older version', async () => {
  const tapset = await open([tapsetFolder]);
  const functions = (systemtapVersion: string) => {
    const facts = { kernelRelease: '6.1.0', architecture: 'x86_64', systemtapVersion, config: () => undefined };
    const scripts = [{ name: 'x.stp', text: 'probe end { abort() println(proc_mem_rss()) }' }];
    const { value, diagnostics } = parse({ scripts, facts, library: tapset });
    expect(diagnostics).toEqual([]);
    return value.library.flatMap((file) =>
      file.declarations.flatMap((node) => (node.kind === 'function' ? [node.name] : [])),
    );
  };
  expect(functions('5.2')).toContain('abort');
  expect(functions('5.2')).not.toContain('__task_memory_shared');
  expect(functions('3.3')).not.toContain('abort');
  expect(functions('4.2')).toContain('__task_memory_shared');
});
