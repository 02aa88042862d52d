import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { listProbeTypes, type ProgramQuery, type ProgramSource, type SymbolSource } from '../src/index.js';
import { elaborateText, kernel } from './helpers.js';

test('the table lists every family of the folder', async () => {
  const script = new URL('../scripts/list-families.mjs', import.meta.url);
  const { familyTable } = (await import(script.href)) as { familyTable: () => string };
  expect(readFileSync(new URL('../src/families/table.ts', import.meta.url), 'utf8')).toBe(familyTable());
});

/** The first cause of a point that does not resolve. */
function causeOf(point: string, symbols: SymbolSource = kernel): string | undefined {
  const { diagnostics } = elaborateText(`probe ${point} { print(1) }`, { symbols });
  // What the message points at goes without saying here.
  return diagnostics[0]?.related?.[0]?.message.replace(/: (?:string|identifier|number) '?[^']*'?$/, '');
}

test('a process point that nobody resolves is told what it would take, and drops out where it is optional', () => {
  expect(causeOf('process("/bin/ls").function("main")')).toBe(
    'cannot look for function "main" in "/bin/ls": user-space programs are not read yet',
  );
  expect(causeOf('process(12).library("libc.so.6").plt("malloc").return')).toBe(
    'cannot look for procedure linkage entry "malloc" in library "libc.so.6" of process 12: user-space programs are not read yet',
  );
  expect(causeOf('process.provider("a").mark("b")')).toBe(
    'cannot look for mark "b" of "a" in the target process: user-space programs are not read yet',
  );
  expect(causeOf('process(12).statement(0x1000).absolute')).toBe(
    'cannot look for the statement at address 4096 in process 12: user-space programs are not read yet',
  );
  expect(causeOf('process("ls").thread.begin')).toBe('process.thread.begin of "ls" is not available yet');
  expect(causeOf('process.syscall.return')).toBe('process.syscall.return of the target process is not available yet');
  expect(causeOf('process("ls").nothing')).toMatch(/^probe point mismatch/);
  expect(elaborateText('probe process.begin ?, begin { print(1) }').diagnostics).toEqual([]);
});

test('whoever reads programs makes process points of places', () => {
  const asked: ProgramQuery[] = [];
  const programs: ProgramSource = {
    places(query) {
      asked.push(query);
      if (query.path === 'none') return { fault: "cannot find executable 'none'" };
      return [
        {
          name: 'process("/bin/ls").function("main@ls.c:7").return',
          file: '/bin/ls',
          offset: '4096',
          return: true,
          function: 'main',
          strings: { name: 'main' },
          variables: () => [
            { name: 'return', type: 'long', group: 'return', source: { kind: 'return-value', size: 8, signed: true } },
          ],
        },
      ];
    },
  };
  const symbols = { ...kernel, programs };
  const { script } = elaborateText('probe process("ls").function("main").return { println($return, $$name) }', {
    symbols,
  });
  expect(script.probes[0]?.name).toBe('process("/bin/ls").function("main@ls.c:7").return');
  expect(script.probes[0]?.point).toEqual({
    family: 'uprobe',
    path: '/bin/ls',
    offset: '4096',
    return: true,
    function: 'main',
  });
  expect(causeOf('process("none").library("lib*").function("f@x.c:3").label("l")', symbols)).toBe(
    "cannot find executable 'none'",
  );
  expect(asked).toEqual([
    { path: 'ls', what: { kind: 'function', name: 'main', only: 'return' } },
    { path: 'none', library: 'lib*', what: { kind: 'function', name: 'f@x.c:3', label: 'l' } },
  ]);
});

test('probe types are listed part by part, parts without arguments first', () => {
  const types = listProbeTypes();
  const process = types.filter((type) => /^process[^.]*\.begin$/.test(type));
  expect(process).toEqual(['process.begin', 'process(number).begin', 'process(string).begin']);
  expect(types.indexOf('procfs.write')).toBeLessThan(types.indexOf('procfs(string).read'));
  expect(types.indexOf('process.thread.end')).toBeLessThan(types.indexOf('process(number).begin'));
  expect(new Set(types).size).toBe(types.length);
});

test('a point that is no whole one, or goes on too far, is told what may follow', () => {
  expect(causeOf('module("ext4")')).toMatch(
    /^probe point truncated \(follow: {2}function\(number\) function\(string\) statement\(number\) statement\(string\)\)/,
  );
  const { diagnostics } = elaborateText('probe timer.s(1).randomise(2) { print(1) }');
  expect(diagnostics[0]?.related?.map((one) => one.message)).toEqual([
    "invalid suffix for probe: identifier 'randomise'",
    'what may follow: randomize(number)',
  ]);
});

test('markers are points that no kernel has', () => {
  expect(causeOf('kernel.mark("x")')).toBe('no match');
  expect(causeOf('kernel.mark("x").format("%d")')).toBe('no match');
  expect(elaborateText('probe kernel.mark("x") ?, begin { print(1) }').diagnostics).toEqual([]);
});

test('what belongs to tracepoints and procfs files is spoken of in their words', () => {
  const message = (text: string, guru = false) => elaborateText(text, { guru }).messages[0];
  expect(message('probe kernel.trace("sched_switch") { println($prve) }')).toBe(
    "unable to find tracepoint variable '$prve' (alternatives: $prev, $$name, $$parms, $state, $$vars): identifier '$prve'",
  );
  expect(message('probe kernel.trace("sched_switch") { $state = 1 }')).toBe(
    "write to tracepoint variable '$state' not permitted; need stap -g: identifier '$state'",
  );
  const structure = "procfs variable '$value' may not be used as a structure: operator '->'";
  expect(message('probe procfs.write { println($value->x) }')).toBe(structure);
  expect(message('probe procfs.read { $value->x = "a" }')).toBe(structure);
  expect(message('probe procfs.write { println(&$value) }')).toBe(
    "cannot take address of procfs variable '$value': identifier '$value'",
  );
  for (const guru of [false, true]) {
    expect(message('probe procfs.write { $value = "a" }', guru)).toBe(
      "procfs $value variable is read-only in a procfs write probe: identifier '$value'",
    );
  }
  expect(message('probe procfs.read { println($value) }')).toBe(
    "procfs $value variable cannot be read in a procfs read probe: identifier '$value'",
  );
  expect(message('probe procfs.read { $other = "a" }')).toBe(
    "invalid target symbol for procfs probe, $value expected: identifier '$other'",
  );
});
