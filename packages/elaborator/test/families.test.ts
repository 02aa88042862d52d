import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { listProbeTypes, type ProgramQuery, type ProgramSource, type SymbolSource } from '../src/index.js';
import { cleanly, elaborateText, kernel } from './helpers.js';

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
  expect(causeOf('process("ls").nothing')).toMatch(/^probe point mismatch/);
  expect(elaborateText('probe process.function("f") ?, begin { print(1) }').diagnostics).toEqual([]);
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

// Every documented form of a place in a program (stapprobes(3stap), USER-SPACE), and what it asks for.
const PROGRAM_FORMS: readonly [point: string, query: ProgramQuery][] = [
  ['process("p").function("f")', { path: 'p', what: { kind: 'function', name: 'f' } }],
  ['process("p").function("f").call', { path: 'p', what: { kind: 'function', name: 'f', only: 'call' } }],
  ['process("p").function("f").inline', { path: 'p', what: { kind: 'function', name: 'f', only: 'inline' } }],
  ['process("p").function("f").exported', { path: 'p', what: { kind: 'function', name: 'f', only: 'exported' } }],
  ['process("p").function("f").return', { path: 'p', what: { kind: 'function', name: 'f', only: 'return' } }],
  ['process("p").function("f").label("l")', { path: 'p', what: { kind: 'function', name: 'f', label: 'l' } }],
  ['process("p").function("f").callee("g")', { path: 'p', what: { kind: 'function', name: 'f', callee: 'g' } }],
  ['process("p").function("f").callees', { path: 'p', what: { kind: 'function', name: 'f', callees: 1 } }],
  ['process("p").function("f").callees(3)', { path: 'p', what: { kind: 'function', name: 'f', callees: 3 } }],
  ['process("p").function(16).call', { path: 'p', what: { kind: 'function', address: '16', only: 'call' } }],
  [
    'process("p").statement("*@f.c:5")',
    { path: 'p', what: { kind: 'statement', name: '*@f.c:5', absolute: false, nearest: false } },
  ],
  [
    'process("p").statement("*@f.c:5").nearest',
    { path: 'p', what: { kind: 'statement', name: '*@f.c:5', absolute: false, nearest: true } },
  ],
  [
    'process(7).statement(16)',
    { pid: '7', what: { kind: 'statement', address: '16', absolute: false, nearest: false } },
  ],
  [
    'process(7).statement(16).absolute',
    { pid: '7', what: { kind: 'statement', address: '16', absolute: true, nearest: false } },
  ],
  ['process("p").mark("m")', { path: 'p', what: { kind: 'mark', name: 'm' } }],
  ['process("p").provider("o").mark("m")', { path: 'p', what: { kind: 'mark', name: 'm', provider: 'o' } }],
  ['process("p").plt', { path: 'p', what: { kind: 'plt', name: '*', return: false } }],
  ['process("p").plt("x").return', { path: 'p', what: { kind: 'plt', name: 'x', return: true } }],
  ['process("p").library("l").plt("x")', { path: 'p', library: 'l', what: { kind: 'plt', name: 'x', return: false } }],
  ['process("p").library("l").function("f")', { path: 'p', library: 'l', what: { kind: 'function', name: 'f' } }],
  ['process("p").library("l").mark("m")', { path: 'p', library: 'l', what: { kind: 'mark', name: 'm' } }],
  ['process.function("f")', { what: { kind: 'function', name: 'f' } }],
  ['process.mark("m")', { what: { kind: 'mark', name: 'm' } }],
];

test.each(PROGRAM_FORMS)('%s asks whoever reads programs, and becomes a probe', (point, query) => {
  const asked: ProgramQuery[] = [];
  const programs: ProgramSource = {
    places(wanted) {
      asked.push(wanted);
      return [{ name: 'process("/p").function("f@f.c:1")', file: '/p', offset: '64', return: false, semaphore: '128' }];
    },
  };
  const { script, messages } = elaborateText(`probe ${point} { println(pp()) }`, {
    symbols: { ...kernel, programs },
    guru: true,
    library: 'function pp:string () %{ /* pure */ %}',
  });
  expect(messages).toEqual([]);
  expect(asked).toEqual([query]);
  expect(script.probes[0]?.point).toEqual({
    family: 'uprobe',
    path: '/p',
    offset: '64',
    return: false,
    semaphore: '128',
  });
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

// What SystemTap 4.8 says of each was looked up.
describe('the life of processes', () => {
  test('its points name the program as it was found, and hold what they are about', () => {
    const symbols = { ...kernel, executable: (name: string) => (name === 'ls' ? '/usr/bin/ls' : undefined) };
    const script = cleanly(
      `probe process("ls").begin, process("/no/such").end, process(12).thread.begin, process.thread.end,
         process.syscall, process(12).syscall.return { println(1) }`,
      { symbols },
    );
    expect(script.probes.map((probe) => probe.name)).toEqual([
      'process("/usr/bin/ls").begin',
      'process("/no/such").end',
      'process(12).thread.begin',
      'process.thread.end',
      'process.syscall',
      'process(12).syscall.return',
    ]);
    expect(script.probes.map((probe) => probe.point)).toEqual([
      { family: 'process', event: 'begin', path: '/usr/bin/ls' },
      { family: 'process', event: 'end', path: '/no/such' },
      { family: 'process', event: 'thread-begin', pid: 12 },
      { family: 'process', event: 'thread-end' },
      { family: 'process', event: 'syscall' },
      { family: 'process', event: 'syscall-return', pid: 12 },
    ]);
  });

  test('system calls have a number, six arguments and a result', () => {
    cleanly('probe process.syscall { println($syscall, $arg1, $arg6, $$parms) }');
    cleanly('probe process.syscall.return { println($syscall, $return, $$return) }');
  });

  test.each([
    ['process.syscall { println($arg7) }', 'invalid syscall argument number (1-6)'],
    ['process.syscall { println($return) }', 'only "process(PATH_OR_PID).syscall.return" support $return.'],
    ['process.syscall.return { println($arg1) }', 'only "process(PATH_OR_PID).syscall" support $argN or $$parms.'],
    [
      'process.syscall { println($x) }',
      'invalid target symbol for utrace probe, $syscall, $return, $argN or $$parms expected',
    ],
    [
      'process.begin { println($syscall) }',
      'only "process(PATH_OR_PID).syscall" and "process(PATH_OR_PID).syscall.return" probes support target symbols',
    ],
    ['process.syscall { $arg1 = 1 }', "utrace '$argN' variable is read-only"],
    ['process.syscall { println($arg1->x) }', "utrace variable '$arg1' may not be used as a structure"],
  ])('%s is refused in words', (script, message) => {
    expect(elaborateText(`probe ${script}`).messages[0]).toContain(message);
  });

  test.each([
    ['process(0).begin', 'cannot probe pid 0: Invalid pid'],
    ['process(99999999).begin', 'cannot probe pid 99999999: No such process'],
    ['process("/bin/ls").insn', 'each instruction of a process cannot be probed'],
    ['process(1).insn.block', 'each block of a process cannot be probed'],
    ['process.insn', 'probe point mismatch'],
  ])('%s is refused', (point, message) => {
    const [diagnostic] = elaborateText(`probe ${point} { println(1) }`).diagnostics;
    expect(diagnostic?.related?.map((place) => place.message).join('\n')).toContain(message);
  });
});
