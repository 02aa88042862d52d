// Probes at places that debug information knows: what they count is what a process is known to do.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PATIENT } from './harness.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));
let guest: Guest;
let folder: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  folder = mkdtempSync(join(tmpdir(), 'code-probes-'));
});

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

function stap(argv: readonly string[]): string {
  return execFileSync(join(root, 'stap'), ['-r', guest.release, ...argv], { cwd: folder, encoding: 'utf8' });
}

function build(name: string, script: string, ...words: string[]): void {
  const options = words.filter((word) => word.startsWith('-'));
  stap([
    '-p4',
    '-m',
    name,
    ...PATIENT,
    ...options,
    join(fixtures, script),
    ...words.filter((word) => !word.startsWith('-')),
  ]);
}

/** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules, `$F` that of the fixtures. */
async function shell(script: string): Promise<string> {
  let output = '';
  const take = (chunk: Uint8Array): void => {
    output += Buffer.from(chunk).toString('latin1');
  };
  const env = { S: `node ${root}packages/staprun/bundle/staprun.cjs`, D: folder, F: fixtures };
  await guest.exec({
    argv: ['bash', '-c', script],
    cwd: '/tmp',
    env: { ...(process.env as Record<string, string>), ...env },
    onStdout: take,
    onStderr: take,
  });
  return output;
}

test('lines, inlined copies, labels and callees are hit as often as a process runs through them', async () => {
  // The lines with code are, in every kernel: the head, the check of the mode, and what refuses.
  const lines = stap(['-l', 'kernel.statement("vfs_read@fs/read_write.c:*")'])
    .split('\n')
    .flatMap((line) => /"(.*)"/.exec(line)?.[1] ?? []);
  const [address] = (await shell("grep ' T vfs_read$' /proc/kallsyms")).split(' ');
  build('code_probes', 'code-probes.stp', '-g', lines[2]!, `0x${address}`);
  expect(await shell('$S $D/code_probes.ko -c "perl $F/work.pl"')).toBe(
    // Reads, writes and seeks take the file's position; poll's label is passed whenever it ends.
    'refused 7 entries 12 inlined 17 labels 4 callees 5 everywhere 8 near 12 raw 12\n',
  );
});

test('listings by debug information have what SystemTap 4.8 leaves out, and no parts that are no functions', () => {
  const names = (pattern: string) =>
    stap(['-l', pattern])
      .trim()
      .split('\n')
      .map((line) => /"(?=[^"]*$|[^"]*"\)(?:\.\w+)?$)([^@"]*)/.exec(line)?.[1]);
  expect(names('kernel.function("vfs_get_tre*")')).toEqual(['vfs_get_tree']);
  expect(names('kernel.function("seq_rea*@fs/*.c").call')).toEqual(['seq_read', 'seq_read_iter']);
  expect(names('kernel.function("vfs_read").callees')).toEqual(
    expect.arrayContaining(['__access_ok', 'add_rchar', 'inc_syscr', 'rw_verify_area']),
  );
  expect(names('kernel.function("clear_page_erms")')).toEqual(['clear_page_erms']);
});

test('a range of lines, and the nearest line with code, are listed as lines', () => {
  const lines = (which: string) =>
    stap(['-l', `kernel.statement("vfs_read@fs/read_write.c${which}`])
      .trim()
      .split('\n')
      .map((line) => Number(/:(\d+)"/.exec(line)![1]))
      .sort((a, b) => a - b);
  const all = lines(':*")');
  const [, second, , fourth] = all;
  expect(lines(`:${second}-${fourth}")`)).toEqual(all.slice(1, 4));
  expect(lines(`:${second},${fourth}")`)).toEqual([second, fourth]);
  const gap = all.find((line, index) => index > 0 && line - all[index - 1]! > 1)! - 1;
  expect(() => lines(`:${gap}")`)).toThrow();
  expect(lines(`:${gap}").nearest`)).toEqual([gap]);
});

test('lines that are probed together have places of their own, each hit once as a process runs through it', async () => {
  writeFileSync(
    join(folder, 'places.stp'),
    `global hits
    probe kernel.statement("do_nanosleep@kernel/time/hrtimer.c:*") {
      if (pid() == target()) hits[addr(), pp()] <<< 1
    }
    probe end { foreach ([at, point] in hits) printf("%x %d %s\\n", at, @count(hits[at, point]), point) }`,
  );
  stap(['-p4', '-m', 'places', join(folder, 'places.stp')]);
  const lines = (await shell('$S $D/places.ko -c "sleep 0.01"')).trim().split('\n');
  const hits = lines.map((line) => /^([0-9a-f]+) (\d+) kernel\.statement\("do_nanosleep@.*:(\d+)"\)$/.exec(line)!);
  expect(hits).not.toContain(null);
  expect(hits.length).toBeGreaterThan(8);
  expect(new Set(hits.map(([, address]) => address)).size).toBe(hits.length);
  expect(new Set(hits.map(([, , , line]) => line)).size).toBe(hits.length);
});

test('a run with --json says how much of a function is probed', () => {
  const script = 'probe kernel.function("rw_verify_area@fs/read_write.c").call { exit() }';
  const events = stap(['--json', '-e', script])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.find(({ event }) => event === 'coverage')).toEqual({
    event: 'coverage',
    point: 'kernel.function("rw_verify_area@fs/read_write.c").call',
    functions: 1,
    symbols: 1,
    variants: {},
    inlined: 1,
    probed: 1,
    withoutCode: 0,
  });
});

test('three thousand functions are armed, hit and let go', async () => {
  build('code_many', 'many.stp');
  // Each is probed but those that the kernel bars; all the reads of a folder's files go through some of them.
  expect(await shell('$S $D/code_many.ko -c "ls -lR /etc/init.d > /dev/null"')).toMatch(
    /^many functions, many hits\n$/,
  );
});

test('what .return sees is what strace sees', async () => {
  build('code_reads', 'reads.stp');
  const work = 'open F, "<", "/etc/passwd"; for (3, 100, 7, 0) { sysread F, $b, $_ } syscall 0, 99, 0, 1;';
  const seen = await shell(`cat > /tmp/reads.pl <<'END'\n${work}\nEND\n$S $D/code_reads.ko -c "perl /tmp/reads.pl"`);
  const traced = await shell('strace -e trace=read -o /tmp/reads.txt perl /tmp/reads.pl; cat /tmp/reads.txt');
  const ERRNO: Readonly<Record<string, number>> = { EBADF: 9 };
  const last = (values: readonly number[]): readonly number[] => values.slice(-5);
  const told = [...traced.matchAll(/read\(.*= (-?\d+)(?: (E[A-Z]+))?/g)].map(([, value, error]) =>
    error === undefined ? Number(value) : -(ERRNO[error] ?? 0),
  );
  expect(last(seen.trim().split('\n').map(Number))).toEqual(last(told));
  expect(last(told)).toEqual([3, 100, 7, 0, -9]);
});

test('probes of a module are armed when it comes, and again when it comes again', async () => {
  build('code_module', 'module-comes.stp');
  // Distributions have it make no interface unless it is told to. It must not be there when the run begins.
  const load = `
modprobe dummy numdummies=1 || insmod /lib/modules/$(uname -r)/kernel/drivers/net/dummy.ko numdummies=1
rmmod dummy`;
  const output = await shell(
    `rmmod dummy 2> /dev/null; cat > /tmp/load.sh <<'END'\n${load}\n${load}\nEND\n$S $D/code_module.ko -c "sh /tmp/load.sh"`,
  );
  expect(output).toBe('calls 2 returns 2 lines yes\n');
});

test('a structure that is returned is had from registers, and from memory where it is larger than two words', async () => {
  const source = `
#include <linux/module.h>
struct pair { int first; long second; };
struct large { long a; int b[3]; char name[8]; struct pair last; };
static __attribute__((__noipa__)) struct pair give_pair(int n) { struct pair p = { n, n * 2L }; asm volatile("" : "+m" (p)); return p; }
static __attribute__((__noipa__)) struct large give_large(int n)
{
	struct large l = { n, { n + 1, n + 2, n + 3 }, "large", { n + 4, n + 5 } };
	asm volatile("" : "+m" (l));
	return l;
}
static int __init start(void) { return give_pair(3).second + give_large(10).last.second == 21 ? 0 : -EINVAL; }
static void __exit stop(void) {}
module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
`;
  const own = mkdtempSync(join(folder, 'returned-'));
  writeFileSync(join(own, 'stapkit_returned.c'), source);
  writeFileSync(join(own, 'Kbuild'), 'obj-m := stapkit_returned.o\n');
  execFileSync('make', ['-C', `/lib/modules/${guest.release}/build`, `M=${own}`, 'modules'], { stdio: 'pipe' });
  const module = join(own, 'stapkit_returned.ko');
  const script = `
    probe module("${module}").function("give_pair").return { printf("%d %d %s\\n", $return->first, $return->second, $return$) }
    probe module("${module}").function("give_large").return {
      printf("%d %d %d %d\\n", $return->a, $return->b[2], $return->last->first, $return->last->second)
      printf("%s\\n%s %d\\n", $return$$, user_mode() ? "" : kernel_string(&$return->name), @entry($n))
    }`;
  stap(['-p4', '-m', 'code_returned', '-e', script]);
  expect(await shell(`$S $D/code_returned.ko -c "insmod ${module}"; rmmod stapkit_returned`)).toBe(
    '3 6 {.first=3, .second=6}\n10 13 14 15\n{.a=10, .b=[11, ...], .name="large", .last={.first=14, .second=15}}\nlarge 10\n',
  );
});
