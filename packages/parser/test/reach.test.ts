import { expect, test } from 'vitest';
import { type LibraryFile, ParsedLibrary, parse, type ScriptLibrary } from '../src/index.js';
import { dotted, mayReach } from '../src/reach.js';
import { FACTS } from './support.js';

/** Parses a script with one library file that is handed out for every name. */
function declarations(script: string, library: string): string[] {
  const everything: ScriptLibrary = {
    filesFor: () => [{ name: 'lib.stp', text: library }],
    macro: () => undefined,
    nearest: () => [],
  };
  const { value, diagnostics } = parse({
    scripts: [{ name: '<input>', text: script }],
    facts: FACTS,
    library: everything,
  });
  expect(diagnostics).toEqual([]);
  return value.library.flatMap((file) =>
    file.declarations.map((node) => {
      if (node.kind === 'probe-alias') return `alias ${node.names[0]!.parts.map((part) => part.name).join('.')}`;
      return 'name' in node ? `${node.kind} ${node.name}` : node.kind;
    }),
  );
}

const LIBRARY = `
  %{ int x; %}
  global state
  function used() { return inner() }
  function inner() { return state }
  function other() { return deep() }
  function deep() { }
  private function used() { }
  probe one.two = begin { used() }
  probe one.three = one.two { }
  probe four = end { other() }
  probe begin { start() }
  function start() { }
`;

test('of a library file, the functions and aliases that are reached are taken, and everything else', () => {
  expect(declarations('probe begin { used() }', LIBRARY)).toEqual([
    'embedded-code',
    'global state',
    'function used',
    'function inner',
    'function used',
    'probe',
    'function start',
  ]);
  expect(declarations('probe one.three.return { }', LIBRARY)).toEqual([
    'embedded-code',
    'global state',
    'function used',
    'function inner',
    'function used',
    'alias one.two',
    'alias one.three',
    'probe',
    'function start',
  ]);
  expect(declarations('probe one.* { }', LIBRARY)).toContain('alias one.two');
  expect(declarations('probe begin { println(state) }', LIBRARY)).toEqual([
    'embedded-code',
    'global state',
    'probe',
    'function start',
  ]);
});

test('a suffix goes on behind the points of an alias, and may make them another alias', () => {
  const library = 'probe a = b.c { }\nprobe b.c = begin { }\nprobe b.c.d = end { }\nprobe b.c.e = end { }';
  expect(declarations('probe a.d { }', library)).toEqual(['alias a', 'alias b.c', 'alias b.c.d']);
  expect(declarations('probe a { }', library)).toEqual(['alias a', 'alias b.c']);
});

test('aliases that stand for themselves end all the same', () => {
  expect(declarations('probe a.x { }', 'probe a = a.b, a.c, b { }\nprobe b = a.d, b.a { }')).toEqual([
    'alias a',
    'alias b',
  ]);
  expect(declarations('probe ** { }', 'probe a = a.b { }')).toEqual(['alias a']);
});

test('a file of which nothing is reached leaves nothing behind', () => {
  const library: ScriptLibrary = {
    filesFor: () => [{ name: 'lib.stp', text: LIBRARY }],
    macro: () => undefined,
    nearest: () => [],
  };
  const { value } = parse({ scripts: [{ name: '<input>', text: 'probe end { nothing() }' }], facts: FACTS, library });
  expect(value.library).toEqual([]);
  expect(value.sources.map((source) => source.name)).toEqual(['<input>']);
});

test('a point reaches an alias whose parts fit, with wildcards and suffixes', () => {
  const reaches = (point: string, alias: string) => mayReach(dotted(point), dotted(alias));
  expect(reaches('vfs.read', 'vfs.read')).toBe(true);
  expect(reaches('vfs.read.return', 'vfs.read')).toBe(true);
  expect(reaches('vfs', 'vfs.read')).toBe(false);
  expect(reaches('vfs.*', 'vfs.read')).toBe(true);
  expect(reaches('vfs.*', 'vfs.read.return')).toBe(false);
  expect(reaches('*.r*d', 'vfs.read')).toBe(true);
  expect(reaches('*.r*x', 'vfs.read')).toBe(false);
  expect(reaches('sys**open', 'syscall.open')).toBe(true);
  expect(reaches('sys**', 'vfs.read')).toBe(false);
  expect(reaches('vfs.read.**', 'vfs.read')).toBe(true);
  expect(reaches('**', 'vfs.read')).toBe(true);
});

test('library files that were parsed before are not parsed again, macros included', () => {
  const files: Record<string, LibraryFile> = {
    f: { name: 'f.stp', text: 'function f() { return @m }' },
    m: { name: 'm.stpm', text: '@define m %( $1 + nothing( %)' },
  };
  const library: ScriptLibrary = {
    filesFor: (names) => (names.functions.has('f') ? [files.f!] : []),
    macro: (name) => (name === 'm' ? files.m : undefined),
    nearest: () => [],
  };
  const parsed = new ParsedLibrary();
  const run = () =>
    parse({
      scripts: [{ name: '<input>', text: 'probe end { f() }' }],
      facts: FACTS,
      library,
      parsed,
      arguments: ['1'],
    });
  const first = run();
  const again = run();
  expect(first.diagnostics.length).toBeGreaterThan(0);
  expect(again.diagnostics).toEqual(first.diagnostics);
  expect(again.value.library).toEqual(first.value.library);
  expect(new Set(again.value.sources)).toEqual(new Set(first.value.sources));
  files.f = { name: 'f.stp', text: 'function f() { return 1 }' };
  expect(run().diagnostics).toEqual([]);
});
