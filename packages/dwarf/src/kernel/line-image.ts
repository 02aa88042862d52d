// The lines of a kernel's or module's code, packed for lookups where there is no room for line tables: a kernel module
// finds an address in it with two binary searches. Rows that say the same as the row before are left out, and the others
// are kept as differences: 4.3 million rows of a kernel come to some 4 MB, where its .debug_line has 17.
//
// All numbers are u32 of the machine's byte order (little-endian: what this package packs for), offsets from the start:
//
//   header   magic, version, name of the module (0 for the kernel), anchor address low and high, files, number of files,
//            blocks, number of blocks, stream, symbols, number of symbols
//   files    offset of each file's name; number 0 is no file
//   blocks   every BLOCK rows: address, offset in the stream, file, line
//   stream   of each further row: bytes of its address beyond the row before, difference of the line times two (zigzag)
//            plus whether another file follows, that file; each a LEB128 number
//   symbols  of a module: offset of the name, address, size; in the order of the names' bytes
//   strings  with a NUL behind each
//
// A kernel's addresses count from `_stext`. Its anchor is where the exported variable init_task lies from there: whoever
// has its address in the running kernel knows all others. A module's addresses are those of `spreadSections`, and are come
// by from the symbol that holds an address, which the running kernel names.
import { ROW_END } from '../dwarf/line.js';
import { SHF_ALLOC, SHF_EXECINSTR, STT_FUNC } from '../elf/constants.js';
import type { CodeFile } from './code-files.js';
import type { OpenKernelContext } from './open-kernel.js';

export const LINE_IMAGE_MAGIC = 0x6e6c6b73;
/** Changes whenever the layout or what goes into it does. */
export const LINE_IMAGE_VERSION = 1;

const HEADER = 12;
const BLOCK = 64;
/** Addresses beyond have no place in the tables: nothing that large is one kernel. */
const FARTHEST = 2 ** 32;

/** Rows of all units, in three columns; file 0 is code without a line, and the end of code. */
class Rows {
  count = 0;
  addresses = new Float64Array(1 << 16);
  files = new Uint32Array(1 << 16);
  lines = new Uint32Array(1 << 16);

  push(address: number, file: number, line: number): void {
    if (this.count === this.addresses.length) {
      const grown = <T extends Float64Array | Uint32Array>(old: T, next: T): T => {
        next.set(old as never);
        return next;
      };
      this.addresses = grown(this.addresses, new Float64Array(this.count * 2));
      this.files = grown(this.files, new Uint32Array(this.count * 2));
      this.lines = grown(this.lines, new Uint32Array(this.count * 2));
    }
    this.addresses[this.count] = address;
    this.files[this.count] = file;
    this.lines[this.count++] = line;
  }
}

/**
 * Packs the lines of a file.
 *
 * @param base the address that others count from
 * @param anchor where the anchor lies from there; 0 for modules
 */
export async function packLines(
  file: CodeFile,
  base: bigint,
  anchor: bigint,
  { signal, progress }: OpenKernelContext = {},
): Promise<Buffer> {
  const { elf, dwarf } = file;
  const code = elf.sections.filter(({ flags }) => (flags & SHF_ALLOC) !== 0 && (flags & SHF_EXECINSTR) !== 0);
  const isCode = (address: bigint) =>
    code.some((section) => section.address <= address && address < section.address + BigInt(section.size));
  const names: string[] = [''];
  const numbers = new Map<string, number>();
  const rows = new Rows();
  const step = `packing the lines of ${file.module ?? 'the kernel'}`;
  const units = [...dwarf.units()];
  try {
    for (const [index, unit] of units.entries()) {
      if (index % 64 === 0) {
        progress?.update(step, index / units.length);
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
      }
      const table = unit.lines();
      const folder = `${unit.compilationFolder ?? ''}/`;
      const numberOf = table?.files.map((one) => {
        if (!one) return 0;
        const path = one.path.startsWith(folder) ? one.path.slice(folder.length) : one.path;
        let number = numbers.get(path);
        if (number === undefined) {
          number = names.push(path) - 1;
          numbers.set(path, number);
        }
        return number;
      });
      for (const [first, end] of table?.sequences ?? []) {
        const start = table!.addresses[first]!;
        if (table!.addresses[end]! <= base || !isCode(start)) continue;
        for (let row = first; row <= end; row++) {
          // Of what begins before the base, the last row tells what is there.
          const address = Math.max(0, Number(table!.addresses[row]! - base));
          if (address >= FARTHEST) break;
          const isEnd = row === end || (table!.flags[row]! & ROW_END) !== 0 || table!.lines[row] === 0;
          // Of several rows at one address the last counts; an end gives way to what begins there.
          rows.push(address, isEnd ? 0 : numberOf![table!.fileNumbers[row]!]!, isEnd ? 0 : table!.lines[row]!);
        }
      }
      unit.release();
    }
  } finally {
    progress?.finish();
  }
  return layOut(file, names, rows, base, anchor);
}

function layOut(file: CodeFile, names: readonly string[], rows: Rows, base: bigint, anchor: bigint): Buffer {
  const order = new Uint32Array(rows.count).map((_, index) => index);
  // An end goes before what begins at its address, and rows of one address stay in their order.
  order.sort(
    (a, b) =>
      rows.addresses[a]! - rows.addresses[b]! || Number(rows.files[a] !== 0) - Number(rows.files[b] !== 0) || a - b,
  );
  const blocks: number[] = [];
  const stream = new Stream();
  let kept = 0;
  let [address, number, line] = [0, 0, 0];
  for (let at = 0; at < order.length; at++) {
    const row = order[at]!;
    const next = order[at + 1];
    if (next !== undefined && rows.addresses[next] === rows.addresses[row]) continue;
    const [ownFile, ownLine] = [rows.files[row]!, rows.lines[row]!];
    if (kept > 0 && ownFile === number && ownLine === line) continue;
    const own = rows.addresses[row]!;
    if (kept++ % BLOCK === 0) blocks.push(own, stream.size, ownFile, ownLine);
    else {
      const difference = ownLine - line;
      stream.number(own - address);
      stream.number((difference < 0 ? -difference * 2 - 1 : difference * 2) * 2 + Number(ownFile !== number));
      if (ownFile !== number) stream.number(ownFile);
    }
    [address, number, line] = [own, ownFile, ownLine];
  }
  const symbols = file.module === undefined ? [] : functionSymbols(file);
  const strings = new Strings();
  // Offset 0 of the strings is the empty name.
  strings.add('');
  const nameOffsets = names.map((name) => strings.add(name));
  const symbolWords = symbols.flatMap((one) => [strings.add(one.name), Number(one.address - base), one.size]);
  const moduleName = file.module === undefined ? 0 : strings.add(file.module);

  const filesAt = HEADER * 4;
  const blocksAt = filesAt + nameOffsets.length * 4;
  const symbolsAt = blocksAt + blocks.length * 4;
  const streamAt = symbolsAt + symbolWords.length * 4;
  const stringsAt = streamAt + stream.size;
  const inStrings = (offset: number) => stringsAt + offset;
  const words = [
    LINE_IMAGE_MAGIC,
    LINE_IMAGE_VERSION,
    moduleName === 0 ? 0 : inStrings(moduleName),
    Number(anchor & 0xffff_ffffn),
    Number((anchor >> 32n) & 0xffff_ffffn),
    filesAt,
    nameOffsets.length,
    blocksAt,
    blocks.length / 4,
    streamAt,
    symbolsAt,
    symbols.length,
    ...nameOffsets.map(inStrings),
  ];
  const image = Buffer.alloc(Math.ceil((stringsAt + strings.size) / 8) * 8);
  let at = 0;
  for (const word of words) at = image.writeUInt32LE(word, at);
  for (const word of blocks) at = image.writeUInt32LE(word, at);
  symbolWords.forEach((word, index) => {
    at = image.writeUInt32LE(index % 3 === 0 ? inStrings(word) : word, at);
  });
  stream.copyTo(image, streamAt);
  strings.copyTo(image, stringsAt);
  return image;
}

/** The functions that a module's own symbols name, those of one name and size once. */
function functionSymbols(file: CodeFile) {
  const found = [...file.elf.symbols()]
    .filter((symbol) => symbol.type === STT_FUNC && symbol.section !== 0 && symbol.name !== '')
    .map(({ name, address, size }) => ({ name, key: Buffer.from(name), address, size: Number(size) }));
  found.sort((a, b) => Buffer.compare(a.key, b.key) || a.size - b.size);
  return found;
}

class Stream {
  size = 0;
  private bytes = Buffer.alloc(1 << 20);

  number(value: number): void {
    if (this.size + 10 > this.bytes.length) {
      const grown = Buffer.alloc(this.bytes.length * 2);
      this.bytes.copy(grown);
      this.bytes = grown;
    }
    let rest = value;
    while (rest > 127) {
      this.bytes[this.size++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.size++] = rest;
  }

  copyTo(image: Buffer, at: number): void {
    this.bytes.copy(image, at, 0, this.size);
  }
}

class Strings {
  size = 0;
  private readonly known = new Map<string, number>();
  private readonly parts: Buffer[] = [];

  add(text: string): number {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const at = this.size;
    const bytes = Buffer.from(`${text}\0`);
    this.parts.push(bytes);
    this.known.set(text, at);
    this.size += bytes.length;
    return at;
  }

  copyTo(image: Buffer, at: number): void {
    Buffer.concat(this.parts).copy(image, at);
  }
}

/** What a packed table says of an address; for tests, and the model of what the runtime does in C. */
export function lookUpLine(image: Buffer, address: number): { file: string; line: number } | undefined {
  const word = (at: number) => image.readUInt32LE(at);
  const [filesAt, blocksAt, count, streamAt] = [word(20), word(28), word(32), word(36)];
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (word(blocksAt + middle * 16) <= address) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  const block = blocksAt + (low - 1) * 16;
  let [at, place, file, line] = [streamAt + word(block + 4), word(block), word(block + 8), word(block + 12)];
  const end = streamAt + (low < count ? word(block + 20) : word(filesAt) - streamAt);
  const next = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = image[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    place += next();
    const change = next();
    const otherFile = change % 2 === 1 ? next() : file;
    if (place > address) break;
    const difference = Math.floor(change / 2);
    line += difference % 2 === 1 ? -(difference + 1) / 2 : difference / 2;
    file = otherFile;
  }
  if (file === 0) return undefined;
  const name = word(filesAt + file * 4);
  return { file: image.toString('utf8', name, image.indexOf(0, name)), line };
}
