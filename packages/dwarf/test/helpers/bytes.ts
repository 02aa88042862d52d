// A small writer of bytes, and on it writers of BTF and ELF, so that tests say in their own words what a file holds.

/** Writes numbers and strings one after another. */
export class ByteWriter {
  private readonly out: number[] = [];
  readonly little: boolean;

  constructor(little = true) {
    this.little = little;
  }

  get length(): number {
    return this.out.length;
  }

  private number(value: bigint, size: number): this {
    for (let index = 0; index < size; index++) {
      const shift = BigInt(8 * (this.little ? index : size - 1 - index));
      this.out.push(Number((value >> shift) & 0xffn));
    }
    return this;
  }

  u8(...values: number[]): this {
    for (const value of values) this.out.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.number(BigInt(value), 2);
  }

  u32(...values: number[]): this {
    for (const value of values) this.number(BigInt(value), 4);
    return this;
  }

  u64(value: number | bigint): this {
    return this.number(BigInt.asUintN(64, BigInt(value)), 8);
  }

  uleb(value: number | bigint): this {
    let rest = BigInt(value);
    do {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      this.out.push(rest === 0n ? byte : byte | 0x80);
    } while (rest !== 0n);
    return this;
  }

  sleb(value: number | bigint): this {
    let rest = BigInt(value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      const done = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0);
      this.out.push(done ? byte : byte | 0x80);
      if (done) return this;
    }
  }

  string(text: string): this {
    this.out.push(...Buffer.from(text, 'utf8'), 0);
    return this;
  }

  bytes(bytes: Iterable<number>): this {
    for (const byte of bytes) this.out.push(byte);
    return this;
  }

  align(to: number): this {
    while (this.out.length % to !== 0) this.out.push(0);
    return this;
  }

  /** Overwrites a 32-bit number. */
  patch32(at: number, value: number): this {
    const patch = new ByteWriter(this.little).u32(value).finish();
    patch.forEach((byte, index) => {
      this.out[at + index] = byte;
    });
    return this;
  }

  finish(): Buffer {
    return Buffer.from(this.out);
  }
}

/** Writes a BTF blob. Types get ids in the order in which they are added. */
export class BtfWriter {
  private readonly types: ByteWriter;
  private readonly strings: number[] = [0];
  private readonly known = new Map<string, number>([['', 0]]);
  private next: number;
  private readonly stringBase: number;
  readonly little: boolean;

  /** @param base the blob that this one is split from */
  constructor(little = true, base?: { endId: number; stringLength: number }) {
    this.little = little;
    this.types = new ByteWriter(little);
    this.next = base ? base.endId : 1;
    this.stringBase = base ? base.stringLength : 0;
    if (base) this.strings.length = 0;
  }

  get endId(): number {
    return this.next;
  }

  get stringLength(): number {
    return this.stringBase + this.strings.length;
  }

  string(text: string): number {
    let at = this.known.get(text);
    if (at === undefined) {
      at = this.stringBase + this.strings.length;
      this.strings.push(...Buffer.from(text, 'utf8'), 0);
      this.known.set(text, at);
    }
    return at;
  }

  private type(name: string, kind: number, count: number, flag: boolean, sizeOrType: number): number {
    this.types.u32(this.string(name), ((flag ? 0x8000_0000 : 0) | (kind << 24) | count) >>> 0, sizeOrType);
    return this.next++;
  }

  int(name: string, size: number, encoding = 0, bits = size * 8): number {
    const id = this.type(name, 1, 0, false, size);
    this.types.u32(((encoding << 24) | bits) >>> 0);
    return id;
  }

  pointer(target: number): number {
    return this.type('', 2, 0, false, target);
  }

  array(element: number, index: number, length: number): number {
    const id = this.type('', 3, 0, false, 0);
    this.types.u32(element, index, length);
    return id;
  }

  /** @param members name, type, bit offset, and the width of a bit-field (any sets the kind flag) */
  struct(name: string, size: number, members: [string, number, number, number?][], union = false): number {
    const flag = members.some((m) => m[3] !== undefined);
    const id = this.type(name, union ? 5 : 4, members.length, flag, size);
    for (const [member, type, offset, width] of members) {
      this.types.u32(this.string(member), type, (((width ?? 0) << 24) | offset) >>> 0);
    }
    return id;
  }

  enum(name: string, values: [string, number][], signed = false, size = 4): number {
    const id = this.type(name, 6, values.length, signed, size);
    for (const [value, number] of values) this.types.u32(this.string(value), number >>> 0);
    return id;
  }

  enum64(name: string, values: [string, bigint][], signed = false): number {
    const id = this.type(name, 19, values.length, signed, 8);
    for (const [value, number] of values) {
      const word = BigInt.asUintN(64, number);
      this.types.u32(this.string(value), Number(word & 0xffff_ffffn), Number(word >> 32n));
    }
    return id;
  }

  /** FWD 7, TYPEDEF 8, VOLATILE 9, CONST 10, RESTRICT 11, FLOAT 16, TYPE_TAG 18. */
  simple(kind: number, name: string, sizeOrType: number, flag = false): number {
    return this.type(name, kind, 0, flag, sizeOrType);
  }

  prototype(result: number, parameters: [string, number][]): number {
    const id = this.type('', 13, parameters.length, false, result);
    for (const [name, type] of parameters) this.types.u32(this.string(name), type);
    return id;
  }

  func(name: string, prototype: number, linkage = 0): number {
    return this.type(name, 12, linkage, false, prototype);
  }

  variable(name: string, type: number, linkage = 1): number {
    const id = this.type(name, 14, 0, false, type);
    this.types.u32(linkage);
    return id;
  }

  dataSection(name: string, size: number, variables: [number, number, number][]): number {
    const id = this.type(name, 15, variables.length, false, size);
    for (const [type, offset, length] of variables) this.types.u32(type, offset, length);
    return id;
  }

  declarationTag(name: string, target: number, component: number): number {
    const id = this.type(name, 17, 0, false, target);
    this.types.u32(component >>> 0);
    return id;
  }

  finish(): Buffer {
    const types = this.types.finish();
    return new ByteWriter(this.little)
      .u16(0xeb9f)
      .u8(1, 0)
      .u32(24, 0, types.length, types.length, this.strings.length)
      .bytes(types)
      .bytes(this.strings)
      .finish();
  }
}

export interface SectionSpec {
  readonly name: string;
  readonly type?: number;
  readonly flags?: number;
  readonly address?: number | bigint;
  readonly link?: number;
  readonly info?: number;
  readonly entrySize?: number;
  readonly alignment?: number;
  readonly bytes: Uint8Array;
}

/** Writes a 64- or 32-bit ELF file. Section 0 and .shstrtab are added; the first section given is number 1. */
export function writeElf(
  sections: readonly SectionSpec[],
  options: { type?: number; machine?: number; little?: boolean; is64?: boolean } = {},
): Buffer {
  const little = options.little ?? true;
  const is64 = options.is64 ?? true;
  const names = new ByteWriter().u8(0);
  const all: SectionSpec[] = [...sections, { name: '.shstrtab', type: 3, bytes: new Uint8Array(0) }];
  const nameOffsets = all.map((section) => {
    const at = names.length;
    names.string(section.name);
    return at;
  });
  all[all.length - 1] = { name: '.shstrtab', type: 3, bytes: names.finish() };
  const w = new ByteWriter(little);
  const headerSize = is64 ? 64 : 52;
  const word = (writer: ByteWriter, value: number | bigint) => (is64 ? writer.u64(value) : writer.u32(Number(value)));
  const body = new ByteWriter(little);
  const offsets = all.map((section) => {
    body.align(16);
    const at = headerSize + ((16 - (headerSize % 16)) % 16) + body.length;
    body.bytes(section.bytes);
    return at;
  });
  body.align(16);
  const bodyStart = headerSize + ((16 - (headerSize % 16)) % 16);
  w.bytes([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, little ? 1 : 2, 1, 0]).u8(0, 0, 0, 0, 0, 0, 0, 0);
  w.u16(options.type ?? 3)
    .u16(options.machine ?? 62)
    .u32(1);
  word(w, 0);
  word(w, 0);
  word(w, bodyStart + body.length);
  w.u32(0)
    .u16(headerSize)
    .u16(0)
    .u16(0)
    .u16(is64 ? 64 : 40)
    .u16(all.length + 1)
    .u16(all.length);
  w.align(16).bytes(body.finish());
  w.bytes(new Uint8Array(is64 ? 64 : 40));
  all.forEach((section, index) => {
    w.u32(nameOffsets[index]!, section.type ?? 1);
    word(w, section.flags ?? 0);
    word(w, section.address ?? 0);
    word(w, offsets[index]!);
    word(w, section.bytes.length);
    w.u32(section.link ?? 0, section.info ?? 0);
    word(w, section.alignment ?? 1);
    word(w, section.entrySize ?? 0);
  });
  return w.finish();
}

/** The bytes of a GNU build-id note. */
export function buildIdNote(id: string, little = true): Buffer {
  const bytes = Buffer.from(id, 'hex');
  return new ByteWriter(little).u32(4, bytes.length, 3).string('GNU').bytes(bytes).align(4).finish();
}

/** Writes an x86 bzImage around a packed payload. */
export function writeBzImage(payload: Uint8Array, version = '6.1.0-test (builder) #1'): Buffer {
  const setup = Buffer.alloc(1024 + 512);
  setup[0x1f1] = 2;
  setup.writeUInt16LE(0xaa55, 0x1fe);
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt16LE(0x400 - 0x200, 0x20e);
  setup.write(`${version}\0`, 0x400, 'latin1');
  setup.writeUInt32LE(64, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(64, 0x90), payload, Buffer.alloc(32, 0xcc)]);
}
