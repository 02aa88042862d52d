// The cache file of one kernel's facts: its raw BTF and sorted name tables over it. Looking up one function touches a
// dozen pages of 4 KB.
import { Btf, type BtfBytes, readBtfHeader } from '../btf/btf.js';
import { NameTable, PartsFile, type PartsFormat } from '../io/parts-file.js';

/** The parts of the file, in their order. Each name table has three: names, starts and ids. */
export const PARTS = [
  'blob',
  'typeOffsets',
  'functionNames',
  'functionStarts',
  'functionIds',
  'typeNames',
  'typeStarts',
  'typeIds',
  'enumeratorNames',
  'enumeratorStarts',
  'enumeratorIds',
  'tracepointNames',
  'tracepointStarts',
  'tracepointIds',
  'functionAddresses',
  'functionPlaces',
  'variantNames',
  'variantStarts',
  'variantIds',
  'variableNames',
  'variableStarts',
  'variableIds',
  'about',
] as const;
export type PartName = (typeof PARTS)[number];

/** Parts of the kernel's code in which no probe can be placed. */
export type UnprobeablePlace = 'init' | 'noinstr' | 'kprobes' | 'entry';

/** By the numbers in `functionPlaces`. */
export const PLACES: readonly (UnprobeablePlace | undefined)[] = [undefined, 'init', 'noinstr', 'kprobes', 'entry'];
/** Added to the number of a function that only its own file can call. */
export const LOCAL_FUNCTION = 0x80;

/** What a symbol table adds to a function. */
export interface FunctionSymbol {
  /** Link-time address. */
  readonly address?: bigint;
  readonly place?: UnprobeablePlace;
  /** Whether other files can call it, where known. */
  readonly external?: boolean;
}

/** What the file says about the kernel. */
export interface FactsAbout {
  readonly release: string;
  readonly architecture: string;
  readonly buildId: string;
  readonly pointerSize: 4 | 8;
  /** Whether the functions' addresses and places are known. */
  readonly symbols: boolean;
}

/** The format of the file; its version counts up with every change of what the tables hold. */
export const FACTS_FORMAT: PartsFormat<PartName> = { kind: 1, version: 8, parts: PARTS };

/** The file's name in a cache; versions that know different formats share the cache, so each has a file of its own. */
export const FACTS_NAME = `btf.${FACTS_FORMAT.version}.facts`;

/** A facts file that is open. */
export class FactsFile extends PartsFile<PartName> {
  readonly about: FactsAbout;
  readonly btf: Btf;
  readonly functions: NameTable<PartName>;
  readonly types: NameTable<PartName>;
  readonly enumerators: NameTable<PartName>;
  readonly tracepoints: NameTable<PartName>;
  /** Symbols that the compiler made of a function, with a suffix: `foo.isra.0`, `foo.cold`. */
  readonly variants: NameTable<PartName>;
  /** Per-CPU variables. */
  readonly variables: NameTable<PartName>;

  /**
   * Opens a facts file.
   *
   * @throws BinaryFault where the file is damaged or of another version; the system's error where there is none
   */
  constructor(path: string) {
    super(path, FACTS_FORMAT);
    try {
      this.about = JSON.parse(this.text('about')) as FactsAbout;
      this.btf = new Btf(this.btfBytes());
      this.functions = new NameTable(this, 'function');
      this.types = new NameTable(this, 'type');
      this.enumerators = new NameTable(this, 'enumerator');
      this.tracepoints = new NameTable(this, 'tracepoint');
      this.variants = new NameTable(this, 'variant');
      this.variables = new NameTable(this, 'variable');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What the kernel's symbol table says of the function at a place of the table. */
  symbolOf(index: number): FunctionSymbol {
    if (!this.about.symbols) return {};
    const low = this.u32('functionAddresses', index * 8);
    const high = this.u32('functionAddresses', index * 8 + 4);
    const address = low === 0 && high === 0 ? undefined : (BigInt(high) << 32n) | BigInt(low);
    const flags = this.bytes('functionPlaces', index, 1)[0]!;
    const place = PLACES[flags & ~LOCAL_FUNCTION];
    return {
      ...(address === undefined ? {} : { address }),
      ...(place ? { place } : {}),
      external: (flags & LOCAL_FUNCTION) === 0,
    };
  }

  private btfBytes(): BtfBytes {
    const size = this.partSize('blob');
    const layout = readBtfHeader(this.bytes('blob', 0, Math.min(24, size)), size, this.path);
    const { littleEndian, stringStart, stringLength } = layout;
    return {
      name: this.path,
      layout,
      typeCount: this.partSize('typeOffsets') / 4,
      typeOffset: (index) => this.u32('typeOffsets', index * 4),
      u32: (offset) => this.u32('blob', offset, littleEndian),
      string: (offset) => {
        if (offset >= stringLength) this.fail(stringStart, `no string at ${offset}`);
        const start = stringStart + offset;
        const room = Math.min(stringStart + stringLength - start, 256);
        const piece = this.bytes('blob', start, room);
        const nul = piece.indexOf(0);
        if (nul >= 0) return piece.toString('utf8', 0, nul);
        const longer = this.bytes('blob', start, Math.min(stringStart + stringLength - start, 4096));
        const end = longer.indexOf(0);
        if (end < 0) this.fail(start, 'a string has no end');
        return longer.toString('utf8', 0, end);
      },
    };
  }
}
