// Functions of a unit: which one an address lies in, with the calls that were inlined there, and what its parameters
// and variables are.
import type { Abbreviation } from './abbrev.js';
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import type { Dwarf } from './dwarf.js';
import { rangesOf } from './ranges.js';
import type { Unit } from './unit.js';

/** One level of an address's inlined calls. */
export interface SourceFrame {
  /** DW_TAG_subprogram or DW_TAG_inlined_subroutine. */
  readonly die: Die;
  readonly function: string | undefined;
  readonly file: string | undefined;
  /** 0 or undefined where the code belongs to no line. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** Functions are defined in namespaces and, in other languages than C, inside types. */
const FUNCTION_HOLDERS = new Set<number>([
  DW_TAG.namespace,
  DW_TAG.structure_type,
  DW_TAG.class_type,
  DW_TAG.module,
  DW_TAG.enumeration_type,
  DW_TAG.union_type,
]);

/** The subprogram whose code holds an address. */
export function subprogramAt(unit: Unit, address: bigint): Die | undefined {
  const search = (scope: Die, depth: number): Die | undefined => {
    for (const child of scope.childrenOf(wanted)) {
      if (child.tag === DW_TAG.subprogram) {
        if (rangesOf(child).some((range) => range.start <= address && address < range.end)) return child;
      } else if (depth < 32) {
        const found = search(child, depth + 1);
        if (found) return found;
      }
    }
    return undefined;
  };
  const wanted = (abbreviation: Abbreviation): boolean =>
    // A declaration has no code, and needs no look at its attributes.
    abbreviation.tag === DW_TAG.subprogram
      ? abbreviation.attributes.includes(DW_AT.low_pc) || abbreviation.attributes.includes(DW_AT.ranges)
      : abbreviation.hasChildren && FUNCTION_HOLDERS.has(abbreviation.tag);
  return search(unit.root, 0);
}

/** The subprogram and the inlined calls that hold an address, outermost first. */
export function scopesAt(unit: Unit, address: bigint): Die[] {
  const subprogram = subprogramAt(unit, address);
  if (!subprogram) return [];
  const chain = [subprogram];
  const descend = (scope: Die, depth: number): void => {
    for (const child of scope.children()) {
      if (child.tag !== DW_TAG.inlined_subroutine && child.tag !== DW_TAG.lexical_block) continue;
      const ranges = rangesOf(child);
      const inside = ranges.some((range) => range.start <= address && address < range.end);
      // A block without ranges is only a bracket around declarations.
      if (!inside && ranges.length > 0) continue;
      if (child.tag === DW_TAG.inlined_subroutine) {
        if (!inside) continue;
        chain.push(child);
      }
      if (depth < 256) descend(child, depth + 1);
      if (inside) return;
    }
  };
  descend(subprogram, 0);
  return chain;
}

/**
 * What source an address stands for, with every inlined call, innermost first: what `addr2line -i` prints.
 *
 * @returns empty where no unit holds the address
 */
export function symbolize(dwarf: Dwarf, address: bigint): SourceFrame[] {
  const unit = dwarf.unitForAddress(address);
  if (!unit) return [];
  const table = unit.lines();
  const row = table?.rowAt(address);
  const scopes = scopesAt(unit, address);
  const frames: SourceFrame[] = [];
  let file = row && table?.files[row.file]?.path;
  let line = row?.line;
  let column = row?.column;
  for (const die of scopes.toReversed()) {
    frames.push({ die, function: die.fullName, file, line, column });
    const callFile = die.number(DW_AT.call_file);
    file = callFile === undefined ? undefined : table?.files[callFile]?.path;
    line = die.number(DW_AT.call_line);
    column = die.number(DW_AT.call_column);
  }
  if (frames.length === 0 && row) frames.push({ die: unit.root, function: undefined, file, line, column });
  return frames;
}

/** The name a linker knows a function or variable by, where the language mangles names. */
export function linkageName(die: Die): string | undefined {
  return (
    die.owner(DW_AT.linkage_name)?.string(DW_AT.linkage_name) ??
    die.owner(DW_AT.MIPS_linkage_name)?.string(DW_AT.MIPS_linkage_name)
  );
}

/** A function's parameters, an inlined or concrete copy's as well as an abstract one's, in their order. */
export function parametersOf(die: Die): Die[] {
  return [...die.children()].filter((child) => child.tag === DW_TAG.formal_parameter);
}

/**
 * The variables that are visible at an address of a function: its parameters, its own and those of the blocks around
 * the address, innermost first.
 */
export function variablesAt(scope: Die, address: bigint): Die[] {
  const found: Die[][] = [];
  const collect = (die: Die, depth: number): void => {
    const own: Die[] = [];
    found.push(own);
    for (const child of die.children()) {
      if (child.tag === DW_TAG.formal_parameter || child.tag === DW_TAG.variable) own.push(child);
      else if (child.tag === DW_TAG.lexical_block && depth < 256) {
        const ranges = rangesOf(child);
        if (ranges.some((range) => range.start <= address && address < range.end)) collect(child, depth + 1);
      }
    }
  };
  collect(scope, 0);
  return found.reverse().flat();
}

/** Scopes whose names stand before those of what they hold. */
const NAMED_SCOPES = new Set<number>([
  DW_TAG.namespace,
  DW_TAG.structure_type,
  DW_TAG.class_type,
  DW_TAG.union_type,
  DW_TAG.enumeration_type,
  DW_TAG.interface_type,
  DW_TAG.module,
]);

/**
 * An entry's name with the namespaces and types around it, as C++ and Rust write it: `std::vector<int>::push_back`.
 * Debug information names scopes as the source does, so nothing has to be demangled.
 *
 * @returns undefined for an entry without a name
 */
export function qualifiedName(die: Die): string | undefined {
  // The declaration stands in its scope, the definition may not.
  const declared = die.owner(DW_AT.name);
  const name = declared?.name;
  if (!declared || name === undefined) return undefined;
  const parts = [name];
  for (const scope of ancestorsOf(declared)) {
    if (NAMED_SCOPES.has(scope.tag)) parts.unshift(scope.fullName ?? '(anonymous)');
  }
  return parts.join('::');
}

/** The entries around one, innermost first. Those of an entry that was not reached from above are looked for. */
function ancestorsOf(die: Die): Die[] {
  if (die.parent) {
    const found: Die[] = [];
    for (let parent: Die | undefined = die.parent; parent; parent = parent.parent) found.push(parent);
    return found;
  }
  for (const other of die.unit.root.descendants()) {
    if (other.position === die.position) return other.parent ? ancestorsOf(other) : [];
    if (other.position > die.position) return [];
  }
  return [];
}
