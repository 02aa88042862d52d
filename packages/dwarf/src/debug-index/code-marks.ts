// What an index keeps of a file's symbol table: the addresses that the kernel's linker script and macros mark, the names
// that macros note, and the functions that the compiler changed and renamed. To find them in a kernel's table of 200,000
// symbols takes longer than all else that an index answers.
import { STT_FUNC } from '../elf/constants.js';
import type { ElfFile } from '../elf/elf-file.js';

/** Parts of a kernel's code in which no probe can be placed, by the symbols at their ends. */
export const BARRED_PARTS: readonly { start: string; end: string; why: string }[] = [
  { start: '_sinittext', end: '_einittext', why: 'it is freed when the kernel has started' },
  { start: '__noinstr_text_start', end: '__noinstr_text_end', why: 'it must not be instrumented (noinstr)' },
  { start: '__kprobes_text_start', end: '__kprobes_text_end', why: 'probes themselves need it' },
  { start: '__entry_text_start', end: '__entry_text_end', why: 'it enters the kernel' },
];

/** The start of a kernel's code. */
export const CODE_START = '_stext';
/** NOKPROBE_SYMBOL leaves a variable of this name for each function (include/asm-generic/kprobes.h). */
const BLACKLIST_PREFIX = '_kbl_addr_';

/** What a symbol table says of a file's code. */
export interface CodeMarks {
  /** Addresses in decimal, of those that there are: the kernel's start and the ends of its parts. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Functions that are marked as out of bounds to probes. */
  readonly blacklist: readonly string[];
}

/** A function's copy that the compiler made and named itself: `NAME.isra.0`. */
export interface NamedVariant {
  readonly symbol: string;
  /** As a signed number. */
  readonly address: number;
}

/** Reads the marks of a file. */
export function readCodeMarks(elf: ElfFile): CodeMarks {
  const names = [CODE_START, ...BARRED_PARTS.flatMap(({ start, end }) => [start, end])];
  const addresses: Record<string, string> = {};
  const blacklist: string[] = [];
  for (const { name, address } of elf.symbols().select(names, [BLACKLIST_PREFIX])) {
    if (name.startsWith(BLACKLIST_PREFIX)) blacklist.push(name.slice(BLACKLIST_PREFIX.length));
    else addresses[name] ??= address.toString();
  }
  return { addresses, blacklist };
}

/** The functions that the compiler renamed, with every symbol that has a dot inside. */
export function readVariants(elf: ElfFile): NamedVariant[] {
  const found: NamedVariant[] = [];
  const symbols = elf.symbols();
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.typeOf(index) !== STT_FUNC) continue;
    const symbol = symbols.nameOf(index);
    if (symbol.indexOf('.', 1) < 0) continue;
    found.push({ symbol, address: Number(BigInt.asIntN(64, symbols.addressOf(index))) });
  }
  return found;
}
