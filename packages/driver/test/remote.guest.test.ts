// --remote: against two guests, each over a real sshd of its own, and against a real sshd on loopback.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuest, type Guest, startGuest, stopGuest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type RunOptions, root, stap } from './harness.js';

let folder: string;
let guests: Guest[];
const second = () => join(folder, 'guest');

/** In the first guest: the process id of the sshd on its loopback. */
const LOOPBACK_PID = '/run/loopback-sshd.pid';

// Keys, configuration and known hosts of the test's own, and a login that prints something, as some do.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stapkit-remote-'));
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  guests = [
    await connectGuest(process.env['STAPKIT_GUEST']!),
    await startGuest({ cacheFolder, folder: second(), bootSeconds: 600, heartbeatSeconds: 300 }),
  ];
  for (const key of ['host', 'key']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  const options = [
    `AuthorizedKeysFile=${join(folder, 'key.pub')}`,
    'StrictModes=no',
    'UsePAM=no',
    'PidFile=none',
    'SetEnv=TMPDIR=/run/ssh-test',
  ];
  writeFileSync(
    join(folder, 'sshd'),
    `mkdir -p /run/sshd /run/ssh-test; echo 'echo welcome' >/root/.bashrc
exec /usr/sbin/sshd "$@" -f /dev/null -h ${join(folder, 'host')} ${options.map((option) => `-o ${option}`).join(' ')}\n`,
  );
  // Guests have no network: ssh's connection is the standard input and output of an sshd that runs in the guest.
  const proxy = (guest: string) => `${join(root, 'stap')} vm run --folder ${guest} sh ${join(folder, 'sshd')} -i -e`;
  const keys = `IdentityFile ${join(folder, 'key')}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n`;
  writeFileSync(
    join(folder, 'config'),
    `Host guest0\n  ProxyCommand ${proxy(process.env['STAPKIT_GUEST']!)}
Host guest1\n  ProxyCommand ${proxy(second())}
Host silent\n  ProxyCommand sh -c 'echo $$ >${join(folder, 'silent')}; cat >/dev/null; true'
Host *\n  ${keys}`,
  );
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${join(folder, 'config')} "$@"\n`);
  chmodSync(join(folder, 'ssh'), 0o755);
});

afterAll(async () => {
  // The first guest is not ours alone: nothing stays there.
  if (guests)
    await inGuest(
      guests[0]!,
      `! p=$(cat ${LOOPBACK_PID} 2>/dev/null) || while kill "$p" 2>/dev/null; do sleep 0.1; done; rm -f ${LOOPBACK_PID}`,
    );
  for (const guest of guests ?? []) await guest.close();
  await stopGuest(second());
  rmSync(folder, { recursive: true, force: true });
});

const elsewhere = (argv: readonly string[], options: RunOptions = {}) =>
  stap(argv, { ...options, env: { PATH: `${folder}:${process.env['PATH']}` } });

async function inGuest(guest: Guest, script: string): Promise<string> {
  const { stdout } = await guest.capture({ argv: ['sh', '-c', script], timeoutSeconds: 600 });
  return stdout.toString('utf8');
}

/** Waits until neither module nor process nor file of a run is there any more. */
const nothingLeft = (guest: Guest) =>
  inGuest(
    guest,
    `until ! grep -q '^stap_' /proc/modules && [ -z "$(ls /run/ssh-test)" ] && ! pgrep -f '[s]taprun.cjs' >/dev/null; do sleep 0.1; done; echo gone`,
  );

const BOTH = ['--remote', 'root@guest0', '--remote', 'root@guest1'];
const UP_AND_DOWN = ['-e', 'probe begin { println("up") } probe end { println("down") }'];
const sorted = (text: string) => text.trim().split('\n').sort();

test('runs a script on two machines at once, each line with its machine, and leaves nothing there', async () => {
  const script = 'global n = "" probe begin { printf("%s %s %d %s\\n", n, @1, remote_id(), remote_uri()) exit() }';
  const ended = await elsewhere([...BOTH, '-G', 'n=two words', '-e', script, 'arg']);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(sorted(ended.stdout)).toEqual(
    [0, 1].map((index) => `root@guest${index}: two words arg ${index} root@guest${index}`),
  );
  for (const guest of guests) expect(await nothingLeft(guest)).toBe('gone\n');
});

test('Ctrl-C ends all in good order; --remote-prefix counts the machines; -o takes all output', async () => {
  const ended = await elsewhere(['--remote-prefix', ...BOTH, ...UP_AND_DOWN], {
    onStdout: (text, child) => {
      if (text === '0: up\n1: up\n' || text === '1: up\n0: up\n') child.kill('SIGINT');
    },
  });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(sorted(ended.stdout)).toEqual(['0: down', '0: up', '1: down', '1: up']);
  for (const guest of guests) expect(await nothingLeft(guest)).toBe('gone\n');
  const kept = join(folder, 'out');
  const named = ['-r', guests[0]!.release];
  const here = ['--remote', 'root@guest0', ...named, '-o', kept, '-e', 'probe begin { println("kept") exit() }'];
  expect(await elsewhere(here)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(readFileSync(kept, 'utf8')).toBe('kept\n');
});

test('a second Ctrl-C ends a staprun that does not hear the first; one while connecting ends stap', async () => {
  let stopped: Promise<string> | undefined;
  let pid = 0;
  // One that is still pending would swallow the next.
  const isTaken = () => !/^(?:Shd|Sig)Pnd:.*[2367abef]$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  const ended = await elsewhere(['--remote', 'root@guest1', ...UP_AND_DOWN], {
    started: (child) => {
      pid = child.pid;
    },
    onStdout: (_text, child) => {
      stopped ??= inGuest(guests[1]!, `kill -STOP $(pgrep -f '[s]taprun.cjs -r')`).then(async (text) => {
        child.kill('SIGINT');
        await vi.waitUntil(isTaken, { timeout: 300_000 });
        setTimeout(() => child.kill('SIGINT'), 500);
        return text;
      });
    },
  });
  await stopped;
  expect(ended).toMatchObject({ status: 1, stdout: 'up\n' });
  expect(await nothingLeft(guests[1]!)).toBe('gone\n');
  const mark = join(folder, 'silent');
  const waiting = await elsewhere(['--remote', 'silent', '-e', 'probe begin { exit() }'], {
    started: (child) => {
      const timer = setInterval(() => {
        if (!existsSync(mark)) return;
        clearInterval(timer);
        child.kill('SIGINT');
      }, 50);
    },
  });
  expect(waiting).toMatchObject({ status: 130, stdout: '' });
  const proxy = Number(readFileSync(mark, 'utf8'));
  await vi.waitUntil(() => !existsSync(`/proc/${proxy}`), { timeout: 300_000 });
});

test('a killed driver leaves no module, no process and no file over there', async () => {
  const ended = await elsewhere(['--remote', 'root@guest0', ...UP_AND_DOWN], {
    onStdout: (_text, child) => child.kill('SIGKILL'),
  });
  expect(ended).toMatchObject({ signal: 'SIGKILL', stdout: 'up\n' });
  expect(await nothingLeft(guests[0]!)).toBe('gone\n');
});

test('a connection that breaks is told of, and the run over there ends', async () => {
  let broken: Promise<string> | undefined;
  const ended = await elsewhere([...BOTH, ...UP_AND_DOWN], {
    onStdout: (text) => {
      if (text.split('up').length < 3) return;
      // The other one goes on until Ctrl-C.
      broken ??= inGuest(guests[1]!, `kill $(pgrep -f '^sshd: root@notty')`);
    },
    onStderr: (text, child) => {
      if (text.includes('broke')) child.kill('SIGINT');
    },
  });
  await broken;
  expect(ended.status).toBe(1);
  expect(ended.stdout).toContain('root@guest0: down\n');
  expect(ended.stderr).toContain('ERROR: root@guest1: the connection broke; the run over there ends by itself\n');
  for (const guest of guests) expect(await nothingLeft(guest)).toBe('gone\n');
});

test('faults are told with the machine’s name, and the status is 1', async () => {
  const script = ['-e', 'probe begin { println("never") exit() }'];
  const refused = await elsewhere(['--remote', 'root@guest0', '--remote', 'ssh://root@127.0.0.1:1', ...script]);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toContain("root@127.0.0.1:1: can't be reached: ssh: connect to host 127.0.0.1 port 1");
  const unknown = await elsewhere(['--remote', 'root@no-such-host.invalid', ...script]);
  expect(unknown).toMatchObject({ status: 1, stdout: '' });
  expect(unknown.stderr).toContain("root@no-such-host.invalid: can't be reached: ssh: Could not resolve hostname");
  const other = await elsewhere(['--remote', 'root@guest0', '-r', '9.9.9-other', ...script]);
  expect(other).toMatchObject({ status: 1, stdout: '' });
  expect(other.stderr).toContain(`root@guest0: its kernel is ${guests[0]!.release}, not 9.9.9-other as -r says`);
  const failed = await elsewhere([...BOTH, '-e', 'probe begin { if (remote_id()) error("no") exit() }']);
  expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('root@guest1: ERROR: no') });
  for (const guest of guests) expect(await nothingLeft(guest)).toBe('gone\n');
});

test('a machine that runs stap itself, over an sshd on its loopback', async () => {
  const loopback = `sh ${join(folder, 'sshd')} -p 2201 -o PidFile=${LOOPBACK_PID} -o ListenAddress=127.0.0.1 </dev/null >/dev/null 2>&1
mkdir -p /run/bin; ln -sf ${join(folder, 'ssh')} /run/bin/ssh; PATH=/run/bin:$PATH
${join(root, 'stap')} --remote ssh://root@127.0.0.1:2201 -e 'probe begin { println(remote_uri()) exit() }'; echo $?
until ! grep -q '^stap_' /proc/modules && [ -z "$(ls /run/ssh-test)" ]; do sleep 0.1; done`;
  const { stdout, stderr } = await guests[0]!.capture({ argv: ['sh', '-c', loopback] });
  expect(stdout.toString(), stderr.toString()).toBe('ssh://root@127.0.0.1:2201\n0\n');
});
