// A debugging information entry. Its attributes are read when the first one is asked for.
import { BinaryFault } from '../io/fault.js';
import type { Abbreviation } from './abbrev.js';
import { DW_AT, DW_FORM as F, tagName } from './constants.js';
import { type RawValue, readForm, readIndirect } from './form.js';
import type { DebugInfoOffset } from './offsets.js';
import type { Unit } from './unit.js';

/** How many references are followed from a copy to its origin. */
const MOST_HOPS = 16;

/** An attribute as it stands in the file. */
export interface Attribute {
  /** DW_AT_… */
  readonly name: number;
  /** DW_FORM_… */
  readonly form: number;
  readonly value: RawValue;
}

/** An entry of a unit. */
export class Die {
  readonly unit: Unit;
  /** Where the entry starts, from the unit's header. */
  readonly position: number;
  readonly abbreviation: Abbreviation;
  /** The entry this one was reached from as a child, if it was. */
  readonly parent: Die | undefined;
  private readonly attributesAt: number;
  private values: RawValue[] | undefined;
  private forms: number[] | undefined;
  private childrenAt = -1;

  constructor(unit: Unit, position: number, abbreviation: Abbreviation, attributesAt: number, parent: Die | undefined) {
    this.unit = unit;
    this.position = position;
    this.abbreviation = abbreviation;
    this.attributesAt = attributesAt;
    this.parent = parent;
  }

  /** In the section. */
  get offset(): DebugInfoOffset {
    return (this.unit.header.offset + this.position) as DebugInfoOffset;
  }

  /** DW_TAG_… */
  get tag(): number {
    return this.abbreviation.tag;
  }

  get hasChildren(): boolean {
    return this.abbreviation.hasChildren;
  }

  /** Fails at this entry. */
  fail(problem: string): never {
    throw new BinaryFault(
      { file: this.unit.dwarf.elf.name, section: this.unit.section, offset: this.offset },
      `${tagName(this.tag)}: ${problem}`,
    );
  }

  private read(): RawValue[] {
    if (this.values) return this.values;
    const c = this.unit.cursor(this.attributesAt);
    const { forms, constants } = this.abbreviation;
    const values: RawValue[] = new Array(forms.length);
    for (let index = 0; index < forms.length; index++) {
      let form = forms[index]!;
      if (form === F.indirect) {
        form = readIndirect(c);
        this.forms ??= [...forms];
        this.forms[index] = form;
      }
      values[index] = readForm(c, form, this.unit.header, constants[index]);
    }
    this.childrenAt = c.position;
    this.values = values;
    return values;
  }

  /** All attributes, in their order. */
  attributes(): Attribute[] {
    const values = this.read();
    return this.abbreviation.attributes.map((name, index) => ({
      name,
      form: this.formAt(index),
      value: values[index]!,
    }));
  }

  private formAt(index: number): number {
    return this.forms ? this.forms[index]! : this.abbreviation.forms[index]!;
  }

  has(attribute: number): boolean {
    return this.abbreviation.attributes.includes(attribute);
  }

  /** An attribute as it stands; undefined where the entry has none. */
  attribute(name: number): Attribute | undefined {
    const index = this.abbreviation.attributes.indexOf(name);
    if (index < 0) return undefined;
    const value = this.read()[index]!;
    return { name, form: this.formAt(index), value };
  }

  /** A string attribute; undefined where it is missing or of another class. */
  string(name: number): string | undefined {
    const attribute = this.attribute(name);
    if (!attribute) return undefined;
    const { form, value } = attribute;
    const { dwarf } = this.unit;
    switch (form) {
      case F.string:
        return value as string;
      case F.strp:
        return dwarf.string('.debug_str', value as number);
      case F.line_strp:
        return dwarf.string('.debug_line_str', value as number);
      case F.strx:
      case F.strx1:
      case F.strx2:
      case F.strx3:
      case F.strx4:
      case F.GNU_str_index:
        return this.unit.indexedString(value as number);
      case F.strp_sup:
      case F.GNU_strp_alt:
        return this.supplementary().string('.debug_str', value as number);
      default:
        return undefined;
    }
  }

  private supplementary() {
    return this.unit.dwarf.supplementary ?? this.fail('the supplementary file that dwz moved it to is missing');
  }

  /** A constant or offset below 2^53; undefined where it is missing, greater, or of another class. */
  number(name: number): number | undefined {
    const value = this.attribute(name)?.value;
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : undefined;
    }
    return undefined;
  }

  /**
   * A constant of any size. DWARF does not say whether data1 … data8 are signed: that is for the caller to know, by the
   * type of the thing as a rule.
   */
  constant(name: number, signed = false): bigint | undefined {
    const attribute = this.attribute(name);
    if (!attribute) return undefined;
    const { form, value } = attribute;
    if (typeof value === 'string' || value instanceof Uint8Array) return undefined;
    const wide = BigInt(value);
    const bits = form === F.data1 ? 8 : form === F.data2 ? 16 : form === F.data4 ? 32 : form === F.data8 ? 64 : 0;
    if (bits === 0) return wide;
    return signed ? BigInt.asIntN(bits, wide) : BigInt.asUintN(bits, wide);
  }

  flag(name: number): boolean {
    const value = this.attribute(name)?.value;
    return value !== undefined && value !== 0 && value !== 0n;
  }

  /** An address; undefined where the attribute is missing or is no address. */
  address(name: number): bigint | undefined {
    const attribute = this.attribute(name);
    if (!attribute) return undefined;
    switch (attribute.form) {
      case F.addr:
        return attribute.value as bigint;
      case F.addrx:
      case F.addrx1:
      case F.addrx2:
      case F.addrx3:
      case F.addrx4:
      case F.GNU_addr_index:
        return this.unit.indexedAddress(attribute.value as number);
      default:
        return undefined;
    }
  }

  /** The bytes of a block or expression. */
  block(name: number): Uint8Array | undefined {
    const value = this.attribute(name)?.value;
    return value instanceof Uint8Array ? value : undefined;
  }

  /**
   * The entry that an attribute refers to.
   *
   * @returns undefined where the attribute is missing or no reference, or names a type unit that is not there
   * @throws BinaryFault where it refers to no entry
   */
  reference(name: number): Die | undefined {
    const attribute = this.attribute(name);
    if (!attribute) return undefined;
    const { form, value } = attribute;
    switch (form) {
      case F.ref1:
      case F.ref2:
      case F.ref4:
      case F.ref8:
      case F.ref_udata:
        return this.unit.dieAt((this.unit.header.offset + (value as number)) as DebugInfoOffset);
      case F.ref_addr:
        return this.unit.dwarf.dieAt(Number(value) as DebugInfoOffset);
      case F.ref_sig8: {
        const unit = this.unit.dwarf.typeUnit(value as bigint);
        return unit?.dieAt((unit.header.offset + unit.header.typeOffset!) as DebugInfoOffset);
      }
      case F.ref_sup4:
      case F.ref_sup8:
      case F.GNU_ref_alt:
        return this.supplementary().dieAt(value as DebugInfoOffset);
      default:
        return undefined;
    }
  }

  /** DW_AT_name. */
  get name(): string | undefined {
    return this.string(DW_AT.name);
  }

  /** The entry that this one is a copy or completion of: DW_AT_abstract_origin, DW_AT_specification. */
  get origin(): Die | undefined {
    return this.reference(DW_AT.abstract_origin) ?? this.reference(DW_AT.specification);
  }

  /** This entry, or the first of its origins, that has an attribute. */
  owner(attribute: number): Die | undefined {
    let die: Die | undefined = this;
    for (let hops = 0; die && hops < MOST_HOPS; hops++) {
      if (die.has(attribute)) return die;
      die = die.origin;
    }
    return undefined;
  }

  /** The name, an origin's where the entry has none of its own. */
  get fullName(): string | undefined {
    return this.owner(DW_AT.name)?.name;
  }

  /** The type's entry, an origin's where the entry has none of its own; undefined for void. */
  get type(): Die | undefined {
    return this.owner(DW_AT.type)?.reference(DW_AT.type);
  }

  /** The entries directly below this one. */
  children(): Generator<Die> {
    return this.childrenOf();
  }

  /**
   * The entries directly below this one, those alone whose abbreviations are wanted: the others cost next to nothing.
   *
   * @param wanted asked for every entry; the same abbreviation gets the same answer
   */
  *childrenOf(wanted?: (abbreviation: Abbreviation) => boolean): Generator<Die> {
    if (!this.hasChildren) return;
    const answers = new Map<Abbreviation, boolean>();
    if (this.childrenAt < 0) {
      const start = this.unit.cursor(this.attributesAt);
      this.unit.skipAttributes(start, this.abbreviation);
      this.childrenAt = start.position;
    }
    const c = this.unit.cursor(this.childrenAt);
    while (!c.atEnd) {
      const position = c.position;
      const abbreviation = this.unit.abbreviationAt(c);
      if (!abbreviation) return;
      if (wanted) {
        let answer = answers.get(abbreviation);
        if (answer === undefined) {
          answer = wanted(abbreviation);
          answers.set(abbreviation, answer);
        }
        if (!answer) {
          this.unit.skipEntry(c, abbreviation);
          continue;
        }
      }
      const die = new Die(this.unit, position, abbreviation, c.position, this);
      this.unit.skipEntry(c, abbreviation);
      yield die;
    }
  }

  /** All entries below this one, parents before their children, in one pass over the bytes. */
  *descendants(): Generator<Die> {
    if (!this.hasChildren) return;
    const c = this.unit.cursor(this.attributesAt);
    this.unit.skipAttributes(c, this.abbreviation);
    this.childrenAt = c.position;
    const parents: Die[] = [this];
    while (!c.atEnd) {
      const position = c.position;
      const abbreviation = this.unit.abbreviationAt(c);
      if (!abbreviation) {
        parents.pop();
        if (parents.length === 0) return;
        continue;
      }
      const die = new Die(this.unit, position, abbreviation, c.position, parents.at(-1));
      this.unit.skipAttributes(c, abbreviation);
      die.childrenAt = c.position;
      yield die;
      if (abbreviation.hasChildren) parents.push(die);
    }
  }
}
