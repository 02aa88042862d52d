// Options whose effect shows in a run: each once, in the guest.
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { command, root, scratchFolder, stap } from './harness.js';

/** Runs a shell script in the shared guest, with this checkout's programs in front of PATH. */
async function inGuest(script: string) {
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  try {
    let stdout = '';
    let stderr = '';
    const bin = join(root, 'packages/driver/bundle');
    const lead = `mkdir -p /run/bin; ln -sf ${root}/stap /run/bin/stap; ln -sf ${bin}/stap-prep.cjs /run/bin/stap-prep; ln -sf ${root}/packages/staprun/bundle/staprun.cjs /run/bin/staprun; ln -sf ${root}/packages/staprun/bundle/stap-merge.cjs /run/bin/stap-merge; PATH=/run/bin:$PATH; export PATH; cd /tmp || exit\n`;
    const { code } = await guest.exec({
      argv: ['sh', '-c', lead + script],
      env: { LC_ALL: 'C.UTF-8' },
      onStdout: (chunk) => {
        stdout += Buffer.from(chunk).toString('utf8');
      },
      onStderr: (chunk) => {
        stderr += Buffer.from(chunk).toString('utf8');
      },
    });
    return { code, stdout, stderr };
  } finally {
    await guest.close();
  }
}

const vm = (...argv: string[]) => stap(['--vm', ...argv]);

describe('what a run is given', () => {
  test('-G, -D, -E, -I and script arguments', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'mine.stp'), 'function mine() { return 5 }\n');
    const script = 'global n = 1, s = "" probe begin { printf("%d %s %d %s %d\\n", n, s, mine(), @1, $2) }';
    const ended = await vm(
      '-G',
      'n=42',
      '-G',
      's=a "quoted text", voilà',
      '-I',
      folder,
      '-E',
      'probe end { println("more") }',
      '-T',
      '1',
      '-e',
      script,
      'one',
      '2',
    );
    expect(ended).toMatchObject({ status: 0, stdout: '42 a "quoted text", voilà 5 one 2\nmore\n', stderr: '' });
    const limited = await vm(
      '-DMAXACTION_INTERRUPTIBLE=3',
      '-e',
      'probe begin { for (i = 0; i < 9; i++) n++ println(n) exit() } global n',
    );
    expect(limited.status).toBe(1);
    expect(limited.stderr).toContain('MAXACTION exceeded');
  });

  test('a script on standard input, and one that is a program of its own', async () => {
    expect(await stap(['--vm', '-', '7'], { stdin: 'probe begin { println($1 * 6) exit() }' })).toMatchObject({
      status: 0,
      stdout: '42\n',
    });
    const file = join(scratchFolder(), 'program');
    writeFileSync(file, '#!/usr/bin/env stap\nprobe begin { printf("%s runs\\n", @1) exit() }\n');
    chmodSync(file, 0o755);
    const ended = await command([file, 'it'], { env: { PATH: `${root}:${process.env['PATH']}`, SYSTEMTAP_DIR: '' } });
    expect(ended).toMatchObject({ status: 0, stdout: 'it runs\n' });
  });

  test('$SYSTEMTAP_DIR/rc', async () => {
    const folder = scratchFolder();
    const release = readdirSync('/lib/modules')[0]!;
    // The cache moves with the folder, and the guest's kernels are in it: this goes as far as needs none.
    writeFileSync(join(folder, 'rc'), `-r ${release} -p1 # no further\n-E 'probe end { println("of the rc file") }'\n`);
    const ended = await stap(['-e', 'probe begin { }'], { env: { SYSTEMTAP_DIR: folder } });
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining('of the rc file') });
    writeFileSync(join(folder, 'rc'), '--no-such\n');
    const wrong = await stap(['-e', ''], { env: { SYSTEMTAP_DIR: folder } });
    expect(wrong.stderr).toContain("unrecognized option '--no-such'");
  });

  test('-w drops warnings of the script, -W makes those of the passes errors', async () => {
    const script = 'probe begin { warn("careful") exit() }';
    expect((await vm('-e', script)).stderr).toContain('WARNING: careful');
    expect((await vm('-w', '-e', script)).stderr).toBe('');
    const elided = await vm('-W', '-e', 'probe begin { x = 1 exit() }');
    expect(elided.status).toBe(1);
    expect(elided.stderr).toContain('Pass 2: analysis failed.');
  });

  test('--suppress-handler-errors, --skip-badvars and -u', async () => {
    const script = 'global n probe timer.ms(20) { if (n++ > 3) exit() println(1 / (n % 2)) }';
    expect(await vm('--suppress-handler-errors', '-e', script)).toMatchObject({
      status: 0,
      stderr: 'WARNING: Number of errors: 2, skipped probes: 0\n',
    });
    const bad = await vm(
      '--skip-badvars',
      '-e',
      'global n probe vfs.read { if (n++) next println($nosuch) println(@cast(8, "struct file", "kernel")->f_flags) exit() }',
    );
    expect(bad).toMatchObject({ status: 0, stdout: '0\n0\n' });
    expect(bad.stderr).toContain('WARNING: Bad $context variable being substituted with literal 0');
    expect(bad.stderr).toContain("unable to find local 'nosuch' in vfs_read");
    expect(await vm('-u', '-e', 'global unused probe begin { println("unoptimized") exit() }')).toMatchObject({
      status: 0,
    });
  });

  test('--modinfo, -m and -k', async () => {
    const folder = scratchFolder();
    const ended = await stap(
      ['--vm', '-p4', '-k', '-m', 'opts', '--modinfo', 'author=me', '-e', 'probe begin { exit() }'],
      { cwd: folder },
    );
    expect(ended).toMatchObject({ status: 0 });
    const module = readFileSync(join(folder, 'opts.ko')).toString('latin1');
    expect(module).toContain('author=me\0');
    const kept = /^Keeping temporary directory "(.+)"$/m.exec(ended.stderr)?.[1] ?? '';
    expect(readdirSync(kept).some((name) => name.endsWith('.c'))).toBe(true);
  });
});

describe('-c and -x', () => {
  test('the command starts when all probes are armed, and its end is the end of the run', async () => {
    const script =
      'probe begin { printf("begin %d\\n", target() > 1) } probe syscall.* if (0) {} probe kernel.trace("sched_process_exec") { if (pid() == target()) println("exec") } probe end { println("end") }';
    const ended = await vm('-c', 'echo the command', '-e', script.replace('probe syscall.* if (0) {} ', ''));
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const lines = ended.stdout.trim().split('\n');
    expect(lines[0]).toBe('begin 1');
    expect(lines.at(-1)).toBe('end');
    expect(lines).toContain('the command');
  });

  test('its status is told, and it runs as the user who called sudo', async () => {
    const script = 'probe end { }';
    const failed = await vm(
      '-c',
      'exit 3',
      '-E',
      'probe begin { }',
      '-e',
      'probe never { } probe end { println("end") }',
    );
    expect(failed).toMatchObject({ status: 1, stdout: 'end\n' });
    expect(failed.stderr).toContain('WARNING: Child process exited with status 3');
    const killed = await vm('-c', 'kill -9 $$', '-e', `probe begin { println("x") } ${script}`);
    expect(killed.stderr).toContain('WARNING: Child process exited with signal SIGKILL');
    const user = await stap(['--vm', '-c', 'id -u', '-e', 'probe begin { println("x") }'], {
      env: { SUDO_UID: '65534', SUDO_GID: '65534' },
    });
    expect(user).toMatchObject({ status: 0, stdout: expect.stringContaining('65534') });
  });

  test('-x sets target(), and a pid that nobody has is an error', async () => {
    expect(await vm('-x', '1', '-e', 'probe begin { println(target()) exit() }')).toMatchObject({
      status: 0,
      stdout: '1\n',
    });
    const none = await vm('-x', '4194303', '-e', 'probe begin { exit() }');
    expect(none.status).toBe(1);
    expect(none.stderr).toContain('there is no process 4194303');
  });
});

test('--target-namespaces and --strict reach staprun', async () => {
  const script = ['-e', 'probe begin { println(ns_pid() > 0) exit() }'];
  expect(await vm('--target-namespaces', '1', ...script)).toMatchObject({ status: 0, stdout: '1\n' });
  const none = await vm('--target-namespaces=4194303', ...script);
  expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('there is no process 4194303 (-N)') });
  const cut = ['-e', 'probe begin { s = sprintf("%600d", 1) println(strlen(s)) exit() }'];
  expect(await vm(...cut)).toMatchObject({ status: 0, stdout: '511\n' });
  expect(await vm('--strict', ...cut)).toMatchObject({ status: 1, stdout: '511\n' });
});

describe('output', () => {
  test('-t prints how often each probe-point executed, what it cost and whence it comes, also where the run fails', async () => {
    const { stdout } = await vm('-t', '-e', 'global n probe vfs.read { if (n++ > 20) exit() }');
    expect(stdout).toMatch(
      /^Timing of probe-points, in cycles:\nkernel\.function\("vfs_read\S*"\) at <input>:1:10: hits: \d+, average: \d+, min: \d+, max: \d+, variance: \d+, derived from: kernel\.function\("vfs_read\S*"\) from: vfs\.read\n$/,
    );
    const failed = await vm('-t', '-e', 'probe begin { error("stop") }');
    expect(failed.stdout).toContain('begin at <input>:1:1: hits: 1, average: ');
  });

  test('switch_file() goes on in the next file; without one the run goes on', async () => {
    const file = join(scratchFolder(), 'out');
    const script = 'global n probe timer.ms(200) { println(n) if (n++ == 4) switch_file() if (n > 30) exit() }';
    expect(await vm('-o', file, '-e', script)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const [first, second] = [file, `${file}.1`].map((path) => readFileSync(path, 'utf8'));
    expect(first).not.toBe('');
    expect(first! + second!).toBe(Array.from({ length: 31 }, (_, n) => `${n}\n`).join(''));
    const ended = await vm('-e', 'probe begin { switch_file() } probe timer.s(1) { println("still here") exit() }');
    expect(ended).toMatchObject({ status: 0, stdout: 'still here\n', stderr: '' });
  });

  test('-b writes a file a CPU, and stap-merge puts them in order', async () => {
    const folder = scratchFolder();
    const script = 'global n probe timer.profile { printf("%d\\n", n++) if (n > 40) exit() }';
    expect(await stap(['--vm', '-b', '-o', 'trace', '-e', script], { cwd: folder })).toMatchObject({
      status: 0,
      stdout: '',
    });
    const files = readdirSync(folder).sort();
    expect(files.every((name) => /^trace_\d+$/.test(name))).toBe(true);
    const merge = ['node', join(root, 'packages/staprun/bundle/stap-merge.cjs'), ...files];
    const merged = await command(merge, { cwd: folder });
    const numbers = merged.stdout.trim().split('\n').map(Number);
    expect(numbers.length).toBeGreaterThan(40);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(await stap(['--vm', '-b', '-e', 'probe begin { println("x") exit() }'], { cwd: folder })).toMatchObject({
      status: 0,
    });
    expect(readdirSync(folder).some((name) => /^stpd_cpu\d+$/.test(name))).toBe(true);
  });

  test('--json rows and events fit the schema that stap types prints beforehand', async () => {
    const script = 'probe begin { printf("%d %s\\n", pid(), execname()) warn("w") error("e") }';
    const types = await stap(['types', '--vm', '--json-schema', '-e', script]);
    expect(types.status).toBe(0);
    const schema = z.fromJSONSchema(JSON.parse(types.stdout));
    const { stdout } = await vm('--json', '-e', script);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['start', 'print', 'warning', 'error', 'end']);
    for (const event of events) expect(schema.safeParse(event).success, JSON.stringify(event)).toBe(true);
    expect(schema.safeParse({ ...events[1], row: { pid: 'x' } }).success).toBe(false);
    expect((await stap(['types', '--vm', '-e', script])).stdout).toContain(
      'export type ScriptEvent = Print1 | OtherEvent;',
    );
  });
});

describe('--monitor', () => {
  test('needs a terminal, and says so', async () => {
    const ended = await vm('--monitor', '-e', 'probe begin { exit() }');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('a monitor needs a terminal');
  });

  test('shows the run on a terminal, switches probes and resets globals by its keys', async () => {
    const log = join(scratchFolder(), 'screen');
    const script =
      'global count, seen probe timer.ms(50) { count++ seen[execname()]++ } probe timer.ms(300) { printf("tick\\n") foreach (x in seen) { if (x == "") next } if (count < 0) exit() } probe end { println("bye") }';
    // Keys go in when the screen shows what they depend on.
    const driver = `
const { spawn } = require('node:child_process');
const child = spawn('script', ['-qfec', process.argv[1], process.argv[2]], { stdio: ['pipe', 'pipe', 'inherit'] });
const steps = [
  [/ 0 +on +[1-9]\\d* .*timer\\.ms\\(50\\)/, 't0\\r'],
  [/ 0 +off +\\d+ /, 'c'],
  [/count: 0\\b/, 'r'],
  [/ 0 +on +\\d+ [^]*count: [1-9]|count: [1-9][^]* 0 +on /, 'p'],
  [/ 1 +off +\\d+ /, 's'],
  [/probes, by hits:/, 'q'],
];
let screen = '';
child.stdout.on('data', (chunk) => {
  screen = (screen + chunk).slice(-20000);
  const now = screen.slice(screen.lastIndexOf('\\x1b[H', screen.lastIndexOf('\\x1b[H') - 1));
  if (steps.length > 0 && steps[0][0].test(now)) { child.stdin.write(steps.shift()[1]); screen = ''; }
});
child.on('close', (code) => { console.log('left ' + steps.length + ' status ' + code); });
setTimeout(() => child.kill(), 600000).unref();
`;
    const quoted = script.replaceAll('"', '\\"');
    const ended = await command([
      'node',
      '-e',
      driver,
      `stty rows 40 cols 120; ${root}/stap --vm --monitor=1 -e "${quoted}"`,
      log,
    ]);
    expect(ended.stdout, readFileSync(log, 'utf8').slice(-3000)).toBe('left 0 status 0\n');
    const screen = readFileSync(log, 'utf8');
    expect(screen).toMatch(/up 00:00:\d\d {2}module stap_\w+ {2}user \S+ \(0\) {2}memory \d+ kB/);
    expect(screen).toContain('tick');
    expect(screen).toMatch(/\x1b\[\?1049l[\s\S]*bye/);
  });
});

describe('on the prepared machine', () => {
  test('stap-prep installs the manual pages, and man finds ours', async () => {
    const onHost = () => statSync('/usr/local/share/man/man1/stap.1', { throwIfNoEntry: false })?.mtimeMs;
    const before = onHost();
    const { stdout, stderr, code } = await inGuest(
      'stap-prep >/tmp/prep.log 2>&1; cat /tmp/prep.log >&2; MANPAGER=cat man probe::ioblock.request; man -w stap; man -w staprun; ls /usr/local/share/bash-completion/completions',
    );
    expect(stdout, stderr).toContain('ioblock.request');
    expect(stdout).toContain('SYNOPSIS');
    expect(stdout).toContain('tapset::ioblock(3stap)');
    expect(stdout).toMatch(
      /\/usr\/local\/(share\/)?man\/man1\/stap\.1\n\/usr\/local\/(share\/)?man\/man8\/staprun\.8\n/,
    );
    expect(stdout).toContain('stap-prep\nstaprun\n');
    expect(code).toBe(0);
    expect(onHost(), 'the guest keeps what it writes to itself').toBe(before);
  });
});
