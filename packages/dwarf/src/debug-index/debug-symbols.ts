// What debug information knows of functions and types, by name and in the shapes of KernelSymbols, over an index. It adds
// to BTF what that has not: files and lines, inlined copies, addresses of lines, and variables' places.
import { nearestNames } from '@stapkit/pass';
import { DW_AT, DW_TAG } from '../dwarf/constants.js';
import type { Die } from '../dwarf/die.js';
import type { Dwarf } from '../dwarf/dwarf.js';
import { parametersOf } from '../dwarf/functions.js';
import type { DebugInfoOffset } from '../dwarf/offsets.js';
import { entryAddress } from '../dwarf/ranges.js';
import { dwarfTypeFacts, typeIdOf, typeIdOfValue } from '../dwarf/type-facts.js';
import type { FunctionFacts, TypeFacts } from '../kernel/kernel-symbols.js';
import type { DebugIndex } from './debug-index.js';

/** A function with the places where its code is. */
export interface DebugFunction extends FunctionFacts {
  readonly file: string;
  readonly line: number;
  /** Entries with code of their own: none where every call was inlined. */
  readonly concrete: readonly DebugInfoOffset[];
  readonly inlined: readonly DebugInfoOffset[];
}

/** A place in the code that a line stands for. */
export interface LineAddress {
  readonly address: bigint;
  readonly file: string;
  readonly line: number;
}

/** What an index and the debug information under it know. Type ids are of this object. */
export interface DebugSymbols {
  readonly dwarf: Dwarf;
  readonly index: DebugIndex;
  /**
   * The functions whose names match a pattern.
   *
   * @param file a pattern of the file's path or of its end, as in `kernel.function("*@fs/*.c")`
   */
  functions(pattern: string, file?: string): DebugFunction[];
  nearestFunctions(name: string): string[];
  /** The type of a name, with or without `struct `, `union ` or `enum ` before it. */
  type(name: string): number | undefined;
  typeFacts(id: number): TypeFacts;
  enumerator(name: string): string | undefined;
  /** The addresses of an inlined copy's or function's first instruction. */
  address(offset: DebugInfoOffset): bigint | undefined;
  /**
   * Where a function's code of a line begins.
   *
   * @param offset a function's concrete or inlined entry; its unit's line table is asked
   * @param file the path as line tables have it
   */
  lineAddresses(offset: DebugInfoOffset, file: string, line: number): LineAddress[];
}

const KEYWORDS: Readonly<Record<string, readonly number[]>> = {
  struct: [DW_TAG.structure_type, DW_TAG.class_type],
  union: [DW_TAG.union_type],
  enum: [DW_TAG.enumeration_type],
};
/** Which definition of a bare name counts first. */
const ORDER: readonly number[] = [
  DW_TAG.structure_type,
  DW_TAG.class_type,
  DW_TAG.union_type,
  DW_TAG.enumeration_type,
  DW_TAG.typedef,
  DW_TAG.base_type,
];

/** Puts debug information and its index together. */
export function debugSymbols(dwarf: Dwarf, index: DebugIndex): DebugSymbols {
  index.adoptUnits(dwarf);

  /** The entry that names a function's parameters best: the abstract one, where there is one. */
  function declaration(die: Die): Die {
    const origin = die.owner(DW_AT.name) ?? die;
    return parametersOf(origin).length >= parametersOf(die).length ? origin : die;
  }

  return {
    dwarf,
    index,
    functions(pattern, file) {
      return index.functions(pattern, file).map((found) => {
        const [first] = found.concrete.length > 0 ? found.concrete : found.inlined;
        const die = first === undefined ? undefined : dwarf.dieAt(first);
        const declared = die && declaration(die);
        const [own] = found.concrete;
        const address = own === undefined ? undefined : entryAddress(dwarf.dieAt(own));
        const result = declared?.type;
        return {
          ...found,
          parameters: (declared ? parametersOf(declared) : []).map((parameter) => ({
            name: parameter.fullName ?? '',
            type: typeIdOfValue(parameter, dwarf),
          })),
          ...(result ? { result: typeIdOf(result, dwarf) } : {}),
          ...(address === undefined ? {} : { address: address.toString() }),
        };
      });
    },
    nearestFunctions: (name) => nearestNames(name, index.allFunctionNames()),
    type(name) {
      const [, keyword, plain] = /^\s*(?:(struct|union|enum)\s+)?(.*?)\s*$/.exec(name)!;
      const tags = keyword === undefined ? ORDER : KEYWORDS[keyword]!;
      for (const tag of tags) {
        const [offset] = index.types(plain!, tag);
        if (offset !== undefined) return typeIdOf(dwarf.dieAt(offset));
        const found = dwarf.typesNamed(plain!).find((die) => die.tag === tag && die.name === plain);
        if (found) return typeIdOf(found);
      }
      return undefined;
    },
    typeFacts: (id) => dwarfTypeFacts(dwarf, id),
    enumerator(name) {
      const offset = index.enumeration(name);
      const die =
        offset === undefined
          ? dwarf.typesNamed(name).find((one) => one.tag === DW_TAG.enumeration_type)
          : dwarf.dieAt(offset);
      const facts = die && dwarfTypeFacts(dwarf, typeIdOf(die));
      return facts?.kind === 'enum' ? facts.values.find((value) => value.name === name)?.value : undefined;
    },
    address: (offset) => entryAddress(dwarf.dieAt(offset)),
    lineAddresses(offset, file, line) {
      const table = dwarf.dieAt(offset).unit.lines();
      if (!table) return [];
      return table
        .filesNamed(file)
        .flatMap((number) => table.rowsOfLine(number, line))
        .map((row) => ({ address: row.address, file: table.files[row.file]!.path, line: row.line }));
    },
  };
}
