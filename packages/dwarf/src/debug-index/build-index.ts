// Makes the index of a file's debug information: its units are shared out to worker threads, and what they find is
// merged, sorted and written.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DiagnosticError, type Progress } from '@stapkit/pass';
import type { Dwarf } from '../dwarf/dwarf.js';
import type { Unit } from '../dwarf/unit.js';
import { BinaryFault } from '../io/fault.js';
import { layoutParts, littleEndian, tableParts, writeAtomically } from '../io/write-parts.js';
import { DebugIndex, INDEX_FORMAT, type IndexAbout, type IndexPart } from './debug-index.js';
import { Scanner, type ScanResult } from './scan.js';

export interface DebugIndexOptions {
  /** The index is kept below `symbols/BUILDID/` of it. */
  readonly cacheFolder: string;
  /** Threads to use; as many as there are processors by default, 0 scans in this one. */
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
  const path = join(options.cacheFolder, 'symbols', buildId, 'dwarf.index');
  const known = tryOpen(path, infoSize);
  if (known) return known;
  const results = await scanAll(dwarf, infoSize, options);
  options.signal?.throwIfAborted();
  writeAtomically(path, layoutIndex(results, dwarf.units(), { buildId, infoSize }), true);
  return new DebugIndex(path);
}

/** Opens the index of a file's debug information if it was made before; undefined where it has to be made. */
export function openKnownDebugIndex(dwarf: Dwarf, cacheFolder: string): DebugIndex | undefined {
  const buildId = dwarf.elf.buildId();
  const section = dwarf.elf.section('.debug_info');
  if (!buildId || !section) return undefined;
  return tryOpen(join(cacheFolder, 'symbols', buildId, 'dwarf.index'), dwarf.elf.sectionSize(section));
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
  const step = `indexing the debug information of ${dwarf.elf.name}`;
  const workerFile = options.workerFile ?? fileURLToPath(new URL('./worker.js', import.meta.url));
  const count = Math.min(options.workers ?? availableParallelism(), 8);
  options.progress?.update(step, 0);
  try {
    if (count < 1 || infoSize < WORTH_THREADS || !existsSync(workerFile)) {
      const scanner = new Scanner(dwarf);
      let done = 0;
      let told = 0;
      for (const unit of units) {
        scanner.scan(unit);
        done += unit.length;
        if (done - told > 4 << 20) {
          told = done;
          options.progress?.update(step, done / infoSize);
          // Lets an abort and the progress bar have their turn.
          await new Promise((resolve) => setImmediate(resolve));
          options.signal?.throwIfAborted();
        }
      }
      return [scanner.result()];
    }
    const shares = share(units, count);
    const done = new Array<number>(shares.length).fill(0);
    return await Promise.all(
      shares.map((own, index) =>
        runWorker(workerFile, dwarf.elf.name, own, options.signal, (bytes) => {
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
  path: string,
  units: readonly Unit[],
  signal: AbortSignal | undefined,
  onDone: (bytes: number) => void,
): Promise<ScanResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: { path, units: units.map((unit) => unit.offset) } });
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

/** Merges what the scans found and lays the index out. */
export function layoutIndex(results: readonly ScanResult[], units: readonly Unit[], about: IndexAbout): Buffer {
  const contents = new Map<IndexPart, Uint8Array>();
  const functions = new Map<string, ScanResult['functions'][number]>();
  for (const { functions: some } of results) {
    for (const one of some) {
      const key = `${one.name}\0${one.file}\0${one.line}`;
      const known = functions.get(key);
      if (!known) functions.set(key, one);
      else {
        for (const offset of one.concrete) known.concrete.push(offset);
        for (const offset of one.inlined) known.inlined.push(offset);
      }
    }
  }
  const latin = (name: string) => Buffer.from(name, 'utf8').toString('latin1');
  const byName = (a: { name: string; id: number }, b: { name: string; id: number }) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id;

  const files = [...new Set([...functions.values()].map((f) => latin(f.file)))].sort();
  const fileNumbers = new Map(files.map((file, index) => [file, index]));
  addTable(
    contents,
    'file',
    files.map((name, index) => ({ name, id: index })),
  );

  const sorted = [...functions.values()]
    .map((f) => ({ ...f, name: latin(f.name), file: fileNumbers.get(latin(f.file))! }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.file - b.file || a.line - b.line));
  addTable(
    contents,
    'function',
    sorted.map(({ name }, index) => ({ name, id: index })),
  );
  contents.set('functionFiles', littleEndian(Uint32Array.from(sorted, (f) => f.file)));
  contents.set('functionLines', littleEndian(Uint32Array.from(sorted, (f) => f.line)));
  for (const [prefix, part, key] of [
    ['instance', 'instances', 'concrete'],
    ['inlined', 'inlined', 'inlined'],
  ] as const) {
    const starts = new Uint32Array(sorted.length + 1);
    sorted.forEach((f, index) => {
      starts[index + 1] = starts[index]! + f[key].length;
    });
    const all = new Uint32Array(starts[sorted.length]!);
    sorted.forEach((f, index) => {
      all.set(
        [...f[key]].sort((a, b) => a - b),
        starts[index],
      );
    });
    contents.set(`${prefix}Starts`, littleEndian(starts));
    contents.set(part, littleEndian(all));
  }

  const seenTypes = new Set<string>();
  const types = results
    .flatMap((result) => result.types)
    .filter(({ name, tag }) => {
      const key = `${tag} ${name}`;
      if (seenTypes.has(key)) return false;
      seenTypes.add(key);
      return true;
    })
    .map((type) => ({ ...type, name: latin(type.name) }))
    .sort(byName);
  addTable(contents, 'type', types);
  contents.set('typeTags', littleEndian(Uint32Array.from(types, (type) => type.tag)));
  const seenEnumerators = new Set<string>();
  const enumerators = results
    .flatMap((result) => result.enumerators)
    .filter(({ name }) => !seenEnumerators.has(name) && seenEnumerators.add(name))
    .map(({ name, id }) => ({ name: latin(name), id }))
    .sort(byName);
  addTable(contents, 'enumerator', enumerators);
  const variables = results
    .flatMap((result) => result.variables)
    .map(({ name, id }) => ({ name: latin(name), id }))
    .sort(byName);
  addTable(contents, 'variable', variables);

  const own = units.filter((unit) => unit.section === '.debug_info');
  const words = new Uint32Array(own.length * 8);
  own.forEach(({ header }, index) => {
    const signature = header.signature ?? 0n;
    words.set(
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
  contents.set('units', littleEndian(words));
  contents.set('about', Buffer.from(JSON.stringify(about)));
  return layoutParts(INDEX_FORMAT, contents);
}

function addTable(
  contents: Map<IndexPart, Uint8Array>,
  prefix: 'file' | 'function' | 'type' | 'enumerator' | 'variable',
  entries: readonly { readonly name: string; readonly id: number }[],
): void {
  const [names, starts, ids] = tableParts(entries);
  contents.set(`${prefix}Names`, names);
  contents.set(`${prefix}Starts`, starts);
  contents.set(`${prefix}Ids`, ids);
}
