// The types that one object file's debug information describes, by name: of headers that were compiled for their sake.
import type { Diagnostic, Outcome } from '@stapkit/pass';
import { DW_AT, DW_TAG } from '../dwarf/constants.js';
import { Dwarf } from '../dwarf/dwarf.js';
import { dwarfTypeFacts, typeIdOf } from '../dwarf/type-facts.js';
import { openElf } from '../elf/elf-file.js';
import { openFileSource } from '../io/byte-source.js';
import { BinaryFault } from '../io/fault.js';
import { innerTypeId, outerTypeId, typeOrdinal } from './code-files.js';
import { mapTypes } from './kernel-code.js';
import type { TypeFacts } from './kernel-symbols.js';
import { debugWarning } from './open-kernel-debug.js';

/** The types of some object files. Their ids lie beside those of a kernel's BTF and debug files. */
export interface ObjectTypes {
  /**
   * Opens a file; a second time it is only looked up.
   *
   * @returns what the file is called by in the other functions, undefined where it can't be read
   */
  open(path: string): Outcome<number | undefined>;
  /** The type of a name, with or without `struct `, `union ` or `enum ` before it; undefined where there is none. */
  type(file: number, name: string): number | undefined;
  /** The file that a type id is of; undefined where it is of none of these. */
  fileOf(type: number): number | undefined;
  typeFacts(type: number): TypeFacts;
  close(): void;
}

/** Above the numbers of a kernel's debug files, of which there are as many as modules at most. */
const FIRST_ORDINAL = 7000;
const LAST_ORDINAL = 8000;

const KEYWORDS: ReadonlyMap<number, string> = new Map([
  [DW_TAG.structure_type, 'struct'],
  [DW_TAG.class_type, 'struct'],
  [DW_TAG.union_type, 'union'],
  [DW_TAG.enumeration_type, 'enum'],
]);

interface OpenObject {
  readonly dwarf: Dwarf;
  /** By name, a bare one as well as one with its keyword. */
  readonly names: ReadonlyMap<string, number>;
}

/** Makes {@link ObjectTypes}. */
export function objectTypes(): ObjectTypes {
  const byPath = new Map<string, number>();
  const files: OpenObject[] = [];
  return {
    open(path) {
      const known = byPath.get(path);
      if (known !== undefined) return { value: known, diagnostics: [] };
      try {
        if (FIRST_ORDINAL + files.length > LAST_ORDINAL) throw new RangeError('too many object files are open');
        const dwarf = new Dwarf(openElf(openFileSource(path)));
        files.push({ dwarf, names: namesOf(dwarf) });
        byPath.set(path, files.length - 1);
        return { value: files.length - 1, diagnostics: [] };
      } catch (error) {
        if (!(error instanceof BinaryFault)) throw error;
        const diagnostics: Diagnostic[] = [debugWarning(error.message)];
        return { value: undefined, diagnostics };
      }
    },
    type(file, name) {
      const id = files[file]?.names.get(name.trim().replace(/\s+/g, ' '));
      return id === undefined ? undefined : outerTypeId(FIRST_ORDINAL + file, id);
    },
    fileOf(type) {
      const file = typeOrdinal(type) - FIRST_ORDINAL;
      return file >= 0 && file < files.length ? file : undefined;
    },
    typeFacts(type) {
      const ordinal = typeOrdinal(type);
      const file = files[ordinal - FIRST_ORDINAL];
      if (!file) throw new RangeError(`type id ${type} is of no open object file`);
      return mapTypes(dwarfTypeFacts(file.dwarf, innerTypeId(ordinal, type)), (id) => outerTypeId(ordinal, id));
    },
    close() {
      for (const { dwarf } of files) dwarf.elf.close();
    },
  };
}

/** Every type that the units name; where two have one name, the first that is defined. */
function namesOf(dwarf: Dwarf): Map<string, number> {
  const names = new Map<string, number>();
  for (const unit of dwarf.units()) {
    for (const die of unit.root.children()) {
      const { name, tag } = die;
      const keyword = KEYWORDS.get(tag);
      if (name === undefined || die.flag(DW_AT.declaration)) continue;
      if (keyword === undefined && tag !== DW_TAG.typedef && tag !== DW_TAG.base_type) continue;
      const id = typeIdOf(die);
      if (keyword !== undefined && !names.has(`${keyword} ${name}`)) names.set(`${keyword} ${name}`, id);
      // "struct stat" and a typedef of that name may both be there: the bare name is then the structure's, as elsewhere.
      if (!names.has(name) || (keyword !== undefined && !names.has(`bare ${name}`))) {
        names.set(name, id);
        if (keyword !== undefined) names.set(`bare ${name}`, id);
      }
    }
  }
  return names;
}
