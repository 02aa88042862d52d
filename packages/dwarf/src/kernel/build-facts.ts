// Makes the cache file of a kernel's facts from its raw BTF, and writes it so that other processes see it whole or not
// at all.
import { BtfKind, btfInMemory } from '../btf/btf.js';
import { layoutParts, littleEndian, tableParts } from '../io/write-parts.js';
import { FACTS_FORMAT, type FactsAbout, LOCAL_FUNCTION, type PartName } from './facts-file.js';
import type { KernelSymbol } from './kallsyms.js';

/** Which definition of a name counts first: a structure before a typedef of the same name, a declaration last. */
const RANK: Readonly<Record<number, number>> = {
  [BtfKind.STRUCT]: 0,
  [BtfKind.UNION]: 1,
  [BtfKind.ENUM]: 2,
  [BtfKind.ENUM64]: 2,
  [BtfKind.TYPEDEF]: 3,
  [BtfKind.INT]: 4,
  [BtfKind.FLOAT]: 4,
  [BtfKind.FWD]: 5,
};

interface Entry {
  readonly name: string;
  readonly id: number;
  readonly rank: number;
}

/** The names of a kernel's BTF, as the tables hold them. */
export interface CollectedNames {
  readonly functions: Entry[];
  readonly types: Entry[];
  readonly enumerators: Entry[];
  readonly tracepoints: Entry[];
  /** Those that each CPU has a copy of. */
  readonly variables: Entry[];
}

const TRACEITER = '__traceiter_';
const BTF_TRACE = 'btf_trace_';

/**
 * Walks a BTF blob once and collects the names of functions, types, enumerators, tracepoints and per-CPU variables, sorted.
 *
 * A tracepoint's id is that of its `__traceiter_NAME` function, or of its `btf_trace_NAME` typedef in kernels that have
 * no such function (before 5.10).
 */
export function collectNames(blob: Uint8Array, typeOffsets: Uint32Array): CollectedNames {
  const little = blob[0] === 0x9f;
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const stringStart = view.getUint32(4, little) + view.getUint32(16, little);
  // One string, so that names are slices of it.
  const strings = Buffer.from(blob.buffer, blob.byteOffset + stringStart, view.getUint32(20, little)).toString(
    'latin1',
  );
  const nameAt = (offset: number) => strings.slice(offset, strings.indexOf('\0', offset));
  const functions: Entry[] = [];
  const types: Entry[] = [];
  const enumerators: Entry[] = [];
  const tracepoints: Entry[] = [];
  const declared = new Map<number, string>();
  const perCpu = new Set<number>();
  const traced = new Set<string>();
  const typedefs: Entry[] = [];
  for (let index = 0; index < typeOffsets.length; index++) {
    const at = typeOffsets[index]!;
    const info = view.getUint32(at + 4, little);
    const kind = (info >>> 24) & 0x1f;
    const id = index + 1;
    if (kind === BtfKind.ENUM || kind === BtfKind.ENUM64) {
      const step = kind === BtfKind.ENUM ? 8 : 12;
      const count = info & 0xffff;
      for (let value = 0; value < count; value++) {
        enumerators.push({ name: nameAt(view.getUint32(at + 12 + value * step, little)), id, rank: 0 });
      }
    }
    const nameOffset = view.getUint32(at, little);
    if (nameOffset === 0) continue;
    if (kind === BtfKind.FUNC) {
      const own = nameAt(nameOffset);
      functions.push({ name: own, id, rank: 0 });
      if (own.startsWith(TRACEITER)) {
        traced.add(own.slice(TRACEITER.length));
        tracepoints.push({ name: own.slice(TRACEITER.length), id, rank: 0 });
      }
      continue;
    }
    if (kind === BtfKind.VAR) declared.set(id, nameAt(nameOffset));
    if (kind === BtfKind.DATASEC && nameAt(nameOffset) === '.data..percpu') {
      for (let entry = 0; entry < (info & 0xffff); entry++) perCpu.add(view.getUint32(at + 12 + entry * 12, little));
    }
    let rank = RANK[kind];
    if (rank === undefined) continue;
    const own = nameAt(nameOffset);
    // An enumeration without values is a declaration.
    if (kind === BtfKind.ENUM && (info & 0xffff) === 0) rank = 5;
    types.push({ name: own, id, rank });
    if (kind === BtfKind.TYPEDEF && own.startsWith(BTF_TRACE)) {
      typedefs.push({ name: own.slice(BTF_TRACE.length), id, rank: 1 });
    }
  }
  for (const entry of typedefs) if (!traced.has(entry.name)) tracepoints.push(entry);
  const order = (a: Entry, b: Entry) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.rank !== b.rank ? a.rank - b.rank : a.id - b.id;
  const variables: Entry[] = [];
  for (const [id, name] of declared) if (perCpu.has(id)) variables.push({ name, id, rank: 0 });
  for (const list of [functions, types, enumerators, tracepoints, variables]) list.sort(order);
  return { functions, types, enumerators, tracepoints, variables };
}

/** Where code lies that no probe may be placed in, by the names of its ends. */
const RANGES: readonly [place: number, start: string, end: string][] = [
  [1, '_sinittext', '_einittext'],
  // What built-in code would do at its end is thrown away with what it does at its start.
  [1, '__init_begin', '__init_end'],
  [2, '__noinstr_text_start', '__noinstr_text_end'],
  [3, '__kprobes_text_start', '__kprobes_text_end'],
  [4, '__entry_text_start', '__entry_text_end'],
];

interface SymbolParts {
  readonly addresses: Uint8Array;
  readonly places: Uint8Array;
  readonly variants: readonly { readonly name: string; readonly id: number }[];
}

/** Joins the functions' names with the symbol table. */
function symbolParts(functions: readonly Entry[], symbols: readonly KernelSymbol[], linkTime: boolean): SymbolParts {
  const byName = new Map<string, bigint>();
  const locals = new Set<string>();
  const variants: string[] = [];
  for (const { name, type, address, module } of symbols) {
    if (module !== undefined) continue;
    const code = type === 't' || type === 'T' || type === 'w' || type === 'W';
    // The ends of ranges are marked with every kind of letter.
    if (!code && !name.startsWith('_')) continue;
    if (!byName.has(name)) {
      byName.set(name, address);
      if (type === 't') locals.add(name);
    }
    if (code && name.includes('.')) variants.push(name);
  }
  // Code lies within some hundred megabytes, so distances are safe numbers, and far cheaper than addresses.
  const base = byName.get('_text') ?? byName.get('_stext') ?? 0n;
  const ranges = RANGES.flatMap(([place, start, end]) => {
    const [from, to] = [byName.get(start), byName.get(end)];
    return from === undefined || to === undefined ? [] : [{ place, from: Number(from - base), to: Number(to - base) }];
  });
  const words = new Uint32Array(functions.length * 2);
  const pairs = new BigUint64Array(words.buffer);
  const places = new Uint8Array(functions.length);
  for (let index = 0; index < functions.length; index++) {
    const { name } = functions[index]!;
    const address = byName.get(name);
    if (address === undefined) continue;
    if (linkTime) pairs[index] = address;
    const distance = Number(address - base);
    for (const { place, from, to } of ranges) if (from <= distance && distance < to) places[index] = place;
    // NOKPROBE_SYMBOL() makes a variable of this name.
    if (byName.has(`_kbl_addr_${name}`)) places[index] = 3;
    if (locals.has(name)) places[index]! |= LOCAL_FUNCTION;
  }
  variants.sort();
  return { addresses: littleEndianPairs(words), places, variants: variants.map((name, id) => ({ name, id })) };
}

/** Pairs of words that were written as 64-bit numbers, low half first. */
function littleEndianPairs(words: Uint32Array): Uint8Array {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? bytes : bytes.swap64();
}

/** A kernel's symbols, for {@link layoutFacts}. */
export interface GivenSymbols {
  readonly list: readonly KernelSymbol[];
  /** False for a running kernel, which may have been moved in memory: only places are kept then. */
  readonly linkTime: boolean;
}

/** Lays out the cache file of a BTF blob in memory. */
export function layoutFacts(
  blob: Uint8Array,
  name: string,
  about: Omit<FactsAbout, 'symbols'>,
  symbols?: GivenSymbols,
): Buffer {
  const { typeOffsets } = btfInMemory(blob, name);
  const names = collectNames(blob, typeOffsets);
  const parts = symbolParts(names.functions, symbols?.list ?? [], symbols?.linkTime ?? false);
  const contents = new Map<PartName, Uint8Array>();
  contents.set('functionAddresses', parts.addresses);
  contents.set('functionPlaces', parts.places);
  contents.set('blob', blob);
  contents.set('typeOffsets', littleEndian(typeOffsets));
  for (const [prefix, entries] of [
    ['function', names.functions],
    ['type', names.types],
    ['enumerator', names.enumerators],
    ['tracepoint', names.tracepoints],
    ['variant', parts.variants],
    ['variable', names.variables],
  ] as const) {
    const [text, starts, ids] = tableParts(entries);
    contents.set(`${prefix}Names`, text);
    contents.set(`${prefix}Starts`, starts);
    contents.set(`${prefix}Ids`, ids);
  }
  contents.set('about', Buffer.from(JSON.stringify({ ...about, symbols: symbols !== undefined } satisfies FactsAbout)));

  return layoutParts(FACTS_FORMAT, contents);
}
