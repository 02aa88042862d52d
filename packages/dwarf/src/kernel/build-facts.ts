// Makes the cache file of a kernel's facts from its raw BTF, and writes it so that other processes see it whole or not
// at all.
import { BtfKind, btfInMemory } from '../btf/btf.js';
import { layoutParts, littleEndian, tableParts } from '../io/write-parts.js';
import { FACTS_FORMAT, type FactsAbout, type PartName } from './facts-file.js';

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
}

const TRACEITER = '__traceiter_';
const BTF_TRACE = 'btf_trace_';

/**
 * Walks a BTF blob once and collects the names of functions, types, enumerators and tracepoints, sorted.
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
  for (const list of [functions, types, enumerators, tracepoints]) list.sort(order);
  return { functions, types, enumerators, tracepoints };
}

/** Lays out the cache file of a BTF blob in memory. */
export function layoutFacts(blob: Uint8Array, name: string, about: FactsAbout): Buffer {
  const { typeOffsets } = btfInMemory(blob, name);
  const names = collectNames(blob, typeOffsets);
  const contents = new Map<PartName, Uint8Array>();
  contents.set('blob', blob);
  contents.set('typeOffsets', littleEndian(typeOffsets));
  for (const [prefix, entries] of [
    ['function', names.functions],
    ['type', names.types],
    ['enumerator', names.enumerators],
    ['tracepoint', names.tracepoints],
  ] as const) {
    const [text, starts, ids] = tableParts(entries);
    contents.set(`${prefix}Names`, text);
    contents.set(`${prefix}Starts`, starts);
    contents.set(`${prefix}Ids`, ids);
  }
  contents.set('about', Buffer.from(JSON.stringify(about)));

  return layoutParts(FACTS_FORMAT, contents);
}
