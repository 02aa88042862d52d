// A symbol table. Entries stay in the file's form and are decoded when asked for, so a table of 200,000 symbols costs
// its bytes and no objects.
import { Cursor } from '../io/cursor.js';
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

/** The symbols of one table. */
export class ElfSymbols {
  readonly elf: ElfFile;
  readonly count: number;
  private readonly c: Cursor;
  private readonly strings: Uint8Array;
  private readonly stringsName: string;
  private readonly extended: Uint8Array | undefined;
  private readonly entry: number;
  private names: Map<string, number> | undefined;
  private asked = 0;
  private sorted: { addresses: BigUint64Array; indexes: Uint32Array } | undefined;

  constructor(elf: ElfFile, section: ElfSection | undefined) {
    this.elf = elf;
    this.entry = elf.is64 ? 24 : 16;
    const bytes = section ? elf.sectionBytes(section) : new Uint8Array(0);
    this.c = new Cursor(bytes, { file: elf.name, section: section?.name, base: 0 }, elf.littleEndian);
    this.count = Math.floor(bytes.length / this.entry);
    const strings = section ? elf.sections[section.link] : undefined;
    this.strings = strings ? elf.sectionBytes(strings) : new Uint8Array(0);
    this.stringsName = strings?.name ?? '';
    const extended = section && elf.sections.find((s) => s.type === SHT_SYMTAB_SHNDX && s.link === section.index);
    this.extended = extended && elf.sectionBytes(extended);
  }

  private nameOffset(index: number): number {
    this.c.seek(index * this.entry);
    return this.c.u32();
  }

  /** A symbol's name; empty for one without. */
  nameOf(index: number): string {
    const offset = this.nameOffset(index);
    if (offset === 0) return '';
    const c = new Cursor(this.strings, { file: this.elf.name, section: this.stringsName, base: 0 });
    c.seek(offset);
    return c.cstring();
  }

  valueOf(index: number): bigint {
    if (this.elf.is64) {
      this.c.seek(index * 24 + 8);
      return this.c.u64();
    }
    this.c.seek(index * 16 + 4);
    return BigInt(this.c.u32());
  }

  /** Where a symbol is: in a relocatable file its value counts from its section's start. */
  addressOf(index: number): bigint {
    const value = this.valueOf(index);
    if (this.elf.type !== ET_REL) return value;
    return value + (this.elf.sections[this.sectionOf(index)]?.address ?? 0n);
  }

  sizeOf(index: number): number {
    if (this.elf.is64) {
      this.c.seek(index * 24 + 16);
      // A nonsense size is no reason to lose the symbol.
      return Number(this.c.u64());
    }
    this.c.seek(index * 16 + 8);
    return this.c.u32();
  }

  /** st_info: type in the low, binding in the high half. */
  private info(index: number): number {
    this.c.seek(index * this.entry + (this.elf.is64 ? 4 : 12));
    return this.c.u8();
  }

  typeOf(index: number): number {
    return this.info(index) & 15;
  }

  sectionOf(index: number): number {
    this.c.seek(index * this.entry + (this.elf.is64 ? 6 : 14));
    const section = this.c.u16();
    if (section !== SHN_XINDEX || !this.extended || this.extended.length < index * 4 + 4) return section;
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
    if (!this.names && this.asked++ < 20) return this.search(name);
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

  /** Looks for the name's places among the strings, then for symbols that refer to one of them. */
  private search(name: string): ElfSymbol | undefined {
    const key = Buffer.from(`${name}\0`, 'utf8');
    const strings = Buffer.from(this.strings.buffer, this.strings.byteOffset, this.strings.byteLength);
    // Linkers let a name end where another one does, so the place before it need not be a NUL.
    const places = new Set<number>();
    for (let at = strings.indexOf(key); at >= 0; at = strings.indexOf(key, at + 1)) places.add(at);
    if (places.size === 0) return undefined;
    const { view, littleEndian } = this.c;
    for (let index = 1, at = this.entry; index < this.count; index++, at += this.entry) {
      if (places.has(view.getUint32(at, littleEndian)) && this.sectionOf(index) !== SHN_UNDEF) return this.at(index);
    }
    return undefined;
  }

  /** Finds the function whose range holds an address; where sizes are missing, the last one before it. */
  functionAt(address: bigint): ElfSymbol | undefined {
    const { addresses, indexes } = this.functionsByAddress();
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    // Of symbols at one address the last in order is tried first; a few steps back skip aliases without a size.
    for (let at = low - 1; at >= 0 && at >= low - 8; at--) {
      const symbol = this.at(indexes[at]!);
      if (symbol.size === 0 ? at === low - 1 : address < symbol.address + BigInt(symbol.size)) return symbol;
    }
    return undefined;
  }

  private functionsByAddress() {
    if (!this.sorted) {
      const indexes: number[] = [];
      for (let index = 1; index < this.count; index++) {
        const type = this.typeOf(index);
        if (type !== STT_FUNC && type !== STT_GNU_IFUNC && type !== STT_NOTYPE) continue;
        const section = this.elf.sections[this.sectionOf(index)];
        if (!section || section.index === 0 || (section.flags & 4) === 0) continue;
        indexes.push(index);
      }
      const values = new Map(indexes.map((index) => [index, this.addressOf(index)]));
      indexes.sort((a, b) => {
        const [x, y] = [values.get(a)!, values.get(b)!];
        return x < y ? -1 : x > y ? 1 : a - b;
      });
      this.sorted = {
        addresses: BigUint64Array.from(indexes, (index) => values.get(index)!),
        indexes: Uint32Array.from(indexes),
      };
    }
    return this.sorted;
  }
}
