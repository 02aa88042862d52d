// Applies the relocations of a relocatable file (.o, .ko and their debug files) to a debug section, as a linker would
// with every section placed at the address its header says (0 in a .o). Only the kinds that compilers emit in debug
// sections are known; another kind is a fault that names it.
import { Cursor } from '../io/cursor.js';
import { EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, SHT_RELA } from './constants.js';
import type { ElfFile, ElfSection } from './elf-file.js';

/** What a relocation does: how many bytes, and whether relative to the place; `none` leaves the bytes alone. */
type Action = 'none' | 'abs8' | 'abs16' | 'abs32' | 'abs64' | 'rel32' | 'rel64' | 'add' | 'sub' | 'set6' | 'sub6';

// Numbers from each processor's psABI.
const ACTIONS: Readonly<Record<number, Readonly<Record<number, Action>>>> = {
  [EM_X86_64]: {
    0: 'none',
    1: 'abs64',
    2: 'rel32',
    10: 'abs32',
    11: 'abs32',
    12: 'abs16',
    14: 'abs8',
    17: 'abs64',
    21: 'abs32',
    24: 'rel64',
  },
  [EM_386]: { 0: 'none', 1: 'abs32', 2: 'rel32' },
  [EM_AARCH64]: { 0: 'none', 256: 'none', 257: 'abs64', 258: 'abs32', 259: 'abs16', 260: 'rel64', 261: 'rel32' },
  [EM_ARM]: { 0: 'none', 2: 'abs32', 3: 'rel32' },
  [EM_PPC64]: { 0: 'none', 1: 'abs32', 26: 'rel32', 38: 'abs64', 44: 'rel64' },
  [EM_S390]: { 0: 'none', 4: 'abs32', 5: 'rel32', 22: 'abs64', 23: 'rel64' },
  [EM_RISCV]: {
    0: 'none',
    1: 'abs32',
    2: 'abs64',
    33: 'add',
    34: 'add',
    35: 'add',
    36: 'add',
    37: 'sub',
    38: 'sub',
    39: 'sub',
    40: 'sub',
    51: 'none',
    52: 'sub6',
    53: 'set6',
    54: 'abs8',
    55: 'abs16',
    56: 'abs32',
    57: 'rel32',
  },
};
const WIDTHS: Readonly<Record<number, number>> = { 33: 1, 34: 2, 35: 4, 36: 8, 37: 1, 38: 2, 39: 4, 40: 8 };

/**
 * Applies one relocation section in place.
 *
 * @param section the section that `bytes` are a copy of
 * @throws BinaryFault on an unknown kind, or where a place or symbol lies outside its section
 */
export function applyRelocations(elf: ElfFile, section: ElfSection, relocations: ElfSection, bytes: Uint8Array): void {
  const rela = relocations.type === SHT_RELA;
  const entry = elf.is64 ? (rela ? 24 : 16) : rela ? 12 : 8;
  const c = new Cursor(
    elf.rawBytes(relocations),
    { file: elf.name, section: relocations.name, base: 0 },
    elf.littleEndian,
  );
  const actions = ACTIONS[elf.machine] ?? c.fail(`relocations of ${elf.architecture} are not supported`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = elf.littleEndian;
  const symbols = elf.symbols();
  // Almost every relocation of a debug section is against one of a few section symbols.
  const values = new Map<number, bigint>();
  for (let at = 0; at + entry <= c.bytes.length; at += entry) {
    c.seek(at);
    const place = elf.is64 ? c.offset64() : c.u32();
    let kind: number;
    let symbol: number;
    if (elf.is64) {
      const low = c.u32();
      const high = c.u32();
      [kind, symbol] = little ? [low, high] : [high, low];
    } else {
      const info = c.u32();
      [kind, symbol] = [info & 0xff, info >>> 8];
    }
    const action = actions[kind];
    if (action === 'none') continue;
    if (action === undefined) {
      c.fail(`unknown relocation ${kind} of ${elf.architecture}`, at);
      continue;
    }
    const size = action === 'add' || action === 'sub' ? WIDTHS[kind]! : widthOf(action);
    if (place + size > bytes.length) c.fail(`a relocation points behind ${section.name}'s end`, at);
    let value = values.get(symbol);
    if (value === undefined) {
      if (symbol !== 0 && symbol >= symbols.count)
        c.fail(`relocation against symbol ${symbol}, which is not there`, at);
      value = symbol === 0 ? 0n : symbols.valueOf(symbol);
      // In a relocatable file a value counts from its section's start.
      if (symbol !== 0) value += elf.sections[symbols.sectionOf(symbol)]?.address ?? 0n;
      values.set(symbol, value);
    }
    const addend = rela ? (elf.is64 ? c.i64() : BigInt(c.i32())) : readInPlace(view, place, size, little);
    let result = value + addend;
    if (action === 'rel32' || action === 'rel64') result -= section.address + BigInt(place);
    if (action === 'add') result = readInPlace(view, place, size, little) + result;
    if (action === 'sub') result = readInPlace(view, place, size, little) - result;
    if (action === 'set6' || action === 'sub6') {
      const old = view.getUint8(place);
      const next = action === 'set6' ? Number(result & 63n) : (old - Number(result & 63n)) & 63;
      view.setUint8(place, (old & 0xc0) | next);
      continue;
    }
    switch (size) {
      case 1:
        view.setUint8(place, Number(BigInt.asUintN(8, result)));
        break;
      case 2:
        view.setUint16(place, Number(BigInt.asUintN(16, result)), little);
        break;
      case 4:
        view.setUint32(place, Number(BigInt.asUintN(32, result)), little);
        break;
      default:
        view.setBigUint64(place, BigInt.asUintN(64, result), little);
    }
  }
}

function widthOf(action: Action): number {
  if (action === 'abs64' || action === 'rel64') return 8;
  if (action === 'abs32' || action === 'rel32') return 4;
  return action === 'abs16' ? 2 : 1;
}

function readInPlace(view: DataView, place: number, size: number, little: boolean): bigint {
  if (size === 8) return view.getBigInt64(place, little);
  if (size === 4) return BigInt(view.getInt32(place, little));
  return BigInt(size === 2 ? view.getInt16(place, little) : view.getInt8(place));
}
