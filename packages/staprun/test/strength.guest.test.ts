// That staprun stands what happens to programs: floods, stopped readers, SIGKILL, closed terminals and pipes, full disks.
// STAPKIT_STRENGTH=full makes the flood last 30 seconds and kills staprun 200 times; without it the file takes a minute.
// It can be run in parts then: `vitest run … -t 'part 1'`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const full = process.env['STAPKIT_STRENGTH'] === 'full';
const seconds = full ? 30 : 4;
/** Kills of one part; all of them are 200. */
const kills = full ? 50 : 10;
const parts = full ? 4 : 1;

/** Limits of time that no test is about, for a machine that stands still while a handler runs or holds a lock. */
const PATIENT = ['-DMAXTRYLOCK=1000000', '-DSTP_OVERLOAD_THRESHOLD=1000000000000'];

let guest: Guest;
let folder: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  folder = mkdtempSync(join(tmpdir(), 'staprun-strength-'));
  build('sps_idle', 'probe begin { printf("begin\\n") } probe end { printf("end\\n") }');
  // Every call is one line, numbered on its CPU; the count of all is told at the end.
  build(
    'sps_flood',
    `global n
     probe begin { printf("begin\\n") }
     probe kernel.function("__do_sys_getppid") { n[cpu()]++  printf("%d %d\\n", cpu(), n[cpu()]) }
     probe end { foreach (c in n) all += n[c]  printf("produced %d\\n", all) }`,
    ['-g', '--suppress-time-limits'],
  );
  build('sps_number', 'global n = 1 probe begin { println(n) exit() }');
  build('sps_busy', 'global n probe timer.profile, vfs.read { printf("%d\\n", n++) }', PATIENT);
  build(
    'sps_target',
    'probe begin { printf("begin\\n") } probe vfs.open { if (pid() == target()) opens++ } global opens',
    PATIENT,
  );
  build(
    'sps_armed',
    `global seen
     // By the kernel's copy of the name: the program's own may be in a page that nobody has touched yet.
     probe kernel.function("do_filp_open") { if (pid() == target()) seen[kernel_string($pathname->name)] = uid() }
     probe end { foreach (name in seen) printf("%s %d\\n", name, seen[name]) }`,
    PATIENT,
  );
  writeFileSync(
    join(folder, 'flood.c'),
    `#include <stdlib.h>
     #include <sys/syscall.h>
     #include <time.h>
     #include <unistd.h>
     int main(int argc, char **argv)
     {
       time_t end = time(0) + atoi(argv[1]);
       /* However long the machine stands still meanwhile. */
       for (int rounds = 0; rounds < 10 || time(0) < end; rounds++)
         for (int i = 0; i < 1000; i++) syscall(SYS_getppid);
       return 0;
     }`,
  );
  execFileSync('gcc', ['-O1', '-o', join(folder, 'flood'), join(folder, 'flood.c')]);
});

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

function build(name: string, script: string, options: readonly string[] = []): void {
  execFileSync(join(root, 'stap'), ['-r', guest.release, '-p4', ...options, '-m', name, '-e', script], {
    cwd: folder,
    stdio: 'pipe',
  });
}

const PRELUDE = `cd "$(mktemp -d)" || exit
until_() { until eval "$1"; do sleep 0.1; done; }
gone() { until_ '! grep -q "^sps_" /proc/modules'; echo gone; }
# One flood after another, from when a module is there until it is gone: however long it takes to be armed.
floods() { until_ '[ -e /proc/stapkit/sps_flood/control ]'; while [ -e /proc/stapkit/sps_flood/control ]; do $D/flood 1; done; }
`;

/** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules. */
async function shell(script: string): Promise<{ output: string; errors: string; status: number | null }> {
  let output = '';
  let errors = '';
  const { code } = await guest.exec({
    argv: ['bash', '-c', PRELUDE + script],
    env: { ...process.env, S: `node ${root}packages/staprun/bundle/staprun.cjs`, D: folder } as Record<string, string>,
    onStdout: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
    onStderr: (chunk) => {
      errors += Buffer.from(chunk).toString('latin1');
    },
  });
  return { output, errors, status: code };
}

/** A flood on both CPUs, whose output is checked line by line; `$P` is staprun, and `during` is done meanwhile. */
const flood = (during: string): string => `
  ($S $D/sps_flood.ko 2> e) | { read -r; touch armed; awk '/^[01] /{ if ($2 <= last[$1]) bad++; last[$1] = $2; received++ }
    /^produced/ { produced = $2 } END { print received + 0, produced, bad + 0 }' > counted; } & A=$!
  until_ '[ -e armed ]'; P=$(pgrep -f '^node.*sps_flood.ko')
  taskset 1 $D/flood ${seconds} & B=$!; taskset 2 $D/flood ${seconds} & C=$!
  ${during}
  wait $B $C; kill -INT $P; wait $A
  echo $(cat counted) $(sed -n 's/.*There were \\([0-9]*\\) transport.*/\\1/p' e); gone`;

function checkFlood(output: string): void {
  const [line, end] = output.trim().split('\n');
  const [received, produced, disorder, lost = 0] = line!.split(' ').map(Number);
  console.log(`flood of ${seconds} s: ${produced} produced, ${received} received, ${lost} lost`);
  expect(end).toBe('gone');
  expect(disorder).toBe(0);
  expect(produced).toBeGreaterThanOrEqual(20_000);
  expect(received! + lost).toBe(produced);
}

test('two CPUs print as fast as they can: every line arrives in order or is counted as lost', async () => {
  checkFlood((await shell(flood(''))).output);
});

test('the same with a reader that is stopped for a while', async () => {
  checkFlood((await shell(flood(`sleep 1; kill -STOP $P; sleep ${full ? 5 : 2}; kill -CONT $P`))).output);
});

test.each(Array.from({ length: parts }, (_, part) => part + 1))(
  'killed at any moment, it leaves no module (part %i)',
  async () => {
    // Before it loads, while it loads, in the begin probes, while it runs.
    const ran = await shell(`
    for i in $(seq ${kills}); do
      $S -b 1 $D/sps_busy.ko > /dev/null 2>&1 & P=$!
      [ $((i % 3)) = 0 ] && until_ '[ -e /proc/stapkit/sps_busy/control ]'
      sleep 0.$((RANDOM % 900 + 100)); kill -KILL $P; wait $P; gone
    done 2> /dev/null | sort | uniq -c`);
    expect(ran.output.trim()).toBe(`${kills} gone`);
  },
);

test('the terminal closes: the end probes run, and the module goes', async () => {
  const ran = await shell(`
    script -qc "$S -o out $D/sps_idle.ko" /dev/null < /dev/null > /dev/null 2>&1 & T=$!
    until_ 'grep -qs begin out'; pkill -KILL -x script; wait $T 2> /dev/null; gone; cat out`);
  expect(ran.output).toBe('gone\nbegin\nend\n');
});

test('a reader that goes away ends the run', async () => {
  const ran = await shell(`floods & $S $D/sps_flood.ko | head -2 | wc -l; gone`);
  expect(ran.output).toBe('2\ngone\n');
});

test('a full disk at -o is told of, and ends the run', async () => {
  const ran = await shell(`
    mkdir small; mount -t tmpfs -o size=128k none small
    $S -o small/out $D/sps_flood.ko & P=$!; floods &
    wait $P; echo $?; gone; tail -c 1 small/out | od -An -c | tr -d ' '; umount small`);
  expect(ran.errors).toMatch(/writing to small\/out failed: no space left on device/);
  expect(ran.output).toMatch(/^1\ngone\n/);
});

test('a module that the kernel refuses: its words are shown, and nothing is left', async () => {
  // A name that the kernel does not have in place of one that it has.
  const file = readFileSync(join(folder, 'sps_idle.ko'));
  const name = Buffer.from('\0ktime_get_mono_fast_ns\0');
  const at = file.indexOf(name);
  expect(at).toBeGreaterThan(0);
  for (let next = at; next !== -1; next = file.indexOf(name, next + 1))
    file.write('X', next + name.length - 2, 'latin1');
  writeFileSync(join(folder, 'sps_symbol.ko'), file);
  writeFileSync(join(folder, 'sps_short.ko'), file.subarray(0, 4000));
  const ran = await shell(`
    $S $D/sps_symbol.ko; echo $?; $S $D/sps_short.ko; echo $?; $S $D/flood.c; echo $?; $S $D/sps_number.ko n=words; echo $?; gone`);
  expect(ran.output).toBe('1\n1\n1\n1\ngone\n');
  const messages = ran.errors.split(/^ERROR: /m).slice(1);
  expect(messages[0]).toMatch(
    /couldn't insert module 'sps_idle'[\s\S]*Unknown symbol ktime_get_mono_fast_nX[\s\S]*hint: /,
  );
  expect(messages[1]).toMatch(/sps_short.ko" is not a kernel module/);
  expect(messages[2]).toMatch(/flood.c" is not a kernel module/);
  // Staprun knows without asking the kernel.
  expect(messages[3]).toMatch(/can't set "n" to "words": it holds a number/);
});

test('of two that start at once with one module, one runs and the other says why it does not', async () => {
  const ran = await shell(`
    for i in 1 2 3; do
      $S $D/sps_idle.ko > o1 2> e1 & A=$!; $S $D/sps_idle.ko > o2 2> e2 & B=$!
      wait -n; echo $?; until_ 'grep -qs begin o1 o2'; kill -INT $A $B 2> /dev/null; wait; cat o1 o2; cat e1 e2 >&2; gone
    done`);
  expect(ran.output).toBe('1\nbegin\nend\ngone\n'.repeat(3));
  expect(ran.errors.match(/^ERROR: .*$/gm)).toHaveLength(3);
  expect(ran.errors).toMatch(/a module of this name is loaded already|is in the hands of another staprun/);
});

test('what another user has put into the way is not followed', async () => {
  // Without the kernel's own protection.
  const ran = await shell(`
    P=$(cat /proc/sys/fs/protected_symlinks); echo 0 > /proc/sys/fs/protected_symlinks
    mkdir shared; chmod 1777 shared; chmod 755 .; setpriv --reuid=65534 --clear-groups ln -s /etc/victim shared/out; ln -s $PWD/mine shared/own
    $S --timeout 1 -o shared/out $D/sps_idle.ko; echo $?; ls /etc/victim
    $S --timeout 1 -o shared/own $D/sps_idle.ko; echo $?; cat mine
    mkdir theirs; chown 65534 theirs; XDG_CACHE_HOME=$PWD/theirs ${root}stap -r $(uname -r) -p4 -e 'probe begin { exit() }'; echo $?
    echo $P > /proc/sys/fs/protected_symlinks; gone`);
  expect(ran.output).toBe('1\n0\nbegin\nend\n1\ngone\n');
  expect(ran.errors).toContain('writing to shared/out failed: it is a symbolic link of another user');
  expect(ran.errors).toContain("cannot access '/etc/victim'");
  expect(ran.errors).toMatch(/the cache folder \S+ can't be trusted: \S+theirs belongs to another user/);
});

test('a second Ctrl-C does not wait for output that nobody takes', async () => {
  const ran = await shell(`
    # FIONREAD tells how much there is in a pipe.
    filled() { perl -e 'open P, "+<", "pipe"; ioctl P, 0x541B, $n = pack "i", 0; exit(unpack("i", $n) < 16384)'; }
    # A signal that is still pending would swallow the next.
    taken() { ! grep -q '^\\(Shd\\|Sig\\)Pnd:.*[2367abef]$' /proc/$P/status; }
    mkfifo pipe; sleep 1000 < pipe & R=$!
    $S -b 1 $D/sps_flood.ko > pipe & P=$!; floods & until_ filled
    kill -INT $P; until_ taken; sleep 2; kill -0 $P && echo waits; kill -INT $P; wait $P; echo $?; gone; kill $R`);
  expect(ran.output).toMatch(/^waits\n\d+\ngone\n$/);
});

test('-c begins when everything is armed, as the user who called sudo, and its status is told', async () => {
  const ran = await shell(`
    echo 'cat /etc/hostname > /dev/null; id -u; exit 3' > command; chmod 755 . command
    SUDO_UID=54321 SUDO_GID=54322 $S -c '(id -u; id -G) >&2' $D/sps_idle.ko; echo $?
    SUDO_UID=65534 SUDO_GID=65534 $S -c "sh ./command" $D/sps_armed.ko; echo $?; gone`);
  // A number without a name is in no other groups.
  expect(ran.errors).toMatch(/^54321\n54322\n/);
  const nameless = 'begin\nend\n0\n';
  expect(ran.output.startsWith(nameless)).toBe(true);
  // The very first file that the command opens is seen: its shell's libraries.
  expect(ran.output.slice(nameless.length)).toMatch(
    /^65534\n[\s\S]*^\/etc\/ld.so.cache 65534\n[\s\S]*^\.\/command 65534\n[\s\S]*1\ngone\n$/m,
  );
  expect(ran.errors).toContain('WARNING: Child process exited with status 3');
});

test('-c is told of by its signal, too, and ends with Ctrl-C', async () => {
  const ran = await shell(`
    $S -c 'kill -SEGV $$' $D/sps_idle.ko; echo $?
    $S -c 'sleep 1001' $D/sps_idle.ko > o & P=$!; until_ 'pgrep -f "^sleep 1001" > /dev/null && grep -q begin o'
    kill -INT $P; wait $P; echo $?; cat o; pgrep -f '^sleep 1001' || echo no child; gone`);
  expect(ran.output).toBe('begin\nend\n1\n0\nbegin\nend\nno child\ngone\n');
  expect(ran.errors).toContain('WARNING: Child process exited with signal SIGSEGV');
});

test('-x: target() is the process, and one that is not there is an error', async () => {
  const ran = await shell(`
    sleep 1000 & T=$!; until_ 'grep -q nanosleep /proc/$T/wchan'; $S --timeout 1 -x $T $D/sps_target.ko; echo $?; kill -KILL $T; wait $T 2> /dev/null
    $S -x $T $D/sps_target.ko; echo $?; gone`);
  expect(ran.output).toBe('begin\nopens=0\n0\n1\ngone\n');
  expect(ran.errors).toMatch(/there is no process \d+ \(-x\)/);
});
