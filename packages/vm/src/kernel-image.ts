// The kernel unpacked from its image. Under emulation the image unpacks itself in about two seconds, each time; QEMU
// starts an unpacked kernel at its PVH entry directly. So it is unpacked once, with the host's own speed, and kept.
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { decompress } from './decompress.js';
import { contentKey, writeWhole } from './files.js';

/**
 * Returns the path of the unpacked kernel.
 *
 * @returns undefined where it can't be had: a packing that no tool here undoes, an image of another form, a kernel
 *   without a PVH entry, no room in the cache. The image itself boots then, more slowly.
 */
export async function unpackedKernel(
  image: string,
  release: string,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { mtimeMs, size } = await stat(image);
  const path = join(cacheFolder, 'vm', `vmlinux-${release}-${contentKey(image, `${mtimeMs} ${size}`)}`);
  if (existsSync(path)) return path;
  const payload = imagePayload(await readFile(image));
  if (!payload) return undefined;
  try {
    const kernel = await decompress(payload, image, signal);
    if (!hasPvhEntry(kernel)) return undefined;
    await writeWhole(path, kernel);
    return path;
  } catch (error) {
    if (error instanceof DiagnosticError) return undefined;
    throw error;
  }
}

/**
 * The packed kernel inside a bzImage, from its setup header (Documentation/arch/x86/boot.rst: setup_sects at 0x1f1,
 * "HdrS" at 0x202, version at 0x206, payload_offset at 0x248 and payload_length at 0x24c since protocol 2.08).
 */
export function imagePayload(image: Buffer): Buffer | undefined {
  if (image.length < 0x250 || image.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  if (image.readUInt16LE(0x206) < 0x208) return undefined;
  const setupSectors = image.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  const end = start + image.readUInt32LE(0x24c);
  return end > start && end <= image.length ? image.subarray(start, end) : undefined;
}

/** XEN_ELFNOTE_PHYS32_ENTRY, the note that holds the entry point of a PVH boot (include/xen/interface/elfnote.h). */
const PHYS32_ENTRY = 18;

function hasPvhEntry(kernel: Buffer): boolean {
  if (kernel.length < 64 || kernel.readUInt32BE(0) !== 0x7f454c46 || kernel.readUInt8(4) !== 2) return false;
  const offset = Number(kernel.readBigUInt64LE(32));
  const size = kernel.readUInt16LE(54);
  const count = kernel.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const header = offset + index * size;
    if (header + 56 > kernel.length) return false;
    if (kernel.readUInt32LE(header) !== 4 /* PT_NOTE */) continue;
    let at = Number(kernel.readBigUInt64LE(header + 8));
    const end = Math.min(at + Number(kernel.readBigUInt64LE(header + 32)), kernel.length);
    while (at + 12 <= end) {
      const nameSize = kernel.readUInt32LE(at);
      const valueSize = kernel.readUInt32LE(at + 4);
      if (kernel.readUInt32LE(at + 8) === PHYS32_ENTRY && kernel.toString('latin1', at + 12, at + 15) === 'Xen')
        return true;
      at += 12 + align4(nameSize) + align4(valueSize);
    }
  }
  return false;
}

function align4(value: number): number {
  return (value + 3) & ~3;
}
