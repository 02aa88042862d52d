// The thread that scans a share of a file's units for the index; see build-index.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { Dwarf } from '../dwarf/dwarf.js';
import { openElf } from '../elf/elf-file.js';
import { BinaryFault } from '../io/fault.js';
import { Scanner } from './scan.js';

/** What the main thread sends. */
export interface WorkerTask {
  readonly path: string;
  /** The file that dwz moved shared entries to, where there is one. */
  readonly supplementary: string | undefined;
  /** Offsets of the units to scan. */
  readonly units: readonly number[];
}

function run(task: WorkerTask): void {
  const elf = openElf(task.path);
  const shared = task.supplementary === undefined ? undefined : openElf(task.supplementary);
  try {
    const dwarf = new Dwarf(elf, shared && new Dwarf(shared));
    const scanner = new Scanner(dwarf);
    let done = 0;
    let told = 0;
    for (const offset of task.units) {
      const unit = dwarf.unitAt(offset as never);
      scanner.scan(unit);
      unit.release();
      done += unit.length;
      if (done - told > 4 << 20) {
        told = done;
        parentPort!.postMessage({ done });
      }
    }
    const result = scanner.packed();
    parentPort!.postMessage({ done, result }, buffersOf(result));
  } catch (error) {
    if (!(error instanceof BinaryFault)) throw error;
    const { file, section, offset, problem } = error;
    parentPort!.postMessage({ fault: { file, section, offset, problem } });
  } finally {
    shared?.close();
    elf.close();
  }
}

/** The memory of all arrays in a result: it changes hands, and is not copied. */
function buffersOf(value: object): ArrayBuffer[] {
  return Object.values(value).flatMap((part): ArrayBuffer[] => {
    if (ArrayBuffer.isView(part)) return [part.buffer as ArrayBuffer];
    return typeof part === 'object' && part !== null ? buffersOf(part) : [];
  });
}

run(workerData as WorkerTask);
