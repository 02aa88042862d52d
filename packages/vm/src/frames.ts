// The protocol between the host and the guest's agent (agent/agent.c), over one virtio-serial port a client.
//
// A frame is a header of 12 bytes, little-endian, and a payload:
//
//   0  u32  length of the payload
//   4  u8   type
//   5  u8   flags: the stream of OUTPUT and CREDIT (1 stdout, 2 stderr), or those of EXEC, RUN and SIGNAL
//   6  u16  zero
//   8  u32  the client's number of the process that it speaks of, or 0
//
// A client begins with HELLO (a magic and a nonce of its own) and drops all bytes before the WELCOME that repeats the
// nonce: they were meant for the client before it. Output flows under a window of credit a stream (WINDOW bytes at
// first), standard input under TAKEN (INPUT_WINDOW bytes at first): a `yes` in the guest fills no one's memory.

/** What the agent and this file agree on; a mismatch is a stale guest. */
export const PROTOCOL_VERSION = 1;

export const HEADER_SIZE = 12;
/** The most that one frame of standard input or output carries. */
export const MAX_STREAM_PAYLOAD = 64 * 1024;
/** The most that an exec or run request may hold: arguments and environment. */
export const MAX_REQUEST = 512 * 1024;
/** Output that a process may send before more is granted. */
export const OUTPUT_WINDOW = 256 * 1024;
/** Standard input that may be on its way to a process. */
export const INPUT_WINDOW = 64 * 1024;

/** Frames that the host sends. */
export const ToGuest = {
  hello: 1,
  exec: 2,
  input: 3,
  credit: 4,
  signal: 5,
  run: 6,
  powerOff: 7,
  ping: 8,
} as const;

/** Frames that the agent sends. */
export const ToHost = {
  welcome: 1,
  started: 2,
  output: 3,
  exited: 4,
  taken: 5,
  failed: 6,
  pong: 7,
} as const;

/** Flag of EXEC and RUN: forget cached names first, for files that the host has made since. */
export const FLAG_FRESH = 1;
/** Flag of SIGNAL: to all that the process has started, too. */
export const FLAG_GROUP = 1;

const HELLO_MAGIC = Buffer.from('stapkit\x01', 'latin1');

/** One frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** Encodes a frame. */
export function encodeFrame(type: number, id: number, payload: Uint8Array = new Uint8Array(), flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_SIZE + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt8(flags, 5);
  frame.writeUInt16LE(0, 6);
  frame.writeUInt32LE(id, 8);
  frame.set(payload, HEADER_SIZE);
  return frame;
}

/** The payload of HELLO. */
export function helloPayload(nonce: Uint8Array): Buffer {
  return Buffer.concat([HELLO_MAGIC, nonce]);
}

/** One 32-bit number as a payload: a signal, a credit. */
export function numberPayload(value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(value, 0);
  return payload;
}

/**
 * The payload of EXEC: `argc envc cwd\0 argv\0… env\0…`.
 *
 * @returns undefined where a word holds a NUL or all are more than a request may hold
 */
export function execPayload(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Buffer | undefined {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const words = [cwd, ...argv, ...variables];
  if (words.some((word) => word.includes('\0'))) return undefined;
  const text = Buffer.from(words.map((word) => `${word}\0`).join(''), 'utf8');
  if (8 + text.length > MAX_REQUEST) return undefined;
  const counts = Buffer.allocUnsafe(8);
  counts.writeUInt32LE(argv.length, 0);
  counts.writeUInt32LE(variables.length, 4);
  return Buffer.concat([counts, text]);
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private size = 0;

  /**
   * Takes bytes and returns the frames that they complete.
   *
   * @throws RangeError where a length is impossible: the stream is out of step for good
   */
  push(chunk: Buffer): Frame[] {
    this.chunks.push(chunk);
    this.size += chunk.length;
    const frames: Frame[] = [];
    if (this.size < HEADER_SIZE) return frames;
    const data = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks);
    let at = 0;
    while (data.length - at >= HEADER_SIZE) {
      const length = data.readUInt32LE(at);
      if (length > MAX_REQUEST) throw new RangeError(`a frame of ${length} bytes`);
      if (data.length - at < HEADER_SIZE + length) break;
      const start = at + HEADER_SIZE;
      frames.push({
        type: data.readUInt8(at + 4),
        flags: data.readUInt8(at + 5),
        id: data.readUInt32LE(at + 8),
        payload: data.subarray(start, start + length),
      });
      at = start + length;
    }
    this.chunks = at < data.length ? [data.subarray(at)] : [];
    this.size = data.length - at;
    return frames;
  }
}

/**
 * Looks for the WELCOME that answers our HELLO in what came so far.
 *
 * @returns its payload behind the nonce, and the bytes that follow it; undefined while it has not come
 */
export function findWelcome(
  data: Buffer,
  nonce: Uint8Array,
): { readonly facts: Buffer; readonly rest: Buffer } | undefined {
  const at = data.indexOf(nonce);
  const header = at - HEADER_SIZE;
  if (at < 0 || header < 0 || data.readUInt8(header + 4) !== ToHost.welcome) return undefined;
  const end = at + data.readUInt32LE(header);
  if (data.length < end) return undefined;
  return { facts: data.subarray(at + nonce.length, end), rest: data.subarray(end) };
}
