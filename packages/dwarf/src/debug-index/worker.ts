// The thread that scans a share of a file's units for the index; see build-index.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { openSupplementary } from '../debuginfo/find.js';
import { Dwarf } from '../dwarf/dwarf.js';
import { openElf } from '../elf/elf-file.js';
import { BinaryFault } from '../io/fault.js';
import { Scanner } from './scan.js';

/** What the main thread sends. */
export interface WorkerTask {
  readonly path: string;
  /** Offsets of the units to scan. */
  readonly units: readonly number[];
}

function run(task: WorkerTask): void {
  const elf = openElf(task.path);
  try {
    const dwarf = new Dwarf(elf, openSupplementary(elf));
    const scanner = new Scanner(dwarf);
    let done = 0;
    let told = 0;
    for (const offset of task.units) {
      const unit = dwarf.unitAt(offset as never);
      scanner.scan(unit);
      done += unit.length;
      if (done - told > 4 << 20) {
        told = done;
        parentPort!.postMessage({ done });
      }
    }
    parentPort!.postMessage({ done, result: scanner.result() });
  } catch (error) {
    if (!(error instanceof BinaryFault)) throw error;
    const { file, section, offset, problem } = error;
    parentPort!.postMessage({ fault: { file, section, offset, problem } });
  } finally {
    elf.close();
  }
}

run(workerData as WorkerTask);
