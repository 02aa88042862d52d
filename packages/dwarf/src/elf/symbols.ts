// A symbol table. Entries stay in the file's form and are decoded when asked for, so a table of 200,000 symbols costs
// its bytes and no objects.
import { Cursor } from '../io/cursor.js';
import type { PagedSection } from '../io/paged.js';
import { ET_REL, SHN_UNDEF, SHN_XINDEX, SHT_SYMTAB_SHNDX, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE } from './constants.js';
import type { ElfFile, ElfSection } from './elf-file.js';

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** As it stands in the table. */
  readonly value: bigint;
  /** The value, and in a relocatable file the section's address added. */
  readonly address: bigint;
  /** In bytes; 0 where not known. */
  readonly size: number;
  /** STT_… */
  readonly type: number;
  /** STB_… */
  readonly binding: number;
  /** The section's index; 0 for an undefined symbol. */
  readonly section: number;
}

/** How many single symbols are read one by one before the whole table is. */
const FEW = 64;
/** Questions by name, or by address, that are answered by going through the table, before it is sorted. */
const UNSORTED_QUESTIONS = 16;
/** How much of a table is looked through at a time. */
const PIECE = 1 << 18;

/** The symbols of one table. Nothing is read before it is asked for; a few questions do not read it whole. */
export class ElfSymbols {
  readonly elf: ElfFile;
  readonly count: number;
  private readonly table: PagedSection | undefined;
  private readonly strings: PagedSection | undefined;
  private readonly extendedSection: ElfSection | undefined;
  private extended: Uint8Array | undefined;
  private readonly section: ElfSection | undefined;
  private readonly entry: number;
  private whole: Cursor | undefined;
  private single = 0;
  private names: Map<string, number> | undefined;
  private askedNames = 0;
  private askedAddresses = 0;
  private sorted: { addresses: BigUint64Array; indexes: Uint32Array } | undefined;

  constructor(elf: ElfFile, section: ElfSection | undefined) {
    this.elf = elf;
    this.section = section;
    this.entry = elf.is64 ? 24 : 16;
    this.table = section && elf.window(section);
    this.count = Math.floor((this.table?.size ?? 0) / this.entry);
    const strings = section ? elf.sections[section.link] : undefined;
    this.strings = strings && elf.window(strings);
    this.extendedSection = section && elf.sections.find((s) => s.type === SHT_SYMTAB_SHNDX && s.link === section.index);
  }

  /** The whole table. */
  private all(): Cursor {
    if (!this.whole) {
      const bytes = this.section ? this.elf.sectionBytes(this.section) : new Uint8Array(0);
      this.whole = new Cursor(bytes, this.origin(0), this.elf.littleEndian);
    }
    return this.whole;
  }

  private origin(base: number) {
    return { file: this.elf.name, section: this.section?.name, base };
  }

  /** A cursor at an offset of a symbol's entry. */
  private cursorAt(index: number, offset: number): Cursor {
    if (this.whole || ++this.single > FEW || !(index >= 0 && index < this.count)) {
      const c = this.all();
      c.seek(index * this.entry + offset);
      return c;
    }
    const at = index * this.entry + offset;
    return new Cursor(this.table!.bytes(at, this.entry - offset), this.origin(at), this.elf.littleEndian);
  }

  /** A symbol's name; empty for one without. */
  nameOf(index: number): string {
    const offset = this.cursorAt(index, 0).u32();
    if (offset === 0) return '';
    return this.strings ? this.strings.string(offset) : this.all().fail('the table has no names');
  }

  valueOf(index: number): bigint {
    return this.elf.is64 ? this.cursorAt(index, 8).u64() : BigInt(this.cursorAt(index, 4).u32());
  }

  /** Where a symbol is: in a relocatable file its value counts from its section's start. */
  addressOf(index: number): bigint {
    const value = this.valueOf(index);
    if (this.elf.type !== ET_REL) return value;
    return value + (this.elf.sections[this.sectionOf(index)]?.address ?? 0n);
  }

  sizeOf(index: number): number {
    // A nonsense size is no reason to lose the symbol.
    return this.elf.is64 ? Number(this.cursorAt(index, 16).u64()) : this.cursorAt(index, 8).u32();
  }

  /** st_info: type in the low, binding in the high half. */
  private info(index: number): number {
    return this.cursorAt(index, this.elf.is64 ? 4 : 12).u8();
  }

  typeOf(index: number): number {
    return this.info(index) & 15;
  }

  bindingOf(index: number): number {
    return this.info(index) >> 4;
  }

  sectionOf(index: number): number {
    const section = this.cursorAt(index, this.elf.is64 ? 6 : 14).u16();
    if (section !== SHN_XINDEX || !this.extendedSection) return section;
    this.extended ??= this.elf.sectionBytes(this.extendedSection);
    if (this.extended.length < index * 4 + 4) return section;
    const view = new DataView(this.extended.buffer, this.extended.byteOffset);
    return view.getUint32(index * 4, this.elf.littleEndian);
  }

  at(index: number): ElfSymbol {
    const info = this.info(index);
    return {
      index,
      name: this.nameOf(index),
      value: this.valueOf(index),
      address: this.addressOf(index),
      size: this.sizeOf(index),
      type: info & 15,
      binding: info >> 4,
      section: this.sectionOf(index),
    };
  }

  *[Symbol.iterator](): Generator<ElfSymbol> {
    for (let index = 1; index < this.count; index++) yield this.at(index);
  }

  /** Finds a defined symbol by name; of several the first in the table's order. */
  find(name: string): ElfSymbol | undefined {
    if (name === '') return undefined;
    // A table of all names pays only for many questions: a kernel's takes a fifth of a second to make.
    if (!this.names && this.askedNames++ < UNSORTED_QUESTIONS) return this.search(name);
    if (!this.names) {
      this.names = new Map();
      for (let index = 1; index < this.count; index++) {
        if (this.sectionOf(index) === SHN_UNDEF) continue;
        const own = this.nameOf(index);
        if (own !== '' && !this.names.has(own)) this.names.set(own, index);
      }
    }
    const index = this.names.get(name);
    return index === undefined ? undefined : this.at(index);
  }

  /** The defined symbols that have one of some names, or start with one of some prefixes, in one pass over the table. */
  select(names: readonly string[], prefixes: readonly string[] = []): ElfSymbol[] {
    const wanted = new Set(names);
    return this.atPlaces(this.placesOf([...names.map((name) => `${name}\0`), ...prefixes])).filter(
      ({ name }) => wanted.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    );
  }

  /** Where some texts stand among the names. */
  private placesOf(texts: readonly string[]): Set<number> {
    if (!this.strings) return new Set();
    return new Set(placesOf(this.strings, ...texts.map((text) => Buffer.from(text, 'utf8'))));
  }

  private atPlaces(places: ReadonlySet<number>): ElfSymbol[] {
    const found: ElfSymbol[] = [];
    if (places.size === 0) return found;
    const { view, littleEndian } = this.all();
    for (let index = 1, at = this.entry; index < this.count; index++, at += this.entry) {
      if (places.has(view.getUint32(at, littleEndian)) && this.sectionOf(index) !== SHN_UNDEF) {
        found.push(this.at(index));
      }
    }
    return found;
  }

  /** Looks for the name's places among the strings, then for symbols that refer to one of them. */
  private search(name: string): ElfSymbol | undefined {
    if (!this.table || !this.strings) return undefined;
    // Linkers let a name end where another one does, so the place before it need not be a NUL.
    const places = new Set(placesOf(this.strings, Buffer.from(`${name}\0`, 'utf8')));
    if (places.size === 0) return undefined;
    let found = -1;
    for (const place of places) {
      const key = Buffer.alloc(4);
      if (this.elf.littleEndian) key.writeUInt32LE(place);
      else key.writeUInt32BE(place);
      for (const at of placesOf(this.table, key)) {
        const index = at / this.entry;
        if (!Number.isInteger(index) || index === 0 || index >= this.count) continue;
        if (found >= 0 && index >= found) break;
        if (this.sectionOf(index) === SHN_UNDEF) continue;
        found = index;
        break;
      }
    }
    return found < 0 ? undefined : this.at(found);
  }

  /** Finds the function whose range holds an address; where sizes are missing, the last one before it. */
  functionAt(address: bigint): ElfSymbol | undefined {
    if (!this.sorted && this.askedAddresses++ < UNSORTED_QUESTIONS) return this.searchAddress(address);
    const { addresses, indexes } = this.functionsByAddress();
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    // Of symbols at one address the last in order is tried first; a few steps back skip aliases without a size.
    for (let at = low - 1; at >= 0 && at >= low - STEPS_BACK; at--) {
      const symbol = this.at(indexes[at]!);
      if (symbol.size === 0 ? at === low - 1 : address < symbol.address + BigInt(symbol.size)) return symbol;
    }
    return undefined;
  }

  /** The same without a sorted table: the few nearest symbols before the address are kept while going through it. */
  private searchAddress(address: bigint): ElfSymbol | undefined {
    const high = Number(address >> 32n);
    const low = Number(address & 0xffff_ffffn);
    // Nearest first.
    const nearest: { index: number; distance: number }[] = [];
    this.eachFunction((index, ownHigh, ownLow) => {
      const distance = (high - ownHigh) * 0x1_0000_0000 + (low - ownLow);
      if (distance < 0 || (nearest.length === STEPS_BACK && distance > nearest.at(-1)!.distance)) return;
      let at = nearest.findIndex((other) => other.distance >= distance);
      if (at < 0) at = nearest.length;
      nearest.splice(at, 0, { index, distance });
      if (nearest.length > STEPS_BACK) nearest.pop();
    });
    for (const [order, { index }] of nearest.entries()) {
      const symbol = this.at(index);
      if (symbol.size === 0 ? order === 0 : address < symbol.address + BigInt(symbol.size)) return symbol;
    }
    return undefined;
  }

  /** Hands out the symbols that can be functions, in the table's order, with the halves of their addresses. */
  private eachFunction(take: (index: number, high: number, low: number) => void): void {
    const { view } = this.all();
    const { littleEndian: little, is64, type } = this.elf;
    const code = this.elf.sections.map((section) => section.index !== 0 && (section.flags & 4) !== 0);
    const infoAt = is64 ? 4 : 12;
    const sectionAt = is64 ? 6 : 14;
    for (let index = 1, at = this.entry; index < this.count; index++, at += this.entry) {
      const kind = view.getUint8(at + infoAt) & 15;
      if (kind !== STT_FUNC && kind !== STT_GNU_IFUNC && kind !== STT_NOTYPE) continue;
      let section = view.getUint16(at + sectionAt, little);
      if (section === SHN_XINDEX) section = this.sectionOf(index);
      if (!code[section]) continue;
      if (type === ET_REL) {
        const address = this.addressOf(index);
        take(index, Number(address >> 32n), Number(address & 0xffff_ffffn));
      } else if (is64) {
        take(index, view.getUint32(at + (little ? 12 : 8), little), view.getUint32(at + (little ? 8 : 12), little));
      } else take(index, 0, view.getUint32(at + 4, little));
    }
  }

  private functionsByAddress() {
    if (!this.sorted) {
      const indexes: number[] = [];
      const highs: number[] = [];
      const lows: number[] = [];
      this.eachFunction((index, high, low) => {
        indexes.push(index);
        highs.push(high);
        lows.push(low);
      });
      const order = Uint32Array.from(indexes, (_, place) => place);
      order.sort((a, b) => highs[a]! - highs[b]! || lows[a]! - lows[b]! || a - b);
      this.sorted = {
        addresses: BigUint64Array.from(order, (place) => (BigInt(highs[place]!) << 32n) | BigInt(lows[place]!)),
        indexes: Uint32Array.from(order, (place) => indexes[place]!),
      };
    }
    return this.sorted;
  }
}

/** How many symbols before an address are looked at. */
const STEPS_BACK = 8;

/** Where runs of bytes stand in a section, one run by itself in order. The section is gone through in pieces, and once. */
function* placesOf(section: PagedSection, ...keys: readonly Buffer[]): Generator<number> {
  const { source } = section;
  const overlap = Math.max(0, ...keys.map((key) => key.length - 1));
  // Memory that was used before costs a fraction of fresh memory.
  const scratch = source.readInto ? Buffer.allocUnsafe(Math.min(PIECE + overlap, section.size)) : undefined;
  for (let start = 0; start < section.size; start += PIECE) {
    // Pieces overlap, so that none cuts a place in two.
    const length = Math.min(PIECE + overlap, section.size - start);
    let piece: Buffer;
    if (scratch) {
      piece = scratch.subarray(0, length);
      source.readInto!(section.start + start, piece);
    } else {
      const view = source.read(section.start + start, length);
      piece = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    }
    for (const key of keys) {
      for (let at = piece.indexOf(key); at >= 0; at = piece.indexOf(key, at + 1)) yield start + at;
    }
  }
}
