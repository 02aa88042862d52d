// process.begin and its like, live: of the target and what it starts, of a program, of threads.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stap } from './harness.js';

// The guest sees the host's files, but has a /tmp of its own.
let folder: string;
let threads: string;

beforeAll(() => {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'test-life-'));
  threads = join(folder, 'threads');
  writeFileSync(
    `${threads}.c`,
    // Whoever waits for a thread is woken before its end is told of; its folder goes after that.
    `#define _GNU_SOURCE
    #include <pthread.h>
    #include <stdio.h>
    #include <unistd.h>
    static char folder[64];
    static void *work(void *unused) { sprintf(folder, "/proc/self/task/%d", gettid()); return 0; }
    int main(void) {
      pthread_t a;
      pthread_create(&a, 0, work, 0);
      pthread_join(a, 0);
      while (access(folder, F_OK) == 0) usleep(1000);
      return 0;
    }`,
  );
  execFileSync('gcc', ['-pthread', '-o', threads, `${threads}.c`]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('programs, threads and system calls are seen in their own context', async () => {
  const script = `
    global calls, returns
    probe process.begin { if (pid() != target()) printf("begin %s\\n", execname()) }
    probe process.end { printf("end %s\\n", execname()) }
    probe process("ls").begin { println("ls begins") }
    probe process("ls").syscall {
      if ($syscall == 1) printf("ls writes %d to %d: %s\\n", $arg3, $arg1, user_string_n($arg2, 4))
      calls++
    }
    probe process("ls").syscall.return { if ($syscall == 1) printf("ls wrote %d\\n", $return) returns++ }
    probe process("ls").end { println("ls ends") }
    probe process("${threads}").thread.begin { printf("thread begins %d\\n", pid() != tid()) }
    probe process("${threads}").thread.end { printf("thread ends %d\\n", pid() != tid()) }
    probe process(4194303).begin { println("another") }
    // The call that made it ls returns in it, and the one that ends it does not.
    probe end { printf("calls %d %d\\n", calls > 10, calls - returns) }
  `;
  // What ls prints itself goes elsewhere: it would come between the lines of the script at any place.
  const ended = await stap([
    '--vm',
    '-e',
    script,
    '-c',
    `sh -c "ls /etc/passwd /etc/group > /dev/null; ${threads}; true"`,
  ]);
  expect(ended.stderr).toBe('');
  const lines = ended.stdout.trim().split('\n');
  const from = lines.indexOf('begin ls');
  // Before it the shells begin, one for each fork and each program.
  expect(new Set(lines.slice(0, from))).toEqual(new Set(['begin sh']));
  expect(lines.slice(from).filter((line) => line !== 'begin sh')).toEqual([
    'begin ls',
    'ls begins',
    'ls writes 23 to 1: /etc',
    'ls wrote 23',
    'end ls',
    'ls ends',
    'begin threads',
    'thread begins 1',
    'thread ends 1',
    'end threads',
    'end sh',
    'end sh',
    'calls 1 0',
  ]);
});
