// Stacks and symbols of a stock kernel, in handlers of every kind.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { beforeAll, describe, expect, test } from 'vitest';
import { command, scratchFolder, stap } from './harness.js';

const FRAME = /^ 0x[0-9a-f]{16} : [\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+ \[\w+\]$/;
const SYSCALL_END = ['do_syscall_64', 'entry_SYSCALL_64_after_hwframe'];

const STACKS = `
global kprobes, returns, traces, modules
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
probe module("overlay").function("ovl_open").call { if (pid() == target() && !modules++) {
  show("module")
  printf("names %s %s %s %s %s\\n", symname(addr()), symdata(addr()), modname(addr()), probefunc(), probemod())
} }
probe end {
  printf("unknown %s %s\\n", symname(0x1234), symdata(0x1234))
  try { println(modname(0x1234)) } catch (message) { printf("error %s\\n", message) }
  print_syms("0x1234 0x5678")
}
`;

/** A module that calls itself deeper than the kernel ever does. */
const DEEP = `
#include <linux/module.h>
static __attribute__((__noipa__)) int deep_bottom(int n) { asm volatile("" : "+r" (n)); return n; }
static __attribute__((__noipa__)) int deep(int n) { int r = n ? deep(n - 1) : deep_bottom(n); asm volatile("" : "+r" (r)); return r + 1; }
static int __init start(void) { return deep(99) == 100 ? 0 : -EINVAL; }
static void __exit stop(void) {}
module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
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
      // What it prints goes elsewhere: it would come between the lines of the script. The shell sleeps until a child ends
      // that waits for that.
      `sh -c 'until grep -q do_wait /proc/$PPID/wchan; do :; done'; exec cat /etc/hostname > /dev/null`,
    ]);
    rmSync(folder, { recursive: true });
    expect(ended.stderr).toBe('');
    text = ended.stdout.slice(ended.stdout.indexOf('== '));
  });

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

  test('in a profiling timer start at the interrupted place', async () => {
    // By itself: what probes of functions put into the kernel's way has no name.
    const ended = await stap([
      '--vm',
      '-e',
      `global ticks
       probe timer.profile {
         if (user_mode() || ticks++) next
         print_backtrace()
         printf("where %d\\n", stack(0) == addr())
         exit()
       }`,
    ]);
    const lines = ended.stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
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
      'global n probe kernel.function("vfs_read").call { if (n++) next print_backtrace(); println(callers(-1)); exit() }',
      '-c',
      'cat /proc/self/stat',
    ]);
    const lines = ended.stdout.split('\n').filter((line) => FRAME.test(line) || line.startsWith('0x'));
    expect(lines).toHaveLength(4);
    expect(lines[3]!.split(' ')).toHaveLength(2);
  });

  test('go as deep as MAXBACKTRACE says, beyond what the stack has room for', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'stapkit_deep.c'), DEEP);
    writeFileSync(join(folder, 'Kbuild'), 'obj-m := stapkit_deep.o\n');
    const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
    await guest.close();
    const made = await command(['make', '-C', `/lib/modules/${guest.release}/build`, `M=${folder}`, 'modules']);
    expect(made.status).toBe(0);
    const point = 'kprobe.module("stapkit_deep").function("deep_bottom")';
    const ended = await stap([
      '--vm',
      '-DMAXBACKTRACE=70',
      '-e',
      `probe ${point} { print_backtrace() print_syms(task_backtrace(task_current())) }`,
      '-c',
      `insmod ${folder}/stapkit_deep.ko; rmmod stapkit_deep`,
    ]);
    const names = functions(ended.stdout.split('\n'));
    const deep = ['deep_bottom', ...Array.from({ length: 69 }, () => 'deep')];
    expect(names.slice(0, 70)).toEqual(deep);
    // As text it is as long as a string can be.
    expect(names.slice(70, 80)).toEqual(deep.slice(0, 10));
    expect(ended.stderr).toBe('');
  });

  test('of a task that sleeps are what /proc shows of it; of what is no such task there are none', async () => {
    const ended = await stap([
      '--vm',
      '-DMAXSTRINGLEN=4096',
      ...['-m', 'stapkit_sleeper'],
      '-e',
      `probe procfs("pid").write {
         task = pid2task(strtol($value, 10))
         printf("none %s%s%s%s.\\n", task_backtrace(0), task_backtrace(0x1234), task_backtrace(task + 8), task_backtrace(0xffffffff81000000))
         printf("running %d\\n", task_backtrace(task_current()) == backtrace())
         println("== ours")
         print_stack(task_backtrace(task))
       }`,
      '-c',
      `sleep 60 & until grep -q nanosleep /proc/$!/stack; do :; done
       echo "== kernel"; cat /proc/$!/stack; echo $! > /proc/systemtap/stapkit_sleeper/pid; kill $!`,
    ]);
    expect(ended.stdout).toContain('none .\nrunning 1\n');
    const [, kernel, ours] = /== kernel\n([\s\S]*)none [\s\S]*== ours\n([\s\S]*)$/.exec(ended.stdout)!;
    const frame = / ([\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+)/;
    const places = (lines: string) => lines.split('\n').flatMap((line) => frame.exec(line)?.[1] ?? []);
    expect(places(ours!)[0]).toMatch(/^__schedule\+/);
    expect(places(kernel!).length).toBeGreaterThan(3);
    // The kernel leaves out its scheduler.
    expect(places(ours!).slice(-places(kernel!).length)).toEqual(places(kernel!));
  });
});
