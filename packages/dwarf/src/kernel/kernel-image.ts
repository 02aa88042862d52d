// Kernel images: what kind of file one is, where its payload lies, and the BTF and build id that come out of it. A
// packed image is unpacked as a stream and looked through as it passes, so that 65 MB of vmlinux never lie in memory or
// on disk; unpacking ends as soon as the BTF is complete.

import { BTF_MAGIC, btfInMemory } from '../btf/btf.js';
import { type CompressionFormat, compressionFormat, unpackStream } from '../decompress/decompress.js';
import { MACHINES, NT_GNU_BUILD_ID, PT_LOAD, PT_NOTE, SHF_EXECINSTR } from '../elf/constants.js';
import { ElfFile, isElf, readNotes } from '../elf/elf-file.js';
import { type ByteSource, openFileSource } from '../io/byte-source.js';
import { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';
import { decodeImageKallsyms } from './image-kallsyms.js';
import type { KernelSymbol } from './kallsyms.js';

/** What a kernel image is, from its first bytes. */
export type KernelImage =
  | { readonly kind: 'elf' }
  | { readonly kind: 'btf' }
  | {
      readonly kind: 'packed';
      readonly format: CompressionFormat;
      readonly offset: number;
      readonly length: number;
      /** As the image itself says, where its format has a place for it: `6.1.0-56-amd64 (…) #1 SMP …`. */
      readonly version?: string;
    };

/** The facts that an image gives. */
export interface ImageFacts {
  readonly btf: Uint8Array;
  readonly buildId?: string;
  /** SystemTap's name of the architecture; undefined where the image does not tell. */
  readonly architecture?: string;
  readonly pointerSize?: 4 | 8;
  /** The kernel's own symbols; undefined where the image has none that can be read. */
  readonly symbols?: readonly KernelSymbol[];
}

/**
 * Looks at a kernel image.
 *
 * @param source the file
 * @throws BinaryFault where it is nothing that is known
 */
export function inspectKernelImage(source: ByteSource): KernelImage {
  const start = source.read(0, Math.min(source.size, 0x1000));
  if (isElf(start)) return { kind: 'elf' };
  if ((start[0] === 0x9f && start[1] === 0xeb) || (start[0] === 0xeb && start[1] === 0x9f)) return { kind: 'btf' };
  const c = new Cursor(start, { file: source.name, base: 0 });
  const packed = (offset: number, length: number, version?: string): KernelImage => {
    if (offset + length > source.size) c.fail(`the payload ends behind the file's end`, 0);
    const format = compressionFormat(source.read(offset, Math.min(length, 16)));
    if (!format) throw new BinaryFault({ file: source.name, offset }, 'the payload is packed in an unknown format');
    // The kernel's build puts the unpacked size behind the data of every format but gzip's, which has it anyway
    // (scripts/Makefile.lib, "size_append").
    return { kind: 'packed', format, offset, length: format === 'gzip' ? length : Math.max(0, length - 4), version };
  };
  // The x86 boot protocol (Documentation/x86/boot.rst): "HdrS" at 0x202; payload_offset counts from the end of the
  // real-mode part, and is there from version 2.08 on.
  if (start.length >= 0x260 && c.view.getUint32(0x202, true) === 0x53726448) {
    if (c.view.getUint16(0x206, true) < 0x208) c.fail('the image is of a boot protocol without payload_offset', 0x206);
    const setupSectors = start[0x1f1]! || 4;
    const offset = (setupSectors + 1) * 512 + c.view.getUint32(0x248, true);
    const versionAt = c.view.getUint16(0x20e, true) + 0x200;
    let version: string | undefined;
    if (versionAt > 0x200 && versionAt < source.size) {
      const text = source.read(versionAt, Math.min(512, source.size - versionAt));
      const nul = text.indexOf(0);
      version = Buffer.from(text.subarray(0, nul < 0 ? undefined : nul)).toString('latin1');
    }
    return packed(offset, c.view.getUint32(0x24c, true), version);
  }
  // An EFI zboot image (drivers/firmware/efi/libstub/zboot-header.S): "MZ", "zimg", payload offset and size.
  if (start.length >= 64 && c.view.getUint16(0, true) === 0x5a4d && c.view.getUint32(4, true) === 0x676d697a) {
    return packed(c.view.getUint32(8, true), c.view.getUint32(12, true));
  }
  const format = compressionFormat(start);
  if (format) return { kind: 'packed', format, offset: 0, length: source.size };
  return c.fail('this is neither a kernel image nor BTF', 0);
}

/**
 * Gets the raw BTF, the build id and the architecture out of a kernel image.
 *
 * @param path a vmlinux, vmlinuz (any packing), debug file, or a raw BTF blob
 * @throws BinaryFault where there is no BTF in it or it is damaged; the system's error where it can't be read
 */
export async function readKernelImage(path: string, signal?: AbortSignal): Promise<ImageFacts> {
  const source = openFileSource(path);
  try {
    const image = inspectKernelImage(source);
    if (image.kind === 'btf') return { btf: source.read(0, source.size) };
    if (image.kind === 'elf') return readElfImage(new ElfFile(source));
    const payload = source.read(image.offset, image.length);
    return await scanUnpacked(unpackStream(payload, image.format, path, { signal }), path);
  } finally {
    source.close();
  }
}

function readElfImage(elf: ElfFile): ImageFacts {
  const section = elf.section('.BTF');
  if (!section) throw new BinaryFault({ file: elf.name, offset: 0 }, 'the kernel has no .BTF section');
  return {
    btf: elf.sectionBytes(section),
    buildId: elf.buildId(),
    architecture: elf.architecture,
    pointerSize: elf.addressSize,
    symbols: elfSymbols(elf),
  };
}

/** The symbols of an unpacked kernel: its symbol table, or the one it carries for /proc/kallsyms. */
function elfSymbols(elf: ElfFile): readonly KernelSymbol[] | undefined {
  const symbols: KernelSymbol[] = [];
  for (const symbol of elf.symbols()) {
    const section = elf.sections[symbol.section];
    if (symbol.name === '' || !section || symbol.section === 0) continue;
    const code = (section.flags & SHF_EXECINSTR) !== 0;
    symbols.push({ name: symbol.name, address: symbol.address, type: code ? 't' : 'd' });
  }
  if (symbols.length > 0) return symbols;
  const section = elf.section('.rodata');
  if (!section) return undefined;
  const bytes = elf.sectionBytes(section);
  const { buffer, byteOffset, byteLength } = bytes;
  return decodeImageKallsyms(Buffer.from(buffer, byteOffset, byteLength), elf.littleEndian, section.address);
}

/** How much before the BTF is kept: the tables of kallsyms lie among the read-only data, as the BTF does. */
const KEPT = 9 << 20;

/** The most that is kept of a stream while nothing has been found: enough for headers that straddle two pieces. */
const CARRY = 4096;

/**
 * Looks through an unpacked image as it streams by, and ends the stream once the BTF is complete.
 *
 * @param pieces the unpacked image
 * @param name for messages
 */
export async function scanUnpacked(pieces: AsyncIterable<Uint8Array>, name: string): Promise<ImageFacts> {
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  let architecture: string | undefined;
  let pointerSize: 4 | 8 | undefined;
  let notes: { offset: number; size: number } | undefined;
  let noteBytes: Buffer | undefined;
  let loose: string | undefined;
  let headSeen = false;
  let littleEndian = true;
  let collecting: { pieces: Buffer[]; have: number; length: number } | undefined;
  let btf: Uint8Array | undefined;
  let loads: readonly { offset: number; address: bigint }[] = [];
  const recent = new RecentBytes(KEPT);

  for await (const piece of pieces) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (!collecting) recent.push(chunk);
    if (collecting) {
      collecting.pieces.push(Buffer.from(chunk));
      collecting.have += chunk.length;
      if (collecting.have < collecting.length) continue;
      const all = Buffer.concat(collecting.pieces, collecting.have);
      collecting = undefined;
      btf = whole(all, name);
      if (btf) break;
      // It only looked like BTF: go on behind the first bytes of it.
      window = all.subarray(1);
      windowStart += 1;
    } else {
      window = window.length ? Buffer.concat([window, chunk]) : chunk;
    }
    if (!headSeen && window.length >= 64) {
      headSeen = true;
      const head = readElfHead(window);
      architecture = head?.architecture;
      pointerSize = head?.pointerSize;
      notes = head?.notes;
      loads = head?.loads ?? [];
      littleEndian = head?.littleEndian ?? true;
    }
    // The notes precede the BTF (both are in RO_DATA of the kernel's linker script, in this order).
    if (notes && !noteBytes && windowStart + window.length > notes.offset && windowStart <= notes.offset) {
      const at = notes.offset - windowStart;
      if (window.length >= at + notes.size) noteBytes = Buffer.from(window.subarray(at, at + notes.size));
      else continue;
    }
    if (!notes) loose = findLooseBuildId(window) ?? loose;
    let from = 0;
    for (;;) {
      const at = findBtf(window, from);
      if (at < 0) break;
      if (at + 24 > window.length) break;
      const header = window.subarray(at, at + 24);
      const length = plausibleLength(header);
      if (length === 0) {
        from = at + 1;
        continue;
      }
      const rest = Buffer.from(window.subarray(at));
      windowStart += at;
      if (rest.length >= length) {
        btf = whole(rest.subarray(0, length), name);
        if (btf) break;
        windowStart -= at;
        from = at + 1;
        continue;
      }
      collecting = { pieces: [rest], have: rest.length, length };
      break;
    }
    if (btf) break;
    if (!collecting && window.length > CARRY) {
      windowStart += window.length - CARRY;
      window = Buffer.from(window.subarray(window.length - CARRY));
    }
  }
  if (!btf) throw new BinaryFault({ file: name, offset: 0 }, 'the kernel has no BTF (CONFIG_DEBUG_INFO_BTF is off)');
  let buildId = loose;
  if (noteBytes) {
    const found: { owner: string; type: number; description: Uint8Array }[] = [];
    readNotes(noteBytes, 4, true, name, 'PT_NOTE', found);
    const note = found.find((n) => n.owner === 'GNU' && n.type === NT_GNU_BUILD_ID);
    if (note) buildId = Buffer.from(note.description).toString('hex');
  }
  // Tables are aligned in memory, so what is looked at must start at a multiple of 8 too.
  const skip = (8 - (recent.start % 8)) % 8;
  const region = recent.bytes().subarray(skip);
  const regionStart = recent.start + skip;
  const load = loads.findLast((segment) => segment.offset <= regionStart);
  const address = load && load.address + BigInt(regionStart - load.offset);
  const symbols = decodeImageKallsyms(region, littleEndian, address);
  return { btf, buildId, architecture, pointerSize, symbols };
}

/** The last bytes of a stream, in one piece of memory of twice their size. */
class RecentBytes {
  /** Where the first byte kept is in the stream. */
  start = 0;
  private size = 0;
  private readonly memory: Buffer;
  private readonly least: number;

  constructor(least: number) {
    this.least = least;
    this.memory = Buffer.allocUnsafeSlow(Math.ceil(least * 1.5));
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.size === this.memory.length) {
        this.memory.copyWithin(0, this.size - this.least, this.size);
        this.start += this.size - this.least;
        this.size = this.least;
      }
      const count = rest.copy(this.memory, this.size);
      this.size += count;
      rest = rest.subarray(count);
    }
  }

  bytes(): Buffer {
    return this.memory.subarray(0, this.size);
  }
}

/** BTF headers of both byte orders: magic, version 1, no flags, 24 bytes. */
const BTF_HEADERS = [
  Buffer.from([BTF_MAGIC & 0xff, BTF_MAGIC >> 8, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0]),
  Buffer.from([BTF_MAGIC >> 8, BTF_MAGIC & 0xff, 1, 0, 0, 0, 0, 24, 0, 0, 0, 0]),
];

function findBtf(window: Buffer, from: number): number {
  const [little, big] = BTF_HEADERS.map((header) => window.indexOf(header, from)) as [number, number];
  return little < 0 ? big : big < 0 ? little : Math.min(little, big);
}

/** The length that a BTF header promises; 0 where it can't be a kernel's. */
function plausibleLength(header: Buffer): number {
  const read = header[0] === 0x9f ? (at: number) => header.readUInt32LE(at) : (at: number) => header.readUInt32BE(at);
  const typeLength = read(12);
  const stringOffset = read(16);
  const stringLength = read(20);
  if (stringOffset !== typeLength || typeLength < 1024 || stringLength < 1024) return 0;
  const length = 24 + typeLength + stringLength;
  return length < 256 << 20 ? length : 0;
}

function whole(bytes: Buffer, name: string): Uint8Array | undefined {
  const length = plausibleLength(bytes.subarray(0, 24));
  const blob = bytes.subarray(0, length);
  try {
    btfInMemory(blob, name);
  } catch (error) {
    if (error instanceof BinaryFault) return undefined;
    throw error;
  }
  return blob;
}

function readElfHead(window: Buffer) {
  if (!isElf(window)) return undefined;
  const is64 = window[4] === 2;
  const little = window[5] === 1;
  const c = new Cursor(window, { file: '', base: 0 }, little);
  c.seek(18);
  const architecture = MACHINES[c.u16()];
  c.seek(is64 ? 32 : 28);
  const programs = is64 ? c.offset64() : c.u32();
  c.seek(is64 ? 54 : 42);
  const entry = c.u16();
  const count = c.u16();
  let notes: { offset: number; size: number } | undefined;
  const loads: { offset: number; address: bigint }[] = [];
  for (let index = 0; index < count && programs + (index + 1) * entry <= window.length; index++) {
    c.seek(programs + index * entry);
    const type = c.u32();
    if (type !== PT_NOTE && type !== PT_LOAD) continue;
    if (is64) c.u32();
    const offset = is64 ? c.offset64() : c.u32();
    const address = is64 ? c.u64() : BigInt(c.u32());
    if (type === PT_LOAD) {
      loads.push({ offset, address });
      continue;
    }
    c.skip(is64 ? 8 : 4);
    const size = is64 ? c.offset64() : c.u32();
    if (size < 1 << 20) notes ??= { offset, size };
  }
  return { architecture, pointerSize: (is64 ? 8 : 4) as 4 | 8, notes, loads, littleEndian: little };
}

/** A build-id note of 20 bytes anywhere in the bytes, for images that are no ELF (arm64); the last one counts. */
function findLooseBuildId(window: Buffer): string | undefined {
  const head = Buffer.from([4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0]);
  const at = window.lastIndexOf(head);
  return at >= 0 && at + 36 <= window.length ? window.toString('hex', at + 16, at + 36) : undefined;
}
