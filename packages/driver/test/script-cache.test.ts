// The script cache as a user sees it. The kernel's runtime is taken from the machine's own cache: it is not what is tested.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

const own = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
const script = ['-p4', '-v', '-e', 'global n probe begin { n = 6 * 7; printf("%d\\n", n) exit() }'];

/** A cache of the test's own; what is below `runtime` is shared. */
async function freshCache(): Promise<{ env: Record<string, string>; folder: string }> {
  // Where no runtime was built yet, this builds it.
  if (!existsSync(join(own, 'runtime'))) await stap(['-p4', '-e', 'probe begin { exit() }']);
  const home = scratchFolder();
  const folder = join(home, 'stapkit');
  mkdirSync(folder);
  for (const shared of ['runtime', 'guest', 'symbols', 'tapset', 'code']) {
    if (existsSync(join(own, shared))) symlinkSync(join(own, shared), join(folder, shared));
  }
  return { env: { XDG_CACHE_HOME: home }, folder };
}

const CACHED = /^Pass 3: using cached (\S+\.c)\nPass 4: using cached (\S+\.ko)$/m;

test('a second run skips passes 3 and 4 and names the files of the cache', async () => {
  const { env, folder } = await freshCache();
  const first = await stap(script, { env });
  expect(first.stderr).toMatch(/^Pass 3: translated to C into .* ms\.$/m);
  expect(first.stderr).toMatch(/^Pass 4: compiled C into .* ms\.$/m);
  const second = await stap(script, { env });
  expect(second).toMatchObject({ status: 0, stdout: first.stdout });
  const [, source = '', module = ''] = CACHED.exec(second.stderr) ?? [];
  expect(source.startsWith(folder) && readFileSync(source, 'utf8').includes('stapkit_abi.h')).toBe(true);
  expect(module).toBe(second.stdout.trim());

  // Under another name it is still the cache's file that is told of.
  const work = scratchFolder();
  const named = await stap([...script, '-m', 'mine'], { env, cwd: work });
  expect(CACHED.exec(named.stderr)?.[2]).toBe(module);
  expect(named.stdout.trim()).toBe(join(work, 'mine.ko'));

  // What changes the module changes the entry.
  for (const change of [['-DMAXACTION=5'], ['-t'], ['--skip-badvars'], ['--suppress-handler-errors']]) {
    expect((await stap([...change, ...script], { env })).stderr).toContain('Pass 3: translated');
  }
});

test('--poison-cache writes and does not read, --disable-cache does neither', async () => {
  const { env, folder } = await freshCache();
  expect(await stap(['-p3', ...script.slice(1), '--disable-cache'], { env })).toMatchObject({ status: 0 });
  expect(existsSync(join(folder, 'modules')) || existsSync(join(folder, 'sources'))).toBe(false);
  await stap(script, { env });
  expect((await stap([...script, '--poison-cache'], { env })).stderr).toContain('Pass 3: translated');
  expect((await stap([...script, '--poison-cache'], { env })).stderr).toContain('Pass 4: compiled');
  expect((await stap(script, { env })).stderr).toMatch(CACHED);
});

test('a damaged entry is made anew', async () => {
  const { env } = await freshCache();
  await stap(script, { env });
  const [, source = '', module = ''] = CACHED.exec((await stap(script, { env })).stderr) ?? [];
  const good = readFileSync(module);
  for (const damage of [
    () => writeFileSync(module, good.subarray(0, 1000)),
    () => rmSync(`${module}.sum`),
    () => writeFileSync(source, 'int broken;'),
    () => writeFileSync(source.replace(/c$/, 'json'), '{'),
    () => rmSync(source),
  ]) {
    damage();
    const again = await stap(script, { env });
    expect(again).toMatchObject({ status: 0 });
    expect(again.stderr).not.toMatch(CACHED);
    expect(readFileSync(module).equals(good)).toBe(true);
    expect((await stap(script, { env })).stderr).toMatch(CACHED);
  }
});

test('ten runs at once come to the same module, and leave nothing half done', async () => {
  const { env, folder } = await freshCache();
  const runs = await Promise.all(Array.from({ length: 10 }, () => stap(script, { env })));
  for (const run of runs) expect(run).toMatchObject({ status: 0, stdout: runs[0]!.stdout });
  expect((await stap(script, { env })).stderr).toMatch(CACHED);
  const files = ['modules', 'sources'].flatMap((part) =>
    readdirSync(join(folder, part), { recursive: true }).map(String),
  );
  expect(files.filter((name) => name.includes('.tmp'))).toEqual([]);
});

test('cleaning keeps to cache_mb_limit, and takes what was used longest ago', async () => {
  const { env, folder } = await freshCache();
  await stap(script, { env });
  writeFileSync(join(folder, 'cache_mb_limit'), '0\n');
  expect(await stap(['--clean-cache'], { env })).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect((await stap(script, { env })).stderr).toContain('Pass 4: compiled');
  writeFileSync(join(folder, 'cache_mb_limit'), '256\n');
  await stap(script, { env });
  await stap(['--clean-cache'], { env });
  expect((await stap(script, { env })).stderr).toMatch(CACHED);
});
