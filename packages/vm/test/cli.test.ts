import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { parseVmCommandLine, vmCommand } from '../src/cli.js';

async function run(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const cache = await mkdtemp(join(tmpdir(), 'vm-cli-'));
  let stdout = '';
  let stderr = '';
  const never = new AbortController().signal;
  const status = await vmCommand(
    argv,
    {
      stdout: (chunk) => {
        stdout += Buffer.from(chunk as Uint8Array).toString();
      },
      stderr: (text) => {
        stderr += text;
      },
      stdin: Readable.from([]),
      stdoutIsTerminal: false,
      env: {},
      cwd: '/',
      signal: never,
      forceSignal: never,
    },
    { cacheFolder: cache },
  );
  await rm(cache, { recursive: true });
  return { status, stdout, stderr: stderr.replaceAll(cache, 'CACHE') };
}

test('options of a guest are read', () => {
  expect(
    parseVmCommandLine(
      'start --kernel 6.1.0-56-amd64 --memory 512 --cpus 1 --idle 5 --append quiet=1 --writable a --writable b --icount 0 --accel kvm'.split(
        ' ',
      ),
    ),
  ).toEqual({
    command: 'start',
    name: 'default',
    lines: 40,
    follow: false,
    json: false,
    guest: {
      kernel: '6.1.0-56-amd64',
      memoryMb: 512,
      cpus: 1,
      idleSeconds: 300,
      append: 'quiet=1',
      writableFolders: ['a', 'b'],
      icount: 0,
      accelerator: 'kvm',
    },
    words: [],
  });
});

test("what follows the first word of a command to run is that command's own", () => {
  expect(parseVmCommandLine(['run', '--name', 'x', 'ls', '-l', '--json', '--', 'a'])).toMatchObject({
    name: 'x',
    json: false,
    words: ['ls', '-l', '--json', '--', 'a'],
  });
  expect(parseVmCommandLine(['run', '--cpus=1', '--', '--odd', 'b']).words).toEqual(['--odd', 'b']);
});

test.each([
  [['statu'], 'ERROR: stap vm: "statu" is no command\n  hint: did you mean "status"?\n'],
  [['start', '--memory', 'much'], 'ERROR: stap vm start: --memory takes a number from 128 to 1000000, not "much"\n'],
  [['start', '--memroy', '512'], "ERROR: stap vm start: Unknown option '--memroy'\n  hint: did you mean --memory?\n"],
  [['start', '--accel', 'xen'], 'ERROR: stap vm start: --accel is tcg, kvm or auto, not "xen"\n'],
  [['start', 'now'], 'ERROR: stap vm start: "now" is one word too many\n'],
  [['run'], 'ERROR: stap vm run: a command to run must be given\n'],
  [
    ['stop', '--name', '../x'],
    'ERROR: stap vm stop: "../x" can\'t be a guest\'s name\n  hint: use letters, digits, "-", "_" and "."\n',
  ],
  [['stop'], 'ERROR: no guest is running in CACHE/vm/guests/default\n  hint: stap vm start starts one\n'],
  [['console'], 'ERROR: no guest is running in CACHE/vm/guests/default\n  hint: stap vm start starts one\n'],
])('%j is refused with a reason', async (argv, message) => {
  expect(await run(...argv)).toEqual({ status: 1, stdout: '', stderr: message });
});

test('an unknown option is refused by its name', async () => {
  const { status, stderr } = await run('start', '--memroy', '5');
  expect(status).toBe(1);
  expect(stderr).toContain("Unknown option '--memroy'");
});

test('a kernel that is not there is refused with a hint', async () => {
  const { status, stderr } = await run('start', '--kernel', '1.2.3');
  expect(status).toBe(1);
  expect(stderr).toMatch(/there is no kernel 1\.2\.3 for the guest to boot\n {2}hint: stap-prep --vm|needs qemu/);
});

test('status tells when no guest runs, also as JSON', async () => {
  expect((await run('status')).stdout).toBe('no guest is running\n');
  expect((await run('status', '--json')).stdout).toBe('[]\n');
});

test('help lists the commands', async () => {
  const { status, stdout } = await run('--help');
  expect(status).toBe(0);
  for (const command of ['start', 'run', 'stop', 'status', 'console']) expect(stdout).toContain(`stap vm ${command}`);
});
