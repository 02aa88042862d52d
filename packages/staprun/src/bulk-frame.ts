// The frames of bulk files: what one CPU printed at one moment, with the stamp by which stap-merge puts the files of all
// CPUs together again. Little-endian, as the machine's.
//
//   0  u32  magic
//   4  u32  CPU
//   8  u32  number of the frame in its CPU's output, from 0
//   12 u32  length of the text
//   16 u64  stamp, nanoseconds since boot
//   24      the text

/** `SKB1`, read as a little-endian number. */
export const FRAME_MAGIC = 0x31424b53;

/** Bytes before the text. */
export const FRAME_HEADER = 24;

/** The header of one frame. */
export interface FrameHeader {
  readonly cpu: number;
  readonly sequence: number;
  readonly length: number;
  readonly stamp: bigint;
}

/**
 * Fills in a frame's header at an offset.
 *
 * @param stamp memory whose 8 bytes at `stampAt` are the stamp
 */
export function writeFrameHeader(
  bytes: Buffer,
  at: number,
  header: Omit<FrameHeader, 'stamp'>,
  stamp: Buffer,
  stampAt: number,
): void {
  bytes.writeUInt32LE(FRAME_MAGIC, at);
  bytes.writeUInt32LE(header.cpu, at + 4);
  bytes.writeUInt32LE(header.sequence, at + 8);
  bytes.writeUInt32LE(header.length, at + 12);
  for (let index = 0; index < 8; index++) bytes[at + 16 + index] = stamp[stampAt + index]!;
}

/** Reads a frame's header, or undefined where there is none. */
export function readFrameHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (bytes.readUInt32LE(at) !== FRAME_MAGIC) return undefined;
  return {
    cpu: bytes.readUInt32LE(at + 4),
    sequence: bytes.readUInt32LE(at + 8),
    length: bytes.readUInt32LE(at + 12),
    stamp: bytes.readBigUInt64LE(at + 16),
  };
}
