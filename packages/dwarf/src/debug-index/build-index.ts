// Makes the index of a file's debug information: its units are shared out to worker threads, and what they find is
// merged, sorted and written.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DiagnosticError, type Progress } from '@stapkit/pass';
import type { Dwarf } from '../dwarf/dwarf.js';
import type { Unit } from '../dwarf/unit.js';
import { BinaryFault } from '../io/fault.js';
import { layoutParts, littleEndian, tableParts, writeAtomically } from '../io/write-parts.js';
import { type CodeMarks, type NamedVariant, readCodeMarks, readVariants } from './code-marks.js';
import { DebugIndex, INDEX_FORMAT, INDEX_NAME, type IndexAbout, type IndexPart, NO_ADDRESS } from './debug-index.js';
import { Scanner, type ScanResult } from './scan.js';
import type { WorkerTask } from './worker.js';

export interface DebugIndexOptions {
  /** The index is kept below `symbols/BUILDID/` of it. */
  readonly cacheFolder: string;
  /** Threads to use; by default as many as there are processors where the file is large. 0 scans in this one. */
  readonly workers?: number;
  /** The worker's program, for callers that bundle this package; where it is not there, this thread does the work. */
  readonly workerFile?: string;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** Sections smaller than this are scanned sooner than threads start. */
const WORTH_THREADS = 8 << 20;

/**
 * Opens the index of a file's debug information, making it first where it is not in the cache.
 *
 * @param dwarf the debug information; its file must have a build id
 * @throws BinaryFault where the file is damaged; the system's error where the cache can't be written to; with
 * `signal.reason` when aborted
 */
export async function openDebugIndex(dwarf: Dwarf, options: DebugIndexOptions): Promise<DebugIndex> {
  const { elf } = dwarf;
  const buildId = elf.buildId();
  const section = elf.section('.debug_info');
  if (!buildId) throw new BinaryFault({ file: elf.name, offset: 0 }, 'the file has no build id to keep an index by');
  if (!section) throw new BinaryFault({ file: elf.name, offset: 0 }, 'the file has no debug information');
  const infoSize = elf.sectionSize(section);
  if (infoSize > 0xffff_ffff) throw new BinaryFault({ file: elf.name, section: section.name, offset: 0 }, 'too large');
  const path = join(options.cacheFolder, 'symbols', buildId, INDEX_NAME);
  const known = tryOpen(path, infoSize);
  if (known) return known;
  const results = await scanAll(dwarf, infoSize, options);
  options.signal?.throwIfAborted();
  const symbols = { marks: readCodeMarks(elf), variants: readVariants(elf) };
  writeAtomically(path, layoutIndex(results, dwarf.units(), { buildId, infoSize }, symbols), true);
  return new DebugIndex(path);
}

/** Opens the index of a file's debug information if it was made before; undefined where it has to be made. */
export function openKnownDebugIndex(dwarf: Dwarf, cacheFolder: string): DebugIndex | undefined {
  const buildId = dwarf.elf.buildId();
  const section = dwarf.elf.section('.debug_info');
  if (!buildId || !section) return undefined;
  return tryOpen(join(cacheFolder, 'symbols', buildId, INDEX_NAME), dwarf.elf.sectionSize(section));
}

function tryOpen(path: string, infoSize: number): DebugIndex | undefined {
  try {
    const index = new DebugIndex(path);
    if (index.about.infoSize === infoSize) return index;
    index.close();
  } catch (error) {
    const system = typeof (error as NodeJS.ErrnoException).syscall === 'string';
    if (!(error instanceof DiagnosticError) && !(error instanceof SyntaxError) && !system) throw error;
  }
  return undefined;
}

async function scanAll(dwarf: Dwarf, infoSize: number, options: DebugIndexOptions): Promise<ScanResult[]> {
  const units = dwarf.units().filter((unit) => unit.section === '.debug_info');
  const step = `indexing the debug information of ${basename(dwarf.elf.name)}`;
  const workerFile = options.workerFile ?? fileURLToPath(new URL('./worker.js', import.meta.url));
  const count = Math.min(options.workers ?? availableParallelism(), 8);
  options.progress?.update(step, 0);
  try {
    const worthwhile = options.workers !== undefined || infoSize >= WORTH_THREADS;
    if (count < 1 || !worthwhile || !existsSync(workerFile)) {
      const scanner = new Scanner(dwarf);
      let done = 0;
      let told = 0;
      for (const unit of units) {
        scanner.scan(unit);
        unit.release();
        done += unit.length;
        if (done - told > 4 << 20) {
          told = done;
          options.progress?.update(step, done / infoSize);
          // Lets an abort and the progress bar have their turn.
          await new Promise((resolve) => setImmediate(resolve));
          options.signal?.throwIfAborted();
        }
      }
      return [scanner.packed()];
    }
    const shares = share(units, count);
    const done = new Array<number>(shares.length).fill(0);
    return await Promise.all(
      shares.map((own, index) =>
        runWorker(workerFile, dwarf, own, options.signal, (bytes) => {
          done[index] = bytes;
          options.progress?.update(step, done.reduce((a, b) => a + b, 0) / infoSize);
        }),
      ),
    );
  } finally {
    options.progress?.finish();
  }
}

/** Shares units out so that each thread has about as many bytes. Neighbours stay together: they share strings. */
function share(units: readonly Unit[], count: number): Unit[][] {
  const total = units.reduce((sum, unit) => sum + unit.length, 0);
  const shares: Unit[][] = [[]];
  let filled = 0;
  for (const unit of units) {
    if (filled >= (total / count) * shares.length && shares.length < count) shares.push([]);
    shares.at(-1)!.push(unit);
    filled += unit.length;
  }
  return shares;
}

function runWorker(
  file: string,
  dwarf: Dwarf,
  units: readonly Unit[],
  signal: AbortSignal | undefined,
  onDone: (bytes: number) => void,
): Promise<ScanResult> {
  return new Promise((resolve, reject) => {
    const task: WorkerTask = {
      path: dwarf.elf.name,
      supplementary: dwarf.supplementary?.elf.name,
      units: units.map((unit) => unit.offset),
    };
    const worker = new Worker(file, { workerData: task });
    const onAbort = () => {
      void worker.terminate();
      reject(signal!.reason);
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.on('message', (message: { done?: number; result?: ScanResult; fault?: never }) => {
      if (message.fault) {
        const {
          file: name,
          section,
          offset,
          problem,
        } = message.fault as {
          file: string;
          section?: string;
          offset: number;
          problem: string;
        };
        reject(new BinaryFault({ file: name, section, offset }, problem));
      } else if (message.result) resolve(message.result);
      if (message.done !== undefined) onDone(message.done);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      signal?.removeEventListener('abort', onAbort);
      reject(new Error(`the index worker ended with ${code}`));
    });
  });
}

/** What the index keeps of the file's symbol table. */
export interface IndexedSymbols {
  readonly marks: CodeMarks;
  readonly variants: readonly NamedVariant[];
}

const NO_SYMBOLS: IndexedSymbols = { marks: { addresses: {}, blacklist: [] }, variants: [] };

/** Merges what the scans found and lays the index out. */
export function layoutIndex(
  results: readonly ScanResult[],
  units: readonly Unit[],
  about: Omit<IndexAbout, 'addressBase'>,
  symbols: IndexedSymbols = NO_SYMBOLS,
): Buffer {
  const contents = new Map<IndexPart, Uint8Array>();
  const words = (part: IndexPart, values: Uint32Array) => contents.set(part, littleEndian(values));
  const base = lowestAddress(results);
  const place = (address: number): number => {
    const distance = address - base;
    return distance >= 0 && distance < NO_ADDRESS ? distance : NO_ADDRESS;
  };

  const functions = mergeFunctions(results);
  const files = [...new Set(functions.map((one) => one.file))].sort();
  const fileNumbers = new Map(files.map((file, index) => [file, index]));
  addTable(
    contents,
    'file',
    files.map((name, index) => ({ name, id: index })),
  );
  for (const one of functions) one.fileNumber = fileNumbers.get(one.file)!;
  functions.sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.fileNumber - b.fileNumber || a.line - b.line,
  );
  addTable(
    contents,
    'function',
    functions.map(({ name }, index) => ({ name, id: index })),
  );
  words(
    'functionFiles',
    Uint32Array.from(functions, (one) => one.fileNumber),
  );
  words(
    'functionLines',
    Uint32Array.from(functions, (one) => one.line),
  );
  words(
    'functionFlags',
    Uint32Array.from(functions, (one) => one.flags),
  );
  // A file's functions, in the order of their names.
  const byFile = Uint32Array.from(functions, (_, index) => index);
  byFile.sort((a, b) => functions[a]!.fileNumber - functions[b]!.fileNumber || a - b);
  words('fileFunctions', byFile);
  const fileStarts = new Uint32Array(files.length + 1);
  for (const one of functions) fileStarts[one.fileNumber + 1]! += 1;
  for (let file = 0; file < files.length; file++) fileStarts[file + 1]! += fileStarts[file]!;
  words('fileFunctionStarts', fileStarts);

  const places = new Uint32Array(functions.length);
  functions.forEach((one, index) => {
    places[one.ordinal] = index;
  });
  for (const [prefix, part, addressPart, key] of [
    ['instance', 'instances', 'instanceAddresses', 'concrete'],
    ['inlined', 'inlined', 'inlinedAddresses', 'inlined'],
  ] as const) {
    const { starts, offsets, addresses } = mergeInstances(results, key, functions, places, place);
    words(`${prefix}Starts`, starts);
    words(part, offsets);
    words(addressPart, addresses);
  }

  const seenTypes = new Set<string>();
  const types = results
    .flatMap(({ types: own }) =>
      split(own.names).map((name, index) => ({ name: latin(name), id: own.offsets[index]!, tag: own.tags[index]! })),
    )
    .filter(({ name, tag }) => {
      const key = `${tag} ${name}`;
      if (seenTypes.has(key)) return false;
      seenTypes.add(key);
      return true;
    })
    .sort(byName);
  addTable(contents, 'type', types);
  words(
    'typeTags',
    Uint32Array.from(types, (type) => type.tag),
  );
  const seenEnumerators = new Set<string>();
  const enumerators = results
    .flatMap((result) => entries(result.enumerators))
    .filter(({ name }) => !seenEnumerators.has(name) && seenEnumerators.add(name))
    .sort(byName);
  addTable(contents, 'enumerator', enumerators);
  addTable(contents, 'variable', results.flatMap((result) => entries(result.variables)).sort(byName));
  const labels = results
    .flatMap(({ labels: own }) =>
      entries(own).map((label, index) => ({
        ...label,
        scope: own.scopes[index]!,
        address: place(own.addresses[index]!),
      })),
    )
    .sort(byName);
  addTable(contents, 'label', labels);
  words(
    'labelScopes',
    Uint32Array.from(labels, (label) => label.scope),
  );
  words(
    'labelAddresses',
    Uint32Array.from(labels, (label) => label.address),
  );

  // Of the symbols at a function's entry only those that are not its name need be told.
  const entryPoints = new Set(results.flatMap(({ concrete }) => [...concrete.addresses]));
  const variants = symbols.variants
    .filter(({ address }) => entryPoints.has(address))
    .map(({ symbol, address }) => ({ name: latin(symbol), id: place(address) }));
  addTable(contents, 'variant', variants.sort(byName));
  contents.set('marks', Buffer.from(JSON.stringify(symbols.marks)));

  const own = units.filter((unit) => unit.section === '.debug_info');
  const headers = new Uint32Array(own.length * 8);
  own.forEach(({ header }, index) => {
    const signature = header.signature ?? 0n;
    headers.set(
      [
        header.offset,
        header.length,
        header.headerSize,
        header.abbreviations,
        (header.version | (header.unitType << 8) | (header.addressSize << 16) | (header.offsetSize << 24)) >>> 0,
        header.typeOffset ?? 0,
        Number(signature & 0xffff_ffffn),
        Number(signature >> 32n),
      ],
      index * 8,
    );
  });
  words('units', headers);
  const complete: IndexAbout = { ...about, addressBase: BigInt.asUintN(64, BigInt(base)).toString() };
  contents.set('about', Buffer.from(JSON.stringify(complete)));
  return layoutParts(INDEX_FORMAT, contents);
}

function addTable(
  contents: Map<IndexPart, Uint8Array>,
  prefix: 'file' | 'function' | 'type' | 'enumerator' | 'variable' | 'label' | 'variant',
  entries: readonly { readonly name: string; readonly id: number }[],
): void {
  const [names, starts, ids] = tableParts(entries);
  contents.set(`${prefix}Names`, names);
  contents.set(`${prefix}Starts`, starts);
  contents.set(`${prefix}Ids`, ids);
}

/** Names are sorted by their bytes. */
const latin = (name: string): string =>
  /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name, 'utf8').toString('latin1');

function byName(a: { name: string; id: number }, b: { name: string; id: number }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id;
}

function split(names: string): string[] {
  const list = names.split('\0');
  list.pop();
  return list;
}

function entries(table: { readonly names: string; readonly offsets: Float64Array }): { name: string; id: number }[] {
  return split(table.names).map((name, index) => ({ name: latin(name), id: table.offsets[index]! }));
}

/** What addresses are counted from: the lowest one. */
function lowestAddress(results: readonly ScanResult[]): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const { concrete, inlined, labels } of results) {
    for (const { addresses } of [concrete, inlined, labels]) {
      for (const address of addresses) if (address < lowest) lowest = address;
    }
  }
  return Number.isSafeInteger(lowest) ? lowest : 0;
}

interface MergedFunction {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  flags: number;
  fileNumber: number;
  /** In the order of first sight; instances refer to it before the functions are sorted. */
  readonly ordinal: number;
}

/** One function of each name, file and line; `ordinals` of the results are made to match. */
function mergeFunctions(results: readonly ScanResult[]): MergedFunction[] {
  const functions: MergedFunction[] = [];
  const known = new Map<string, MergedFunction>();
  for (const result of results) {
    const files = split(result.fileNames).map(latin);
    const names = split(result.functionNames);
    const ordinals = new Uint32Array(names.length);
    names.forEach((text, index) => {
      const name = latin(text);
      const file = files[result.functionFiles[index]!]!;
      const line = result.functionLines[index]!;
      const key = `${name}\0${file}\0${line}`;
      let one = known.get(key);
      if (!one) {
        one = { name, file, line, flags: 0, fileNumber: 0, ordinal: functions.length };
        known.set(key, one);
        functions.push(one);
      }
      one.flags |= result.functionFlags[index]!;
      ordinals[index] = one.ordinal;
    });
    for (const { functions: own } of [result.concrete, result.inlined]) {
      for (let at = 0; at < own.length; at++) own[at] = ordinals[own[at]!]!;
    }
  }
  return functions;
}

/** Instances by function, each function's in the order of their offsets. */
function mergeInstances(
  results: readonly ScanResult[],
  key: 'concrete' | 'inlined',
  functions: readonly MergedFunction[],
  places: Uint32Array,
  place: (address: number) => number,
): { starts: Uint32Array; offsets: Uint32Array; addresses: Uint32Array } {
  const starts = new Uint32Array(functions.length + 1);
  for (const { [key]: own } of results) for (const ordinal of own.functions) starts[places[ordinal]! + 1]! += 1;
  for (let index = 0; index < functions.length; index++) starts[index + 1]! += starts[index]!;
  const count = starts[functions.length]!;
  const offsets = new Uint32Array(count);
  const addresses = new Uint32Array(count);
  const next = starts.slice();
  // Results come in the order of their units, and each scan goes forward but for copies behind their own functions.
  for (const { [key]: own } of results) {
    own.functions.forEach((ordinal, at) => {
      const index = places[ordinal]!;
      const offset = own.offsets[at]!;
      let to = next[index]!++;
      const address = place(own.addresses[at]!);
      while (to > starts[index]! && offsets[to - 1]! > offset) {
        offsets[to] = offsets[to - 1]!;
        addresses[to] = addresses[to - 1]!;
        to -= 1;
      }
      offsets[to] = offset;
      addresses[to] = address;
    });
  }
  return { starts, offsets, addresses };
}
