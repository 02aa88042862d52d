// LZ4 as the kernel packs itself: the "legacy" frame, blocks of up to 8 MB, each behind its length. The blocks are
// unpacked by lz4js, which knows the modern frame too but not this one.
import { decompressBlock, decompressBound, decompressFrame } from 'lz4js';

/** How much a legacy block holds at most (lz4's lz4io.c, LEGACY_BLOCKSIZE). */
const LEGACY_BLOCK = 8 << 20;

/**
 * Unpacks the blocks of a legacy frame one by one.
 *
 * @param packed the frame, from its magic number; bytes behind its last block are ignored
 * @throws Error on damaged data
 */
export function* unlz4Legacy(packed: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = 4;
  while (at + 4 <= packed.length) {
    const size = view.getUint32(at, true);
    // A frame may follow another; the kernel appends the unpacked size, which is no possible block behind the end.
    if (size === 0x184c2102) {
      at += 4;
      continue;
    }
    at += 4;
    if (size === 0 || at + size > packed.length) return;
    const block = new Uint8Array(LEGACY_BLOCK);
    const length = decompressBlock(packed, block, at, size, 0);
    if (!(length >= 0 && length <= LEGACY_BLOCK)) throw new Error('an LZ4 block is damaged');
    yield block.subarray(0, length);
    at += size;
  }
}

/** Unpacks a modern LZ4 frame. */
export function unlz4Frame(packed: Uint8Array): Uint8Array {
  const out = new Uint8Array(decompressBound(packed));
  return out.subarray(0, decompressFrame(packed, out));
}
