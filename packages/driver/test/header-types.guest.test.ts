// Types of headers and of modules, in casts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

describe('types', () => {
  test('of headers and of modules are there to cast to', async () => {
    const script = join(scratchFolder(), 'cast.stp');
    writeFileSync(
      script,
      `
      global opens
      probe kernel.function("__x64_sys_clock_nanosleep") {
        if (execname() != "sleep" || ppid() != target()) next
        time = &@cast($regs->dx, "timespec", "<time.h>")
        printf("user %d %d %s\\n", time->tv_sec, time->tv_nsec, @cast($regs->dx, "struct timespec", "<time.h>")$)
        try { printf("%d\\n", @cast($regs->dx, "timespec64")->tv_nsec) } catch { println("kernel no") }
        task = task_current()
        printf("kernel %d %d\\n", @cast(task, "task_struct", "kernel<linux/sched.h>")->tgid == pid(),
          @cast(task, "task_struct", "kernel<linux/sched.h><linux/fs_struct.h>")->fs->umask)
      }
      probe module("overlay").function("ovl_open").call {
        if (opens++) next
        own = $file->f_inode->i_sb->s_fs_info
        printf("module %d %d %s\\n", @cast(own, "ovl_fs")->numlayer, @cast(own, "ovl_fs", "overlay")->numlayer,
          kernel_string(@cast(own, "ovl_fs", "nosuch:overlay")->config->lowerdir))
      }
      `,
    );
    const ended = await stap(['--vm', script, '-c', 'umask 027; sleep 0.125; cat /etc/debian_version']);
    expect(ended.stderr).toBe('');
    const own = ended.stdout.split('\n').filter((line) => /^(?:user|kernel|module) /.test(line));
    expect(own.sort()).toEqual([
      'kernel 1 23',
      'kernel no',
      expect.stringMatching(/^module (\d+) \1 \/\S*$/),
      'user 0 125000000 {.tv_sec=0, .tv_nsec=125000000}',
    ]);
  });
});
