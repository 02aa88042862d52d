// Line tables of versions 2 to 5 (DWARF 5, section 6.2): the program that a table is packed as is run once, and its rows
// are kept in typed arrays.
import { posix } from 'node:path';
import type { Cursor } from '../io/cursor.js';
import { DW_FORM as F } from './constants.js';
import { readForm } from './form.js';
import type { DebugLineOffset } from './offsets.js';
import type { Unit } from './unit.js';

export interface LineFile {
  /** Full path: the compilation folder, the file's folder and its name together. */
  readonly path: string;
  /** As it stands in the table. */
  readonly name: string;
  readonly folder: string;
  /** Of the file's text, in hexadecimal, where the compiler noted it. */
  readonly md5?: string;
}

/** Bits of a row's `flags`. */
export const ROW_STATEMENT = 1;
export const ROW_BASIC_BLOCK = 2;
export const ROW_END = 4;
export const ROW_PROLOGUE_END = 8;
export const ROW_EPILOGUE_BEGIN = 16;

/** One row of a table. */
export interface LineRow {
  readonly address: bigint;
  /** Index into `files`. */
  readonly file: number;
  /** 0 where the code belongs to no line. */
  readonly line: number;
  readonly column: number;
  readonly isStatement: boolean;
  /** The first address behind a sequence; it has no code of its own. */
  readonly endSequence: boolean;
  readonly prologueEnd: boolean;
  readonly epilogueBegin: boolean;
  readonly discriminator: number;
}

/** More rows than this no unit has; a damaged program may seem to. */
const MOST_ROWS = 1 << 24;

/** A unit's line table. */
export class LineTable {
  readonly version: number;
  /** By the numbers that rows and DW_AT_decl_file use; before DWARF 5 there is no number 0. */
  readonly files: readonly (LineFile | undefined)[];
  readonly rowCount: number;
  readonly addresses: BigUint64Array;
  readonly fileNumbers: Uint32Array;
  readonly lines: Uint32Array;
  readonly columns: Uint32Array;
  /** ROW_… */
  readonly flags: Uint8Array;
  readonly discriminators: Uint32Array;
  /** Sequences as [first row, row of the end], sorted by address; empty ones are left out. */
  readonly sequences: readonly (readonly [first: number, end: number])[];

  constructor(version: number, files: readonly (LineFile | undefined)[], rows: Rows) {
    this.version = version;
    this.files = files;
    const { count } = rows;
    this.rowCount = count;
    this.addresses = rows.addresses.slice(0, count);
    this.fileNumbers = rows.files.slice(0, count);
    this.lines = rows.lines.slice(0, count);
    this.columns = rows.columns.slice(0, count);
    this.flags = rows.flags.slice(0, count);
    this.discriminators = rows.discriminators.slice(0, count);
    const sequences: [number, number][] = [];
    let first = 0;
    for (let row = 0; row < count; row++) {
      if ((this.flags[row]! & ROW_END) === 0) continue;
      // A sequence at 0 of a linked file is what the linker left of discarded code; it claims no addresses anyone asks for.
      if (row > first && this.addresses[row]! > this.addresses[first]!) sequences.push([first, row]);
      first = row + 1;
    }
    sequences.sort((a, b) => (this.addresses[a[0]]! < this.addresses[b[0]]! ? -1 : 1));
    this.sequences = sequences;
  }

  row(index: number): LineRow {
    const flags = this.flags[index]!;
    return {
      address: this.addresses[index]!,
      file: this.fileNumbers[index]!,
      line: this.lines[index]!,
      column: this.columns[index]!,
      isStatement: (flags & ROW_STATEMENT) !== 0,
      endSequence: (flags & ROW_END) !== 0,
      prologueEnd: (flags & ROW_PROLOGUE_END) !== 0,
      epilogueBegin: (flags & ROW_EPILOGUE_BEGIN) !== 0,
      discriminator: this.discriminators[index]!,
    };
  }

  *[Symbol.iterator](): Generator<LineRow> {
    for (let index = 0; index < this.rowCount; index++) yield this.row(index);
  }

  /** The row whose code holds an address; of several at one address the last. */
  rowAt(address: bigint): LineRow | undefined {
    for (const [first, end] of this.sequences) {
      if (address < this.addresses[first]! || address >= this.addresses[end]!) continue;
      let low = first;
      let high = end;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.addresses[middle]! <= address) low = middle + 1;
        else high = middle;
      }
      return low > first ? this.row(low - 1) : undefined;
    }
    return undefined;
  }

  /** The rows at which a line's code begins: statements of this file and line whose predecessor is of another. */
  rowsOfLine(file: number, line: number): LineRow[] {
    const found: LineRow[] = [];
    let before = false;
    for (let index = 0; index < this.rowCount; index++) {
      const flags = this.flags[index]!;
      const here = this.lines[index] === line && this.fileNumbers[index] === file && (flags & ROW_END) === 0;
      if (here && !before && (flags & ROW_STATEMENT) !== 0) {
        found.push(this.row(index));
        before = true;
      } else if (!here) before = false;
    }
    return found;
  }

  /** The numbers of the files whose paths end with a given path, whole components only. */
  filesNamed(path: string): number[] {
    const found: number[] = [];
    this.files.forEach((file, index) => {
      if (file && (file.path === path || file.path.endsWith(`/${path}`))) found.push(index);
    });
    return found;
  }
}

/** Which half of a 64-bit number in this machine's memory is the low one. */
const LOW = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;

/** Rows as they grow. */
class Rows {
  count = 0;
  addresses = new BigUint64Array(256);
  /** The same memory as halves: to make a bigint for each row costs more than all the rest. */
  halves = new Uint32Array(this.addresses.buffer);
  files = new Uint32Array(256);
  lines = new Uint32Array(256);
  columns = new Uint32Array(256);
  flags = new Uint8Array(256);
  discriminators = new Uint32Array(256);

  push(
    low: number,
    high: number,
    file: number,
    line: number,
    column: number,
    flags: number,
    discriminator: number,
  ): void {
    if (this.count === this.addresses.length) this.grow();
    const at = this.count++;
    this.halves[at * 2 + LOW] = low;
    this.halves[at * 2 + 1 - LOW] = high;
    this.files[at] = file;
    this.lines[at] = line;
    this.columns[at] = column;
    this.flags[at] = flags;
    this.discriminators[at] = discriminator;
  }

  private grow(): void {
    const size = this.count * 2;
    const larger = <T extends Uint32Array | Uint8Array | BigUint64Array>(old: T, next: T): T => {
      next.set(old as never);
      return next;
    };
    this.addresses = larger(this.addresses, new BigUint64Array(size));
    this.halves = new Uint32Array(this.addresses.buffer);
    this.files = larger(this.files, new Uint32Array(size));
    this.lines = larger(this.lines, new Uint32Array(size));
    this.columns = larger(this.columns, new Uint32Array(size));
    this.flags = larger(this.flags, new Uint8Array(size));
    this.discriminators = larger(this.discriminators, new Uint32Array(size));
  }
}

/** A line program's header, with the files resolved. */
export interface LineHeader {
  readonly version: number;
  readonly files: readonly (LineFile | undefined)[];
  readonly folders: readonly string[];
  readonly minimumInstructionLength: number;
  readonly maximumOperations: number;
  readonly defaultIsStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operandCounts: readonly number[];
  readonly addressSize: number;
}

/**
 * Reads the header of a line program.
 *
 * @param unit the unit that refers to it: its compilation folder and, before DWARF 5, its address size count
 * @returns the header, and a cursor at the program's first instruction whose end is the program's
 */
export function readLineHeader(unit: Unit, offset: DebugLineOffset): { header: LineHeader; program: Cursor } {
  const { dwarf } = unit;
  const probe = dwarf.cursorFrom('.debug_line', offset, 16);
  let length = probe.u32();
  let offsetSize: 4 | 8 = 4;
  if (length === 0xffff_ffff) {
    length = probe.offset64();
    offsetSize = 8;
  }
  const c = dwarf.cursor('.debug_line', offset, probe.position + length);
  c.seek(probe.position);
  const version = c.u16();
  if (version < 2 || version > 5) c.fail(`line table version ${version} is not supported`, c.position - 2);
  let addressSize = unit.header.addressSize;
  if (version >= 5) {
    addressSize = c.u8();
    c.u8();
  }
  const headerLength = offsetSize === 8 ? c.offset64() : c.u32();
  const programStart = c.position + headerLength;
  if (programStart > c.end) c.fail('the header is longer than the table');
  const minimumInstructionLength = c.u8();
  const maximumOperations = version >= 4 ? c.u8() : 1;
  const defaultIsStatement = c.u8() !== 0;
  const lineBase = c.i8();
  const lineRange = c.u8();
  const opcodeBase = c.u8();
  const operandCounts = [0];
  for (let opcode = 1; opcode < opcodeBase; opcode++) operandCounts.push(c.u8());
  const compilation = unit.compilationFolder ?? '';
  const context = { version, addressSize, offsetSize };
  const folders: string[] = [];
  const files: (LineFile | undefined)[] = [];
  if (version >= 5) {
    const entries = readEntries(unit, c, context);
    for (const entry of entries) folders.push(entry.path ?? '');
    const root = folders[0] ?? compilation;
    for (const entry of readEntries(unit, c, context)) {
      const folder = folders[entry.folder ?? 0] ?? '';
      files.push(lineFile(root, folder, entry.path ?? '', entry.md5));
    }
  } else {
    folders.push(compilation);
    for (let text = c.cstring(); text !== ''; text = c.cstring()) folders.push(text);
    files.push(undefined);
    for (let name = c.cstring(); name !== ''; name = c.cstring()) {
      const folder = folders[c.uleb()] ?? '';
      c.skipLeb();
      c.skipLeb();
      files.push(lineFile(compilation, folder, name));
    }
  }
  c.seek(programStart);
  return {
    header: {
      version,
      files,
      folders,
      minimumInstructionLength,
      maximumOperations,
      defaultIsStatement,
      lineBase,
      lineRange,
      opcodeBase,
      operandCounts,
      addressSize,
    },
    program: c,
  };
}

function lineFile(root: string, folder: string, name: string, md5?: string): LineFile {
  let path: string | undefined;
  return {
    // Tables name hundreds of headers, of which nobody asks.
    get path() {
      path ??= posix.isAbsolute(name)
        ? posix.normalize(name)
        : posix.join(posix.isAbsolute(folder) ? folder : posix.join(root, folder), name);
      return path;
    },
    name,
    folder,
    ...(md5 === undefined ? {} : { md5 }),
  };
}

/** Reads a list of folders or files of DWARF 5, whose entries have the forms that stand before them. */
function readEntries(
  unit: Unit,
  c: Cursor,
  context: { version: number; addressSize: number; offsetSize: 4 | 8 },
): { path?: string; folder?: number; md5?: string }[] {
  const formats: [content: number, form: number][] = [];
  const formatCount = c.u8();
  for (let index = 0; index < formatCount; index++) formats.push([c.uleb(), c.uleb()]);
  const count = c.uleb();
  const entries: { path?: string; folder?: number; md5?: string }[] = [];
  // Entries of no bytes would let a small table promise any number of them.
  if (formats.length === 0 && count > 0) c.fail('entries without content');
  for (let index = 0; index < count; index++) {
    const entry: { path?: string; folder?: number; md5?: string } = {};
    const start = c.position;
    for (const [content, form] of formats) {
      const value = readForm(c, form, context);
      if (content === 1) {
        // DW_LNCT_path
        if (form === F.line_strp) entry.path = unit.dwarf.string('.debug_line_str', value as number);
        else if (form === F.strp) entry.path = unit.dwarf.string('.debug_str', value as number);
        else if (form === F.string) entry.path = value as string;
        else if (form === F.strx || (form >= F.strx1 && form <= F.strx4))
          entry.path = unit.indexedString(value as number);
      } else if (content === 2) {
        // DW_LNCT_directory_index
        if (typeof value === 'number') entry.folder = value;
      } else if (content === 5 && value instanceof Uint8Array) {
        // DW_LNCT_MD5
        entry.md5 = Buffer.from(value).toString('hex');
      }
    }
    if (c.position === start) c.fail('entries without bytes');
    entries.push(entry);
  }
  return entries;
}

/** Runs a unit's line program. */
export function readLineTable(unit: Unit, offset: DebugLineOffset): LineTable {
  const { header, program: c } = readLineHeader(unit, offset);
  const rows = new Rows();
  const { lineBase, lineRange, opcodeBase, operandCounts, minimumInstructionLength, maximumOperations } = header;
  const { addressSize } = header;
  const highMask = addressSize >= 8 ? 0xffff_ffff : 0;
  const lowMask = addressSize >= 4 ? 0xffff_ffff : 2 ** (addressSize * 8) - 1;
  let low = 0;
  let high = 0;
  let opIndex = 0;
  let file = 1;
  let line = 1;
  let column = 0;
  let flags = header.defaultIsStatement ? ROW_STATEMENT : 0;
  let discriminator = 0;
  const step = (bytes: number) => {
    const sum = low + bytes;
    if (sum <= lowMask) low = sum;
    else {
      low = (sum & lowMask) >>> 0;
      high = ((high + Math.floor(sum / 0x1_0000_0000)) & highMask) >>> 0;
    }
  };
  const advance = (operation: number) => {
    if (maximumOperations <= 1) step(minimumInstructionLength * operation);
    else {
      const total = opIndex + operation;
      step(minimumInstructionLength * Math.floor(total / maximumOperations));
      opIndex = total % maximumOperations;
    }
  };
  const emit = () => {
    if (rows.count >= MOST_ROWS) c.fail('the line table does not end');
    rows.push(low, high, file, line, column, flags, discriminator);
    discriminator = 0;
    flags &= ROW_STATEMENT;
  };
  while (!c.atEnd) {
    const at = c.position;
    const opcode = c.u8();
    if (opcode >= opcodeBase) {
      if (lineRange === 0) c.fail('line_range is 0', at);
      const adjusted = opcode - opcodeBase;
      advance(Math.floor(adjusted / lineRange));
      line = (line + lineBase + (adjusted % lineRange)) >>> 0;
      emit();
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = c.uleb();
        const next = c.position + length;
        if (length === 0 || next > c.end) c.fail('an extended opcode runs over the end', at);
        const code = c.u8();
        if (code === 1) {
          // DW_LNE_end_sequence
          flags |= ROW_END;
          emit();
          low = 0;
          high = 0;
          opIndex = 0;
          file = 1;
          line = 1;
          column = 0;
          flags = header.defaultIsStatement ? ROW_STATEMENT : 0;
        } else if (code === 2) {
          // DW_LNE_set_address
          const address = c.unsigned(length - 1);
          low = Number(address & 0xffff_ffffn);
          high = Number(address >> 32n);
          opIndex = 0;
        } else if (code === 4) {
          // DW_LNE_set_discriminator
          discriminator = c.uleb() >>> 0;
        }
        c.seek(next);
        break;
      }
      case 1: // DW_LNS_copy
        emit();
        break;
      case 2: // DW_LNS_advance_pc
        advance(c.uleb());
        break;
      case 3: // DW_LNS_advance_line
        line = (line + c.sleb()) >>> 0;
        break;
      case 4: // DW_LNS_set_file
        file = c.uleb();
        break;
      case 5: // DW_LNS_set_column
        column = c.uleb();
        break;
      case 6: // DW_LNS_negate_stmt
        flags ^= ROW_STATEMENT;
        break;
      case 7: // DW_LNS_set_basic_block
        flags |= ROW_BASIC_BLOCK;
        break;
      case 8: // DW_LNS_const_add_pc
        if (lineRange === 0) c.fail('line_range is 0', at);
        advance(Math.floor((255 - opcodeBase) / lineRange));
        break;
      case 9: // DW_LNS_fixed_advance_pc
        step(c.u16());
        opIndex = 0;
        break;
      case 10: // DW_LNS_set_prologue_end
        flags |= ROW_PROLOGUE_END;
        break;
      case 11: // DW_LNS_set_epilogue_begin
        flags |= ROW_EPILOGUE_BEGIN;
        break;
      default:
        // DW_LNS_set_isa and opcodes that came later: their operands are passed over.
        for (let operand = operandCounts[opcode] ?? 0; operand > 0; operand--) c.skipLeb();
    }
  }
  return new LineTable(header.version, header.files, rows);
}
