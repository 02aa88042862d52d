import { parseScript } from '@stapkit/parser';
import { expect, test } from 'vitest';
import type { TracepointFacts } from '../../src/index.js';
import {
  explain,
  formatElaborated,
  listFunctions,
  listProbeAliases,
  listProbes,
  listProbeTypes,
} from '../../src/index.js';
import { cleanly, elaborateText, kernel, matches } from '../helpers.js';

const names = (text: string, library?: string): string[] =>
  cleanly(text, library === undefined ? {} : { library }).probes.map((probe) => probe.name);

test('expands wildcards in function names', () => {
  expect(names('probe kernel.function("vfs_*") { println(pp_) } global pp_ = 1')).toEqual([
    'kernel.function("vfs_read")',
    'kernel.function("vfs_write")',
  ]);
});

test('expands wildcards in alias names, and keeps the expanded name', () => {
  const script = cleanly('probe my.* { print(what) }', {
    library: 'probe my.one = begin { what = "a" }\nprobe my.two = end { what = "b" }',
  });
  expect(script.probes.map((probe) => probe.written)).toEqual(['my.one', 'my.two']);
  expect(script.probes[0]?.chain.map((step) => step.how)).toEqual(['written', 'wildcard', 'alias']);
});

test('crosses dots only with two stars', () => {
  const library = 'probe a.b.c = begin { x = 1 }\nprobe a.d = end { x = 2 }';
  expect(names('probe a.* { print(x) }', library)).toEqual(['end']);
  expect(names('probe a.** { print(x) }', library)).toEqual(['begin', 'end']);
});

test('attaches what follows an alias to the points behind it', () => {
  expect(names('probe mine.return { print($return) }', 'probe mine = kernel.function("vfs_read") { }')).toEqual([
    'kernel.function("vfs_read").return',
  ]);
});

test('runs prologues before the body, innermost first, and epilogues after it', () => {
  const script = cleanly('probe outer { print("body") }', {
    library: `
      probe inner = begin { print("inner") }, { print("after inner") }
      probe outer += inner { print("after") }
    `,
  });
  expect(JSON.stringify(script.probes[0]?.body).match(/"text":"[a-z ]+"|"value":"[a-z ]+"/g)).toEqual([
    '"value":"inner"',
    '"value":"body"',
    '"value":"after"',
    '"value":"after inner"',
  ]);
});

test('leaves out optional points, and takes the first of sufficient ones', () => {
  expect(names('probe kernel.function("nothing") ?, begin { print(1) }')).toEqual(['begin']);
  expect(names('probe kernel.function("nothing") !, begin !, end { print(1) }')).toEqual(['begin!']);
});

test('reports an alias that expands to itself', () => {
  const { diagnostics } = elaborateText('probe a = a { } probe a { print(1) }');
  expect(diagnostics[0]?.related?.map((place) => place.message)).toContain('recursive loop in alias expansion of a');
});

test.each([
  ['probe timer.foo { print(1) }', /^probe point mismatch \(similar: .*\): identifier 'foo'$/],
  ['probe begin.foo { print(1) }', /^invalid suffix for probe: identifier 'foo'$/],
  ['probe timer.s(0) { print(1) }', /^interval value out of range \(1, 86400\)/],
  [
    'probe kernel.function("vfs_rea") { print(1) }',
    /^no match for function "vfs_rea" in the kernel \(similar: vfs_read/,
  ],
  [
    'probe kernel.trace("sched_swich") { print(1) }',
    /^no match for tracepoint "sched_swich" \(similar: sched_switch\)/,
  ],
  ['probe kernel.function("vfs_read").inline { print(1) }', /needs DWARF/],
])('says why %s does not resolve', (text, message) => {
  const { diagnostics } = elaborateText(text);
  expect(diagnostics[0]?.message).toMatch(/^while resolving probe point/);
  expect(diagnostics[0]?.related?.some((place) => message.test(place.message))).toBe(true);
});

test.each([
  ['timer.s(5)', { family: 'timer', unit: 'ns', interval: '5000000000', randomize: '0' }],
  ['timer.ms(20).randomize(3)', { family: 'timer', unit: 'ns', interval: '20000000', randomize: '3000000' }],
  ['timer.jiffies(7)', { family: 'timer', unit: 'jiffies', interval: '7', randomize: '0' }],
  ['timer.hz(100)', { family: 'timer', unit: 'ns', interval: '10000000', randomize: '0' }],
  ['timer.profile', { family: 'profile' }],
  ['begin(-3)', { family: 'begin', sequence: '-3' }],
  ['error', { family: 'error', sequence: '0' }],
  ['never', { family: 'never' }],
  ['kprobe.function("anything").return', { family: 'kprobe', symbol: 'anything', return: true }],
  ['kernel.function("vfs_read").return.maxactive(9)', { family: 'kprobe', maxactive: 9, return: true }],
  ['kernel.data("jiffies").write', { family: 'watchpoint', symbol: 'jiffies', length: 1, access: 'write' }],
  ['perf.type(1).config(0).hz(99)', { family: 'perf', type: 1, config: '0', hertz: 99 }],
  ['procfs("a/b").umask(0040).read.maxsize(99)', { family: 'procfs', path: 'a/b', umask: 32, maxsize: 99 }],
  ['netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_IN").priority("NF_IP_PRI_MANGLE")', { priority: -150 }],
  ['input.line', { family: 'input', line: true }],
])('builds the point of %s', (point, expected) => {
  expect(cleanly(`probe ${point} { print("x") }`).probes[0]?.point).toMatchObject(expected);
});

test('names kernel.data points as SystemTap does', () => {
  const script = cleanly(
    'probe kernel.data(-4096).rw, kernel.data(65).length(3).write, kernel.data("jiffies").rw { print("x") }',
  );
  expect(script.probes.map(({ name }) => name)).toEqual([
    'kernel.data(0xfffffffffffff000).length(1).rw',
    'kernel.data(0x41).length(3).write',
    'kernel.data("jiffies").length(1).rw',
  ]);
});

test('warns of more kernel.data points than there are debug registers', () => {
  const points = (count: number): string =>
    Array.from({ length: count }, (_, index) => `probe kernel.data(${4096 + 8 * index}).write { print("x") }`).join(
      ' ',
    );
  cleanly(points(4));
  expect(elaborateText(points(6)).diagnostics.map(({ message, severity }) => `${severity}: ${message}`)).toEqual([
    'warning: Too many hardware breakpoint probes: 6, and the processor has 4: keyword',
  ]);
});

test("an alias's own condition comes before that of its use", () => {
  const script = cleanly('global x, y probe a = begin if (x) { } probe a if (y) { print(1) } probe end { x++ y++ }');
  expect(formatElaborated(script)).toContain('begin if ((x) && (y))');
});

test('joins the conditions of points and aliases', () => {
  const script = cleanly('global on, more probe mine if (on) { print(1) } probe end { on = more = 1 }', {
    library: 'probe mine = begin { }',
  });
  expect(script.probes[0]?.condition).toMatchObject({ kind: 'global', type: 'long' });
});

test('explains where each point went, and why one was left out', () => {
  const { ast } = elaborateText('probe kernel.function("nothing") ?, vfs { print(1) }', {
    library: 'probe vfs = kernel.function("vfs_read") { }',
  });
  const { probes } = explain(ast, { symbols: kernel });
  expect(probes[0]?.resolved[0]?.name).toBe('kernel.function("vfs_read")');
  expect(probes[0]?.dropped[0]?.reasons[0]?.message).toMatch(/no match for function "nothing"/);
});

test('lists points and variables as -l and -L do', () => {
  const { ast } = elaborateText('probe vfs, kernel.function("vfs_*") { }', {
    library: 'probe vfs = kernel.function("vfs_write") { size = 3; name = "x" } probe begin { print(1) }',
  });
  // Without what the library's file probes for itself.
  expect(listProbes(ast, { symbols: kernel }, false).value).toEqual([
    'kernel.function("vfs_read")',
    'kernel.function("vfs_write")',
    'vfs',
  ]);
  expect(listProbes(ast, { symbols: kernel }, true).value).toEqual([
    'kernel.function("vfs_read") $file:struct file* $buf:char* $count:size_t',
    'kernel.function("vfs_write") $file:struct file*',
    'vfs size:long name:string $file:struct file*',
  ]);
});

test('lists watchpoints as they were written, with the address in hexadecimal', () => {
  const { ast } = elaborateText(
    'probe kernel.data("jiffies").write, kernel.data(65).rw, kernel.data(65).length(3).rw { }',
  );
  expect(listProbes(ast, { symbols: kernel }, false).value).toEqual([
    'kernel.data("jiffies").write',
    'kernel.data(0x41).length(3).rw',
    'kernel.data(0x41).rw',
  ]);
});

test('lists types, aliases and functions as the --dump options do', () => {
  const { value: file } = parseScript({
    name: 'library.stp',
    text: 'probe a.b = begin ?, end { }\nprobe _hidden = begin { }\nfunction f:long (x:string) %{ /* pure */ %}',
  });
  expect(listProbeTypes()).toContain('kernel.function(string).return.maxactive(number)');
  expect(listProbeAliases([file])).toEqual(['a.b = begin?, end']);
  expect(listFunctions([file])).toEqual(['f:long (x:string)']);
  expect(listFunctions([file], true)).toEqual(['f:long (x:string) /* pure */']);
  const { value: rights } = parseScript({
    name: 'library.stp',
    text: 'function g () %{ /* pure */ /* unprivileged */ %}\nfunction h (x) { return x }',
  });
  // Who may call a function is told always, as SystemTap 4.8 does.
  expect(listFunctions([rights])).toEqual(['g:unknown () /* unprivileged */', 'h:unknown (x:unknown)']);
});

test('holds probe points to the privilege level', () => {
  const refused = (text: string) =>
    elaborateText(`probe ${text} { print(1) }`, { privilege: 'stapusr' }).diagnostics.flatMap((one) =>
      (one.related ?? []).map(({ message }) => message),
    );
  const reason = 'probe point is not allowed for --privilege=stapusr: ';
  expect(refused('kernel.function("vfs_read")')).toEqual([`${reason}identifier 'function'`]);
  expect(refused('kernel.trace("sched_switch")')).toEqual([`${reason}identifier 'trace'`]);
  expect(refused('timer.profile')).toEqual([`${reason}identifier 'profile'`]);
  expect(refused('perf.sw.cpu_clock')).toHaveLength(1);
  // Every one that stap(1) lists, and an optional one that is left out.
  const open = ['begin', 'begin(3)', 'end', 'end(3)', 'error', 'error(3)', 'never', 'timer.jiffies(5)', 'timer.hz(5)'];
  const units = ['s', 'sec', 'ms', 'msec', 'us', 'usec', 'ns', 'nsec'].map(
    (unit) => `timer.${unit}(${unit.startsWith('n') ? 100_000 : 1000})`,
  );
  expect(refused([...open, ...units, 'timer.s(1).randomize(1)', 'timer.profile ?'].join(', '))).toEqual([]);
  // Of processes all points but those that SystemTap's own list of that level leaves out.
  const life = ['begin', 'end', 'thread.begin', 'thread.end', 'syscall', 'syscall.return'];
  const whose = ['process', 'process("/bin/ls")', 'process(1)'];
  expect(refused(whose.flatMap((one) => life.map((event) => `${one}.${event}`)).join(', '))).toEqual([]);
  expect(refused('process("/bin/ls").insn')).toEqual([`${reason}identifier 'insn'`]);
  expect(refused('process("/bin/ls").function("main")').join()).not.toContain(reason);
  // Members of stapsys use all points.
  const all = 'probe kernel.function("vfs_read"), kernel.trace("sched_switch"), timer.profile { print(1) }';
  expect(elaborateText(all, { privilege: 'stapsys' }).diagnostics).toEqual([]);
});

test('a tracepoint of an unknown system may be of the wanted one where its name is written out', () => {
  const all = [...kernel.tracepoints('sched_switch'), { name: 'emulate_vsyscall', arguments: [] }];
  const symbols = {
    ...kernel,
    tracepoints: (pattern: string) =>
      all.filter(({ name, system }: TracepointFacts) =>
        pattern.includes(':') ? matches(pattern, `${system}:${name}`) : matches(pattern, name),
      ),
  };
  const found = (text: string) => elaborateText(`probe kernel.trace("${text}") { print(1) }`, { symbols });
  const names = (text: string) => found(text).script.probes.map((probe) => probe.name);
  expect(names('sched:*')).toEqual(['kernel.trace("sched:sched_switch")']);
  expect(names('other:emulate_vsyscall')).toEqual(['kernel.trace("emulate_vsyscall")']);
  for (const text of ['other:*', 'other:sched_switch']) {
    expect(JSON.stringify(found(text).diagnostics)).toContain('no match for tracepoint');
  }
});
