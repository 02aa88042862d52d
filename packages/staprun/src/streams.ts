// Writing to this process's standard streams.
import { write, writeSync } from 'node:fs';

/**
 * Writes to standard output in the thread pool. process.stdout would not do: on a pipe it blocks this thread, so that no
 * signal would be heard while the reader does not read.
 */
export function writeOutput(chunk: Uint8Array): Promise<void> {
  pending += 1;
  return writeAll(chunk).finally(() => {
    pending -= 1;
  });
}

/** Writes to standard output that are under way. */
let pending = 0;

/** True where a thread may hang in a write that nobody takes; process.exit would wait for it. */
export function isOutputPending(): boolean {
  return pending > 0;
}

function writeAll(chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    let from = 0;
    const go = (): void => {
      write(1, chunk, from, chunk.length - from, null, (error, count) => {
        if (error?.code === 'EAGAIN') setTimeout(go, 5);
        else if (error) reject(error);
        else {
          from += count;
          if (from < chunk.length) go();
          else resolve();
        }
      });
    };
    go();
  });
}

/** Writes to standard error, at once. */
export function writeErrors(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody listens there; the exit status still tells.
  }
}
