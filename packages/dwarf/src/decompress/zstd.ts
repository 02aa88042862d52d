// zstd through the fzstd library, which is plain JavaScript.
import { Decompress, decompress } from 'fzstd';

/**
 * Unpacks zstd frames from memory into memory.
 *
 * @param size how many bytes must come out, where known; more is an error
 * @throws Error of the library on damaged data
 */
export function unzstdSync(packed: Uint8Array, size?: number): Uint8Array {
  if (size === undefined) return decompress(packed);
  // The size comes from a file: it is believed only as pieces really come out.
  const pieces: Uint8Array[] = [];
  let total = 0;
  const stream = new Decompress((piece) => {
    total += piece.length;
    if (total > size) throw new Error(`more than ${size} bytes came out`);
    pieces.push(piece);
  });
  stream.push(packed, true);
  return Buffer.concat(pieces, total);
}

/** Unpacks zstd piece by piece. */
export async function* unzstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const stream = new Decompress((piece) => {
    ready.push(piece);
  });
  for await (const piece of packed) {
    stream.push(piece);
    const out = ready;
    ready = [];
    yield* out;
  }
}
