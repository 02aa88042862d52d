// staprun with real modules in a real kernel: what the memory double cannot show.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const staprun = `node ${root}packages/staprun/bundle/staprun.cjs`;

let guest: Guest;
let folder: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
  guest = await connectGuest(process.env.STAPKIT_GUEST!);
  folder = mkdtempSync(join(tmpdir(), 'staprun-guest-'));
  build('spr_hello', 'global name = "World" probe begin { printf("Hello %s!\\n", name) exit() }');
  build('spr_idle', 'probe begin { printf("begin\\n") } probe end { printf("end\\n") }');
  build('spr_target', 'probe begin { printf("target %d\\n", target()) }');
  build('spr_fail', 'probe begin { printf("%d\\n", 1 / name) } global name = 0');
  build(
    'spr_flood',
    `global n
     probe begin { printf("begin\\n") }
     probe kernel.function("__do_sys_getppid") { n <<< 1  printf("%d %d\\n", cpu(), gettimeofday_ns()) }
     probe end { printf("produced %d\\n", @count(n)) }`,
    ['-DSTP_NO_OVERLOAD'],
  );
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

/** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules. */
async function shell(script: string): Promise<{ output: string; errors: string; status: number | null }> {
  let output = '';
  let errors = '';
  const { code } = await guest.exec({
    // What an earlier script has written must not be taken for what this one waits for.
    argv: ['bash', '-c', `rm -f o e bg bg.*; ${script}`],
    cwd: '/tmp',
    env: { ...process.env, S: staprun, D: folder } as Record<string, string>,
    onStdout: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
    onStderr: (chunk) => {
      errors += Buffer.from(chunk).toString('latin1');
    },
  });
  return { output, errors, status: code };
}

const NONE_LOADED = 'while lsmod | grep -q "^spr_"; do sleep 0.2; done; lsmod | grep "^spr_"';

test('a module runs, takes globals from the command line, and is gone', async () => {
  expect(await shell('$S $D/spr_hello.ko')).toEqual({ output: 'Hello World!\n', errors: '', status: 0 });
  expect(await shell('$S $D/spr_hello.ko name=stapkit')).toEqual({ output: 'Hello stapkit!\n', errors: '', status: 0 });
  const odd = await shell(`$S $D/spr_hello.ko $'name=a \\"b c\\"\\nvoilà \\\\x22,d=e'`);
  expect(odd).toMatchObject({ status: 0, errors: '' });
  expect(Buffer.from(odd.output, 'latin1').toString()).toBe('Hello a "b c"\nvoilà \\x22,d=e!\n');
  const refused = await shell('$S $D/spr_hello.ko nmae=stapkit');
  expect(refused).toMatchObject({ status: 1, output: '', errors: expect.stringContaining('did you mean name?') });
  expect((await shell(NONE_LOADED)).output).toBe('');
});

test('a module that is none of ours is left alone', async () => {
  const ran = await shell(
    'modprobe dummy numdummies=0; $S -A dummy; echo $?; $S -d dummy; echo $?; grep -c "^dummy " /proc/modules; rmmod dummy',
  );
  expect(ran.output).toBe('1\n1\n1\n');
  expect(ran.errors.match(/the module "dummy" is loaded, but it is not one of ours/g)).toHaveLength(2);
});

test('printf, formatted here, and sprintf, formatted in the kernel, agree on every directive', async () => {
  build('spr_formats', readFileSync(new URL('./fixtures/formats.stp', import.meta.url), 'utf8'));
  const { output } = await shell('$S $D/spr_formats.ko');
  const shown = new Map([...output.matchAll(/([PS]\d+)<([^>]*)>\n/g)].map((match) => [match[1]!, match[2]!]));
  const numbers = [...shown.keys()].filter((key) => key.startsWith('P')).map((key) => key.slice(1));
  expect(numbers.length).toBeGreaterThan(30);
  for (const number of numbers)
    expect(`${number} ${shown.get(`P${number}`)}`).toBe(`${number} ${shown.get(`S${number}`)}`);
});

test('Ctrl-C shows what the end probes print', async () => {
  const script =
    '$S $D/spr_idle.ko > o & P=$!; until grep -q begin o; do sleep 0.1; done; kill -INT $P; wait $P; echo $?; cat o';
  expect((await shell(script)).output).toBe('0\nbegin\nend\n');
});

test('an error of the script is told and makes the exit status', async () => {
  const ran = await shell('$S $D/spr_fail.ko');
  expect(ran.errors).toMatch(/^ERROR: division by 0/);
  expect(ran.errors).toContain('WARNING: Number of errors: 1, skipped probes: 0');
  expect(ran.status).toBe(1);
});

test('the command of -c is the target, and its end the end', async () => {
  const ran = await shell("$S -c 'echo child $$' $D/spr_target.ko");
  const target = /target (\d+)/.exec(ran.output)?.[1];
  expect(ran.output).toContain(`child ${target}`);
  expect(ran.status).toBe(0);
});

test('launched, attached, detached, attached again, deleted', async () => {
  const launched = await shell('$S -L $D/spr_idle.ko; lsmod | grep -c "^spr_idle"');
  expect(launched.errors).toContain('To reconnect, type "staprun -A spr_idle"');
  expect(launched.output).toBe('1\n');
  // One that came and went, killed or refused before it had taken the module over.
  await shell('(exec 3<> /proc/stapkit/spr_idle/control); exit 0');
  const attached = await shell(
    '$S -A spr_idle > o & P=$!; until grep -q begin o; do sleep 0.1; done; kill -QUIT $P; wait $P; echo $?; cat o; lsmod | grep -c "^spr_idle"',
  );
  expect(attached.output).toBe('0\nbegin\n1\n');
  expect((await shell('$S -d spr_idle; echo $?; $S -d spr_idle; echo $?')).output).toBe('0\n1\n');
  expect((await shell(NONE_LOADED)).output).toBe('');
});

test('in the background it prints its pid, rotates on SIGUSR2 and ends on SIGTERM', async () => {
  const ran = await shell(
    'P=$($S -D -o bg $D/spr_idle.ko); until grep -q begin bg; do sleep 0.1; done; kill -USR2 $P; until [ -e bg.1 ]; do sleep 0.1; done; kill -TERM $P; until grep -q end bg.1; do sleep 0.1; done; cat bg bg.1',
  );
  expect(ran.output).toBe('begin\nend\n');
  expect((await shell(NONE_LOADED)).output).toBe('');
});

test('a second one of the same name is refused with the way out, and -R is it', async () => {
  const ran = await shell(
    '$S $D/spr_idle.ko > o & P=$!; until grep -q begin o; do sleep 0.1; done; $S $D/spr_idle.ko; echo $?; $S -R --timeout 1 $D/spr_idle.ko; kill -INT $P; wait $P',
  );
  expect(ran.errors).toContain('a module of this name is loaded already');
  expect(ran.output).toBe('1\nbegin\nend\n');
});

test('a full disk and a closed pipe end the run and leave no module', async () => {
  const full = await shell('$S -o /dev/full $D/spr_idle.ko; echo $?');
  expect(full.errors).toMatch(/writing to \/dev\/full failed: no space left on device/);
  expect(full.output).toBe('1\n');
  expect(
    (
      await shell(
        'F=/proc/stapkit/spr_flood/control; (until [ -e $F ]; do sleep 0.1; done; perl -e "while (-e q($F)) { getppid }") & $S $D/spr_flood.ko | head -2 | wc -l',
      )
    ).output,
  ).toBe('2\n');
  expect((await shell(NONE_LOADED)).output).toBe('');
});

test('killed at any moment, it leaves no module', async () => {
  const script =
    'for i in $(seq 10); do $S $D/spr_idle.ko > /dev/null & P=$!; sleep $((RANDOM % 6)).$((RANDOM % 10)); kill -KILL $P; wait $P 2>/dev/null; done; sleep 1';
  await shell(`(${script}) 2>/dev/null`);
  expect((await shell(NONE_LOADED)).output).toBe('');
});

test('under a flood every line arrives or is counted, also over a stop of the reader', async () => {
  const ran = await shell(`
    $S $D/spr_flood.ko > o 2> e & P=$!
    until grep -q '^begin' o; do sleep 0.1; done
    perl -e 'getppid for 1..400000' & A=$!
    perl -e 'getppid for 1..400000' & B=$!
    sleep 1; kill -STOP $P; sleep 2; kill -CONT $P
    wait $A $B; kill -INT $P; wait $P
    echo $? $(grep -c '^[01] ' o) $(sed -n 's/^produced //p' o) $(sed -n 's/.*There were \\([0-9]*\\) transport.*/\\1/p' e)
    awk '/^[01] /{ if ($2 < last[$1]) bad++; last[$1] = $2 } END { print bad + 0 }' o`);
  const [line, disorder] = ran.output.trim().split('\n');
  const [status, received, produced, lost = 0] = line!.split(' ').map(Number);
  expect(status).toBe(0);
  expect(received! + lost).toBe(produced);
  expect(produced).toBeGreaterThanOrEqual(800_000);
  expect(Number(disorder)).toBe(0);
});
