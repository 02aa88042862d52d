// MAXSTRINGLEN, set when a module is built and again when it is loaded.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const script = fileURLToPath(new URL('./fixtures/string-sizes.stp', import.meta.url));
let guest: Guest;
let folder: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  folder = mkdtempSync(join(tmpdir(), 'runtime-strings-'));
  for (const [name, ...options] of [['rt_strings'], ['rt_strings_100', '-DMAXSTRINGLEN=100']] as const) {
    const words = ['-r', guest.release, '-p4', ...options, '-m', name, script];
    execFileSync(join(root, 'stap'), words, { cwd: folder, stdio: 'pipe' });
  }
});

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a module with settings; its output, or what staprun says where it fails. */
async function run(name: string, ...settings: readonly string[]): Promise<string> {
  let output = '';
  const { code } = await guest.runScript({
    path: join(root, 'packages/staprun/bundle/staprun.cjs'),
    argv: [join(folder, `${name}.ko`), ...settings],
    onStdout: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
  });
  return code === 0 ? output : `status ${code}`;
}

/** What the script prints where a string holds so many bytes. */
function printed(most: number): string {
  const [local, literal, result, two] = [3000, 93, 5120, 6000].map((length) => Math.min(length, most));
  return (
    `local ${local}, literal ${literal}, function ${result}, sprintf ${two}, key ${local}, value ${local}, ` +
    `same key 1, global ${Math.min(3003, most)}\n`
  );
}

test('a string holds 511 bytes, or what -D says', async () => {
  expect(await run('rt_strings')).toBe(printed(511));
  expect(await run('rt_strings_100')).toBe(printed(99));
});

test('MAXSTRINGLEN can be made smaller and larger when a module is loaded', async () => {
  expect(await run('rt_strings', 'MAXSTRINGLEN=64')).toBe(printed(63));
  expect(await run('rt_strings', 'MAXSTRINGLEN=16')).toBe(printed(15));
  expect(await run('rt_strings', 'MAXSTRINGLEN=4099')).toBe(printed(4098));
  expect(await run('rt_strings_100', 'MAXSTRINGLEN=10000')).toBe(printed(9999));
});

test('MAXSTRINGLEN has bounds, and goes together with a global that is set', async () => {
  expect(await run('rt_strings', 'MAXSTRINGLEN=15')).toBe('status 1');
  expect(await run('rt_strings', 'MAXSTRINGLEN=65537')).toBe('status 1');
  expect(await run('rt_strings', `g=${'x'.repeat(32)}`, 'MAXSTRINGLEN=32')).toBe('status 1');
  expect(await run('rt_strings', `g=${'x'.repeat(31)}`, 'MAXSTRINGLEN=32')).toBe(printed(31));
  expect(await run('rt_strings', `g=${'x'.repeat(600)}`, 'MAXSTRINGLEN=601')).toContain('literal 600,');
});
