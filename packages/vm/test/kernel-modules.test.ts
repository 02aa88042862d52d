import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moduleDependencies, readBootModules } from '../src/kernel-modules.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vm-modules-'));
});
afterEach(() => rm(folder, { recursive: true }));

function module(depends: string): Buffer {
  return Buffer.from(`\x7fELF…\0license=GPL\0depends=${depends}\0retpoline=Y\0`);
}

async function put(path: string, data: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), data);
}

test("a module's dependencies are read from its own words", () => {
  expect(moduleDependencies(module('9pnet,fs-cache'))).toEqual(['9pnet', 'fs_cache']);
  expect(moduleDependencies(module(''))).toEqual([]);
  expect(moduleDependencies(Buffer.from('no module'))).toEqual([]);
});

test('modules come in the order they load in, packed ones unpacked, built-in ones left out', async () => {
  await put('modules.builtin', 'kernel/drivers/virtio/virtio_pci.ko\n');
  await put('kernel/drivers/char/virtio_console.ko', module('virtio'));
  await put('kernel/drivers/virtio/virtio.ko', module(''));
  await put('kernel/net/9p/9pnet.ko.gz', gzipSync(module('')));
  await put('kernel/net/9p/9pnet_virtio.ko', module('9pnet,virtio'));
  await put('kernel/fs/9p/9p.ko', module('9pnet'));
  await put('kernel/fs/overlayfs/overlay.ko', module(''));
  const modules = await readBootModules('6.1', folder);
  expect(modules.map(({ name }) => name)).toEqual([
    'virtio',
    'virtio_console',
    '9pnet',
    '9pnet_virtio',
    '9p',
    'overlay',
  ]);
  expect(modules[2]?.data).toEqual(module(''));
});

test('a kernel without a module that the guest needs is refused with its name', async () => {
  await put('kernel/drivers/virtio/virtio_pci.ko', module(''));
  await expect(readBootModules('6.1', folder)).rejects.toMatchObject({
    diagnostics: [
      { code: 'vm/missing-module', message: 'kernel 6.1 has no module "virtio_console", which the guest needs' },
    ],
  });
});
