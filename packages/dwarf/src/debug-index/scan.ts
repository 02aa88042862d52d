// One pass over units for the index: functions with their instances, types, enumerators and variables by name. Entries
// that the index has no use for are passed over without being decoded, and strings are told apart by their offsets, so
// that a name that stands in two thousand units is decoded once.
import type { Abbreviation } from '../dwarf/abbrev.js';
import { DW_AT, DW_FORM as F, DW_TAG as T } from '../dwarf/constants.js';
import type { Dwarf } from '../dwarf/dwarf.js';
import { readForm, readIndirect, skipForm } from '../dwarf/form.js';
import { readLineHeader } from '../dwarf/line.js';
import type { DebugLineOffset } from '../dwarf/offsets.js';
import type { Unit } from '../dwarf/unit.js';
import type { Cursor } from '../io/cursor.js';

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

/** What a scan found. Offsets are into .debug_info. */
export interface ScanResult {
  readonly functions: ScannedFunction[];
  /** Complete definitions: name, offset, and DW_TAG_…, one of each name and tag. */
  readonly types: { readonly name: string; readonly id: number; readonly tag: number }[];
  readonly enumerators: { readonly name: string; readonly id: number }[];
  /** Variables outside functions that have a location. */
  readonly variables: { readonly name: string; readonly id: number }[];
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

function treatment(abbreviation: Abbreviation): number {
  const { tag } = abbreviation;
  return tag === T.subprogram ||
    tag === T.inlined_subroutine ||
    tag === T.variable ||
    tag === T.enumerator ||
    TYPES.has(tag)
    ? READ
    : SKIP;
}

/** Collects what scans of several units find. */
export class Scanner {
  private readonly dwarf: Dwarf;
  private readonly functions = new Map<string, ScannedFunction>();
  private readonly types: { name: string; id: number; tag: number }[] = [];
  private readonly enumerators: { name: string; id: number }[] = [];
  private readonly variables: { name: string; id: number }[] = [];
  private readonly seenTypes = new Set<string | number>();
  private readonly seenEnumerators = new Set<string>();
  private readonly strings = new Map<number, string>();

  constructor(dwarf: Dwarf) {
    this.dwarf = dwarf;
  }

  result(): ScanResult {
    return {
      functions: [...this.functions.values()],
      types: this.types,
      enumerators: this.enumerators,
      variables: this.variables,
    };
  }

  /** Scans one unit of .debug_info. */
  scan(unit: Unit): void {
    const { header } = unit;
    const base = header.offset;
    const c = unit.cursor(header.headerSize);
    const treatments = new Map<Abbreviation, number>();
    // Functions by the position of the entry that names them, for copies that refer to it.
    const declared = new Map<number, { name: string; file: number; line: number }>();
    const named = new Map<number, string | number>();
    const copies: { position: number; origin: number; inlined: boolean }[] = [];
    const own: { position: number; name: string; file: number; line: number }[] = [];
    // Whether each open entry is (in) a function; names in there are not the file's.
    const inside: boolean[] = [];
    const enums: (number | undefined)[] = [];
    const wanted: Wanted = {
      name: undefined,
      file: 0,
      line: 0,
      origin: -1,
      hasCode: false,
      declaration: false,
      hasLocation: false,
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
          const name = wanted.name === undefined ? undefined : this.text(wanted.name);
          if (name !== undefined) declared.set(position, { name, file: wanted.file, line: wanted.line });
          if (wanted.origin >= 0) {
            if (tag === T.inlined_subroutine || wanted.hasCode) {
              copies.push({ position, origin: wanted.origin, inlined: tag === T.inlined_subroutine });
            }
            // A definition of something declared elsewhere may itself be referred to.
            if (name === undefined) declared.set(position, { name: '', file: -1, line: wanted.origin });
          } else if (wanted.hasCode && name !== undefined) {
            own.push({ position, name, file: wanted.file, line: wanted.line });
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
          if (holder !== undefined && wanted.name !== undefined) {
            const name = this.text(wanted.name);
            if (!this.seenEnumerators.has(name)) {
              this.seenEnumerators.add(name);
              this.enumerators.push({ name, id: base + holder });
            }
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
        inside[depth] = isInside || FUNCTION_SCOPES.has(tag);
        enums[depth] = tag === T.enumeration_type ? position : undefined;
        depth += 1;
      } else if (depth === 0) break;
    }
    this.addFunctions(unit, declared, copies, own);
  }

  private addFunctions(
    unit: Unit,
    declared: ReadonlyMap<number, { name: string; file: number; line: number }>,
    copies: readonly { position: number; origin: number; inlined: boolean }[],
    own: readonly { position: number; name: string; file: number; line: number }[],
  ): void {
    if (copies.length === 0 && own.length === 0) return;
    let files: readonly ({ readonly path: string } | undefined)[] | undefined;
    const fileOf = (number: number): string => {
      if (!files) {
        const offset = unit.root.number(DW_AT.stmt_list);
        files = offset === undefined ? [] : readLineHeader(unit, offset as DebugLineOffset).header.files;
      }
      return files[number]?.path ?? '';
    };
    const base = unit.header.offset;
    const add = (name: string, file: string, line: number, offset: number, inlined: boolean) => {
      const key = `${name}\0${file}\0${line}`;
      let known = this.functions.get(key);
      if (!known) {
        known = { name, file, line, concrete: [], inlined: [] };
        this.functions.set(key, known);
      }
      (inlined ? known.inlined : known.concrete).push(offset);
    };
    for (const { position, name, file, line } of own) add(name, fileOf(file), line, base + position, false);
    for (const { position, origin, inlined } of copies) {
      let at = declared.get(origin - base);
      for (let hops = 0; at && at.file < 0 && hops < 8; hops++) at = declared.get(at.line - base);
      if (at && at.file >= 0) {
        add(at.name, fileOf(at.file), at.line, base + position, inlined);
        continue;
      }
      // The origin is in another unit (dwz, LTO): ask it.
      const die = unit.dieAt((base + position) as never);
      const named = die.owner(DW_AT.name);
      if (!named) continue;
      const lines = named.owner(DW_AT.decl_file);
      const number = lines?.number(DW_AT.decl_file) ?? 0;
      const file = lines && lines.unit !== unit ? (lines.unit.lines()?.files[number]?.path ?? '') : fileOf(number);
      add(named.name!, file, named.number(DW_AT.decl_line) ?? 0, base + position, inlined);
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
    const { attributes, forms, constants } = abbreviation;
    const { header } = unit;
    for (let index = 0; index < forms.length; index++) {
      let form = forms[index]!;
      if (form === F.indirect) form = readIndirect(c);
      switch (attributes[index]!) {
        case DW_AT.name:
          if (form === F.strp) into.name = header.offsetSize === 8 ? c.offset64() : c.u32();
          else if (form === F.string) into.name = c.cstring();
          else {
            skipForm(c, form, header);
            // Rare forms are read through the entry itself by whoever needs them; the index needs the text now.
            into.name = this.rareName(unit, c, form, index, abbreviation);
          }
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
        case DW_AT.ranges:
          into.hasCode = true;
          skipForm(c, form, header);
          break;
        case DW_AT.declaration:
          into.declaration = true;
          skipForm(c, form, header);
          break;
        case DW_AT.location:
          into.hasLocation = true;
          skipForm(c, form, header);
          break;
        default:
          skipForm(c, form, header);
      }
    }
  }

  private rareName(unit: Unit, c: Cursor, form: number, index: number, abbreviation: Abbreviation): string | undefined {
    // Strings of an index or of the supplementary file: read the value again, just before where the cursor is now.
    const sizes: Readonly<Record<number, number>> = {
      [F.strx1]: 1,
      [F.strx2]: 2,
      [F.strx3]: 3,
      [F.strx4]: 4,
      [F.line_strp]: unit.header.offsetSize,
      [F.strp_sup]: unit.header.offsetSize,
      [F.GNU_strp_alt]: unit.header.offsetSize,
    };
    const size = sizes[form];
    if (size === undefined) return undefined;
    c.position -= size;
    const value = readForm(c, form, unit.header, abbreviation.constants[index]) as number;
    if (form === F.line_strp) return this.dwarf.string('.debug_line_str', value);
    if (form === F.strp_sup || form === F.GNU_strp_alt) return this.dwarf.supplementary?.string('.debug_str', value);
    return unit.indexedString(value);
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
