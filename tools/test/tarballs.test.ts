// What a user gets from the registry: every package is packed, the tarballs are installed into an empty folder outside
// the checkout, and the commands must work there.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';

async function command(name: string, ...argv: string[]): Promise<string> {
  const { stdout } = await run(join(folder, 'node_modules', '.bin', name), argv, { cwd: folder, maxBuffer: 1 << 26 });
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stapkit-install-'));
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm');
  await run(pnpm, ['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', folder], { cwd: root });
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const packages = (await readdir(join(root, 'packages'))).length;
  expect(tarballs).toHaveLength(packages);
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs.map((name) => `./${name}`)], {
    cwd: folder,
  });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('the commands say their versions', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'packages/driver/package.json'), 'utf8'));
  expect(await command('stap', '-V')).toContain(version);
  expect(await command('staprun', '-V')).toContain(version);
});

test('stap finds its tapset and runtime: passes 1 to 3 give C', async () => {
  const source = await command('stap', '-p3', '-e', 'probe vfs.read { printf("read performed\\n"); exit() }');
  expect(source).toContain('stapkit_abi.h');
});

test('stap builds a module outside the checkout', async () => {
  await command('stap', '-p4', '-m', 'installed', '-e', 'probe begin { exit() }');
  const module = await readFile(join(folder, 'installed.ko'));
  expect(module.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
});

test('stap-prep reports as JSON', async () => {
  expect(JSON.parse(await command('stap-prep', '--vm', '--check', '--json'))).toBeTypeOf('object');
});

test('each package can be imported', async () => {
  for (const name of await readdir(join(root, 'packages'))) {
    const program = `import('@stapkit/${name}').then((all) => console.log(String(Object.keys(all).length)))`;
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: folder });
    expect(Number(stdout), `exports of @stapkit/${name}`).toBeGreaterThan(0);
  }
});
