import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareReleases, findGuestKernels } from '../src/guest-kernels.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vm-kernels-'));
});
afterEach(() => rm(root, { recursive: true }));

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (path.endsWith('/')) await mkdir(join(root, path), { recursive: true });
    else await writeFile(join(root, path), '');
  }
}

const find = () => findGuestKernels({ cacheFolder: join(root, 'cache'), root: join(root, 'host') });

test('kernels of the host and of the cache are listed, newest first', async () => {
  await put(
    'host/boot/vmlinuz-6.1.0-9-amd64',
    'host/lib/modules/6.1.0-9-amd64/kernel/',
    'cache/guest/6.1.0-56-amd64/boot/vmlinuz-6.1.0-56-amd64',
    'cache/guest/6.1.0-56-amd64/lib/modules/6.1.0-56-amd64/kernel/',
    'cache/guest/6.12.9/boot/vmlinuz-6.12.9',
    'cache/guest/6.12.9/usr/lib/modules/6.12.9/kernel/',
  );
  expect(await find()).toEqual([
    {
      release: '6.12.9',
      image: join(root, 'cache/guest/6.12.9/boot/vmlinuz-6.12.9'),
      modulesFolder: join(root, 'cache/guest/6.12.9/usr/lib/modules/6.12.9'),
      origin: 'cache',
    },
    expect.objectContaining({ release: '6.1.0-56-amd64', origin: 'cache' }),
    {
      release: '6.1.0-9-amd64',
      image: join(root, 'host/boot/vmlinuz-6.1.0-9-amd64'),
      modulesFolder: join(root, 'host/lib/modules/6.1.0-9-amd64'),
      origin: 'host',
    },
  ]);
});

test('an image without modules, and modules without an image, are no kernel to boot', async () => {
  await put('host/boot/vmlinuz-6.1', 'host/lib/modules/6.2/kernel/', 'host/lib/modules/6.1/build/');
  expect(await find()).toEqual([]);
});

test('a kernel that is both installed and unpacked is listed once, as installed', async () => {
  await put(
    'host/boot/vmlinuz-6.1',
    'host/lib/modules/6.1/kernel/',
    'cache/guest/6.1/boot/vmlinuz-6.1',
    'cache/guest/6.1/lib/modules/6.1/kernel/',
  );
  expect(await find()).toEqual([expect.objectContaining({ origin: 'host' })]);
});

test('releases are compared by their numbers', () => {
  expect(['6.1.0-9', '6.12.0-1', '5.10.0-32', '6.1.0-56'].sort(compareReleases)).toEqual([
    '5.10.0-32',
    '6.1.0-9',
    '6.1.0-56',
    '6.12.0-1',
  ]);
});
