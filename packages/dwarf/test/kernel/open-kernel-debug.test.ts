// A kernel's debug file is found by build id or release, and refused where it is another kernel's.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openElf, openKernelDebug } from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
const release = '6.1.0-test';
const cacheFolder = join(folder.path, 'cache');
const folders = [join(folder.path, 'debug')];
let program: string;
let buildId: string;

beforeAll(() => {
  program = compile(folder.path, 'vmlinux', ['-O2', '-Wl,--build-id=sha1']);
  buildId = openElf(program).buildId()!;
});
afterAll(() => folder.remove());

test('what is not there is a warning that says how to get it', async () => {
  const { value, diagnostics } = await openKernelDebug({ release, buildId, cacheFolder, folders });
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([{ code: 'dwarf/no-debuginfo', severity: 'warning' }]);
  expect(diagnostics[0]!.hints!.join()).toContain(`linux-image-${release}-dbg`);
});

test('a server is asked where nothing is here', async () => {
  const server = createServer((request, response) => {
    if (request.url === `/buildid/${buildId}/debuginfo`) response.end(readFileSync(program));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const debuginfodUrls = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { value, diagnostics } = await openKernelDebug({ release, buildId, cacheFolder, folders, debuginfodUrls });
  await new Promise((resolve) => server.close(resolve));
  expect(diagnostics).toEqual([]);
  expect(value!.functions('helper')).toHaveLength(1);
  value!.close();
});

test('a file of the release is taken, unless it is of another build', async () => {
  mkdirSync(join(folders[0]!, 'boot'), { recursive: true });
  copyFileSync(program, join(folders[0]!, 'boot', `vmlinux-${release}`));
  const { value, diagnostics } = await openKernelDebug({ release, buildId, cacheFolder, folders });
  expect(diagnostics).toEqual([]);
  expect(value!.functions('main')).toMatchObject([{ name: 'main' }]);
  value!.close();
  const other = await openKernelDebug({ release, buildId: 'ab'.repeat(20), cacheFolder, folders });
  expect(other.value).toBeUndefined();
  expect(other.diagnostics.map((d) => d.code)).toEqual(['dwarf/debuginfo-unusable', 'dwarf/no-debuginfo']);
});
