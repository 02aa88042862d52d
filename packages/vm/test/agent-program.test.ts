import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentProgram, defaultAgentFolder } from '../src/agent-program.js';
import * as frames from '../src/frames.js';
import { hostTscKhz } from '../src/host-clock.js';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vm-agent-'));
  program = await agentProgram(defaultAgentFolder(), folder);
  for (const name of ['put', 'get', 'insmod', 'rmmod']) await symlink(program, join(folder, name));
});
afterAll(() => rm(folder, { recursive: true }));

test('the agent is compiled once and kept', async () => {
  const { mtimeMs } = await stat(program);
  expect(await agentProgram(defaultAgentFolder(), folder)).toBe(program);
  expect((await stat(program)).mtimeMs).toBe(mtimeMs);
  expect(await readdir(join(folder, 'vm'))).toHaveLength(1);
});

test('the agent needs no library and refuses to run outside a guest', () => {
  expect(execFileSync('readelf', ['-lW', program], { encoding: 'utf8' })).not.toMatch(/INTERP|DYNAMIC/);
  const { status, stderr } = spawnSync(program, { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toBe('stapkit-agent: this program runs as process 1 of a guest\n');
});

test("the host's clock is measured to a thousandth, and remembered", async () => {
  const first = Number(execFileSync(program, ['--tsc-khz'], { encoding: 'utf8' }));
  const second = Number(execFileSync(program, ['--tsc-khz'], { encoding: 'utf8' }));
  expect(first).toBeGreaterThan(50_000);
  expect(Math.abs(first / second - 1)).toBeLessThan(0.001);
  const known = await hostTscKhz(program, folder);
  expect(Math.abs(known! / first - 1)).toBeLessThan(0.001);
  expect(await hostTscKhz('/no/program', folder)).toBe(known);
  await rm(join(folder, 'vm', 'tsc-khz'));
});

test('put writes a file whole with its mode, and get reads it', async () => {
  const path = join(folder, 'file');
  const data = Buffer.from(Array.from({ length: 500_000 }, (_, index) => (index * 7) % 256));
  execFileSync(join(folder, 'put'), [path, '640'], { input: data });
  expect((await readFile(path)).equals(data)).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect(execFileSync(join(folder, 'get'), [path], { maxBuffer: 1 << 20 }).equals(data)).toBe(true);
});

test('the small tools say what went wrong', () => {
  const run = (name: string, ...args: string[]) => spawnSync(join(folder, name), args, { encoding: 'utf8' });
  expect(run('get', '/no/file')).toMatchObject({ status: 1, stderr: '/no/file: No such file or directory\n' });
  expect(run('put', '/no/file', '644')).toMatchObject({ status: 1, stderr: '/no/file: No such file or directory\n' });
  expect(run('insmod', '/no/x.ko')).toMatchObject({
    status: 1,
    stderr: 'insmod: ERROR: could not insert module /no/x.ko: No such file or directory\n',
  });
  expect(run('insmod').stderr).toBe('usage: insmod FILE [PARAMETER=VALUE]...\n');
});

test('both sides of the protocol agree on its numbers', async () => {
  const source = await readFile(join(defaultAgentFolder(), 'agent.c'), 'utf8');
  const value = (name: string): number => {
    const text = new RegExp(`\\b${name} = ([0-9 *]+)`).exec(source)?.[1] ?? '';
    return text.split('*').reduce((product, factor) => product * Number(factor), 1);
  };
  expect({
    hello: value('HELLO'),
    exec: value('EXEC'),
    input: value('INPUT'),
    credit: value('CREDIT'),
    signal: value('SIGNAL'),
    run: value('RUN'),
    powerOff: value('POWEROFF'),
    ping: value('PING'),
  }).toEqual(frames.ToGuest);
  expect({
    welcome: value('WELCOME'),
    started: value('STARTED'),
    output: value('OUTPUT'),
    exited: value('EXITED'),
    taken: value('TAKEN'),
    failed: value('FAILED'),
    pong: value('PONG'),
  }).toEqual(frames.ToHost);
  expect([value('PROTOCOL'), value('HEADER'), value('MAX_PAYLOAD'), value('MAX_REQUEST'), value('WINDOW')]).toEqual([
    frames.PROTOCOL_VERSION,
    frames.HEADER_SIZE,
    frames.MAX_STREAM_PAYLOAD,
    frames.MAX_REQUEST,
    frames.OUTPUT_WINDOW,
  ]);
  expect([value('STDIN_SIZE'), value('FLAG_FRESH'), value('FLAG_GROUP')]).toEqual([
    frames.INPUT_WINDOW,
    frames.FLAG_FRESH,
    frames.FLAG_GROUP,
  ]);
});

test('what the compiler says is shown when it fails', async () => {
  const broken = await mkdtemp(join(tmpdir(), 'vm-broken-'));
  await writeFile(join(broken, 'agent.c'), 'int broken = ;\n');
  await expect(agentProgram(broken, folder)).rejects.toMatchObject({
    diagnostics: [{ code: 'vm/agent-build', detail: expect.arrayContaining([expect.stringContaining('error:')]) }],
  });
  expect(await readdir(join(folder, 'vm'))).toHaveLength(1);
  await rm(broken, { recursive: true });
});
