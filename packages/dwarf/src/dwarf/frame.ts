// Call-frame information: how, at an address, the caller's registers are found (DWARF 5, section 6.4).
//
// For each function there is a frame description entry (FDE) with a small program. Carried out up to an address, the
// program gives a row: a rule for the canonical frame address (CFA: what the stack pointer was before the call), and a
// rule for each register that the function has saved. What many FDEs have in common, their common information entry
// (CIE) holds: the first instructions, alignment factors, and which column is the return address. The same programs
// stand in .debug_frame and, in a slightly different dress, in .eh_frame, which is loaded with the program: there a
// CIE's id is 0 instead of all ones, an FDE refers to its CIE by distance, and addresses are encoded as the CIE's
// augmentation string says (Linux Standard Base, "Exception Frames").
import type { ElfFile, ElfSection } from '../elf/elf-file.js';
import { Cursor } from '../io/cursor.js';
import { decodeExpression, type ExpressionContext, type Operation } from './expression.js';
import type { FrameOffset } from './offsets.js';

/** How a register's value in the caller is found. */
export type RegisterRule =
  /** Nobody can tell any more. */
  | { readonly kind: 'undefined' }
  | { readonly kind: 'same' }
  /** Saved at CFA + offset. */
  | { readonly kind: 'offset'; readonly offset: number }
  /** It is CFA + offset. */
  | { readonly kind: 'value-offset'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  /** Saved where the expression says; the CFA is on the stack at its start. */
  | { readonly kind: 'expression'; readonly operations: readonly Operation[] }
  | { readonly kind: 'value-expression'; readonly operations: readonly Operation[] };

/** How the canonical frame address is found. */
export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly operations: readonly Operation[] };

/** What holds at one address of a function. */
export interface FrameRow {
  /** The first address that it holds for. */
  readonly address: bigint;
  readonly cfa: CfaRule;
  readonly registers: ReadonlyMap<number, RegisterRule>;
}

/** A common information entry. */
export interface CommonInformation {
  readonly offset: FrameOffset;
  readonly version: number;
  readonly augmentation: string;
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnAddressRegister: number;
  /** The frame is a signal's: its address is of the next instruction, not behind a call. */
  readonly signalFrame: boolean;
  readonly pointerEncoding: number;
  readonly addressSize: number;
  readonly instructions: Uint8Array;
  readonly instructionsAt: number;
}

/** A frame description entry. */
export interface FrameDescription {
  readonly offset: FrameOffset;
  readonly common: CommonInformation;
  readonly start: bigint;
  readonly end: bigint;
  readonly instructions: Uint8Array;
  readonly instructionsAt: number;
}

/** More rows than this no function has. */
const MOST_ROWS = 1 << 20;

/** The entries of one section. */
export class FrameTable {
  private readonly elf: ElfFile;
  readonly section: ElfSection;
  private readonly eh: boolean;
  private readonly bytes: Uint8Array;
  private readonly commons = new Map<number, CommonInformation>();
  private asked = 0;
  private index: { starts: BigUint64Array; ends: BigUint64Array; offsets: Float64Array } | undefined;

  constructor(elf: ElfFile, section: ElfSection) {
    this.elf = elf;
    this.section = section;
    this.eh = section.name === '.eh_frame';
    this.bytes = elf.sectionBytes(section);
  }

  private cursor(position: number): Cursor {
    const c = new Cursor(
      this.bytes,
      { file: this.elf.name, section: this.section.name, base: 0 },
      this.elf.littleEndian,
    );
    c.seek(position);
    return c;
  }

  /** Reads an entry's length and id; undefined at the terminator. */
  private head(c: Cursor): { end: number; id: number; isCommon: boolean; idAt: number; wide: boolean } | undefined {
    let length = c.u32();
    if (length === 0) return undefined;
    const wide = length === 0xffff_ffff;
    if (wide) length = c.offset64();
    const end = c.position + length;
    if (end > c.bytes.length) c.fail('an entry runs over the end');
    const idAt = c.position;
    let id: number;
    let isCommon: boolean;
    if (wide && !this.eh) {
      const value = c.u64();
      isCommon = value === 0xffff_ffff_ffff_ffffn;
      id = isCommon ? 0 : Number(value);
    } else {
      id = c.u32();
      isCommon = this.eh ? id === 0 : id === 0xffff_ffff;
    }
    return { end, id, isCommon, idAt, wide };
  }

  /** The CIE at an offset. */
  common(offset: number): CommonInformation {
    let known = this.commons.get(offset);
    if (known) return known;
    if (!(offset >= 0 && offset < this.bytes.length)) this.cursor(0).fail(`there is no CIE at ${offset}`);
    const c = this.cursor(offset);
    const head = this.head(c);
    if (!head?.isCommon) return c.fail('a CIE is referred to, but here is none', offset) as never;
    c.end = head.end;
    const version = c.u8();
    if (version !== 1 && version !== 3 && version !== 4) c.fail(`CIE version ${version} is not supported`);
    const augmentation = c.cstring();
    let addressSize: number = this.elf.addressSize;
    if (version >= 4) {
      addressSize = c.u8();
      if (c.u8() !== 0) c.fail('segmented addresses are not supported');
      if (addressSize !== 4 && addressSize !== 8) c.fail(`addresses of ${addressSize} bytes are not supported`);
    }
    // The oldest gcc put a pointer here.
    if (augmentation.startsWith('eh')) c.skip(addressSize);
    const codeAlignment = c.uleb();
    const dataAlignment = c.sleb();
    const returnAddressRegister = version === 1 ? c.u8() : c.uleb();
    let pointerEncoding = 0;
    let signalFrame = false;
    if (augmentation.startsWith('z')) {
      const end = c.uleb() + c.position;
      for (const letter of augmentation.slice(1)) {
        if (letter === 'R') pointerEncoding = c.u8();
        else if (letter === 'L') c.u8();
        else if (letter === 'P') {
          const encoding = c.u8();
          this.pointer(c, encoding, addressSize, 0n);
        } else if (letter === 'S') signalFrame = true;
        else if (letter !== 'B') break;
      }
      c.seek(end);
    } else if (augmentation !== '' && !augmentation.startsWith('eh')) {
      c.fail(`unknown augmentation "${augmentation}"`);
    }
    const instructionsAt = c.position;
    known = {
      offset: offset as FrameOffset,
      version,
      augmentation,
      codeAlignment,
      dataAlignment,
      returnAddressRegister,
      signalFrame,
      pointerEncoding,
      addressSize,
      instructions: c.run(head.end - c.position),
      instructionsAt,
    };
    this.commons.set(offset, known);
    return known;
  }

  /** Reads a pointer in one of the encodings DW_EH_PE_…; indirect ones are given as they stand. */
  private pointer(c: Cursor, encoding: number, addressSize: number, base: bigint): bigint {
    if (encoding === 0xff) return 0n;
    if (encoding === 0x50) {
      // DW_EH_PE_aligned
      c.position = Math.min(c.end, Math.ceil(c.position / addressSize) * addressSize);
      return c.unsigned(addressSize);
    }
    const at = c.position;
    let value: bigint;
    switch (encoding & 15) {
      case 0:
        value = c.unsigned(addressSize);
        break;
      case 1:
        value = c.uleb64();
        break;
      case 2:
        value = BigInt(c.u16());
        break;
      case 3:
        value = BigInt(c.u32());
        break;
      case 4:
      case 12:
        value = c.u64();
        break;
      case 9:
        value = c.sleb64();
        break;
      case 10:
        value = BigInt(c.i16());
        break;
      case 11:
        value = BigInt(c.i32());
        break;
      default:
        return c.fail(`unknown pointer encoding 0x${encoding.toString(16)}`, at);
    }
    switch (encoding & 0x70) {
      case 0x00:
        break;
      case 0x10: // DW_EH_PE_pcrel
        value += this.section.address + BigInt(at);
        break;
      case 0x20: // DW_EH_PE_textrel
        value += this.elf.section('.text')?.address ?? 0n;
        break;
      case 0x30: // DW_EH_PE_datarel
        value += this.elf.section('.got')?.address ?? 0n;
        break;
      case 0x40: // DW_EH_PE_funcrel
        value += base;
        break;
      default:
        c.fail(`unknown pointer encoding 0x${encoding.toString(16)}`, at);
    }
    return BigInt.asUintN(addressSize * 8, value);
  }

  private description(offset: number, c: Cursor, head: { end: number; id: number; idAt: number }): FrameDescription {
    c.end = head.end;
    const common = this.common(this.eh ? head.idAt - head.id : head.id);
    const encoding = this.eh ? common.pointerEncoding : 0;
    const start = this.pointer(c, encoding, common.addressSize, 0n);
    // The length has the encoding's format, but is relative to nothing.
    const length = this.pointer(c, encoding & 15, common.addressSize, 0n);
    if (common.augmentation.startsWith('z')) c.skip(c.uleb());
    const instructionsAt = c.position;
    return {
      offset: offset as FrameOffset,
      common,
      start,
      end: start + length,
      instructions: c.run(head.end - c.position),
      instructionsAt,
    };
  }

  /** All FDEs, in the section's order. */
  *[Symbol.iterator](): Generator<FrameDescription> {
    let at = 0;
    while (at + 4 <= this.bytes.length) {
      const c = this.cursor(at);
      const head = this.head(c);
      if (!head) {
        // .eh_frame ends with a zero length; linkers leave such in the middle of .debug_frame as padding.
        if (this.eh) return;
        at += 4;
        continue;
      }
      if (!head.isCommon) yield this.description(at, c, head);
      at = head.end;
    }
  }

  /** The FDE whose function holds an address. */
  find(address: bigint): FrameDescription | undefined {
    // A list of all pays only for many questions: a kernel's takes a third of a second to make.
    if (!this.index && !this.eh && this.elf.is64 && this.asked++ < 8) return this.search(address);
    if (!this.index) {
      const entries: { start: bigint; end: bigint; offset: number }[] = [];
      for (const { start, end, offset } of this) if (end > start) entries.push({ start, end, offset });
      entries.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
      this.index = {
        starts: BigUint64Array.from(entries, (entry) => entry.start),
        ends: BigUint64Array.from(entries, (entry) => entry.end),
        offsets: Float64Array.from(entries, (entry) => entry.offset),
      };
    }
    const { starts, ends, offsets } = this.index;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || address >= ends[low - 1]!) return undefined;
    const offset = offsets[low - 1]!;
    const c = this.cursor(offset);
    return this.description(offset, c, this.head(c)!);
  }

  /** Goes through the entries of .debug_frame, whose addresses stand there as they are. */
  private search(address: bigint): FrameDescription | undefined {
    const { bytes } = this;
    const { littleEndian } = this.elf;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 24 <= bytes.length; ) {
      const length = view.getUint32(at, littleEndian);
      // The 64-bit format, and what is damaged, is left to the careful way.
      if (length >= 0xffff_fff0 || at + 4 + length > bytes.length) break;
      if (length >= 20 && view.getUint32(at + 4, littleEndian) !== 0xffff_ffff) {
        const start = view.getBigUint64(at + 8, littleEndian);
        if (start <= address && address < start + view.getBigUint64(at + 16, littleEndian)) {
          const c = this.cursor(at);
          return this.description(at, c, this.head(c)!);
        }
      }
      at += 4 + length;
    }
    this.asked = Number.POSITIVE_INFINITY;
    return this.find(address);
  }

  /** All rows of a function. */
  rows(fde: FrameDescription): FrameRow[] {
    const rows: FrameRow[] = [];
    this.run(fde, (row) => {
      rows.push(row);
      return true;
    });
    return rows;
  }

  /** The row that holds at an address of a function. */
  rowAt(fde: FrameDescription, address: bigint): FrameRow | undefined {
    let found: FrameRow | undefined;
    this.run(fde, (row) => {
      if (row.address > address) return false;
      found = row;
      return true;
    });
    return found;
  }

  /** Carries out the programs and hands out each row as it is complete; ends when `take` returns false. */
  private run(fde: FrameDescription, take: (row: FrameRow) => boolean): void {
    const { common } = fde;
    let cfa: CfaRule | undefined;
    let registers = new Map<number, RegisterRule>();
    let initial = new Map<number, RegisterRule>();
    const remembered: { cfa: CfaRule | undefined; registers: Map<number, RegisterRule> }[] = [];
    let address = fde.start;
    let rows = 0;
    let going = true;
    const context: ExpressionContext = {
      addressSize: common.addressSize,
      offsetSize: 4,
      version: 5,
      littleEndian: this.elf.littleEndian,
      file: this.elf.name,
      section: this.section.name,
      offset: 0,
    };
    const emit = () => {
      if (cfa) going = take({ address, cfa, registers: new Map(registers) });
    };
    const program = (bytes: Uint8Array, base: number, isInitial: boolean) => {
      const c = new Cursor(bytes, { file: this.elf.name, section: this.section.name, base }, this.elf.littleEndian);
      const advance = (delta: number) => {
        if (isInitial) c.fail('a CIE’s program moves on');
        if (delta === 0) return;
        if (++rows > MOST_ROWS) c.fail('the program does not end');
        emit();
        address += BigInt(delta * common.codeAlignment);
      };
      const expression = () => {
        const length = c.uleb();
        const offset = c.offset;
        return decodeExpression(c.run(length), { ...context, offset });
      };
      const offsetRule = (offset: number): RegisterRule => ({ kind: 'offset', offset: offset * common.dataAlignment });
      const restore = (register: number) => {
        const rule = initial.get(register);
        if (rule) registers.set(register, rule);
        else registers.delete(register);
      };
      const cfaRegister = () => (cfa?.kind === 'register' ? cfa : (c.fail('the CFA is no register here') as never));
      while (!c.atEnd && going) {
        const at = c.position;
        const opcode = c.u8();
        const low = opcode & 0x3f;
        switch (opcode >> 6) {
          case 1: // DW_CFA_advance_loc
            advance(low);
            continue;
          case 2: // DW_CFA_offset
            registers.set(low, offsetRule(c.uleb()));
            continue;
          case 3: // DW_CFA_restore
            restore(low);
            continue;
        }
        switch (opcode) {
          case 0x00: // DW_CFA_nop
            break;
          case 0x01: {
            // DW_CFA_set_loc
            const next = this.pointer(c, this.eh ? common.pointerEncoding : 0, common.addressSize, fde.start);
            if (++rows > MOST_ROWS) c.fail('the program does not end');
            emit();
            address = next;
            break;
          }
          case 0x02: // DW_CFA_advance_loc1
            advance(c.u8());
            break;
          case 0x03: // DW_CFA_advance_loc2
            advance(c.u16());
            break;
          case 0x04: // DW_CFA_advance_loc4
            advance(c.u32());
            break;
          case 0x05: // DW_CFA_offset_extended
            registers.set(c.uleb(), offsetRule(c.uleb()));
            break;
          case 0x06: // DW_CFA_restore_extended
            restore(c.uleb());
            break;
          case 0x07: // DW_CFA_undefined
            registers.set(c.uleb(), { kind: 'undefined' });
            break;
          case 0x08: // DW_CFA_same_value
            registers.set(c.uleb(), { kind: 'same' });
            break;
          case 0x09: // DW_CFA_register
            registers.set(c.uleb(), { kind: 'register', register: c.uleb() });
            break;
          case 0x0a: // DW_CFA_remember_state
            if (remembered.length > 1000) c.fail('states are remembered without end', at);
            remembered.push({ cfa, registers: new Map(registers) });
            break;
          case 0x0b: {
            // DW_CFA_restore_state
            const state = remembered.pop() ?? (c.fail('no state is remembered', at) as never);
            cfa = state.cfa;
            registers = state.registers;
            break;
          }
          case 0x0c: // DW_CFA_def_cfa
            cfa = { kind: 'register', register: c.uleb(), offset: c.uleb() };
            break;
          case 0x0d: // DW_CFA_def_cfa_register
            cfa = { ...cfaRegister(), register: c.uleb() };
            break;
          case 0x0e: // DW_CFA_def_cfa_offset
            cfa = { ...cfaRegister(), offset: c.uleb() };
            break;
          case 0x0f: // DW_CFA_def_cfa_expression
            cfa = { kind: 'expression', operations: expression() };
            break;
          case 0x10: // DW_CFA_expression
            registers.set(c.uleb(), { kind: 'expression', operations: expression() });
            break;
          case 0x11: // DW_CFA_offset_extended_sf
            registers.set(c.uleb(), offsetRule(c.sleb()));
            break;
          case 0x12: // DW_CFA_def_cfa_sf
            cfa = { kind: 'register', register: c.uleb(), offset: c.sleb() * common.dataAlignment };
            break;
          case 0x13: // DW_CFA_def_cfa_offset_sf
            cfa = { ...cfaRegister(), offset: c.sleb() * common.dataAlignment };
            break;
          case 0x14: // DW_CFA_val_offset
            registers.set(c.uleb(), { kind: 'value-offset', offset: c.uleb() * common.dataAlignment });
            break;
          case 0x15: // DW_CFA_val_offset_sf
            registers.set(c.uleb(), { kind: 'value-offset', offset: c.sleb() * common.dataAlignment });
            break;
          case 0x16: // DW_CFA_val_expression
            registers.set(c.uleb(), { kind: 'value-expression', operations: expression() });
            break;
          case 0x2d: // DW_CFA_GNU_window_save, on aarch64 DW_CFA_AARCH64_negate_ra_state
            break;
          case 0x2e: // DW_CFA_GNU_args_size
            c.skipLeb();
            break;
          case 0x2f: // DW_CFA_GNU_negative_offset_extended
            registers.set(c.uleb(), offsetRule(-c.uleb()));
            break;
          default:
            c.fail(`unknown call-frame instruction 0x${opcode.toString(16)}`, at);
        }
      }
    };
    program(common.instructions, common.instructionsAt, true);
    initial = new Map(registers);
    program(fde.instructions, fde.instructionsAt, false);
    if (going) emit();
  }
}

/**
 * Opens a file's call-frame information.
 *
 * @returns the tables there are, .debug_frame first: the kernel has only that one, user space mostly .eh_frame
 */
export function frameTables(elf: ElfFile): FrameTable[] {
  return ['.debug_frame', '.eh_frame'].flatMap((name) => {
    const section = elf.section(name);
    return section ? [new FrameTable(elf, section)] : [];
  });
}
