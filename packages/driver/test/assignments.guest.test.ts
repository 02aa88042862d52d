// What handlers change in guru mode is what the kernel and the program then see; and what return probes know.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stap } from './harness.js';

const SUBJECT = `
use POSIX ();
$| = 1;
my $folder = $ARGV[0];
open(my $file, '<', '/etc/passwd');
print 'read ', sysread($file, my $bytes, 77), "\\n";
print 'parent ', getppid(), "\\n";
print 'stat ', (stat('/nowhere/at/all') ? 'there' : "none $!"), "\\n";
open(my $name, '<', '/proc/self/comm');
print 'name ', scalar(<$name>);
open(my $made, '>', "$folder/made");
chown(41, 42, "$folder/made");
my @stat = stat("$folder/made");
print "made $stat[4] $stat[5] $stat[9]\\n";
`;

const SCRIPT = `
global asked
probe kernel.function("ksys_read").call { if (pid() == target() && $count == 77) { $count = 3; asked = $count } }
probe kernel.function("ksys_read").return {
  if (pid() == target() && asked) { printf("saw read %d %d %s\\n", @entry($count), $return, $$return); asked = 0 }
}
probe kernel.function("__do_sys_getppid").return {
  if (pid() == target()) { printf("saw parent %d\\n", $return == task_pid(task_parent(task_current()))); $return = 4242 }
}
probe kernel.function("vfs_statx").return {
  if (pid() == target() && user_string($filename->uptr) == "/nowhere/at/all") {
    printf("saw stat %d %d %d %s %s\\n", $dfd, @entry($request_mask), $return, $$return, $$parms =~ "^dfd=0xf+9c filename=" ? "parms" : $$parms)
    $return = -13
  }
}
probe kernel.function("comm_show").call { if (pid() == target()) @cast(task_current(), "task_struct")->comm[0] = 88 }
probe kernel.function("make_kuid").return {
  if (pid() == target() && $uid == 41) printf("saw owner %d %s %s\\n", $return->val, $return$, $$return)
}
probe kernel.function("current_time").return {
  if (pid() == target()) printf("saw time %d %d %s\\n", $return->tv_sec, $return->tv_nsec, $return$)
}
`;

describe('handlers', () => {
  let lines: string[];
  const say = (what: string) =>
    lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
    const [subject, script] = [join(folder, 'subject.pl'), join(folder, 'change.stp')];
    writeFileSync(subject, SUBJECT);
    writeFileSync(script, SCRIPT);
    const command = `mkdir -p /run/stapkit-made; exec perl ${subject} /run/stapkit-made`;
    const ended = await stap(['--vm', '-g', script, '-c', command]);
    rmSync(folder, { recursive: true });
    expect(ended.stderr).toBe('');
    lines = ended.stdout.split('\n');
  });

  test('assign parameters, and the function goes by them', () => {
    expect(say('read')).toEqual(['3']);
    expect(say('saw read')).toEqual([expect.stringMatching(/^(?:3|77) 3 return=0x3$/)]);
  });

  test('assign what a function returns', () => {
    expect(say('saw parent')).toEqual(['1']);
    expect(say('parent')).toEqual(['4242']);
    expect(say('stat')).toEqual(['none Permission denied']);
  });

  test('assign members of structures', () => {
    expect(say('name')).toEqual(['Xerl']);
  });

  test('know parameters where a function returns', () => {
    expect(say('saw stat')).toEqual([expect.stringMatching(/^-100 \d+ -2 return=0xf{14}fe parms$/)]);
  });

  test('know structures that a function returns in one register and in two', () => {
    expect(say('saw owner')).toEqual(['41 {.val=41} return={...}']);
    const [made] = say('made');
    const seconds = made!.split(' ')[2];
    const times = say('saw time');
    expect(made).toMatch(/^41 42 /);
    expect(times.length).toBeGreaterThan(0);
    for (const time of times) expect(time).toMatch(/^(\d+) (\d+) \{\.tv_sec=\1, \.tv_nsec=\2\}$/);
    expect(times.map((time) => time.split(' ')[0])).toContain(seconds);
  });
});
