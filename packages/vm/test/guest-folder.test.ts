import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectGuest, listGuests, stopGuest } from '../src/guest.js';
import {
  cleanFolder,
  type GuestState,
  guestsFolder,
  makePrivateFolder,
  makeSocketFolder,
  makeTemporaryFolder,
  readState,
  sweepTemporaryFolders,
  takePort,
  writeState,
} from '../src/guest-folder.js';
import { identify } from '../src/processes.js';

const self = identify(process.pid)!;
const dead = { pid: 4_000_000, startTime: '1' };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vm-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function state(process: GuestState['process']): GuestState {
  return {
    version: 1,
    release: '6.1',
    process,
    ports: 2,
    socketFolder: folder,
    memoryMb: 2048,
    cpus: 2,
    accelerator: 'tcg',
    idleSeconds: 60,
    writableFolders: [],
    startedAt: '2024-01-01T00:00:00.000Z',
  };
}

test('the state of a guest that runs is read back, that of one that has ended is not', async () => {
  await writeState(folder, state(self));
  expect(await readState(folder)).toEqual(state(self));
  await writeState(folder, state(dead));
  expect(await readState(folder)).toBeUndefined();
  expect((await stat(join(folder, 'state.json'))).mode & 0o777).toBe(0o600);
});

test('guests that run are listed by the names of their folders', async () => {
  await mkdir(join(folder, 'a'));
  await mkdir(join(folder, 'b'));
  await mkdir(join(folder, 'c'));
  await writeState(join(folder, 'a'), state(dead));
  await writeState(join(folder, 'b'), state(self));
  expect((await listGuests(folder)).map(({ name }) => name)).toEqual(['b']);
  expect(await listGuests(join(folder, 'none'))).toEqual([]);
});

test('connecting where no guest runs says so, and stopping there is no error', async () => {
  await writeState(folder, state(dead));
  await expect(connectGuest(folder)).rejects.toMatchObject({
    diagnostics: [{ code: 'vm/not-running', message: `no guest is running in ${folder}` }],
  });
  expect(await stopGuest(folder)).toBe(false);
  expect(await readdir(folder)).toEqual([]);
});

test('what an ended guest left is removed, its console stays', async () => {
  await writeState(folder, state(dead));
  for (const name of ['0', '0.lock', '13', 'initramfs', 'console.log', 'notes.txt'])
    await writeFile(join(folder, name), '');
  await cleanFolder(folder);
  expect((await readdir(folder)).sort()).toEqual(['console.log', 'notes.txt']);
});

test('each port goes to one client, and comes back when it is released', async () => {
  const first = await takePort(folder, 2);
  const second = await takePort(folder, 2);
  expect([first?.port, second?.port]).toEqual([0, 1]);
  expect(await takePort(folder, 2)).toBeUndefined();
  await first?.lock.release();
  expect((await takePort(folder, 2))?.port).toBe(0);
});

test('a port whose client was killed is free again', async () => {
  await writeFile(join(folder, '0.lock'), `${dead.pid} ${dead.startTime}\n`);
  expect((await takePort(folder, 1))?.port).toBe(0);
});

test('all ports busy is an error that names the folder', async () => {
  await writeState(folder, { ...state(self), ports: 1 });
  await takePort(folder, 1);
  await expect(connectGuest(folder)).rejects.toMatchObject({ diagnostics: [{ code: 'vm/ports-busy' }] });
});

test('a folder that others may enter is refused', async () => {
  const path = join(folder, 'open');
  await makePrivateFolder(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  await chmod(path, 0o755);
  await expect(makePrivateFolder(path)).rejects.toMatchObject({ diagnostics: [{ code: 'vm/unwritable' }] });
});

test('sockets of a guest in a deep folder go to a short one, which goes with the guest', async () => {
  const deep = join(folder, 'x'.repeat(100));
  const sockets = await makeSocketFolder(deep);
  expect(sockets.length).toBeLessThan(80);
  await mkdir(deep);
  await writeState(deep, { ...state(dead), socketFolder: sockets });
  await cleanFolder(deep);
  await expect(stat(sockets)).rejects.toThrow('ENOENT');
  expect(await makeSocketFolder(folder)).toBe(folder);
});

test('folders of guests whose owner was killed are swept away, those of others stay', async () => {
  const ours = await makeTemporaryFolder(self);
  const orphan = await makeTemporaryFolder(dead);
  await sweepTemporaryFolders();
  await expect(stat(orphan)).rejects.toThrow('ENOENT');
  expect((await stat(ours)).mode & 0o777).toBe(0o700);
  await rm(ours, { recursive: true });
});

test('kept guests live in the runtime folder, or in the cache where there is none', () => {
  expect(guestsFolder('/c', { XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/stapkit/vm');
  expect(guestsFolder('/c', {})).toBe('/c/vm/guests');
});
