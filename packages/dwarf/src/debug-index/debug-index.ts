// The index of a file's debug information, on disk by build id: what a whole scan finds is looked up in it within
// milliseconds afterwards.

import type { Dwarf } from '../dwarf/dwarf.js';
import type { DebugInfoOffset } from '../dwarf/offsets.js';
import type { UnitHeader } from '../dwarf/unit.js';
import { globSource, NameTable, PartsFile, type PartsFormat, toKey } from '../io/parts-file.js';

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
  'instanceStarts',
  'instances',
  'inlinedStarts',
  'inlined',
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
  'about',
] as const;
export type IndexPart = (typeof INDEX_PARTS)[number];

export const INDEX_FORMAT: PartsFormat<IndexPart> = { kind: 2, version: 2, parts: INDEX_PARTS };

/** What the index says about the file it is of. */
export interface IndexAbout {
  readonly buildId: string;
  /** Of .debug_info, in bytes: another size is another file. */
  readonly infoSize: number;
}

/** A function as the index knows it: one declaration, with all its instances. */
export interface IndexedFunction {
  readonly name: string;
  /** The path of the file that declares it. */
  readonly file: string;
  readonly line: number;
  /** Entries with code of their own. */
  readonly concrete: readonly DebugInfoOffset[];
  /** Inlined copies. */
  readonly inlined: readonly DebugInfoOffset[];
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

  /** @throws BinaryFault where the file is damaged or of another version; the system's error where there is none */
  constructor(path: string) {
    this.file = new PartsFile(path, INDEX_FORMAT);
    try {
      this.about = JSON.parse(this.file.text('about')) as IndexAbout;
    } catch (error) {
      this.file.close();
      throw error;
    }
    this.functionNames = new NameTable(this.file, 'function');
    this.typeNames = new NameTable(this.file, 'type');
    this.enumeratorNames = new NameTable(this.file, 'enumerator');
    this.variableNames = new NameTable(this.file, 'variable');
    this.fileNames = new NameTable(this.file, 'file');
  }

  close(): void {
    this.file.close();
  }

  /** How many functions, types, … there are. */
  counts(): { functions: number; types: number; enumerators: number; variables: number; files: number } {
    return {
      functions: this.functionNames.count,
      types: this.typeNames.count,
      enumerators: this.enumeratorNames.count,
      variables: this.variableNames.count,
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
    const fits = file === undefined ? undefined : this.filesLike(file);
    if (fits && fits.size === 0) return [];
    const found: IndexedFunction[] = [];
    for (const index of this.functionNames.matchingIndexes(pattern)) {
      const fileIndex = this.file.u32('functionFiles', index * 4);
      if (fits && !fits.has(fileIndex)) continue;
      found.push({
        name: this.functionNames.nameAt(index),
        file: this.fileNames.nameAt(fileIndex),
        line: this.file.u32('functionLines', index * 4),
        concrete: this.offsets('instance', 'instances', index),
        inlined: this.offsets('inlined', 'inlined', index),
      });
    }
    return found;
  }

  private offsets(prefix: 'instance' | 'inlined', part: 'instances' | 'inlined', index: number): DebugInfoOffset[] {
    const starts: IndexPart = `${prefix}Starts`;
    const from = this.file.u32(starts, index * 4);
    const to = this.file.u32(starts, index * 4 + 4);
    const offsets: DebugInfoOffset[] = [];
    for (let at = from; at < to; at++) offsets.push(this.file.u32(part, at * 4) as DebugInfoOffset);
    return offsets;
  }

  private filesLike(pattern: string): Set<number> {
    const expression = new RegExp(`(?:^|/)${globSource(toKey(pattern))}$`);
    const fits = new Set<number>();
    this.files().forEach((name, index) => {
      if (expression.test(toKey(name))) fits.add(index);
    });
    return fits;
  }

  /** The paths of all files that declare functions, in order. */
  files(): string[] {
    return this.fileNames.all();
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

  /** Variables outside functions of a name. */
  variables(name: string): DebugInfoOffset[] {
    return this.variableNames.find(name) as DebugInfoOffset[];
  }

  /** The names of functions, in order: for spelling help. */
  allFunctionNames(): string[] {
    return this.functionNames.all();
  }
}
