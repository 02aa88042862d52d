// How guests end. Each needs a guest of its own, so they are few and small.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DiagnosticError } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { connectGuest, type GuestOptions, listGuests, startGuest, stopGuest } from '../src/index.js';
import { identify } from '../src/processes.js';

const cacheFolder =
  process.env['STAPKIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
const small: GuestOptions = { cacheFolder, memoryMb: 512, warmNode: false, bootSeconds: 600, heartbeatSeconds: 300 };

async function ended(pid: number): Promise<void> {
  while (identify(pid)) await sleep(50);
}

test('a panic is noticed at once, and its console shown', async () => {
  // Of a guest that is silent nobody hears within the test.
  const guest = await startGuest({ ...small, heartbeatSeconds: 3600 });
  try {
    const error = await guest.exec({ argv: ['sh', '-c', 'echo c > /proc/sysrq-trigger'] }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DiagnosticError);
    const [diagnostic] = (error as DiagnosticError).diagnostics;
    expect(diagnostic).toMatchObject({ code: 'vm/guest-died', message: "the guest's kernel has panicked" });
    expect(diagnostic?.detail?.join('\n')).toContain('Kernel panic - not syncing: sysrq triggered crash');
    await ended(guest.pid);
    expect(guest.isOpen).toBe(false);
    await expect(guest.exec({ argv: ['true'] })).rejects.toBeInstanceOf(DiagnosticError);
  } finally {
    await guest.stop();
  }
  expect(existsSync(guest.folder)).toBe(false);
});

test('a guest writes to the folders it may write to, and one that hangs is ended at its limit', async () => {
  const shared = await mkdtemp(join(tmpdir(), 'vm shared-'));
  const guest = await startGuest({ ...small, heartbeatSeconds: 20, writableFolders: [shared] });
  try {
    const write = await guest.capture({ argv: ['sh', '-c', 'echo one > new; cat beside'], cwd: shared });
    expect(write.stderr.toString()).toContain('beside');
    expect(await readFile(join(shared, 'new'), 'utf8')).toBe('one\n');
    await guest.writeFile('/etc/stapkit-test', 'stays inside');
    expect(existsSync('/etc/stapkit-test')).toBe(false);
    const run = guest.exec({ argv: ['sleep', '1000'] });
    run.catch(() => {});
    // A QEMU that is stopped is a guest that hangs as hard as can be.
    process.kill(guest.pid, 'SIGSTOP');
    await expect(run).rejects.toMatchObject({
      diagnostics: [{ code: 'vm/guest-hangs', message: 'the guest gave no sign of life for 20 s and was ended' }],
    });
    await ended(guest.pid);
  } finally {
    await guest.stop();
    await rm(shared, { recursive: true });
  }
});

test('a guest ends with its owner, also when that is killed', async () => {
  const owner = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--import',
      'tsx',
      fileURLToPath(new URL('./fixtures/owner.ts', import.meta.url)),
      cacheFolder,
    ],
    { cwd: dirname(fileURLToPath(import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const { pid, folder } = JSON.parse(line.toString()) as { pid: number; folder: string };
  expect(identify(pid)).toBeDefined();
  owner.kill('SIGKILL');
  await ended(pid);
  // The next start sweeps its folder away; this one is refused before it boots anything.
  expect(existsSync(folder)).toBe(true);
  const abort = new AbortController();
  const start = startGuest({
    ...small,
    signal: abort.signal,
    onStep: (step) => step.startsWith('booting') && abort.abort(new Error('no')),
  });
  await expect(start).rejects.toThrow('no');
  expect(existsSync(folder)).toBe(false);
});

test('a kernel that can not boot is an error with its console', async () => {
  const error = await startGuest({ ...small, memoryMb: 128, append: 'rdinit=/nothing panic=-1' }).catch(
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DiagnosticError);
  const [diagnostic] = (error as DiagnosticError).diagnostics;
  expect(diagnostic?.code).toBe('vm/boot-failed');
  expect(diagnostic?.detail?.join('\n')).toContain('Kernel panic');
});

test('a kept guest switches itself off when idle, but not under a process that was left behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vm-idle-'));
  const guest = await startGuest({ ...small, folder, idleSeconds: 1 });
  try {
    await guest.exec({ argv: ['sh', '-c', 'setsid sleep 98765 </dev/null >/dev/null 2>&1 &'] });
    await guest.close();
    await sleep(4000);
    expect(await listGuests(dirname(folder))).toContainEqual(expect.objectContaining({ folder }));
    const again = await connectGuest(folder);
    await again.exec({ argv: ['sh', '-c', 'kill $(pgrep -f "^sleep 98765")'] });
    await again.close();
    await ended(guest.pid);
    expect(guest.consoleTail(3).join('\n')).toContain('idle for too long');
    await expect(connectGuest(folder)).rejects.toMatchObject({ diagnostics: [{ code: 'vm/not-running' }] });
  } finally {
    await stopGuest(folder);
    await rm(folder, { recursive: true });
  }
});

test("the README's example runs", async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const home = await mkdtemp(join(tmpdir(), 'vm-readme-'));
  // Inside the package, so that the package finds itself by its name.
  const program = fileURLToPath(new URL(`./readme-${process.pid}.mts`, import.meta.url));
  try {
    await mkdir(join(home, '.cache'));
    await symlink(cacheFolder, join(home, '.cache', 'stapkit'));
    await writeFile(program, example);
    const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', program], {
      cwd: dirname(program),
      env: { ...process.env, HOME: home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(output).toMatch(/release: '[^']+'[\s\S]*\n0 \d+\.\d+\S*\n/);
  } finally {
    await rm(program, { force: true });
    await rm(home, { recursive: true, force: true });
  }
});
