// What DWARF knows of a kernel's code, for whoever places probes: functions with every copy of their code, the places where
// lines begin, labels and calls. Addresses come out as a symbol and bytes past it, so that they hold wherever the kernel or
// a module was loaded.
//
// A function that all of the kernel can call is found without an index: its symbol leads to its unit, and a function of a
// .c file has its inlined copies there too. Everything else asks the index.
import { globSource, nearestNames } from '@stapkit/pass';
import { Scanner } from '../debug-index/scan.js';
import { DW_AT, DW_TAG } from '../dwarf/constants.js';
import type { Die } from '../dwarf/die.js';
import { type FrameTable, frameTables } from '../dwarf/frame.js';
import { linkageName, qualifiedName, scopesAt, subprogramAt } from '../dwarf/functions.js';
import type { DebugInfoOffset } from '../dwarf/offsets.js';
import { entryAddress } from '../dwarf/ranges.js';
import type { Unit } from '../dwarf/unit.js';
import { STB_GLOBAL, STT_FUNC } from '../elf/constants.js';
import { toKey } from '../io/parts-file.js';
import type { CodeFile, CodeFiles } from './code-files.js';
import type {
  CodeCall,
  CodeFunction,
  CodeLabel,
  CodePlace,
  CodeQuery,
  CodeReturn,
  CodeSource,
  StatementQuery,
} from './code-types.js';
import { apart, type LineStart, lineStarts } from './line-starts.js';

/** How the compiler names a part that it took out of a function. */
const PART = /\.part\.\d+/;

/** A function as the index or a scan of one unit has it. */
interface Found {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly concrete: readonly number[];
  readonly inlined: readonly number[];
  /** What an index knows beforehand; undefined where the entry itself is to be asked. */
  readonly external?: boolean;
  readonly addresses?: readonly (bigint | undefined)[];
  readonly inlinedAddresses?: readonly (bigint | undefined)[];
}

/** The parts of a name with scopes; `::` inside the arguments of a template parts nothing. */
function splitScopes(name: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < name.length; at++) {
    if (name[at] === '<') depth += 1;
    else if (name[at] === '>') depth -= 1;
    else if (depth === 0 && name.startsWith('::', at)) {
      parts.push(name.slice(from, at));
      from = at + 2;
      at += 1;
    }
  }
  parts.push(name.slice(from));
  return parts;
}

/** The stack pointer's number in DWARF, by architecture. */
const STACK_POINTERS: Readonly<Record<string, number>> = { x86_64: 7, i386: 4, arm64: 31 };

/** Answers questions about the code of one kernel and its modules, from the files that are open. */
export function codeSource(files: CodeFiles): Omit<CodeSource, 'variables' | 'variable'> {
  const declaredLines = new Map<string, readonly number[]>();
  const folders = new Map<CodeFile, string>();
  const scanned = new Map<Unit, readonly Found[]>();
  const frames = new Map<CodeFile, readonly FrameTable[]>();

  /** The functions of a file that match; undefined where it takes an index that is not there. */
  function find(file: CodeFile, query: Omit<CodeQuery, 'copies'>): readonly Found[] {
    if (query.name.includes('::')) return findScoped(file, query);
    if (file.index) {
      const found = file.index.functions(query.name, query.file);
      return found.length > 0 ? found : findAlias(file, query);
    }
    const quick = findBySymbol(file, query);
    if (!quick) files.wantIndex(file);
    return quick ?? [];
  }

  /**
   * The functions of a name with scopes, `outer::thing::twice`: of C++ and Rust. What is written are the innermost scopes, all of
   * them where it begins with `::`, and patterns stand for one scope each. They are named with the scopes that were asked for.
   */
  function findScoped(file: CodeFile, query: Omit<CodeQuery, 'copies'>): readonly Found[] {
    if (!file.index) {
      files.wantIndex(file);
      return [];
    }
    const wanted = splitScopes(query.name);
    const expressions = wanted.map((part) => new RegExp(`^${globSource(toKey(part))}$`));
    return file.index.functions(wanted.at(-1)!, query.file).flatMap((one) => {
      const [first] = one.concrete.length > 0 ? one.concrete : one.inlined;
      const full = first === undefined ? undefined : qualifiedName(file.dwarf.dieAt(first as DebugInfoOffset));
      if (full === undefined) return [];
      // What begins with `::` has an empty first part, which stands for the outermost scope.
      const scopes = ['', ...splitScopes(full)].slice(-wanted.length);
      const fits = scopes.length === wanted.length && expressions.every((part, at) => part.test(toKey(scopes[at]!)));
      return fits ? [{ ...one, name: scopes.join('::') }] : [];
    });
  }

  function findBySymbol(file: CodeFile, query: Omit<CodeQuery, 'copies'>): readonly Found[] | undefined {
    if (/[*?[]/.test(query.name)) return undefined;
    const symbol = file.elf.symbols().find(query.name);
    if (symbol?.type !== STT_FUNC || symbol.binding !== STB_GLOBAL) return undefined;
    const unit = file.dwarf.unitForAddress(symbol.address);
    if (!unit) return undefined;
    const found = functionsOf(unit).filter((one) => one.name === query.name);
    // What a header defines may have copies anywhere.
    if (found.length === 0 || found.some((one) => !/\.[cS]$/.test(one.file))) return undefined;
    return found.filter((one) => query.file === undefined || fileMatches(query.file, one.file));
  }

  /** The function that begins where a symbol of the name does: assemblers and linkers give one function several names. */
  function findAlias(file: CodeFile, query: Omit<CodeQuery, 'copies'>): readonly Found[] {
    if (/[*?[]/.test(query.name)) return [];
    const symbol = file.elf.symbols().find(query.name);
    const unit = symbol?.type === STT_FUNC ? file.dwarf.unitForAddress(symbol.address) : undefined;
    const die = unit && subprogramAt(unit, symbol!.address);
    const name = die && entryAddress(die) === symbol!.address ? die.owner(DW_AT.name)?.name : undefined;
    if (name === undefined || name === query.name) return [];
    return file.index!.functions(name, query.file).filter((one) => one.concrete.includes(die!.offset));
  }

  function functionsOf(unit: Unit): readonly Found[] {
    let found = scanned.get(unit);
    if (!found) {
      const scanner = new Scanner(unit.dwarf);
      scanner.scan(unit);
      found = scanner.result().functions;
      scanned.set(unit, found);
    }
    return found;
  }

  function place(
    file: CodeFile,
    address: bigint,
    about: Pick<CodePlace, 'function' | 'file' | 'line' | 'inline' | 'entry' | 'scope'>,
    symbol?: string,
  ): CodePlace | undefined {
    const named = symbol === undefined ? file.nameOf(address) : { symbol, offset: 0 };
    if (!named) return undefined;
    const why =
      file.unprobeable(address) ??
      (about.entry && file.isBlacklisted(about.function) ? 'probes themselves need it (NOKPROBE_SYMBOL)' : undefined);
    return {
      address: address.toString(),
      ...named,
      ...(file.module === undefined ? {} : { module: file.module }),
      ...about,
      ...(why === undefined ? {} : { unprobeable: why }),
    };
  }

  function codeFunction(file: CodeFile, found: Found, copies: CodeQuery['copies']): CodeFunction {
    const [first] = found.concrete.length > 0 ? found.concrete : found.inlined;
    const die = (offset: number) => file.dwarf.dieAt(offset as DebugInfoOffset);
    const external = found.external ?? die(first!).owner(DW_AT.external)?.flag(DW_AT.external) ?? false;
    const shown = shownPath(file, first!, found.file);
    // Assemblers tell no line of a function's declaration.
    const line = found.line === 0 ? firstLine(die(first!)) : found.line;
    let withoutCode = 0;
    let merged = 0;
    const seen = new Set<bigint>();
    const places = (
      offsets: readonly number[],
      known: readonly (bigint | undefined)[] | undefined,
      inline: boolean,
    ): CodePlace[] =>
      offsets.flatMap((offset, index) => {
        const address = known?.[index] ?? entryAddress(die(offset));
        if (address === undefined) {
          if (inline) withoutCode += 1;
          return [];
        }
        // Copies inside one another may begin together.
        if (inline && seen.has(address)) {
          merged += 1;
          return [];
        }
        if (inline) seen.add(address);
        // Only a function that others can call has a symbol that is surely its own.
        const symbol = !inline && external && offsets.length === 1 ? symbolName(found, die(offset)) : undefined;
        const about = { function: found.name, file: shown, line, inline, entry: !inline, scope: offset };
        return place(file, address, about, symbol) ?? [];
      });
    const own = copies === 'inlined' ? [] : places(found.concrete, found.addresses, false);
    const parts = own.filter((one) => PART.test(file.symbolOf(BigInt(one.address), one.function) ?? ''));
    const inlined = copies === 'entries' ? [] : places(found.inlined, found.inlinedAddresses, true);
    return {
      name: found.name,
      ...(file.module === undefined ? {} : { module: file.module }),
      file: shown,
      line,
      external,
      entries: parts.length === 0 ? own : own.filter((one) => !parts.includes(one)),
      parts,
      inlined,
      copies: found.inlined.length - merged,
      withoutCode,
    };
  }

  /** What the linker calls a function that others can call. C, and what assemblers read, has no other name for it. */
  function symbolName(found: Found, die: Die): string {
    return /\.[cS]$/.test(found.file) ? found.name : (linkageName(die) ?? splitScopes(found.name).at(-1)!);
  }

  /** A path below the folder that the code was compiled in: one for all of a kernel, as a rule. */
  function shownPath(file: CodeFile, offset: number, path: string): string {
    const known = folders.get(file);
    if (known !== undefined && path.startsWith(known)) return path.slice(known.length);
    const folder = `${file.dwarf.dieAt(offset as DebugInfoOffset).unit.compilationFolder ?? ''}/`;
    folders.set(file, folder);
    return path.startsWith(folder) ? path.slice(folder.length) : path;
  }

  /** Code in the order of the file, so that no unit is read twice, then functions in the order of their names. */
  function functions(query: CodeQuery): CodeFunction[] {
    return files.filesLike(query.module).flatMap((file) => {
      const found = find(file, query).filter((one) => {
        if (query.copies === 'entries') return one.concrete.length > 0;
        return query.copies === 'all' || one.inlined.length > 0;
      });
      const ordered = found
        .map((one, index) => ({ one, index, at: one.concrete[0] ?? one.inlined[0] ?? 0 }))
        .sort((a, b) => a.at - b.at);
      const result = new Array<CodeFunction>(found.length);
      for (const { one, index } of ordered) result[index] = codeFunction(file, one, query.copies);
      return result.filter((one) => one.entries.length > 0 || one.parts.length > 0 || query.copies !== 'entries');
    });
  }

  /** The lines that a function's copies have code of, each with the places where it begins. */
  function linesOf(file: CodeFile, found: Found): { die: Die; rows: LineStart[] }[] {
    const end = lineBehind(file, found);
    return [...found.concrete, ...found.inlined].flatMap((offset) => {
      const die = file.dwarf.dieAt(offset as DebugInfoOffset);
      const table = die.unit.lines();
      return table ? [{ die, rows: lineStarts(die, table, found.file, found.line, end) }] : [];
    });
  }

  /** The line in which the next function of the same file is declared. Macros may declare several in one. */
  function lineBehind(file: CodeFile, found: Found): number {
    const key = `${file.ordinal} ${found.file}`;
    let lines = declaredLines.get(key);
    if (!lines) {
      const [offset] = found.concrete.length > 0 ? found.concrete : found.inlined;
      const own = file.index
        ? file.index.functions('*', found.file)
        : functionsOf(file.dwarf.dieAt(offset as DebugInfoOffset).unit);
      lines = own
        .filter((one) => one.file === found.file)
        .map((one) => one.line)
        .sort((a, b) => a - b);
      declaredLines.set(key, lines);
    }
    return lines.find((line) => line > found.line) ?? Number.MAX_SAFE_INTEGER;
  }

  function statements(query: StatementQuery): CodePlace[] {
    const places: CodePlace[] = [];
    for (const file of files.filesLike(query.module)) {
      for (const found of candidates(file, query)) {
        const wanted = wantedLines(query, found.line);
        const copies = linesOf(file, found);
        for (const { die, rows } of copies) {
          const about = {
            function: found.name,
            file: shownPath(file, die.offset, found.file),
            inline: die.tag === DW_TAG.inlined_subroutine,
            scope: die.offset as number,
          };
          const start = entryAddress(die);
          const add = (address: bigint, line: number) => {
            const entry = !about.inline && address === start;
            const one = place(file, address, { ...about, line, entry });
            if (one) places.push(one);
          };
          if (!wanted) {
            // An inlined copy has no line of its own for its head, though the compiler may have noted one.
            const own = rows.filter((row) => row.line !== found.line);
            for (const row of apart(about.inline && own.length > 0 ? own : rows)) add(row.address, row.line);
            continue;
          }
          const hits = wanted.flatMap(([from, to]) => {
            const within = rows.filter((row) => from <= row.line && row.line <= to);
            if (within.length > 0 || !query.nearest || from !== to) return within;
            const [near] = nearestTo(from, rows);
            // The line stays the one that was asked for, as the probe's name has it.
            return rows.filter((row) => row.line === near).map((row) => ({ ...row, line: from }));
          });
          for (const row of apart([...new Set(hits)])) add(row.address, row.line);
        }
      }
    }
    return places;
  }

  /** The functions that can hold one of the lines: of those with a pattern for a name only some need be looked at. */
  function candidates(file: CodeFile, query: StatementQuery): readonly Found[] {
    const found = find(file, query);
    if (query.lines.kind !== 'lines' || !/[*?[]/.test(query.name)) return found;
    const { lines } = query.lines;
    return found.filter((one) => {
      const end = lineBehind(file, one);
      return lines.some(([from, to]) => to >= one.line && from < end);
    });
  }

  function nearestLines(query: StatementQuery): number[] {
    const all: LineStart[] = [];
    let asked = 0;
    for (const file of files.filesLike(query.module)) {
      for (const found of candidates(file, query)) {
        asked = wantedLines(query, found.line)?.[0]?.[0] ?? asked;
        for (const { rows } of linesOf(file, found)) all.push(...rows);
      }
    }
    const before = all.filter((row) => row.line < asked).map((row) => row.line);
    const after = all.filter((row) => row.line > asked).map((row) => row.line);
    return [
      ...(before.length > 0 ? [before.reduce((a, b) => Math.max(a, b))] : []),
      ...(after.length > 0 ? [after.reduce((a, b) => Math.min(a, b))] : []),
    ];
  }

  function labels(found: CodeFunction, pattern: string): CodeLabel[] {
    const expression = new RegExp(`^${globSource(toKey(pattern))}$`);
    const file = files.file(found.module);
    if (!file) return [];
    const result: CodeLabel[] = [];
    for (const copy of [...found.entries, ...found.parts, ...found.inlined]) {
      const top = file.dwarf.dieAt(copy.scope as DebugInfoOffset);
      for (const die of ownDescendants(top)) {
        if (die.tag !== DW_TAG.label) continue;
        const name = die.fullName;
        const address = die.address(DW_AT.low_pc);
        if (name === undefined || address === undefined || !expression.test(toKey(name))) continue;
        const line = die.owner(DW_AT.decl_line)?.number(DW_AT.decl_line) ?? found.line;
        const about = { function: found.name, file: found.file, line, inline: copy.inline, entry: false };
        const one = place(file, address, { ...about, scope: copy.scope });
        if (one) result.push({ name, place: one });
      }
    }
    return result;
  }

  function calls(callers: readonly CodePlace[]): CodeCall[] {
    const inlined = new Map<string, { file: CodeFile; found: { -readonly [K in keyof Found]: Found[K] } }>();
    const direct = new Map<string, { file: CodeFile; origin: Die; returns: CodeReturn[] }>();
    for (const caller of callers) {
      const file = files.file(caller.module);
      if (!file) continue;
      for (const die of ownDescendants(file.dwarf.dieAt(caller.scope as DebugInfoOffset))) {
        if (die.tag === DW_TAG.inlined_subroutine) {
          const declared = declarationOf(die);
          if (!declared || entryAddress(die) === undefined) continue;
          const key = `${caller.module}\0${declared.name}\0${declared.file}\0${declared.line}`;
          const known = inlined.get(key);
          if (known) known.found.inlined = [...known.found.inlined, die.offset];
          else inlined.set(key, { file, found: { ...declared, concrete: [], inlined: [die.offset] } });
        } else if (die.tag === DW_TAG.call_site || die.tag === DW_TAG.GNU_call_site) {
          const origin =
            die.reference(DW_AT.call_origin) ??
            (die.tag === DW_TAG.GNU_call_site ? die.reference(DW_AT.abstract_origin) : undefined);
          const after = die.address(DW_AT.call_return_pc) ?? die.address(DW_AT.low_pc);
          // A tail call does not come back here, so nothing in the callee tells that it came from here.
          if (!origin || after === undefined || die.flag(DW_AT.call_tail_call)) continue;
          const named = file.nameOf(after);
          const name = origin.fullName;
          if (!named || name === undefined) continue;
          const target = origin.owner(DW_AT.name) ?? origin;
          const key = `${caller.module}\0${target.offset}`;
          const frame = frameAt(file, after);
          const one: CodeReturn = {
            ...named,
            ...(file.module === undefined ? {} : { module: file.module }),
            ...(frame === undefined ? {} : { frame }),
          };
          const known = direct.get(key);
          if (known) known.returns.push(one);
          else direct.set(key, { file, origin: target, returns: [one] });
        }
      }
    }
    const result: CodeCall[] = [];
    for (const { file, found } of inlined.values()) {
      result.push({ callee: codeFunction(file, found, 'inlined'), returns: [] });
    }
    for (const { file, origin, returns } of direct.values()) {
      const name = origin.name!;
      // A declaration says only the name; the definition is another unit's, or another module's.
      const own = origin.flag(DW_AT.declaration) ? undefined : declarationOf(origin);
      const definitions = [file, ...(file.module === undefined ? [] : files.filesLike(undefined))].flatMap((where) =>
        find(where, { name }).flatMap((found) => {
          if (found.concrete.length === 0) return [];
          if (own && (found.file !== own.file || found.line !== own.line)) return [];
          const one = codeFunction(where, found, 'entries');
          return own || one.external ? [one] : [];
        }),
      );
      const [callee] = definitions;
      if (callee) result.push({ callee, returns });
    }
    return result.sort((a, b) => (a.callee.name < b.callee.name ? -1 : a.callee.name > b.callee.name ? 1 : 0));
  }

  /** How far above the stack pointer the return address of the function that holds an address lies. */
  function frameAt(file: CodeFile, address: bigint): number | undefined {
    let tables = frames.get(file);
    if (!tables) {
      tables = frameTables(file.elf);
      frames.set(file, tables);
    }
    const stackPointer = STACK_POINTERS[file.elf.architecture];
    for (const table of tables) {
      const fde = table.find(address);
      const cfa = fde && table.rowAt(fde, address)?.cfa;
      if (!cfa) continue;
      return cfa.kind === 'register' && cfa.register === stackPointer ? cfa.offset - file.elf.addressSize : undefined;
    }
    return undefined;
  }

  function declarationOf(die: Die): Omit<Found, 'concrete' | 'inlined'> | undefined {
    const named = die.owner(DW_AT.name);
    const name = named?.name;
    const lines = named?.owner(DW_AT.decl_file);
    if (!named || name === undefined || !lines) return undefined;
    const number = lines.number(DW_AT.decl_file) ?? 0;
    const path = lines.unit.lines()?.files[number]?.path ?? '';
    return { name, file: path, line: named.owner(DW_AT.decl_line)?.number(DW_AT.decl_line) ?? 0 };
  }

  function placeAt(text: string, module: string | undefined): CodePlace | undefined {
    const file = files.file(module);
    const address = BigInt.asUintN(64, BigInt(text));
    const unit = file?.dwarf.unitForAddress(address);
    if (!file || !unit) return undefined;
    const scopes = scopesAt(unit, address);
    const scope = scopes.at(-1);
    const row = unit.lines()?.rowAt(address);
    const declared = scope && declarationOf(scope);
    if (!scope || !declared || !row) return undefined;
    const path = unit.lines()!.files[row.file]?.path ?? declared.file;
    return place(file, address, {
      function: declared.name,
      file: shownPath(file, scope.offset, path),
      line: row.line,
      inline: scope.tag === DW_TAG.inlined_subroutine,
      entry: scopes.length === 1 && entryAddress(scope) === address,
      scope: scope.offset,
    });
  }

  return {
    has: (module) => {
      if (files.filesLike(module).length > 0) return true;
      files.want(module);
      return false;
    },
    functions,
    statements,
    nearestLines,
    labels,
    calls,
    placeAt,
    isStatement(text, module) {
      const file = files.file(module);
      const address = BigInt.asUintN(64, BigInt(text));
      const table = file?.dwarf.unitForAddress(address)?.lines();
      return table?.addresses.includes(address) ?? false;
    },
    functionAt(text, module) {
      const file = files.file(module);
      const address = BigInt.asUintN(64, BigInt(text));
      const unit = file?.dwarf.unitForAddress(address);
      const die = unit && subprogramAt(unit, address);
      const declared = die && declarationOf(die);
      if (!file || !declared) return undefined;
      const found = codeFunction(file, { ...declared, concrete: [die.offset], inlined: [] }, 'entries');
      return { ...found, entries: [...found.entries, ...found.parts], parts: [] };
    },
    frameOf(one) {
      const file = files.file(one.module);
      return file && frameAt(file, BigInt(one.address));
    },
    symbolAt: (one) => files.file(one.module)?.symbolOf(BigInt(one.address), one.function),
    nearestFunctions(name, module) {
      const names = new Set<string>();
      for (const file of files.filesLike(module)) {
        if (!file.index) files.wantIndex(file);
        for (const one of nearestNames(name, file.index?.allFunctionNames() ?? [])) names.add(one);
      }
      return nearestNames(name, [...names]);
    },
  };
}

/** The line of a function's first instruction. */
function firstLine(die: Die): number {
  const address = entryAddress(die);
  return (address === undefined ? undefined : die.unit.lines()?.rowAt(address)?.line) ?? 0;
}

/** The entries below a function's copy that are its own: blocks are looked into, other functions' copies are not. */
function* ownDescendants(die: Die): Generator<Die> {
  for (const child of die.children()) {
    yield child;
    if (child.tag === DW_TAG.lexical_block) yield* ownDescendants(child);
  }
}

function wantedLines(query: StatementQuery, declared: number): readonly (readonly [number, number])[] | undefined {
  switch (query.lines.kind) {
    case 'all':
      return undefined;
    case 'relative':
      return [[declared + query.lines.offset, declared + query.lines.offset]];
    case 'lines':
      return query.lines.lines;
  }
}

/** The line with code that is nearest to one, the later of two as near. */
function nearestTo(line: number, rows: readonly LineStart[]): number[] {
  let best: number | undefined;
  for (const row of rows) {
    const distance = Math.abs(row.line - line);
    const known = best === undefined ? Number.POSITIVE_INFINITY : Math.abs(best - line);
    if (distance < known || (distance === known && row.line > best!)) best = row.line;
  }
  return best === undefined ? [] : [best];
}

/** A file pattern matches as it is, or with any folders before it. */
function fileMatches(pattern: string, path: string): boolean {
  return new RegExp(`(?:^|/)${globSource(toKey(pattern))}$`).test(toKey(path));
}
