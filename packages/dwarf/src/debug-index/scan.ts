// One pass over units for the index: functions with their instances and where these start, labels, types, enumerators and
// variables by name. Entries that the index has no use for are passed over without being decoded, and strings are told
// apart by their offsets, so that a name that stands in two thousand units is decoded once. What is found goes into arrays
// of numbers: it crosses from a thread to another as it is, and half a million inlined copies are no objects.
import type { Abbreviation } from '../dwarf/abbrev.js';
import { DW_AT, DW_FORM as F, DW_TAG as T } from '../dwarf/constants.js';
import type { Dwarf } from '../dwarf/dwarf.js';
import { readForm, readIndirect, skipForm } from '../dwarf/form.js';
import { readLineHeader } from '../dwarf/line.js';
import type { DebugInfoOffset, DebugLineOffset } from '../dwarf/offsets.js';
import { entryAddress } from '../dwarf/ranges.js';
import type { Unit } from '../dwarf/unit.js';
import type { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';

/** A function by its declaration; several units may hold instances of it. */
export interface ScannedFunction {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Offsets of concrete instances (out of line). */
  readonly concrete: number[];
  /** Offsets of inlined copies. */
  readonly inlined: number[];
}

/** Instances of functions, as parallel arrays. */
export interface ScannedInstances {
  /** Places in the list of functions. */
  readonly functions: Uint32Array;
  readonly offsets: Float64Array;
  /** Of the first instruction, as a signed number of 64 bits; NaN where there is none. */
  readonly addresses: Float64Array;
}

/** What a scan found. Offsets are into .debug_info. Lists of names are one text, with a NUL behind each name. */
export interface ScanResult {
  readonly functionNames: string;
  /** The names of files, and for each function which of them declares it. */
  readonly fileNames: string;
  readonly functionFiles: Uint32Array;
  readonly functionLines: Uint32Array;
  /** 1 for a function that other units can call. */
  readonly functionFlags: Uint8Array;
  readonly concrete: ScannedInstances;
  readonly inlined: ScannedInstances;
  /** Complete definitions, one of each name and tag. */
  readonly types: { readonly names: string; readonly offsets: Float64Array; readonly tags: Uint32Array };
  /** The enumerations that hold them. */
  readonly enumerators: { readonly names: string; readonly offsets: Float64Array };
  /** Variables outside functions that have a location. */
  readonly variables: { readonly names: string; readonly offsets: Float64Array };
  /** Labels with code, the function's copy that each is in, and their addresses. */
  readonly labels: {
    readonly names: string;
    readonly offsets: Float64Array;
    readonly scopes: Float64Array;
    readonly addresses: Float64Array;
  };
}

/** What of an entry the scan wants to know. */
interface Wanted {
  name: string | number | undefined;
  file: number;
  line: number;
  origin: number;
  hasCode: boolean;
  declaration: boolean;
  hasLocation: boolean;
  external: boolean;
  /** NaN where the entry must be asked. */
  address: number;
}

/** The entry that names a function, for copies that refer to it. */
interface Declared {
  readonly name: string | number | undefined;
  readonly file: number;
  readonly line: number;
  readonly external: boolean;
  /** The entry that this one completes or copies; -1 where there is none. */
  readonly origin: number;
  /** The function's place in the list; -1 as long as no copy asked. */
  id: number;
}

const FUNCTION_SCOPES = new Set<number>([T.subprogram, T.inlined_subroutine, T.lexical_block]);
const TYPES = new Set<number>([
  T.structure_type,
  T.union_type,
  T.class_type,
  T.enumeration_type,
  T.typedef,
  T.base_type,
]);

/** How an abbreviation's entries are to be treated. */
const SKIP = 0;
const READ = 1;
const MOST_HOPS = 8;

function treatment(abbreviation: Abbreviation): number {
  const { tag } = abbreviation;
  return tag === T.subprogram ||
    tag === T.inlined_subroutine ||
    tag === T.variable ||
    tag === T.enumerator ||
    tag === T.label ||
    TYPES.has(tag)
    ? READ
    : SKIP;
}

/** A list of numbers that grows. */
class Numbers {
  count = 0;
  private values = new Float64Array(256);

  push(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Float64Array(this.count * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count++] = value;
  }

  finish(): Float64Array {
    return this.values.slice(0, this.count);
  }
}

class Instances {
  readonly functions = new Numbers();
  readonly offsets = new Numbers();
  readonly addresses = new Numbers();

  push(id: number, offset: number, address: number): void {
    this.functions.push(id);
    this.offsets.push(offset);
    this.addresses.push(address);
  }

  finish(): ScannedInstances {
    return {
      functions: Uint32Array.from(this.functions.finish()),
      offsets: this.offsets.finish(),
      addresses: this.addresses.finish(),
    };
  }
}

const joined = (names: readonly string[]): string => names.map((name) => `${name}\0`).join('');

/** Collects what scans of several units find. */
export class Scanner {
  private readonly dwarf: Dwarf;
  private readonly ids = new Map<string, number>();
  private readonly names: string[] = [];
  private readonly lines: number[] = [];
  private readonly functionFiles: number[] = [];
  private readonly flags: number[] = [];
  private readonly fileIds = new Map<string, number>();
  private readonly fileNames: string[] = [];
  private readonly concrete = new Instances();
  private readonly inlined = new Instances();
  private readonly types: { name: string; id: number; tag: number }[] = [];
  private readonly enumerators: { name: string; id: number }[] = [];
  private readonly variables: { name: string; id: number }[] = [];
  private readonly labels: { name: string; id: number; scope: number; address: number }[] = [];
  private readonly seenTypes = new Set<string | number>();
  private readonly seenEnumerators = new Set<string | number>();
  private readonly strings = new Map<number, string>();

  constructor(dwarf: Dwarf) {
    this.dwarf = dwarf;
  }

  /** The functions found, each with its instances, for who scans a unit or two. */
  result(): { readonly functions: ScannedFunction[] } {
    const found = this.names.map(
      (name, id): ScannedFunction => ({
        name,
        file: this.fileNames[this.functionFiles[id]!]!,
        line: this.lines[id]!,
        concrete: [],
        inlined: [],
      }),
    );
    for (const kind of ['concrete', 'inlined'] as const) {
      const { functions, offsets } = this[kind].finish();
      functions.forEach((id, index) => {
        found[id]![kind].push(offsets[index]!);
      });
    }
    return { functions: found };
  }

  /** All that was found, as an index takes it. */
  packed(): ScanResult {
    const table = (list: readonly { name: string; id: number }[]) => ({
      names: joined(list.map((one) => one.name)),
      offsets: Float64Array.from(list, (one) => one.id),
    });
    return {
      functionNames: joined(this.names),
      fileNames: joined(this.fileNames),
      functionFiles: Uint32Array.from(this.functionFiles),
      functionLines: Uint32Array.from(this.lines),
      functionFlags: Uint8Array.from(this.flags),
      concrete: this.concrete.finish(),
      inlined: this.inlined.finish(),
      types: { ...table(this.types), tags: Uint32Array.from(this.types, (type) => type.tag) },
      enumerators: table(this.enumerators),
      variables: table(this.variables),
      labels: {
        ...table(this.labels),
        scopes: Float64Array.from(this.labels, (label) => label.scope),
        addresses: Float64Array.from(this.labels, (label) => label.address),
      },
    };
  }

  /** Scans one unit of .debug_info. */
  scan(unit: Unit): void {
    const { header } = unit;
    const base = header.offset;
    const c = unit.cursor(header.headerSize);
    const treatments = new Map<Abbreviation, number>();
    // Functions by the position of the entry that names them, for copies that refer to it.
    const declared = new Map<number, Declared>();
    const named = new Map<number, string | number>();
    const copies: { position: number; origin: number; inlined: boolean; address: number }[] = [];
    const own: { position: number; declared: Declared; address: number }[] = [];
    const labels: { position: number; name: string | number | undefined; origin: number; scope: number; at: number }[] =
      [];
    // Whether each open entry is (in) a function; names in there are not the file's.
    const inside: boolean[] = [];
    const scopes: number[] = [];
    const enums: (number | undefined)[] = [];
    const wanted: Wanted = {
      name: undefined,
      file: 0,
      line: 0,
      origin: -1,
      hasCode: false,
      declaration: false,
      hasLocation: false,
      external: false,
      address: Number.NaN,
    };
    let depth = 0;
    while (!c.atEnd) {
      const position = c.position;
      const abbreviation = unit.abbreviationAt(c);
      if (!abbreviation) {
        depth -= 1;
        if (depth <= 0) break;
        continue;
      }
      let treat = treatments.get(abbreviation);
      if (treat === undefined) {
        treat = treatment(abbreviation);
        treatments.set(abbreviation, treat);
      }
      const { tag } = abbreviation;
      const isInside = depth > 0 && inside[depth - 1] === true;
      if (treat === SKIP || (tag === T.variable && isInside)) unit.skipAttributes(c, abbreviation);
      else {
        this.read(c, unit, abbreviation, wanted);
        if (tag === T.subprogram || tag === T.inlined_subroutine) {
          const { name, file, line, external, origin } = wanted;
          const isInlined = tag === T.inlined_subroutine;
          const about = { name, file, line, external, origin, id: -1 };
          // A definition of something declared elsewhere may itself be referred to; an inlined copy never is.
          if (!isInlined) declared.set(position, about);
          if (origin >= 0) {
            if (isInlined || wanted.hasCode) {
              copies.push({ position, origin, inlined: isInlined, address: wanted.hasCode ? wanted.address : -0 });
            }
          } else if (wanted.hasCode && name !== undefined) {
            own.push({ position, declared: about, address: wanted.address });
          }
        } else if (tag === T.variable) {
          if (wanted.name !== undefined) named.set(position, wanted.name);
          if (wanted.hasLocation) {
            // A definition may leave its name to the declaration before it.
            const name = wanted.name ?? named.get(wanted.origin - base);
            if (name !== undefined) this.variables.push({ name: this.text(name), id: base + position });
          }
        } else if (tag === T.enumerator) {
          const holder = enums[depth - 1];
          if (holder !== undefined && wanted.name !== undefined && !this.seenEnumerators.has(wanted.name)) {
            this.seenEnumerators.add(wanted.name);
            this.enumerators.push({ name: this.text(wanted.name), id: base + holder });
          }
        } else if (tag === T.label) {
          if (wanted.name !== undefined) named.set(position, wanted.name);
          if (wanted.hasCode && isInside) {
            const { name, origin } = wanted;
            labels.push({ position, name, origin, scope: scopes[depth - 1]!, at: wanted.address });
          }
        } else if (wanted.name !== undefined && !wanted.declaration) {
          const key = typeof wanted.name === 'number' ? wanted.name * 128 + (tag & 127) : `${tag} ${wanted.name}`;
          if (!this.seenTypes.has(key)) {
            this.seenTypes.add(key);
            this.types.push({ name: this.text(wanted.name), id: base + position, tag });
          }
        }
      }
      if (abbreviation.hasChildren) {
        const isFunction = tag === T.subprogram || tag === T.inlined_subroutine;
        inside[depth] = isInside || FUNCTION_SCOPES.has(tag);
        scopes[depth] = isFunction ? position : depth > 0 ? scopes[depth - 1]! : 0;
        enums[depth] = tag === T.enumeration_type ? position : undefined;
        depth += 1;
      } else if (depth === 0) break;
    }
    this.addFunctions(unit, declared, copies, own);
    for (const { position, name, origin, scope, at } of labels) {
      const text = name ?? named.get(origin - base);
      if (text === undefined) continue;
      const address = Number.isNaN(at) ? this.askAddress(unit, position) : at;
      if (Number.isNaN(address)) continue;
      this.labels.push({ name: this.text(text), id: base + position, scope: base + scope, address });
    }
  }

  private addFunctions(
    unit: Unit,
    declared: ReadonlyMap<number, Declared>,
    copies: readonly { position: number; origin: number; inlined: boolean; address: number }[],
    own: readonly { position: number; declared: Declared; address: number }[],
  ): void {
    if (copies.length === 0 && own.length === 0) return;
    let files: readonly ({ readonly path: string } | undefined)[] | undefined;
    const numbers = new Map<number, number>();
    const fileOf = (number: number): string => {
      if (!files) {
        const offset = unit.root.number(DW_AT.stmt_list);
        files = offset === undefined ? [] : readLineHeader(unit, offset as DebugLineOffset).header.files;
      }
      return files[number]?.path ?? '';
    };
    const idOf = (about: Declared): number => {
      if (about.id < 0) {
        let file = numbers.get(about.file);
        if (file === undefined) {
          file = this.fileId(fileOf(about.file));
          numbers.set(about.file, file);
        }
        about.id = this.functionId(this.text(about.name!), file, about.line, about.external);
      }
      return about.id;
    };
    const base = unit.header.offset;
    const add = (id: number, position: number, inlined: boolean, address: number) => {
      // −0 stands for an entry without code, which need not be asked.
      const start = Object.is(address, -0)
        ? Number.NaN
        : Number.isNaN(address)
          ? this.askAddress(unit, position)
          : address;
      (inlined ? this.inlined : this.concrete).push(id, base + position, start);
    };
    for (const { position, declared: about, address } of own) add(idOf(about), position, false, address);
    for (const { position, origin, inlined, address } of copies) {
      let at = declared.get(origin - base);
      for (let hops = 0; at && at.name === undefined && hops < MOST_HOPS; hops++) at = declared.get(at.origin - base);
      if (at && at.name !== undefined) {
        add(idOf(at), position, inlined, address);
        continue;
      }
      // The origin is in another unit (dwz, LTO): ask it.
      const die = unit.dieAt((base + position) as DebugInfoOffset);
      const holder = die.owner(DW_AT.name);
      if (!holder) continue;
      const lines = holder.owner(DW_AT.decl_file);
      const number = lines?.number(DW_AT.decl_file) ?? 0;
      const file = lines && lines.unit !== unit ? (lines.unit.lines()?.files[number]?.path ?? '') : fileOf(number);
      const line = holder.number(DW_AT.decl_line) ?? 0;
      const external = holder.owner(DW_AT.external)?.flag(DW_AT.external) ?? false;
      add(this.functionId(holder.name!, this.fileId(file), line, external), position, inlined, address);
    }
  }

  private fileId(path: string): number {
    let id = this.fileIds.get(path);
    if (id === undefined) {
      id = this.fileNames.length;
      this.fileNames.push(path);
      this.fileIds.set(path, id);
    }
    return id;
  }

  private functionId(name: string, file: number, line: number, external: boolean): number {
    const key = `${name}\0${file}\0${line}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.names.length;
      this.ids.set(key, id);
      this.names.push(name);
      this.functionFiles.push(file);
      this.lines.push(line >>> 0);
      this.flags.push(0);
    }
    if (external) this.flags[id] = 1;
    return id;
  }

  /** The address of an entry whose first instruction takes more than one attribute to tell; NaN where there is none. */
  private askAddress(unit: Unit, position: number): number {
    try {
      const address = entryAddress(unit.dieAt((unit.header.offset + position) as DebugInfoOffset));
      return address === undefined ? Number.NaN : Number(BigInt.asIntN(64, address));
    } catch (error) {
      // A damaged list of ranges costs the one address.
      if (error instanceof BinaryFault) return Number.NaN;
      throw error;
    }
  }

  /** Reads the attributes that matter; the cursor ends behind the entry's attributes. */
  private read(c: Cursor, unit: Unit, abbreviation: Abbreviation, into: Wanted): void {
    into.name = undefined;
    into.file = 0;
    into.line = 0;
    into.origin = -1;
    into.hasCode = false;
    into.declaration = false;
    into.hasLocation = false;
    into.external = false;
    into.address = Number.NaN;
    let low = Number.NaN;
    let entry = Number.NaN;
    let asks = false;
    const { attributes, forms, constants } = abbreviation;
    const { header } = unit;
    for (let index = 0; index < forms.length; index++) {
      let form = forms[index]!;
      if (form === F.indirect) form = readIndirect(c);
      switch (attributes[index]!) {
        case DW_AT.name:
          if (form === F.strp) into.name = header.offsetSize === 8 ? c.offset64() : c.u32();
          else if (form === F.string) into.name = c.cstring();
          else into.name = this.rareName(unit, c, form, constants[index]);
          break;
        case DW_AT.decl_file:
          into.file = Number(readForm(c, form, header, constants[index]));
          break;
        case DW_AT.decl_line:
          into.line = Number(readForm(c, form, header, constants[index]));
          break;
        case DW_AT.abstract_origin:
        case DW_AT.specification: {
          const value = readForm(c, form, header, constants[index]);
          if (typeof value !== 'number') break;
          if (form === F.ref_addr) into.origin = value;
          else if (form === F.GNU_ref_alt || form === F.ref_sup4 || form === F.ref_sup8)
            into.origin = Number.MAX_SAFE_INTEGER;
          else into.origin = header.offset + value;
          break;
        }
        case DW_AT.low_pc:
          into.hasCode = true;
          if (form === F.addr) low = readAddress(c, header.addressSize);
          else {
            asks = true;
            skipForm(c, form, header);
          }
          break;
        case DW_AT.entry_pc:
          if (form === F.addr) entry = readAddress(c, header.addressSize);
          else {
            asks = true;
            skipForm(c, form, header);
          }
          break;
        case DW_AT.ranges:
          into.hasCode = true;
          skipForm(c, form, header);
          break;
        case DW_AT.declaration:
          into.declaration = true;
          skipForm(c, form, header);
          break;
        case DW_AT.external:
          into.external = form === F.flag_present || Number(readForm(c, form, header, constants[index])) !== 0;
          break;
        case DW_AT.location:
          into.hasLocation = true;
          skipForm(c, form, header);
          break;
        default:
          skipForm(c, form, header);
      }
    }
    if (!asks) into.address = Number.isNaN(entry) ? low : entry;
  }

  /** Strings of an index or of the supplementary file. */
  private rareName(unit: Unit, c: Cursor, form: number, constant: bigint | undefined): string | undefined {
    const value = readForm(c, form, unit.header, constant);
    if (typeof value !== 'number') return undefined;
    switch (form) {
      case F.line_strp:
        return this.dwarf.string('.debug_line_str', value);
      case F.strp_sup:
      case F.GNU_strp_alt:
        return this.dwarf.supplementary?.string('.debug_str', value);
      case F.strx:
      case F.strx1:
      case F.strx2:
      case F.strx3:
      case F.strx4:
      case F.GNU_str_index:
        return unit.indexedString(value);
      default:
        return undefined;
    }
  }

  private text(name: string | number): string {
    if (typeof name === 'string') return name;
    let text = this.strings.get(name);
    if (text === undefined) {
      text = this.dwarf.string('.debug_str', name);
      this.strings.set(name, text);
    }
    return text;
  }
}

/**
 * An address as a signed number: a kernel's, at the top of 64 bits, are exact so, and so are a program's. Others lose
 * digits, and no code has them.
 */
function readAddress(c: Cursor, size: number): number {
  if (size !== 8) return Number(c.unsigned(size));
  if (c.littleEndian) {
    const low = c.u32();
    return c.i32() * 0x1_0000_0000 + low;
  }
  const high = c.i32();
  return high * 0x1_0000_0000 + c.u32();
}
