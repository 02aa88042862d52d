// Variables of a kernel's code as a front end asks for them: those visible at a place, with where their values are there,
// and those outside functions. Addresses come out as symbols and bytes past them; a per-CPU variable's is that of the copy
// of the CPU that asks.
import { DW_AT, DW_TAG } from '../dwarf/constants.js';
import type { Die } from '../dwarf/die.js';
import { type FrameTable, frameTables } from '../dwarf/frame.js';
import { subprogramAt } from '../dwarf/functions.js';
import type { DebugInfoOffset } from '../dwarf/offsets.js';
import { typeIdOf, typeIdOfValue } from '../dwarf/type-facts.js';
import {
  binaryTree,
  type LocationPlace,
  placedVariables,
  type ValueLocation,
  type ValueTree,
  valueLocation,
} from '../dwarf/value-location.js';
import type { ElfSection } from '../elf/elf-file.js';
import type { CodeFile, CodeFiles } from './code-files.js';
import type { CodePlace, CodeSource, CodeVariable } from './code-types.js';

/** The section that per-CPU variables are laid out in. */
const PER_CPU = '.data..percpu';

/** A symbol of a module that there is one of. */
interface Anchor {
  readonly name: string;
  readonly address: bigint;
  readonly section: number;
}

/** Answers questions about variables, from the files that are open. */
export function codeVariables(
  files: CodeFiles,
): Required<Pick<CodeSource, 'variables' | 'variable' | 'visible' | 'resultType'>> {
  const frames = new Map<CodeFile, readonly FrameTable[]>();
  const anchors = new Map<CodeFile, readonly Anchor[]>();

  function framesOf(file: CodeFile): readonly FrameTable[] {
    let found = frames.get(file);
    if (!found) {
      found = frameTables(file.elf);
      frames.set(file, found);
    }
    return found;
  }

  /** What a link-time address is where the kernel or module was loaded. */
  function relocate(file: CodeFile, address: bigint): ValueTree | undefined {
    const section = sectionOf(file, address);
    if (!section) return undefined;
    const perCpu = section.name === PER_CPU;
    const base = named(file, section, address, perCpu);
    return base && perCpu ? binaryTree('+', { kind: 'per-cpu-base' }, base) : base;
  }

  function named(file: CodeFile, section: ElfSection, address: bigint, perCpu: boolean): ValueTree | undefined {
    if (file.module === undefined) {
      // The kernel's copies are counted from its first one; all else is moved in one piece.
      if (perCpu) return { kind: 'symbol', name: '__per_cpu_start', offset: Number(address - section.address) };
      const found = file.nameOf(address);
      return found && { kind: 'symbol', name: found.symbol, offset: found.offset };
    }
    let own = anchors.get(file);
    if (!own) {
      own = uniqueSymbols(file);
      anchors.set(file, own);
    }
    let best: Anchor | undefined;
    for (const anchor of own) {
      if (anchor.section !== section.index) continue;
      if (!best || (anchor.address <= address && anchor.address >= best.address)) best = anchor;
    }
    return best && { kind: 'symbol', name: best.name, module: file.module, offset: Number(address - best.address) };
  }

  function placeOf(file: CodeFile, place: CodePlace): { scope: Die; at: LocationPlace } {
    const scope = file.dwarf.dieAt(place.scope as DebugInfoOffset);
    const address = BigInt(place.address);
    const subprogram = scope.tag === DW_TAG.subprogram ? scope : subprogramAt(scope.unit, address);
    const at: LocationPlace = {
      address,
      ...(subprogram ? { subprogram } : {}),
      frames: framesOf(file),
      relocate: (wanted) => relocate(file, wanted),
    };
    return { scope, at };
  }

  function outside(file: CodeFile): LocationPlace {
    return { address: 0n, frames: [], relocate: (address) => relocate(file, address) };
  }

  function described(
    file: CodeFile,
    die: Die,
    name: string,
    group: CodeVariable['group'],
    location: ValueLocation,
  ): CodeVariable {
    return { name, type: file.outerType(typeIdOfValue(die, file.dwarf)), group, location };
  }

  /** A variable outside functions by its entry; one that is only declared there has its symbol's address. */
  function globalOf(file: CodeFile, die: Die, name: string): CodeVariable | undefined {
    if (die.owner(DW_AT.location) || die.owner(DW_AT.const_value)) {
      return described(file, die, name, 'global', valueLocation(die, outside(file)));
    }
    const symbol = file.elf.symbols().find(name);
    const address = symbol && relocate(file, symbol.address);
    return address && described(file, die, name, 'global', { kind: 'memory', address });
  }

  /** What only has a symbol (the linker's script makes such) is declared somewhere. */
  function declaredIn(file: CodeFile, name: string, path: string | undefined): Die | undefined {
    if (!file.elf.symbols().find(name)) return undefined;
    for (const unit of file.dwarf.units()) {
      if (path !== undefined && !endsWithPath(unit.name ?? '', path)) continue;
      for (const die of unit.root.children()) if (die.tag === DW_TAG.variable && die.name === name) return die;
    }
    return undefined;
  }

  return {
    variables(place) {
      const file = files.file(place.module);
      if (!file) return [];
      const { scope, at } = placeOf(file, place);
      return placedVariables(scope, at).map(({ name, die, parameter, location }) =>
        described(file, die, name, parameter ? 'parameter' : 'local', location),
      );
    },
    resultType(place) {
      const file = files.file(place.module);
      const type = file?.dwarf.dieAt(place.scope as DebugInfoOffset).type;
      return file && type ? file.outerType(typeIdOf(type, file.dwarf)) : undefined;
    },
    visible(place, name) {
      const file = files.file(place.module);
      if (!file) return undefined;
      const { unit } = file.dwarf.dieAt(place.scope as DebugInfoOffset);
      let declared: Die | undefined;
      for (const die of unit.root.children()) {
        if (die.tag !== DW_TAG.variable || die.fullName !== name) continue;
        if (die.has(DW_AT.location)) return globalOf(file, die, name);
        declared ??= die;
      }
      return declared && globalOf(file, declared, name);
    },
    variable(name, path, module) {
      const file = files.file(module);
      if (!file) return undefined;
      if (!file.index) {
        files.wantIndex(file);
        return undefined;
      }
      const dies = file.index.variables(name).map((offset) => file.dwarf.dieAt(offset));
      const fitting = path === undefined ? dies : dies.filter((die) => endsWithPath(die.unit.name ?? '', path));
      // "… the first CU which matches the given file name at the end and has the shortest file name path."
      if (path !== undefined) fitting.sort((a, b) => (a.unit.name ?? '').length - (b.unit.name ?? '').length);
      const [defined] = fitting;
      if (defined) return globalOf(file, defined, name);
      const declared = declaredIn(file, name, path);
      return declared && globalOf(file, declared, name);
    },
  };
}

function sectionOf(file: CodeFile, address: bigint): ElfSection | undefined {
  // Per-CPU variables and discarded sections both start at 0.
  const holds = (s: ElfSection) => s.address <= address && address < s.address + BigInt(s.size);
  const found = file.elf.sections.filter((s) => (s.flags & SHF_ALLOC) !== 0 && holds(s));
  return found.find((s) => s.name === PER_CPU) ?? found[0];
}

const SHF_ALLOC = 2;

/** The symbols of a module by which the kernel finds its sections' places. */
function uniqueSymbols(file: CodeFile): Anchor[] {
  const counts = new Map<string, number>();
  const all: Anchor[] = [];
  for (const { name, address, section, type } of file.elf.symbols()) {
    // Sections and files have symbols too, which the kernel does not keep.
    if (name === '' || section === 0 || type === 3 || type === 4) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    all.push({ name, address, section });
  }
  return all.filter(({ name }) => counts.get(name) === 1);
}

/** Whether a path ends in another, as a whole or from a folder on. */
function endsWithPath(path: string, end: string): boolean {
  return path === end || path.endsWith(end.startsWith('/') ? end : `/${end}`);
}
