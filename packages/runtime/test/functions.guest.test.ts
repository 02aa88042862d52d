// Functions of the tapset that need a run of their own: a target process, or a guest that does not come back.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { startGuest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Modules } from './run-modules.js';

let modules: Modules;

beforeAll(async () => {
  modules = await Modules.open();
});

afterAll(() => modules?.close());

test('the target set is the command of -c and all that descends from it', async () => {
  modules.build(
    'rn_target_set',
    `probe begin { println("begun") }
     global done
     probe kernel.function("__do_sys_getppid") {
       if (execname() == "perl" && target_set_pid(pid()) && !done++) {
         printf("%d %d %d\\n", stp_pid(), target(), pid())
         target_set_report()
       }
     }
     probe end { printf("%d\\n", target_set_pid(1)) }`,
  );
  const ran = await modules.run(
    'rn_target_set',
    `-c "bash -c 'perl -e getppid; true'; true"`,
    modules.untilGone('rn_target_set'),
  );
  const [, reader, target, perl] = /^begun\n(\d+) (\d+) (\d+)\n/.exec(ran.output)!;
  const lines = ran.output.split('\n').slice(2, -1);
  const bash = / begat (\d+)$/.exec(lines[2]!)![1];
  expect(lines).toEqual([
    'target set:',
    `${reader} begat ${target}`,
    `${target} begat ${bash}`,
    `${bash} begat ${perl}`,
    '0',
  ]);
  expect(ran).toMatchObject({ errors: '', status: 0 });
});

test('a map that another thread changes is waited for, or said to be changing, and no address is said to have no file', async () => {
  // One thread changes the map as often as it can, the other asks; then it asks alone.
  const [source, program] = [join(modules.folder, 'mapper.c'), join(modules.folder, 'mapper')];
  writeFileSync(
    source,
    `#include <pthread.h>
     #include <stdatomic.h>
     #include <sys/mman.h>
     #include <unistd.h>
     static atomic_int changes, done;
     static void *change(void *unused) {
       const size_t size = 64 * 4096;
       for (; !done || changes < 10; changes++) {
         char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
         mprotect(at, size, PROT_READ);
         munmap(at, size);
       }
       return 0;
     }
     int main(void) {
       pthread_t thread;
       pthread_create(&thread, 0, change, 0);
       for (int i = 0; i < 3000; i++) getppid();
       done = 1;
       pthread_join(thread, 0);
       for (int i = 0; i < 100; i++) getuid();
       return 0;
     }`,
  );
  execFileSync('gcc', ['-O1', '-pthread', '-o', program, source]);
  modules.build(
    'rn_map',
    `global answers, own
     function kind:string (answer:string) {
       if (answer =~ "^libc") return "file"
       if (answer == sprintf("user address 0x%x can't be looked up: the memory map of process %d is being changed", uaddr(), pid()))
         return "changing"
       if (isinstr(answer, sprintf("0x%x [libc", uaddr())) && answer =~ "[+]0x[0-9a-f]+/0x[0-9a-f]+.$") return "file"
       return answer == sprintf("0x%x [map is being changed]", uaddr()) ? "changing" : answer
     }
     function name:string () { try { answer = umodname(uaddr()) } catch (m) { answer = m } return kind(answer) }
     probe begin { println("begun") }
     probe kernel.function("__do_sys_getppid") {
       if (execname() != "mapper") next
       answers["both", "name", name()]++
       answers["both", "data", kind(usymdata(uaddr()))]++
     }
     probe kernel.function("__do_sys_getuid") {
       if (execname() != "mapper") next
       answers["one", "name", name()]++
       answers["one", "data", kind(usymdata(uaddr()))]++
     }
     // The change is the thread's own: it has the map's lock. Its answers are in an array of their own, as the other
     // probes hold theirs while they wait for the map, and a handler that waits too long for a global is skipped.
     probe kernel.function("mprotect_fixup") {
       if (execname() != "mapper" || tid() == pid()) next
       own["name", name()]++
       own["data", kind(usymdata(uaddr()))]++
     }
     probe end {
       foreach ([when, what, answer] in answers) printf("%s %s %s: %d\\n", when, what, answer, answers[when, what, answer])
       foreach ([what, answer] in own) printf("own %s %s: %d\\n", what, answer, own[what, answer])
       delete answers
       delete own
     }`,
  );
  const ran = await modules.run('rn_map', '', program);
  const answers = new Map(ran.output.split('\n').map((line) => line.split(': ') as [string, string]));
  const count = (key: string): number => Number(answers.get(key) ?? 0);
  for (const what of ['name', 'data']) {
    expect(count(`both ${what} file`) + count(`both ${what} changing`), ran.output).toBe(3000);
    expect(count(`one ${what} file`), ran.output).toBe(100);
    expect(count(`own ${what} changing`), ran.output).toBeGreaterThanOrEqual(10);
    expect(count(`own ${what} file`), ran.output).toBe(0);
  }
  expect(ran).toMatchObject({ errors: '', status: 0 });
});

test('panic() stops the machine, with what the script says', async () => {
  modules.build('rn_panic', 'probe begin { panic("the script has seen enough") }', ['-g']);
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  const guest = await startGuest({
    cacheFolder,
    memoryMb: 512,
    warmNode: false,
    bootSeconds: 600,
    // Of a guest that is silent nobody hears within the test.
    heartbeatSeconds: 3600,
  });
  try {
    const start = `insmod ${modules.folder}/rn_panic.ko && exec 3<> /proc/stapkit/rn_panic/control && echo start >&3`;
    const error = await guest.exec({ argv: ['sh', '-c', start] }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DiagnosticError);
    const console = (error as DiagnosticError).diagnostics[0]?.detail?.join('\n');
    expect(console).toContain('Kernel panic - not syncing: the script has seen enough');
  } finally {
    await guest.stop();
  }
});
