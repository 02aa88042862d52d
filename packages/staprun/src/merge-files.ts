// stap-merge: the files of bulk mode, one a CPU, become one output in the order of the stamps. Files are read in pieces;
// their size does not matter.

import { type FileHandle, open } from 'node:fs/promises';
import { type Diagnostic, DiagnosticError, systemWords } from '@stapkit/pass';
import { helpText } from '@stapkit/pass/manual';
import { FRAME_HEADER, type FrameHeader, readFrameHeader } from './bulk-frame.js';
import { noModuleFile } from './diagnostics.js';
import { mergeManual } from './manuals.js';
import { VERSION } from './version.js';

/** How much of a file is read at a time, in bytes. */
const PIECE = 256 * 1024;

/** Output is handed on in pieces of about this many bytes. */
const OUTPUT_PIECE = 128 * 1024;

/**
 * Merges bulk files.
 *
 * @param paths the files, one a CPU; files of one CPU that followed one another may be given too
 * @param output takes the merged output
 * @param verbose writes `[CPU, number, length]` before each frame, as stap-merge(1) tells
 * @throws DiagnosticError where a file can't be read or holds something else
 */
export async function mergeFiles(
  paths: readonly string[],
  output: (chunk: Uint8Array) => void | Promise<void>,
  verbose = false,
): Promise<void> {
  const readers: FrameReader[] = [];
  try {
    for (const path of paths) readers.push(await FrameReader.open(path));
    const waiting: FrameReader[] = [];
    for (const reader of readers) if (await reader.next()) waiting.push(reader);
    let pieces: Uint8Array[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      if (size > 0) await output(Buffer.concat(pieces));
      pieces = [];
      size = 0;
    };
    while (waiting.length > 0) {
      const first = waiting.reduce((best, reader) => (precedes(reader.header, best.header) ? reader : best));
      if (verbose)
        pieces.push(Buffer.from(`[${first.header.cpu}, ${first.header.sequence}, ${first.header.length}]\n`));
      pieces.push(Buffer.from(first.text));
      size += first.header.length + 1;
      if (size >= OUTPUT_PIECE) await flush();
      if (!(await first.next())) waiting.splice(waiting.indexOf(first), 1);
    }
    await flush();
  } finally {
    for (const reader of readers) await reader.close();
  }
}

function precedes(a: FrameHeader, b: FrameHeader): boolean {
  if (a.stamp !== b.stamp) return a.stamp < b.stamp;
  if (a.cpu !== b.cpu) return a.cpu < b.cpu;
  return a.sequence < b.sequence;
}

/** Reads the frames of one file one after the other. */
class FrameReader {
  /** Of the frame that `next` has read. */
  header!: FrameHeader;
  text!: Buffer;

  readonly #path: string;
  readonly #handle: FileHandle;
  #bytes = Buffer.alloc(0);
  #at = 0;
  /** Where `#bytes` begins in the file. */
  #offset = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<FrameReader> {
    try {
      return new FrameReader(path, await open(path, 'r'));
    } catch (error) {
      throw new DiagnosticError(noBulkFile(path, systemWords(error)));
    }
  }

  /** Reads the next frame; false at the end. */
  async next(): Promise<boolean> {
    if (!(await this.#fill(FRAME_HEADER))) {
      if (this.#bytes.length === this.#at) return false;
      throw this.#damaged('ends within a frame');
    }
    const header = readFrameHeader(this.#bytes, this.#at);
    if (!header) throw this.#damaged('holds no bulk output');
    if (!(await this.#fill(FRAME_HEADER + header.length))) throw this.#damaged('ends within a frame');
    this.header = header;
    const start = this.#at + FRAME_HEADER;
    this.#at = start + header.length;
    this.text = this.#bytes.subarray(start, this.#at);
    return true;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Makes `count` bytes available from `#at` on; false where the file has no more. */
  async #fill(count: number): Promise<boolean> {
    while (this.#bytes.length - this.#at < count) {
      const piece = Buffer.allocUnsafe(Math.max(PIECE, count));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, null).catch((error: unknown) => {
        throw new DiagnosticError(noBulkFile(this.#path, systemWords(error)));
      });
      if (bytesRead === 0) return false;
      this.#offset += this.#at;
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), piece.subarray(0, bytesRead)]);
      this.#at = 0;
    }
    return true;
  }

  #damaged(what: string): DiagnosticError {
    return new DiagnosticError({
      code: 'staprun/damaged-bulk-file',
      severity: 'error',
      class: 'run',
      message: `"${this.#path}" ${what} (at byte ${this.#offset + this.#at})`,
      hints: ['stap-merge takes the files that `stap -b -o FILE` has written'],
    });
  }
}

function noBulkFile(path: string, reason: string): Diagnostic {
  return {
    ...noModuleFile(path, reason),
    code: 'staprun/no-bulk-file',
    message: `unable to read "${path}": ${reason}`,
  };
}

/** What `stap-merge -h` prints. */
export const MERGE_USAGE = helpText(mergeManual);

/** What `stap-merge -V` prints. */
export const MERGE_VERSION = `stapkit bulk file merger (version ${VERSION})\nThis is free software; MIT license.\n`;
