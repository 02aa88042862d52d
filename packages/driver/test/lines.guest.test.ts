// Source lines of a stock kernel's addresses, where its debug information is there.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { describe, expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

/** Where tools/debug-files.sh looks for the kernel's debug information, and puts it. */
const DEBUG_FOLDERS = [
  '/usr/lib/debug/boot',
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit/debug/boot'),
];

describe('source lines', () => {
  test('are those that addr2line tells', async () => {
    const script = join(scratchFolder(), 'lines.stp');
    writeFileSync(
      script,
      `
      global reads, opens
      function show(at) { printf("line 0x%x %s %s %s\\n", at, symfile(at), symline(at), symfileline(at)) }
      # Others may come to it by pread64().
      probe kernel.function("vfs_read").call { if (pid() == target() && !reads++) {
        show(addr()) show(stack(1)) show(stack(2)) show(addr() + 40) show(&@var("init_task", "kernel"))
        print_backtrace_fileline()
      } }
      probe module("dummy").function("dummy_dev_init").call { if (!opens++) {
        printf("module %s %s\\n", symfileline(addr()), symfileline(stack(1)))
        printf("static %d\\n", @var("numdummies@drivers/net/dummy.c", "dummy"))
      } }
      probe end { printf("unknown %s %s %s\\n", symfile(0x1234), symline(0x1234), symfileline(0x1234)) }
      `,
    );
    const ended = await stap([
      '--vm',
      script,
      '-c',
      'rmmod dummy 2>/dev/null; modprobe dummy numdummies=3 && ip link add d9 type dummy && ip link del d9 && rmmod dummy',
    ]);
    expect(ended.stderr).toBe('');
    const lines = ended.stdout.split('\n').filter((line) => /^(?: 0x|line |module |static |unknown )/.test(line));
    const told = lines.filter((line) => line.startsWith('line ')).map((line) => line.split(' ').slice(1));
    expect(told).toHaveLength(5);
    const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
    await guest.close();
    const file = DEBUG_FOLDERS.map((folder) => join(folder, `vmlinux-${guest.release}`)).find((one) => existsSync(one));
    const addresses = told.map(([address]) => address!);
    const truth = execFileSync('addr2line', ['-e', file!, ...addresses], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.replace(/ \(discriminator \d+\)$/, ''));
    for (const [index, [address, file, line, both]] of told.slice(0, 4).entries()) {
      expect(both).toBe(`${file}:${line}`);
      expect(truth[index], address).toMatch(new RegExp(`(?:^|/)${both!.replaceAll('.', '\\.')}$`));
    }
    // What is no code has no line.
    expect(told[4]!.slice(1)).toEqual([addresses[4], addresses[4], addresses[4]]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^ 0x[0-9a-f]{16} : vfs_read\+0x0\/\S+ \[kernel\] at fs\/read_write\.c:\d+$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/ : ksys_read\+\S+ \[kernel\] at fs\/read_write\.c:\d+$/));
    expect(lines).toContainEqual(expect.stringMatching(/^module drivers\/net\/dummy\.c:\d+ net\/core\/dev\.c:\d+$/));
    expect(lines).toContain('static 3');
    expect(lines).toContain('unknown 0x1234 0x1234 0x1234');
  });

  test('of a module that is not probed are known with -d', async () => {
    const probe = `probe kernel.function("register_netdevice").call {
      if (modname(stack(1)) == "dummy" && !seen++) printf("from %s\\n", symfileline(stack(1)))
    }
    global seen`;
    const ended = await stap([
      ...['--vm', '-d', 'dummy', '-e', probe],
      ...['-c', 'rmmod dummy 2>/dev/null; modprobe dummy numdummies=1 && rmmod dummy'],
    ]);
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toMatch(/^from drivers\/net\/dummy\.c:\d+$/m);
  });
});
