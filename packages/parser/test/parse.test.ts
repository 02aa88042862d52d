import { expect, test } from 'vitest';
import { type LibraryFile, parse, type ScriptLibrary } from '../src/index.js';

const facts = { kernelRelease: '6.1.0-56-amd64', architecture: 'x86_64', config: () => undefined };

/** A library of files found by the names their text defines. */
function libraryOf(files: readonly LibraryFile[]): ScriptLibrary {
  return {
    filesFor: ({ functions, probes }) =>
      files.filter(
        (file) =>
          [...functions].some((name) => file.text.includes(`function ${name}`)) ||
          probes.some((name) => file.text.includes(`probe ${name} `)),
      ),
    macro: (name) => files.find((file) => file.name.endsWith('.stpm') && file.text.includes(`@define ${name}`)),
    nearest: () => [],
  };
}

test('the one-liner parses to one probe with a wildcard-free point', () => {
  const { value, diagnostics } = parse({
    scripts: [{ name: '<input>', text: 'probe vfs.read {printf("read performed\\n"); exit()}' }],
    facts,
  });
  expect(diagnostics).toEqual([]);
  expect(value.user[0]?.declarations).toMatchObject([
    {
      kind: 'probe',
      points: [{ parts: [{ name: 'vfs' }, { name: 'read' }], optional: false, sufficient: false }],
      body: {
        statements: [
          { expression: { kind: 'print', name: 'printf', arguments: [{ kind: 'string', value: 'read performed\n' }] } },
          { expression: { kind: 'call', name: 'exit', arguments: [] } },
        ],
      },
    },
  ]);
});

test('library files are pulled in by the names used, directly and through one another, and each once', () => {
  const { value, diagnostics } = parse({
    scripts: [{ name: '<input>', text: 'probe a.b { first() }' }],
    facts,
    library: libraryOf([
      { name: 'alias.stp', text: 'probe a.b = kernel.function("x") { y = @width }' },
      { name: 'first.stp', text: 'function first() { return second() }' },
      { name: 'second.stp', text: 'function second() %{ /* pure */ %}\nfunction first2() {}' },
      { name: 'unused.stp', text: 'function third() {}' },
      { name: 'macros.stpm', text: '@define width %( 8 %)' },
    ]),
  });
  expect(diagnostics).toEqual([]);
  expect(value.library.map((file) => file.name)).toEqual(['alias.stp', 'first.stp', 'second.stp']);
  expect(value.library.every((file) => file.privileged)).toBe(true);
  expect(value.sources.map((source) => source.name)).toEqual(
    ['<input>', 'macros.stpm', 'alias.stp', 'first.stp', 'second.stp'].sort(
      (a, b) => value.sources.findIndex((s) => s.name === a) - value.sources.findIndex((s) => s.name === b),
    ),
  );
});

test('embedded C in the user’s script needs guru mode', () => {
  const scripts = [{ name: '<input>', text: '%{ int x; %} probe begin {}' }];
  expect(parse({ scripts, facts }).diagnostics).toMatchObject([{ code: 'parser/embedded-code' }]);
  expect(parse({ scripts, facts: { ...facts, guru: true } }).diagnostics).toEqual([]);
});

test('a script that is empty after preprocessing is an error', () => {
  const { diagnostics } = parse({ scripts: [{ name: '<input>', text: '%( 0 == 1 %? probe begin {} %)' }], facts });
  expect(diagnostics).toMatchObject([{ code: 'parser/empty' }]);
});
