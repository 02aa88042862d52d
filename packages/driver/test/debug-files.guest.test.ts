// Where debug files come from: a module named by its path, and servers, which are asked as --download-debuginfo says. No
// guest runs; the files are those of the guest's kernel.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openElf } from '@stapkit/dwarf';
import { connectGuest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { stap } from './harness.js';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
const point = 'module("dummy").statement("dummy_setup@drivers/net/dummy.c:*")';
let release: string;
let debugFile: string;
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'debug-files-'));
  mkdirSync(join(home, 'cache'));
  mkdirSync(join(home, 'debug'));
  symlinkSync(join(cache, 'guest'), join(home, 'cache/guest'));
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  release = guest.release;
  await guest.close();
  debugFile = ['/usr/lib/debug', join(cache, 'debug')]
    .map((folder) => join(folder, 'lib/modules', release, 'kernel/drivers/net/dummy.ko'))
    .find((path) => existsSync(path))!;
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Surroundings in which no debug file is found. The kernel's types are kept from test to test. */
function bareSurroundings(): Record<string, string> {
  rmSync(join(home, 'cache/debuginfod'), { recursive: true, force: true });
  return { SYSTEMTAP_DIR: home, SYSTEMTAP_DEBUGINFO_PATH: join(home, 'debug') };
}

/** A debuginfod server that has the module's debug file; `asked` are the requests. */
async function server(): Promise<{ url: string; asked: string[] }> {
  const elf = openElf(debugFile);
  const buildId = elf.buildId();
  elf.close();
  const asked: string[] = [];
  const http = createServer((request, response) => {
    asked.push(request.url!);
    if (request.url === `/buildid/${buildId}/debuginfo`) response.end(readFileSync(debugFile));
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  onTestFinished(() => void http.close());
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, asked };
}

test('a server’s file is fetched once, and then is in the cache', async () => {
  const env = bareSurroundings();
  const { url, asked } = await server();
  const run = () => stap(['-r', release, '-l', point], { env: { ...env, DEBUGINFOD_URLS: url } });
  const first = await run();
  expect(first.stdout).toMatch(/^module\("dummy"\)\.statement\("dummy_setup@drivers\/net\/dummy\.c:\d+"\)$/m);
  const requests = asked.filter((path) => path.endsWith('/debuginfo')).length;
  expect(requests).toBeGreaterThan(0);
  expect((await run()).stdout).toBe(first.stdout);
  expect(asked).toHaveLength(requests);
});

test.each([
  ['no', ''],
  ['ask', 'there is no terminal to ask at'],
])('--download-debuginfo=%s asks no server where nobody says yes', async (choice, warning) => {
  const env = bareSurroundings();
  const { url, asked } = await server();
  const { status, stderr } = await stap(
    ['-r', release, '-p2', `--download-debuginfo=${choice}`, '-e', `probe ${point} {}`],
    { env: { ...env, DEBUGINFOD_URLS: url } },
  );
  expect(asked).toEqual([]);
  expect(status).toBe(1);
  expect(stderr).toContain(warning);
  expect(stderr).toContain('needs DWARF debug information, and there is none of module "dummy"');
});

test('a file may take as long as --download-debuginfo says', async () => {
  const env = bareSurroundings();
  const slow = createServer(() => {});
  await new Promise<void>((done) => slow.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    slow.closeAllConnections();
    slow.close();
  });
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  const { status, stderr } = await stap(['-r', release, '-p2', '--download-debuginfo=1', '-e', `probe ${point} {}`], {
    env: { ...env, DEBUGINFOD_URLS: url },
  });
  expect(status).toBe(1);
  expect(stderr).toContain('not there within 1 s');
});

test('a module may be named by its path', async () => {
  const env = bareSurroundings();
  const own = join(home, 'my-dummy.ko');
  cpSync(debugFile, own);
  const list = (pattern: string) => stap(['-r', release, '-l', pattern], { env });
  const found = await list(`module("${own}").function("dummy_setup")`);
  expect(found.stdout).toMatch(/^module\("my_dummy"\)\.function\("dummy_setup@drivers\/net\/dummy\.c:\d+"\)$/m);
  expect((await list(`module("${own}x").function("dummy_setup")`)).status).toBe(1);
});
