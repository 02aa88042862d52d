// Bytes from a file or from memory, read in ranges. Nothing here reads a file whole; positions are checked against the
// size, and a file that shrinks under the reader gives a fault, not garbage.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BinaryFault } from './fault.js';

/** Random access to a run of bytes. Views that `read` returns must not be written to. */
export interface ByteSource {
  /** What messages call it: a path as a rule. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Reads a range.
   *
   * @throws BinaryFault where the range is not inside the source
   */
  read(offset: number, length: number): Uint8Array;
  /** Fills the caller's buffer from an offset on, where that is cheaper than {@link read}; with the same faults. */
  readInto?(offset: number, into: Uint8Array): void;
  /** Gives back what the source holds; reading afterwards is a bug. */
  close(): void;
}

/** Fails unless `[offset, offset + length)` lies in a source. */
export function checkRange(source: { readonly name: string; readonly size: number }, offset: number, length: number) {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw new BinaryFault(
      { file: source.name, offset: Math.max(0, offset) },
      `${length} bytes wanted, but the file ends at 0x${source.size.toString(16)}`,
    );
  }
}

/** Makes a source of bytes in memory. */
export function bufferSource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(this, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    close() {},
  };
}

/**
 * Opens a file for reading in ranges.
 *
 * @param path the file; it stays open until `close`
 * @throws the system's error (ENOENT, EACCES, …) where it can't be opened
 */
export function openFileSource(path: string): ByteSource {
  const descriptor = openSync(path, 'r');
  let open = true;
  return {
    name: path,
    size: fstatSync(descriptor).size,
    read(offset, length) {
      checkRange(this, offset, length);
      const bytes = Buffer.allocUnsafe(length);
      readFully(descriptor, bytes, offset, path);
      return bytes;
    },
    readInto(offset, into) {
      checkRange(this, offset, into.length);
      readFully(descriptor, into, offset, path);
    },
    close() {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}

/** Fills a buffer from a position of an open file. */
export function readFully(descriptor: number, into: Uint8Array, offset: number, name: string): void {
  let done = 0;
  while (done < into.length) {
    const got = readSync(descriptor, into, done, into.length - done, offset + done);
    if (got === 0) throw new BinaryFault({ file: name, offset: offset + done }, 'the file ends early');
    done += got;
  }
}

/** A part of another source under a name of its own, e.g. one section of an ELF file. Closing it closes nothing. */
export function sliceSource(source: ByteSource, offset: number, length: number, name = source.name): ByteSource {
  checkRange(source, offset, length);
  return {
    name,
    size: length,
    read(at, count) {
      checkRange(this, at, count);
      return source.read(offset + at, count);
    },
    close() {},
  };
}
