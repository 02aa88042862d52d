// BTF, the kernel's own compact type information (Documentation/bpf/btf.rst in the kernel's tree): all kinds up to
// ENUM64. A reader is laid over a `BtfBytes`, which answers single numbers and strings, so the same code reads a blob in
// memory and one that lies in a cache file and is paged in as it is touched. Split BTF, as modules carry it, goes on
// where its base's ids and strings end.
import { BinaryFault } from '../io/fault.js';

export const BTF_MAGIC = 0xeb9f;

/** Kinds, with the numbers of include/uapi/linux/btf.h. */
export const BtfKind = {
  UNKN: 0,
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

const LAST_KIND = BtfKind.ENUM64;

/** The header's figures, checked against the blob's length. All offsets count from the blob's start. */
export interface BtfLayout {
  readonly littleEndian: boolean;
  readonly typeStart: number;
  readonly typeLength: number;
  readonly stringStart: number;
  readonly stringLength: number;
  /** Length of header, types and strings together. */
  readonly length: number;
}

/**
 * Reads a BTF header.
 *
 * @param bytes at least the header's 24 bytes
 * @param available how many bytes there are in all
 * @throws BinaryFault where it is none, or promises more than is there
 */
export function readBtfHeader(bytes: Uint8Array, available: number, file: string): BtfLayout {
  const fail = (offset: number, problem: string): never => {
    throw new BinaryFault({ file, section: '.BTF', offset }, problem);
  };
  if (bytes.length < 24) fail(0, 'the BTF header is cut off');
  const littleEndian = bytes[0] === 0x9f && bytes[1] === 0xeb;
  if (!littleEndian && !(bytes[0] === 0xeb && bytes[1] === 0x9f)) fail(0, 'this is no BTF');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[2] !== 1) fail(2, `BTF version ${bytes[2]} is not supported`);
  const headerLength = view.getUint32(4, littleEndian);
  const typeOffset = view.getUint32(8, littleEndian);
  const typeLength = view.getUint32(12, littleEndian);
  const stringOffset = view.getUint32(16, littleEndian);
  const stringLength = view.getUint32(20, littleEndian);
  if (headerLength < 24 || headerLength % 4 !== 0) fail(4, `the BTF header can't have ${headerLength} bytes`);
  if (typeOffset % 4 !== 0 || typeLength % 4 !== 0) fail(8, 'the types are not aligned');
  const length = headerLength + Math.max(typeOffset + typeLength, stringOffset + stringLength);
  if (length > available) fail(12, `the BTF should have ${length} bytes, but has ${available}`);
  return {
    littleEndian,
    typeStart: headerLength + typeOffset,
    typeLength,
    stringStart: headerLength + stringOffset,
    stringLength,
    length,
  };
}

/** Where a reader gets its numbers and strings from. Offsets count from the blob's start. */
export interface BtfBytes {
  readonly name: string;
  readonly layout: BtfLayout;
  /** How many types the blob itself has; ids 1 … typeCount for BTF without a base. */
  readonly typeCount: number;
  /** Where a type's entry starts. @param index 0 for the blob's first type */
  typeOffset(index: number): number;
  u32(offset: number): number;
  /** A string by its offset from the start of the strings. */
  string(offset: number): string;
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  readonly bitSize?: number;
}

export interface BtfParameter {
  /** Empty in prototypes that name none. */
  readonly name: string;
  readonly type: number;
}

/** One type. `id` is the reader's own; other ids are of the same numbering. 0 is void. */
export type BtfType =
  | {
      readonly kind: 'int';
      readonly name: string;
      readonly size: number;
      readonly bits: number;
      readonly bitOffset: number;
      readonly signed: boolean;
      readonly char: boolean;
      readonly bool: boolean;
    }
  | { readonly kind: 'pointer' | 'volatile' | 'const' | 'restrict'; readonly target: number }
  | { readonly kind: 'type-tag'; readonly name: string; readonly target: number }
  | { readonly kind: 'typedef'; readonly name: string; readonly target: number }
  | { readonly kind: 'array'; readonly element: number; readonly index: number; readonly length: number }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    }
  | { readonly kind: 'forward'; readonly name: string; readonly of: 'struct' | 'union' }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly prototype: number;
      readonly linkage: 'static' | 'global' | 'extern';
    }
  | {
      readonly kind: 'prototype';
      readonly parameters: readonly BtfParameter[];
      readonly variadic: boolean;
      readonly result: number;
    }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly type: number;
      readonly linkage: 'static' | 'global' | 'extern';
    }
  | {
      readonly kind: 'data-section';
      readonly name: string;
      readonly size: number;
      readonly variables: readonly { readonly type: number; readonly offset: number; readonly size: number }[];
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'declaration-tag'; readonly name: string; readonly target: number; readonly component: number };

const LINKAGE = ['static', 'global', 'extern'] as const;
const MODIFIERS: Readonly<Record<number, 'pointer' | 'volatile' | 'const' | 'restrict'>> = {
  [BtfKind.PTR]: 'pointer',
  [BtfKind.VOLATILE]: 'volatile',
  [BtfKind.CONST]: 'const',
  [BtfKind.RESTRICT]: 'restrict',
};

/** Types by id. */
export class Btf {
  readonly bytes: BtfBytes;
  readonly base: Btf | undefined;
  /** The first id of this blob: 1, or one more than the base's last. */
  readonly firstId: number;
  /** One more than the last id. */
  readonly endId: number;
  private readonly stringBase: number;

  constructor(bytes: BtfBytes, base?: Btf) {
    this.bytes = bytes;
    this.base = base;
    this.firstId = base ? base.endId : 1;
    this.endId = this.firstId + bytes.typeCount;
    this.stringBase = base ? base.stringBase + base.bytes.layout.stringLength : 0;
  }

  private fail(offset: number, problem: string): never {
    throw new BinaryFault({ file: this.bytes.name, section: '.BTF', offset }, problem);
  }

  /** The reader (this or its base) that holds an id, and where the entry starts. */
  private place(id: number): number {
    if (!(id >= this.firstId && id < this.endId)) this.fail(0, `there is no type ${id}`);
    return this.bytes.typeOffset(id - this.firstId);
  }

  /** A string by the offset that type entries carry. */
  string(offset: number): string {
    if (offset >= this.stringBase) return this.bytes.string(offset - this.stringBase);
    return this.base!.string(offset);
  }

  /** The kind of a type, as a number of {@link BtfKind}; 0 for void. */
  kindOf(id: number): number {
    if (id === 0) return 0;
    if (this.base && id < this.firstId) return this.base.kindOf(id);
    return (this.bytes.u32(this.place(id) + 4) >>> 24) & 0x1f;
  }

  /** A type's name; empty for one without, and for void. */
  nameOf(id: number): string {
    if (id === 0) return '';
    if (this.base && id < this.firstId) return this.base.nameOf(id);
    return this.string(this.bytes.u32(this.place(id)));
  }

  /** The offset of a type's name in the strings; for comparing without decoding. */
  nameOffsetOf(id: number): number {
    return this.bytes.u32(this.place(id));
  }

  /**
   * Decodes a type.
   *
   * @returns undefined for void (0)
   * @throws BinaryFault for an id that is not there, and for an entry that is damaged
   */
  type(id: number): BtfType | undefined {
    if (id === 0) return undefined;
    if (this.base && id < this.firstId) return this.base.type(id);
    const { bytes } = this;
    const at = this.place(id);
    const info = bytes.u32(at + 4);
    const sizeOrType = bytes.u32(at + 8);
    const kind = (info >>> 24) & 0x1f;
    const flag = info >>> 31 !== 0;
    const count = info & 0xffff;
    const name = () => this.string(bytes.u32(at));
    const body = at + 12;
    switch (kind) {
      case BtfKind.INT: {
        const word = bytes.u32(body);
        const encoding = (word >>> 24) & 15;
        return {
          kind: 'int',
          name: name(),
          size: sizeOrType,
          bits: word & 0xff,
          bitOffset: (word >>> 16) & 0xff,
          signed: (encoding & 1) !== 0,
          char: (encoding & 2) !== 0,
          bool: (encoding & 4) !== 0,
        };
      }
      case BtfKind.PTR:
      case BtfKind.VOLATILE:
      case BtfKind.CONST:
      case BtfKind.RESTRICT:
        return { kind: MODIFIERS[kind]!, target: sizeOrType };
      case BtfKind.TYPE_TAG:
        return { kind: 'type-tag', name: name(), target: sizeOrType };
      case BtfKind.TYPEDEF:
        return { kind: 'typedef', name: name(), target: sizeOrType };
      case BtfKind.ARRAY:
        return { kind: 'array', element: bytes.u32(body), index: bytes.u32(body + 4), length: bytes.u32(body + 8) };
      case BtfKind.STRUCT:
      case BtfKind.UNION: {
        const members: BtfMember[] = [];
        for (let index = 0; index < count; index++) {
          const member = body + index * 12;
          const type = bytes.u32(member + 4);
          const offset = bytes.u32(member + 8);
          members.push(this.member(this.string(bytes.u32(member)), type, offset, flag));
        }
        return { kind: kind === BtfKind.STRUCT ? 'struct' : 'union', name: name(), size: sizeOrType, members };
      }
      case BtfKind.ENUM: {
        const raw: { name: string; word: number }[] = [];
        for (let index = 0; index < count; index++) {
          raw.push({ name: this.string(bytes.u32(body + index * 8)), word: bytes.u32(body + index * 8 + 4) });
        }
        // Before Linux 6.1 the flag was never set and values were read as signed.
        const signed = flag || (!this.hasSignedEnums() && raw.some((value) => value.word > 0x7fff_ffff));
        const values = raw.map((v) => ({ name: v.name, value: BigInt(signed ? v.word | 0 : v.word) }));
        return { kind: 'enum', name: name(), size: sizeOrType, signed, values };
      }
      case BtfKind.ENUM64: {
        const values: { name: string; value: bigint }[] = [];
        for (let index = 0; index < count; index++) {
          const value = body + index * 12;
          const word = (BigInt(bytes.u32(value + 8)) << 32n) | BigInt(bytes.u32(value + 4));
          values.push({ name: this.string(bytes.u32(value)), value: flag ? BigInt.asIntN(64, word) : word });
        }
        return { kind: 'enum', name: name(), size: sizeOrType, signed: flag, values };
      }
      case BtfKind.FWD:
        return { kind: 'forward', name: name(), of: flag ? 'union' : 'struct' };
      case BtfKind.FUNC:
        return { kind: 'function', name: name(), prototype: sizeOrType, linkage: LINKAGE[count] ?? 'static' };
      case BtfKind.FUNC_PROTO: {
        const parameters: BtfParameter[] = [];
        let variadic = false;
        for (let index = 0; index < count; index++) {
          const nameOffset = bytes.u32(body + index * 8);
          const type = bytes.u32(body + index * 8 + 4);
          if (index === count - 1 && type === 0 && nameOffset === 0) variadic = true;
          else parameters.push({ name: this.string(nameOffset), type });
        }
        return { kind: 'prototype', parameters, variadic, result: sizeOrType };
      }
      case BtfKind.VAR:
        return { kind: 'variable', name: name(), type: sizeOrType, linkage: LINKAGE[bytes.u32(body)] ?? 'static' };
      case BtfKind.DATASEC: {
        const variables: { type: number; offset: number; size: number }[] = [];
        for (let index = 0; index < count; index++) {
          const entry = body + index * 12;
          variables.push({ type: bytes.u32(entry), offset: bytes.u32(entry + 4), size: bytes.u32(entry + 8) });
        }
        return { kind: 'data-section', name: name(), size: sizeOrType, variables };
      }
      case BtfKind.FLOAT:
        return { kind: 'float', name: name(), size: sizeOrType };
      case BtfKind.DECL_TAG:
        return { kind: 'declaration-tag', name: name(), target: sizeOrType, component: bytes.u32(body) | 0 };
      default:
        return this.fail(at + 4, `unknown BTF kind ${kind}`);
    }
  }

  private member(name: string, type: number, offset: number, flag: boolean): BtfMember {
    // With the flag, the upper 8 bits are the width of a bit-field. Without it, the width is the INT's own.
    if (flag) {
      const bitSize = offset >>> 24;
      return bitSize === 0 ? { name, type, bitOffset: offset } : { name, type, bitOffset: offset & 0xff_ffff, bitSize };
    }
    if (type !== 0 && this.kindOf(type) === BtfKind.INT) {
      const int = this.type(type);
      if (int?.kind === 'int' && (int.bits !== int.size * 8 || int.bitOffset !== 0)) {
        return { name, type, bitOffset: offset + int.bitOffset, bitSize: int.bits };
      }
    }
    return { name, type, bitOffset: offset };
  }

  private signedEnums: boolean | undefined;

  /** Whether this BTF was made by an encoder that marks signed enumerations. */
  private hasSignedEnums(): boolean {
    if (this.base) return this.base.hasSignedEnums();
    if (this.signedEnums === undefined) {
      this.signedEnums = false;
      for (let id = 1; id < this.endId && !this.signedEnums; id++) {
        const info = this.bytes.u32(this.place(id) + 4);
        const kind = (info >>> 24) & 0x1f;
        this.signedEnums = (kind === BtfKind.ENUM && info >>> 31 !== 0) || kind === BtfKind.ENUM64;
      }
    }
    return this.signedEnums;
  }

  /** Follows typedefs, qualifiers and tags to the type that matters; void is 0. */
  strip(id: number): number {
    for (let steps = 0; steps < 64; steps++) {
      switch (this.kindOf(id)) {
        case BtfKind.TYPEDEF:
        case BtfKind.CONST:
        case BtfKind.VOLATILE:
        case BtfKind.RESTRICT:
        case BtfKind.TYPE_TAG:
          id = this.targetOf(id);
          break;
        default:
          return id;
      }
    }
    return this.fail(0, `type ${id} leads back to itself`);
  }

  /** The third word of an entry: what a modifier, pointer, typedef or function refers to. */
  targetOf(id: number): number {
    if (this.base && id < this.firstId) return this.base.targetOf(id);
    return this.bytes.u32(this.place(id) + 8);
  }

  /** All ids of this blob, without its base's. */
  *ids(): Generator<number> {
    for (let id = this.firstId; id < this.endId; id++) yield id;
  }
}

/** How many bytes follow a type's first 12. */
function trailingBytes(kind: number, count: number): number {
  switch (kind) {
    case BtfKind.INT:
    case BtfKind.VAR:
    case BtfKind.DECL_TAG:
      return 4;
    case BtfKind.ARRAY:
      return 12;
    case BtfKind.STRUCT:
    case BtfKind.UNION:
    case BtfKind.DATASEC:
    case BtfKind.ENUM64:
      return count * 12;
    case BtfKind.ENUM:
    case BtfKind.FUNC_PROTO:
      return count * 8;
    default:
      return 0;
  }
}

/**
 * Lays a reader over a blob in memory.
 *
 * @param blob the contents of a .BTF section or of /sys/kernel/btf/NAME
 * @param name for messages
 * @param base the kernel's BTF, for a module's
 * @throws BinaryFault where an entry runs over the end or is of no known kind
 */
export function parseBtf(blob: Uint8Array, name = 'memory', base?: Btf): Btf {
  return new Btf(btfInMemory(blob, name), base);
}

/** Finds where each type starts; see {@link parseBtf}. */
export function btfInMemory(blob: Uint8Array, name: string): BtfBytes & { readonly typeOffsets: Uint32Array } {
  const layout = readBtfHeader(blob, blob.length, name);
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const { littleEndian, typeStart, typeLength, stringStart, stringLength } = layout;
  const fail = (offset: number, problem: string): never => {
    throw new BinaryFault({ file: name, section: '.BTF', offset }, problem);
  };
  let offsets = new Uint32Array(Math.max(16, typeLength >> 4));
  let count = 0;
  const end = typeStart + typeLength;
  for (let at = typeStart; at < end; ) {
    if (at + 12 > end) fail(at, 'the last type is cut off');
    const info = view.getUint32(at + 4, littleEndian);
    const kind = (info >>> 24) & 0x1f;
    if (kind === 0 || kind > LAST_KIND) fail(at + 4, `unknown BTF kind ${kind}`);
    if (count === offsets.length) {
      const more = new Uint32Array(count * 2);
      more.set(offsets);
      offsets = more;
    }
    offsets[count++] = at;
    at += 12 + trailingBytes(kind, info & 0xffff);
    if (at > end) fail(offsets[count - 1]!, 'a type runs over the end');
  }
  const typeOffsets = offsets.slice(0, count);
  return {
    name,
    layout,
    typeCount: count,
    typeOffsets,
    typeOffset: (index) => typeOffsets[index]!,
    u32(offset) {
      if (offset + 4 > blob.length) fail(offset, 'the BTF ends here');
      return view.getUint32(offset, littleEndian);
    },
    string(offset) {
      if (offset >= stringLength) fail(stringStart + offset, 'the name lies outside the strings');
      const start = stringStart + offset;
      const nul = blob.indexOf(0, start);
      if (nul < 0 || nul >= stringStart + stringLength) fail(start, 'the name has no end');
      return latin(blob, start, nul);
    },
  };
}

function latin(blob: Uint8Array, start: number, end: number): string {
  return Buffer.from(blob.buffer, blob.byteOffset + start, end - start).toString('utf8');
}
