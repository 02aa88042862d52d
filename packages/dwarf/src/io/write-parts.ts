// Writes cache files, so that other processes see one whole or not at all.
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { hashWords, type PartsFormat, stampOf } from './parts-file.js';

const MAGIC = 0x4b505453;
const PAGE = 4096;

/** The bytes of numbers in the order of cache files. */
export function littleEndian(words: Uint32Array): Uint8Array {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? bytes : bytes.swap32();
}

/** The three parts of a name table: entries must be sorted by name. */
export function tableParts(
  entries: readonly { readonly name: string; readonly id: number }[],
): [names: Uint8Array, starts: Uint8Array, ids: Uint8Array] {
  const starts = new Uint32Array(entries.length + 1);
  const ids = new Uint32Array(entries.length);
  let at = 0;
  const names: string[] = [];
  entries.forEach((entry, index) => {
    starts[index] = at;
    ids[index] = entry.id;
    names.push(entry.name);
    at += entry.name.length + 1;
  });
  starts[entries.length] = at;
  // Every name ends with a line end, the last one too, so that each start tells where the name before ends.
  const text = Buffer.from(entries.length ? `${names.join('\n')}\n` : '', 'latin1');
  return [text, littleEndian(starts), littleEndian(ids)];
}

/** Lays out a cache file. */
export function layoutParts<Name extends string>(
  format: PartsFormat<Name>,
  contents: ReadonlyMap<Name, Uint8Array>,
): Buffer {
  const offsets = new Map<Name, number>();
  let size = 0;
  for (const part of format.parts) {
    offsets.set(part, size);
    size += Math.ceil(contents.get(part)!.length / 16) * 16;
  }
  const pageCount = Math.ceil(size / PAGE);
  const headerSize = Math.ceil((40 + format.parts.length * 8 + pageCount * 4) / PAGE) * PAGE;
  const file = Buffer.from(new ArrayBuffer(headerSize + pageCount * PAGE));
  format.parts.forEach((part, index) => {
    file.writeUInt32LE(offsets.get(part)! / 16, 40 + index * 8);
    file.writeUInt32LE(contents.get(part)!.length, 44 + index * 8);
    file.set(contents.get(part)!, headerSize + offsets.get(part)!);
  });
  const words = new Int32Array(file.buffer);
  const hashes = 40 + format.parts.length * 8;
  for (let page = 0; page < pageCount; page++) {
    const from = (headerSize + page * PAGE) / 4;
    words[hashes / 4 + page] = hashWords(words, from, from + PAGE / 4);
  }
  file.writeUInt32LE(MAGIC, 0);
  file.writeUInt32LE(format.version, 4);
  file.writeUInt32LE(headerSize, 8);
  file.writeUInt32LE(pageCount, 12);
  file.writeUInt32LE(format.kind, 20);
  file.writeUInt32LE(hashWords(words, 5, headerSize / 4), 16);
  return file;
}

/**
 * Writes a file so that readers see the old one or the new one, never a part. Concurrent writers each write one of
 * their own; the last rename wins.
 *
 * @throws the system's error where it can't be written; nothing is left behind then
 */
export function writeAtomically(path: string, contents: Uint8Array | string, stamp = false): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 8)}.tmp`;
  let text: string | undefined;
  try {
    const descriptor = openSync(temporary, 'wx', 0o644);
    try {
      if (typeof contents === 'string') writeSync(descriptor, contents);
      else for (let at = 0; at < contents.length; ) at += writeSync(descriptor, contents, at, contents.length - at);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (!stamp) return;
  try {
    // Renaming changes the file's ctime, so the stamp is taken afterwards.
    const descriptor = openSync(path, 'r');
    try {
      text = stampOf(fstatSync(descriptor));
    } finally {
      closeSync(descriptor);
    }
    writeFileSync(`${path}.stamp`, text);
    chmodSync(`${path}.stamp`, 0o644);
  } catch {
    // Without a stamp the next reader checks the whole file.
  }
}
