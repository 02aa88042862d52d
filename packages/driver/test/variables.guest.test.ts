// Variables by debug information, in a stock kernel: outside functions, of each CPU, locals, those of inlined copies.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

const folder = '/usr/lib/debug/boot';
const hasDebugInfo = existsSync(folder) && readdirSync(folder).length > 0;

describe.skipIf(!hasDebugInfo)('debug information', () => {
  test('finds variables outside functions, per-CPU ones, locals and those of inlined copies', async () => {
    const script = join(scratchFolder(), 'dwarf.stp');
    writeFileSync(
      script,
      `
      global last, descriptors, asked, same, wrong, inlined
      function count() { return $count }
      probe begin {
        printf("init %s %d %d\\n", @var("init_task", "kernel")->comm$, @var("init_task@init/init_task.c", "kernel")->pid,
          symname(&@var("init_task", "kernel")) == "init_task")
        printf("cpu %d %d\\n", @var("cpu_number", "kernel") == cpu(),
          @var("runqueues@kernel/sched/core.c", "kernel")->cpu == cpu())
        printf("jiffies %d\\n", @var("jiffies_64", "kernel") > 0)
      }
      probe kernel.statement("vfs_read@fs/read_write.c:*") {
        if (@defined($ret)) if (pid() == target()) last[tid()] = $ret
      }
      probe kernel.function("ksys_read").call { if (pid() == target()) asked[tid()] = $fd }
      probe kernel.function("fdget_pos").inline {
        if (@defined($fd)) if (pid() == target()) descriptors[tid()] = $fd
      }
      probe kernel.function("vfs_read").return {
        if (pid() != target() || !(tid() in last)) next
        if (last[tid()] == $return && count() >= $return) same++; else wrong++
        if (tid() in asked && tid() in descriptors && asked[tid()] == descriptors[tid()]) inlined++
      }
      probe end { printf("same %d wrong %d inlined %d\\n", same > 0, wrong, inlined > 0) }
      `,
    );
    const ended = await stap(['--vm', '-w', script, '-c', 'cat /etc/passwd /etc/group']);
    expect(ended.stderr).toBe('');
    const own = ended.stdout.split('\n').filter((line) => /^(?:init|cpu|jiffies|same) [\d"]/.test(line));
    expect(own).toEqual(['init "swapper/0" 0 1', 'cpu 1 1', 'jiffies 1', 'same 1 wrong 0 inlined 1']);
  }, 240_000);
});
