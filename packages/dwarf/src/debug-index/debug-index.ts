// The index of a file's debug information, on disk by build id: what a whole scan finds is looked up in it within
// milliseconds afterwards.
import { globSource } from '@stapkit/pass';
import type { Dwarf } from '../dwarf/dwarf.js';
import type { DebugInfoOffset } from '../dwarf/offsets.js';
import type { UnitHeader } from '../dwarf/unit.js';
import { fromKey, NameTable, PartsFile, type PartsFormat, toKey } from '../io/parts-file.js';
import type { CodeMarks } from './code-marks.js';

export const INDEX_PARTS = [
  'units',
  'fileNames',
  'fileStarts',
  'fileIds',
  'functionNames',
  'functionStarts',
  'functionIds',
  'functionFiles',
  'functionLines',
  'functionFlags',
  'fileFunctionStarts',
  'fileFunctions',
  'instanceStarts',
  'instances',
  'instanceAddresses',
  'inlinedStarts',
  'inlined',
  'inlinedAddresses',
  'typeNames',
  'typeStarts',
  'typeIds',
  'typeTags',
  'enumeratorNames',
  'enumeratorStarts',
  'enumeratorIds',
  'variableNames',
  'variableStarts',
  'variableIds',
  'labelNames',
  'labelStarts',
  'labelIds',
  'labelScopes',
  'labelAddresses',
  'variantNames',
  'variantStarts',
  'variantIds',
  'marks',
  'about',
] as const;
export type IndexPart = (typeof INDEX_PARTS)[number];

export const INDEX_FORMAT: PartsFormat<IndexPart> = { kind: 2, version: 4, parts: INDEX_PARTS };

/** The file's name in a cache; versions that know different formats share the cache, so each has a file of its own. */
export const INDEX_NAME = `dwarf.${INDEX_FORMAT.version}.index`;

/** In place of an address that is not known, or too far from the others. */
export const NO_ADDRESS = 0xffff_ffff;

/** What the index says about the file it is of. */
export interface IndexAbout {
  readonly buildId: string;
  /** Of .debug_info, in bytes: another size is another file. */
  readonly infoSize: number;
  /** What the index's addresses are counted from, in decimal digits. */
  readonly addressBase: string;
}

/** A function as the index knows it: one declaration, with all its instances. */
export interface IndexedFunction {
  readonly name: string;
  /** The path of the file that declares it. */
  readonly file: string;
  readonly line: number;
  /** Whether other units can call it. */
  readonly external: boolean;
  /** Entries with code of their own. */
  readonly concrete: readonly DebugInfoOffset[];
  /** Where the code of each entry of `concrete` starts; undefined for one to be asked itself. */
  readonly addresses: readonly (bigint | undefined)[];
  /** Inlined copies. */
  readonly inlined: readonly DebugInfoOffset[];
  /** Where each of `inlined` starts; undefined for one without code, or to be asked itself. */
  readonly inlinedAddresses: readonly (bigint | undefined)[];
}

/** A label with code. */
export interface IndexedLabel {
  readonly name: string;
  readonly die: DebugInfoOffset;
  /** The function's copy that it is in, an inlined one too. */
  readonly scope: DebugInfoOffset;
  readonly address: bigint | undefined;
}

/** An index that is open. */
export class DebugIndex {
  readonly about: IndexAbout;
  private readonly file: PartsFile<IndexPart>;
  private readonly functionNames: NameTable<IndexPart>;
  private readonly typeNames: NameTable<IndexPart>;
  private readonly enumeratorNames: NameTable<IndexPart>;
  private readonly variableNames: NameTable<IndexPart>;
  private readonly fileNames: NameTable<IndexPart>;
  private readonly labelNames: NameTable<IndexPart>;
  private readonly addressBase: bigint;
  private readonly variantNames: NameTable<IndexPart>;
  private variants: ReadonlyMap<number, string> | undefined;
  private fileList: string[] | undefined;

  /** @throws BinaryFault where the file is damaged or of another version; the system's error where there is none */
  constructor(path: string) {
    this.file = new PartsFile(path, INDEX_FORMAT);
    try {
      this.about = JSON.parse(this.file.text('about')) as IndexAbout;
      this.addressBase = BigInt(this.about.addressBase);
    } catch (error) {
      this.file.close();
      throw error;
    }
    this.functionNames = new NameTable(this.file, 'function');
    this.typeNames = new NameTable(this.file, 'type');
    this.enumeratorNames = new NameTable(this.file, 'enumerator');
    this.variableNames = new NameTable(this.file, 'variable');
    this.fileNames = new NameTable(this.file, 'file');
    this.labelNames = new NameTable(this.file, 'label');
    this.variantNames = new NameTable(this.file, 'variant');
  }

  close(): void {
    this.file.close();
  }

  /** How many functions, types, … there are. */
  counts(): Readonly<
    Record<'functions' | 'concrete' | 'inlined' | 'types' | 'enumerators' | 'variables' | 'labels' | 'files', number>
  > {
    return {
      functions: this.functionNames.count,
      concrete: this.file.partSize('instances') / 4,
      inlined: this.file.partSize('inlined') / 4,
      types: this.typeNames.count,
      enumerators: this.enumeratorNames.count,
      variables: this.variableNames.count,
      labels: this.labelNames.count,
      files: this.fileNames.count,
    };
  }

  /** Hands the unit headers to a reader, which then need not look for them. */
  adoptUnits(dwarf: Dwarf): void {
    const words = this.file.words('units');
    const headers: UnitHeader[] = [];
    for (let at = 0; at + 8 <= words.length; at += 8) {
      const flags = words[at + 4]!;
      headers.push({
        section: '.debug_info',
        offset: words[at]!,
        length: words[at + 1]!,
        headerSize: words[at + 2]!,
        version: flags & 0xff,
        unitType: (flags >>> 8) & 0xff,
        addressSize: (flags >>> 16) & 0xff,
        offsetSize: flags >>> 24 === 8 ? 8 : 4,
        abbreviations: words[at + 3]! as UnitHeader['abbreviations'],
        ...(words[at + 5] === 0
          ? {}
          : {
              typeOffset: words[at + 5]!,
              signature: (BigInt(words[at + 7]!) << 32n) | BigInt(words[at + 6]!),
            }),
      });
    }
    dwarf.adoptUnits(headers);
  }

  /**
   * The functions whose names match a pattern, and whose files do where one is asked for.
   *
   * @param pattern of `*`, `?` and `[…]`
   * @param file a pattern of the path or of its end: `fs/*.c` fits `/src/fs/open.c`
   */
  functions(pattern: string, file?: string): IndexedFunction[] {
    return this.functionIndexes(pattern, file).map((index) => this.functionAt(index));
  }

  private functionIndexes(pattern: string, file: string | undefined): number[] {
    if (file === undefined) return this.functionNames.matchingIndexes(pattern);
    const files = this.filesLike(file);
    if (files.length === 0) return [];
    if (/^[*?[]/.test(pattern)) {
      // The pattern would fit functions all over the table; those of the files are fewer.
      const starts = this.file.words('fileFunctionStarts');
      const all = this.file.words('fileFunctions');
      const own = Uint32Array.from(files.flatMap((at) => [...all.subarray(starts[at]!, starts[at + 1]!)])).sort();
      if (pattern === '*') return [...own];
      const expression = new RegExp(`^${globSource(toKey(pattern))}$`);
      return [...own].filter((index) => expression.test(this.functionNames.nameAt(index)));
    }
    const fits = new Set(files);
    return this.functionNames.matchingIndexes(pattern).filter((at) => fits.has(this.file.u32('functionFiles', at * 4)));
  }

  /** Instances are read when they are asked for: most questions want one of the two kinds. */
  private functionAt(index: number): IndexedFunction {
    const self = this;
    let concrete: DebugInfoOffset[] | undefined;
    let inlined: DebugInfoOffset[] | undefined;
    return {
      name: fromKey(this.functionNames.nameAt(index)),
      file: this.files()[this.file.u32('functionFiles', index * 4)] ?? '',
      line: this.file.u32('functionLines', index * 4),
      external: (this.file.u32('functionFlags', index * 4) & 1) !== 0,
      get concrete() {
        concrete ??= self.numbers('instance', 'instances', index) as DebugInfoOffset[];
        return concrete;
      },
      get addresses() {
        return self.numbers('instance', 'instanceAddresses', index).map((distance) => self.address(distance));
      },
      get inlined() {
        inlined ??= self.numbers('inlined', 'inlined', index) as DebugInfoOffset[];
        return inlined;
      },
      get inlinedAddresses() {
        return self.numbers('inlined', 'inlinedAddresses', index).map((distance) => self.address(distance));
      },
    };
  }

  private address(distance: number): bigint | undefined {
    return distance === NO_ADDRESS ? undefined : this.addressBase + BigInt(distance);
  }

  private numbers(prefix: 'instance' | 'inlined', part: IndexPart, index: number): number[] {
    const starts: IndexPart = `${prefix}Starts`;
    const from = this.file.u32(starts, index * 4);
    const to = this.file.u32(starts, index * 4 + 4);
    const found: number[] = [];
    for (let at = from; at < to; at++) found.push(this.file.u32(part, at * 4));
    return found;
  }

  /** The places of the files that a pattern of their paths' ends fits. */
  private filesLike(pattern: string): number[] {
    const expression = new RegExp(`(?:^|/)${globSource(toKey(pattern))}$`);
    const fits: number[] = [];
    this.files().forEach((name, index) => {
      if (expression.test(toKey(name))) fits.push(index);
    });
    return fits;
  }

  /** The paths of all files that declare functions, in order. */
  files(): readonly string[] {
    this.fileList ??= this.fileNames.all();
    return this.fileList;
  }

  /** Labels with code whose names match a pattern. */
  labels(pattern: string): IndexedLabel[] {
    return this.labelNames.matchingIndexes(pattern).map((index) => ({
      name: fromKey(this.labelNames.nameAt(index)),
      die: this.labelNames.idAt(index) as DebugInfoOffset,
      scope: this.file.u32('labelScopes', index * 4) as DebugInfoOffset,
      address: this.address(this.file.u32('labelAddresses', index * 4)),
    }));
  }

  /** Entries that define a type of a name; `tag` narrows to one DW_TAG_…. */
  types(name: string, tag?: number): DebugInfoOffset[] {
    const found: DebugInfoOffset[] = [];
    for (const index of this.typeNames.indexesOf(name)) {
      if (tag === undefined || this.file.u32('typeTags', index * 4) === tag) {
        found.push(this.typeNames.idAt(index) as DebugInfoOffset);
      }
    }
    return found;
  }

  /** The enumeration that has an enumerator of a name. */
  enumeration(enumerator: string): DebugInfoOffset | undefined {
    return this.enumeratorNames.find(enumerator)[0] as DebugInfoOffset | undefined;
  }

  /** The names of types that match a pattern, in order; `tag` narrows to one DW_TAG_…. */
  typeNamesLike(pattern: string, tag?: number): string[] {
    const found: string[] = [];
    for (const index of this.typeNames.matchingIndexes(pattern)) {
      if (tag !== undefined && this.file.u32('typeTags', index * 4) !== tag) continue;
      const name = fromKey(this.typeNames.nameAt(index));
      if (found.at(-1) !== name) found.push(name);
    }
    return found;
  }

  /** The names of variables outside functions that match a pattern, in order. */
  variableNamesLike(pattern: string): string[] {
    return this.variableNames.match(pattern).map(({ name }) => name);
  }

  /** Variables outside functions of a name. */
  variables(name: string): DebugInfoOffset[] {
    return this.variableNames.find(name) as DebugInfoOffset[];
  }

  /** What the file's symbol table marks of its code. */
  marks(): CodeMarks {
    return JSON.parse(this.file.text('marks')) as CodeMarks;
  }

  /** The symbol of a copy that the compiler made and named itself, `NAME.isra.0`, by its first instruction. */
  variantAt(address: bigint): string | undefined {
    if (!this.variants) {
      const { variantNames } = this;
      const symbols = variantNames.allEntries();
      this.variants = new Map(symbols.map(({ name, id }) => [id, name]));
    }
    return this.variants.get(Number(address - this.addressBase));
  }

  /** The names of functions, in order: for spelling help. */
  allFunctionNames(): string[] {
    return this.functionNames.all();
  }
}
