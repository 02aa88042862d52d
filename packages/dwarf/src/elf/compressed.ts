// Compressed sections: SHF_COMPRESSED with zlib or zstd (gABI, chapter 4, "Section Compression"), and the older GNU
// form, a section named .zdebug_… that starts with "ZLIB" and a big-endian size.
import { createRequire } from 'node:module';
import { unzstdSync } from '../decompress/zstd.js';
import { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';
import { ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD } from './constants.js';
import type { ElfFile, ElfSection } from './elf-file.js';

const zlib = () => createRequire(import.meta.url)('node:zlib') as typeof import('node:zlib');

interface Header {
  readonly kind: number;
  readonly size: number;
  readonly start: number;
}

function readHeader(elf: ElfFile, section: ElfSection, bytes: Uint8Array): Header {
  const c = new Cursor(bytes, { file: elf.name, section: section.name, base: 0 }, elf.littleEndian);
  if (section.name.startsWith('.zdebug_')) {
    if (c.u32() !== (elf.littleEndian ? 0x42494c5a : 0x5a4c4942)) c.fail('"ZLIB" is missing', 0);
    const high = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, false);
    c.skip(8);
    const low = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, false);
    if (high !== 0) c.fail('the section is too large', 4);
    return { kind: ELFCOMPRESS_ZLIB, size: low, start: 12 };
  }
  const kind = c.u32();
  if (elf.is64) c.u32();
  const size = elf.is64 ? c.offset64() : c.u32();
  elf.is64 ? c.offset64() : c.u32();
  return { kind, size, start: c.position };
}

/** The size that a compressed section's header promises. */
export function compressedSize(elf: ElfFile, section: ElfSection): number {
  const length = Math.min(section.size, 24);
  if (section.offset + length > elf.source.size) elf.rawBytes(section);
  return readHeader(elf, section, elf.source.read(section.offset, length)).size;
}

/** Inflates a compressed section; the size that its header promises must come out. */
export function inflateSection(elf: ElfFile, section: ElfSection, bytes: Uint8Array): Uint8Array {
  const header = readHeader(elf, section, bytes);
  const fail = (problem: string): never => {
    throw new BinaryFault({ file: elf.name, section: section.name, offset: header.start }, problem);
  };
  // zlib can't make more than about 1030 bytes of one, so a greater promise is a damaged header, not a large section.
  if (header.kind === ELFCOMPRESS_ZLIB && header.size > bytes.length * 1040 + 1024) fail('its size is impossible');
  if (header.kind !== ELFCOMPRESS_ZLIB && header.kind !== ELFCOMPRESS_ZSTD) {
    fail(`unknown compression ${header.kind}`);
  }
  let out: Uint8Array;
  try {
    const packed = bytes.subarray(header.start);
    out =
      header.kind === ELFCOMPRESS_ZLIB
        ? zlib().inflateSync(packed, { maxOutputLength: header.size + 1 })
        : unzstdSync(packed, header.size);
  } catch (error) {
    return fail(`the compressed data are damaged: ${(error as Error).message}`);
  }
  if (out.length !== header.size) fail(`${out.length} bytes came out, not ${header.size}`);
  return out;
}
