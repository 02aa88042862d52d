// Types of DWARF in the same plain shape as those of BTF (TypeFacts), so that whoever asks need not know which of the
// two a type comes from.
import type { MemberFacts, ParameterFacts, TypeFacts } from '../kernel/kernel-symbols.js';
import { DW_AT, DW_ATE, DW_TAG as T } from './constants.js';
import type { Die } from './die.js';
import type { Dwarf } from './dwarf.js';
import type { DebugInfoOffset, DebugTypesOffset } from './offsets.js';

/**
 * An array of several dimensions is one entry, but a type for each dimension here: an id is 16 times the entry's offset
 * plus the dimension. 0 is void, which has no entry.
 */
const DIMENSIONS = 16;
/** Entries of .debug_types, and of the supplementary file, are told from those of .debug_info by adding multiples of it. */
const SECTION_STEP = 2 ** 48;
/** References that are followed from a type that only stands for another. */
const MOST_HOPS = 64;

/**
 * The id of the type that an entry describes; 0 for undefined, which is void.
 *
 * @param dwarf what the id will be asked of; only needed for entries of its supplementary file
 */
export function typeIdOf(die: Die | undefined, dwarf?: Dwarf): number {
  if (!die) return 0;
  const section = dwarf && die.unit.dwarf !== dwarf ? 2 : die.unit.section === '.debug_types' ? 1 : 0;
  return section * SECTION_STEP + die.offset * DIMENSIONS;
}

/** The id of the type of a variable, member, parameter or function. */
export function typeIdOfValue(die: Die, dwarf?: Dwarf): number {
  return typeIdOf(die.type, dwarf);
}

/** The entry that an id stands for; undefined for void. */
export function typeDie(dwarf: Dwarf, id: number): Die | undefined {
  if (id === 0) return undefined;
  const section = Math.floor(id / SECTION_STEP);
  const offset = Math.floor((id % SECTION_STEP) / DIMENSIONS);
  if (section === 1) return dwarf.typesDieAt(offset as DebugTypesOffset);
  const file = section === 2 ? dwarf.supplementary : dwarf;
  if (!file) throw new RangeError(`type id ${id} is of a supplementary file that is not open`);
  return file.dieAt(offset as DebugInfoOffset);
}

/**
 * Describes a type, one level deep.
 *
 * @param id from {@link typeIdOf} or another type's facts
 * @throws BinaryFault where the entry is damaged
 */
export function dwarfTypeFacts(dwarf: Dwarf, id: number): TypeFacts {
  let die = typeDie(dwarf, id);
  for (let hops = 0; die && hops < MOST_HOPS; hops++) {
    const facts = describe(die, id % DIMENSIONS, dwarf);
    if (facts) return facts;
    die = die.type;
  }
  return { kind: 'void' };
}

/** Undefined for an entry that only stands for the type it refers to. */
function describe(die: Die, dimension: number, dwarf: Dwarf): TypeFacts | undefined {
  const idOf = (type: Die | undefined) => typeIdOf(type, dwarf);
  const name = die.name ?? '';
  const size = die.number(DW_AT.byte_size) ?? 0;
  switch (die.tag) {
    case T.base_type: {
      const encoding = die.number(DW_AT.encoding);
      if (encoding === DW_ATE.float || encoding === DW_ATE.complex_float || encoding === DW_ATE.decimal_float) {
        return { kind: 'float', name, size };
      }
      return {
        kind: 'integer',
        name,
        size,
        signed: encoding === DW_ATE.signed || encoding === DW_ATE.signed_char,
        char: encoding === DW_ATE.signed_char || encoding === DW_ATE.unsigned_char || encoding === DW_ATE.UTF,
        bool: encoding === DW_ATE.boolean,
      };
    }
    case T.pointer_type:
    case T.reference_type:
    case T.rvalue_reference_type:
    case T.ptr_to_member_type:
      return { kind: 'pointer', target: idOf(die.type), size: size || die.unit.header.addressSize };
    case T.array_type: {
      const lengths = dimensionsOf(die);
      const last = dimension >= lengths.length - 1 || dimension >= DIMENSIONS - 1;
      return {
        kind: 'array',
        element: last ? idOf(die.type) : idOf(die) + dimension + 1,
        length: lengths[dimension] ?? 0,
      };
    }
    case T.structure_type:
    case T.class_type:
    case T.interface_type:
    case T.union_type: {
      const kind = die.tag === T.union_type ? 'union' : 'struct';
      const signed = die.reference(DW_AT.signature);
      if (signed) return describe(signed, 0, dwarf);
      if (die.flag(DW_AT.declaration)) return { kind: 'forward', name, of: kind };
      return { kind, name, size, members: membersOf(die, dwarf) };
    }
    case T.enumeration_type: {
      const signature = die.reference(DW_AT.signature);
      if (signature) return describe(signature, 0, dwarf);
      if (die.flag(DW_AT.declaration)) return { kind: 'forward', name, of: 'enum' };
      const entries = [...die.children()].filter((child) => child.tag === T.enumerator);
      const under = die.type && dwarfTypeFacts(dwarf, idOf(die.type));
      const signed =
        under?.kind === 'integer'
          ? under.signed
          : entries.some((entry) => (entry.constant(DW_AT.const_value) ?? 0n) < 0n);
      return {
        kind: 'enum',
        name,
        size: size || (under?.kind === 'integer' ? under.size : 4),
        signed,
        values: entries.map((entry) => ({
          name: entry.name ?? '',
          value: (entry.constant(DW_AT.const_value, signed) ?? 0n).toString(),
        })),
      };
    }
    case T.typedef:
      return { kind: 'typedef', name, target: idOf(die.type) };
    case T.const_type:
      return { kind: 'qualifier', qualifier: 'const', target: idOf(die.type) };
    case T.volatile_type:
      return { kind: 'qualifier', qualifier: 'volatile', target: idOf(die.type) };
    case T.restrict_type:
      return { kind: 'qualifier', qualifier: 'restrict', target: idOf(die.type) };
    case T.atomic_type:
      return { kind: 'qualifier', qualifier: 'atomic', target: idOf(die.type) };
    case T.subroutine_type:
    case T.subprogram: {
      const parameters: ParameterFacts[] = [];
      for (const child of die.children()) {
        if (child.tag === T.formal_parameter) parameters.push({ name: child.fullName ?? '', type: idOf(child.type) });
      }
      const result = die.type;
      return { kind: 'function', parameters, ...(result ? { result: idOf(result) } : {}) };
    }
    case T.unspecified_type:
      return { kind: 'void' };
    default:
      return die.has(DW_AT.type) ? undefined : { kind: 'void' };
  }
}

/** How many elements each dimension of an array has; 0 where that is left open. */
function dimensionsOf(die: Die): number[] {
  const lengths: number[] = [];
  for (const child of die.children()) {
    if (child.tag !== T.subrange_type && child.tag !== T.enumeration_type) continue;
    const count = child.number(DW_AT.count);
    const upper = child.constant(DW_AT.upper_bound);
    // `[0]` and `[]` may be written with an upper bound of -1, as wide as the form is.
    const open = upper === undefined || upper < 0n || upper >= 0xffff_ffffn;
    lengths.push(count ?? (open ? 0 : Number(upper) - (child.number(DW_AT.lower_bound) ?? 0) + 1));
  }
  return lengths.length > 0 ? lengths : [0];
}

/** Members and base classes; the latter count as members without a name. */
function membersOf(die: Die, dwarf: Dwarf): MemberFacts[] {
  const members: MemberFacts[] = [];
  for (const child of die.children()) {
    if (child.tag !== T.member && child.tag !== T.inheritance) continue;
    // A static member of C++ has its place elsewhere.
    if (child.flag(DW_AT.external) && child.flag(DW_AT.declaration)) continue;
    const start = memberOffset(child) * 8;
    const bitSize = child.number(DW_AT.bit_size);
    const dataBit = child.number(DW_AT.data_bit_offset);
    const oldBit = child.constant(DW_AT.bit_offset, true);
    let bitOffset = start;
    if (dataBit !== undefined) bitOffset = start + dataBit;
    else if (bitSize !== undefined && oldBit !== undefined) {
      // DWARF 2 and 3 count from the most significant bit of a storage unit (DWARF 3, section 5.6.6).
      const storage = (child.number(DW_AT.byte_size) ?? byteSize(child.type)) * 8;
      bitOffset = die.unit.dwarf.elf.littleEndian ? start + storage - Number(oldBit) - bitSize : start + Number(oldBit);
    }
    members.push({
      name: child.tag === T.member ? (child.name ?? '') : '',
      type: typeIdOf(child.type, dwarf),
      bitOffset,
      ...(bitSize === undefined ? {} : { bitSize }),
    });
  }
  return members;
}

/** DW_AT_data_member_location in bytes: a constant, or, to DWARF 3, an expression of DW_OP_plus_uconst. */
function memberOffset(member: Die): number {
  const block = member.block(DW_AT.data_member_location);
  if (!block) return member.number(DW_AT.data_member_location) ?? 0;
  // Virtual base classes have a real expression, whose value only a running program knows.
  if (block[0] !== 0x23) return 0;
  let value = 0;
  for (let at = 1, scale = 1; at < block.length; at++, scale *= 128) {
    value += (block[at]! & 0x7f) * scale;
    if (block[at]! < 0x80) break;
  }
  return value;
}

function byteSize(die: Die | undefined): number {
  let type = die;
  for (let hops = 0; type && hops < MOST_HOPS; hops++) {
    const size = type.number(DW_AT.byte_size);
    if (size !== undefined) return size;
    type = type.type;
  }
  return 0;
}
