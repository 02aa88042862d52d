// Stacks and symbols of a stock kernel, in handlers of every kind.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stap } from './harness.js';

const FRAME = /^ 0x[0-9a-f]{16} : [\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+ \[\w+\]$/;
const SYSCALL_END = ['do_syscall_64', 'entry_SYSCALL_64_after_hwframe'];

const STACKS = `
global kprobes, returns, traces, ticks, modules
function show(kind) {
  printf("== %s\\n", kind)
  print_backtrace()
  printf("same %d %d %d %d\\n", backtrace() == sprintf("0x%x %s", stack(0), callers(-1)), stack(0) == strtol(backtrace(), 16),
    callers(2) == sprintf("0x%x 0x%x", stack(1), stack(2)), stack(100) == 0)
  printf("caller %s %d\\n", caller(), caller() == sprintf("%s 0x%x", symname(caller_addr()), stack(!is_return())))
  if (sprint_backtrace() != sprint_syms(backtrace())) println("sprint_backtrace differs")
  if (sprint_stack(backtrace()) != sprint_syms(backtrace())) println("sprint_stack differs")
}
probe kernel.function("vfs_read").call { if (pid() == target() && !kprobes++) {
  show("kprobe")
  println("== print_syms"); print_syms(backtrace())
  println("== print_stack"); print_stack(backtrace())
} }
probe kernel.function("vfs_read").return { if (pid() == target() && !returns++) {
  show("kretprobe")
  printf("returned %s %s\\n", probefunc(), probemod())
} }
probe kernel.trace("sched_switch") {
  if (pid() == target() && !traces && isinstr(sprint_backtrace(), "do_wait")) { traces++; show("tracepoint") }
}
probe timer.profile { if (!user_mode() && !ticks++) {
  println("== profile"); print_backtrace()
  printf("where %d\\n", stack(0) == addr())
} }
probe module("overlay").function("ovl_open").call { if (!modules++) {
  show("module")
  printf("names %s %s %s %s %s\\n", symname(addr()), symdata(addr()), modname(addr()), probefunc(), probemod())
} }
probe end {
  printf("unknown %s %s\\n", symname(0x1234), symdata(0x1234))
  try { println(modname(0x1234)) } catch (message) { printf("error %s\\n", message) }
  print_syms("0x1234 0x5678")
}
`;

describe('stacks', () => {
  let text: string;
  const block = (name: string) => text.split(`== ${name}\n`)[1]!.split('== ')[0]!.trimEnd().split('\n');
  const functions = (lines: readonly string[]) =>
    lines.filter((line) => FRAME.test(line)).map((line) => line.split(' : ')[1]!.split('+')[0]);

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
    const script = join(folder, 'stacks.stp');
    writeFileSync(script, STACKS);
    const ended = await stap([
      '--vm',
      '-DMAXSTRINGLEN=4096',
      script,
      '-c',
      'cat /proc/self/stat; sleep 0.3; exec cat /etc/hostname',
    ]);
    rmSync(folder, { recursive: true });
    expect(ended.stderr).toBe('');
    text = ended.stdout.slice(ended.stdout.indexOf('== '));
  }, 240_000);

  test.each([
    ['kprobe', /^vfs_read\+0x0\//, 'ksys_read'],
    ['kretprobe', /^ksys_read\+0x/, 'ksys_read'],
    ['tracepoint', /^__schedule\+0x/, 'schedule'],
    ['module', /^ovl_open\+0x0\/0x[0-9a-f]+ \[overlay\]$/, 'do_dentry_open'],
  ])('in a %s handler start at the probed place and end where the kernel was entered', (kind, first, caller) => {
    const lines = block(kind);
    const frames = lines.filter((line) => FRAME.test(line));
    expect(frames[0]!.split(' : ')[1]).toMatch(first);
    expect(functions(frames)).toContain(caller);
    expect(functions(frames).slice(-2)).toEqual(SYSCALL_END);
    expect(frames.length).toBeLessThanOrEqual(20);
    expect(lines[frames.length]).toBe('same 1 1 1 1');
    expect(lines[frames.length + 1]).toMatch(/^caller [\w.]+ 0x[0-9a-f]{16} 1$/);
    const calling = functions(frames)[kind === 'kretprobe' ? 0 : 1];
    expect(lines[frames.length + 1]!.split(' ')[1]).toBe(calling);
  });

  test('in a profiling timer start at the interrupted place', () => {
    const lines = block('profile');
    expect(lines.at(-1)).toBe('where 1');
    for (const line of lines.slice(0, -1)) expect(line).toMatch(FRAME);
  });

  test('are printed the same by the functions that take addresses', () => {
    const frames = block('kprobe').filter((line) => FRAME.test(line));
    expect(block('print_syms')).toEqual(frames);
    expect(block('print_stack')).toEqual(frames);
    expect(text).not.toContain('differs');
  });

  test('name symbols of modules and say what is unknown', () => {
    expect(text).toMatch(/^names ovl_open ovl_open\+0x0\/0x[0-9a-f]+ \[overlay\] overlay ovl_open overlay$/m);
    expect(text).toContain('\nreturned vfs_read kernel\n');
    expect(text).toContain('unknown 0x1234 0x1234\n');
    expect(text).toMatch(/^error .*0x1234/m);
    expect(text).toContain('\n 0x1234 : 0x1234\n 0x5678 : 0x5678\n');
  });

  test('are as long as MAXBACKTRACE', async () => {
    const ended = await stap([
      '--vm',
      '-DMAXBACKTRACE=3',
      '-e',
      'probe kernel.function("vfs_read").call { print_backtrace(); println(callers(-1)); exit() }',
      '-c',
      'cat /proc/self/stat',
    ]);
    const lines = ended.stdout.split('\n').filter((line) => FRAME.test(line) || line.startsWith('0x'));
    expect(lines).toHaveLength(4);
    expect(lines[3]!.split(' ')).toHaveLength(2);
  }, 120_000);
});
