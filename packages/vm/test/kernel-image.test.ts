import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decompress } from '../src/decompress.js';
import { imagePayload, unpackedKernel } from '../src/kernel-image.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vm-image-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** An ELF file with one note segment, which holds Xen's PVH entry or another note. */
function kernel(noteType: number): Buffer {
  const elf = Buffer.alloc(64 + 56 + 20);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.writeUInt8(2, 4);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(4, 64);
  elf.writeBigUInt64LE(120n, 64 + 8);
  elf.writeBigUInt64LE(20n, 64 + 32);
  elf.writeUInt32LE(4, 120);
  elf.writeUInt32LE(4, 124);
  elf.writeUInt32LE(noteType, 128);
  elf.write('Xen\0', 132);
  return elf;
}

/** A bzImage of boot protocol 2.15 with that payload. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(1024);
  setup.writeUInt8(1, 0x1f1);
  setup.write('HdrS', 0x202);
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(16, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(16), payload, Buffer.from('what follows')]);
}

async function image(content: Buffer): Promise<string> {
  const path = join(folder, 'vmlinuz-6.1');
  await writeFile(path, content);
  return path;
}

test('the payload of an image is found by its setup header', () => {
  const payload = Buffer.from('packed kernel');
  expect(imagePayload(bzImage(payload))).toEqual(payload);
  expect(imagePayload(Buffer.from('no image'))).toBeUndefined();
  const cut = bzImage(payload);
  cut.writeUInt32LE(0x7fffffff, 0x24c);
  expect(imagePayload(cut)).toBeUndefined();
});

test('a kernel is unpacked once and kept', async () => {
  const path = await image(bzImage(gzipSync(kernel(18))));
  const unpacked = await unpackedKernel(path, '6.1', folder);
  expect(await readFile(unpacked!)).toEqual(kernel(18));
  expect(await unpackedKernel(path, '6.1', folder)).toBe(unpacked);
});

test('a kernel that QEMU can not start unpacked, and one that can not be unpacked, boot from their image', async () => {
  expect(await unpackedKernel(await image(bzImage(gzipSync(kernel(17)))), '6.1', folder)).toBeUndefined();
  expect(await unpackedKernel(await image(bzImage(Buffer.from([0x1f, 0x8b, 8, 0]))), '6.1', folder)).toBeUndefined();
  expect(await unpackedKernel(await image(Buffer.from('an EFI program')), '6.1', folder)).toBeUndefined();
});

test('what is not packed is left as it is, and what is broken is an error with its name', async () => {
  expect(await decompress(Buffer.from('plain'), 'x.ko')).toEqual(Buffer.from('plain'));
  await expect(decompress(Buffer.from([0x1f, 0x8b, 8, 0]), 'x.ko.gz')).rejects.toMatchObject({
    diagnostics: [{ code: 'vm/decompress', message: expect.stringContaining("can't decompress x.ko.gz with gzip: ") }],
  });
});
