// The files of `-o`: names with strftime(3) formats, one file after another by size (`-S`) or on demand (SIGUSR2), the
// oldest removed. No line is cut at a boundary.
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { DiagnosticError, systemWords } from '@stapkit/pass';
import { outputFailed } from './diagnostics.js';
import { strftime } from './strftime.js';

/** How output files are named and cut. */
export interface OutputFileOptions {
  /** The name of `-o`; conversions of strftime(3) are filled in when a file is opened. */
  readonly name: string;
  /** The most bytes a file may hold; undefined for no limit. */
  readonly size?: number;
  /** How many files are kept; undefined keeps all. */
  readonly count?: number;
  /** True where what is written at once must stay in one file: frames in place of lines. */
  readonly whole?: boolean;
  /** The time, for tests. */
  readonly now?: () => Date;
}

const NEWLINE = 0x0a;

/** Output that goes to files. Faults are DiagnosticErrors that name the file. */
export class OutputFiles {
  readonly #options: OutputFileOptions;
  readonly #kept: string[] = [];
  #handle: FileHandle | undefined;
  #path = '';
  #written = 0;
  #number = 0;
  #rotate = false;
  #atLineStart = true;
  /** What was asked for last; one thing is done at a time. */
  #last: Promise<void> = Promise.resolve();

  private constructor(options: OutputFileOptions) {
    this.#options = options;
  }

  /**
   * Opens the first file.
   *
   * With a size the files are NAME.0, NAME.1, …; without one the first is NAME and SIGUSR2 makes NAME.1, NAME.2, …, as
   * staprun(8) has it.
   */
  static async open(options: OutputFileOptions): Promise<OutputFiles> {
    const files = new OutputFiles(options);
    await files.#open();
    return files;
  }

  /** The descriptor of the file that is written now: where system() commands write. */
  get fd(): number {
    return this.#handle!.fd;
  }

  /** The file that is written now. */
  get path(): string {
    return this.#path;
  }

  /** Goes on in a new file, at once or at the end of the line that is being written. */
  requestRotation(): void {
    this.#rotate = true;
    this.#inTurn(() => (this.#rotate && this.#atLineStart ? this.#next() : undefined)).catch(() => {
      // A file that can't be opened is met again, and told, at the next write.
    });
  }

  /** Appends output; settles when it is written. */
  write(chunk: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#write(chunk));
  }

  #inTurn(act: () => Promise<void> | undefined): Promise<void> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#handle === undefined || (this.#rotate && this.#atLineStart)) {
        await this.#next();
        continue;
      }
      if (this.#options.whole) {
        const { size = Number.POSITIVE_INFINITY } = this.#options;
        if (this.#written > 0 && this.#written + rest.length > size) await this.#next();
        await this.#append(rest);
        this.#atLineStart = true;
        return;
      }
      const room = this.#options.size === undefined ? Number.POSITIVE_INFINITY : this.#options.size - this.#written;
      let end = rest.length;
      let full = false;
      if (this.#rotate) {
        end = lineEnd(rest);
      } else if (rest.length > room) {
        end = lastLineEnd(rest, room);
        full = end > 0;
        if (end === 0 && this.#atLineStart && this.#written > 0) {
          await this.#next();
          continue;
        }
        // A line longer than a file, or one that has begun, is kept whole whatever the size.
        if (end === 0) end = lineEnd(rest);
      }
      await this.#append(rest.subarray(0, end));
      rest = rest.subarray(end);
      if (full && rest.length > 0) await this.#next();
    }
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await this.#guarded(() => handle?.close());
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let from = 0;
    while (from < bytes.length) {
      const { bytesWritten } = await this.#guarded(() => this.#handle!.write(bytes, from, bytes.length - from));
      from += bytesWritten;
    }
    this.#written += bytes.length;
    if (bytes.length > 0) this.#atLineStart = bytes.at(-1) === NEWLINE;
  }

  async #next(): Promise<void> {
    this.#rotate = false;
    this.#number += 1;
    await this.#close();
    await this.#open();
  }

  async #open(): Promise<void> {
    const { name, size, count, now = () => new Date() } = this.#options;
    const base = strftime(name, now());
    this.#path = size !== undefined || this.#number > 0 ? `${base}.${this.#number}` : base;
    this.#handle = await this.#guarded(() => openForWriting(this.#path));
    this.#written = 0;
    this.#atLineStart = true;
    this.#kept.push(this.#path);
    while (count !== undefined && this.#kept.length > count) {
      await unlink(this.#kept.shift()!).catch(() => {});
    }
  }

  async #guarded<T>(act: () => Promise<T> | T): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw new DiagnosticError(outputFailed(this.#path, systemWords(error)));
    }
  }
}

/**
 * Opens a file and empties it. A symbolic link that another user has put there is not followed: in a folder such as /tmp
 * it would let that user say which file root writes to.
 */
async function openForWriting(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  try {
    return await open(path, flags | constants.O_NOFOLLOW, 0o644);
  } catch (error) {
    const facts = await lstat(path).catch(() => undefined);
    if (!facts?.isSymbolicLink()) throw error;
    if (facts.uid !== 0 && facts.uid !== process.geteuid?.()) throw new Error('it is a symbolic link of another user');
    return await open(path, flags, 0o644);
  }
}

/** Where the first line ends, or the end where it goes on. */
function lineEnd(bytes: Uint8Array): number {
  return bytes.indexOf(NEWLINE) + 1 || bytes.length;
}

/** Where the last whole line within `room` bytes ends; 0 where there is none. */
function lastLineEnd(bytes: Uint8Array, room: number): number {
  return room <= 0 ? 0 : bytes.lastIndexOf(NEWLINE, room - 1) + 1;
}
