import { expect, test } from 'vitest';
import {
  encodeFrame,
  execPayload,
  FrameReader,
  findWelcome,
  HEADER_SIZE,
  MAX_REQUEST,
  ToGuest,
  ToHost,
} from '../src/frames.js';

test('frames come out of a stream as they went in, wherever it is cut', () => {
  const stream = Buffer.concat([
    encodeFrame(3, 7, Buffer.from('hello'), 1),
    encodeFrame(4, 0),
    encodeFrame(3, 0xffffffff, Buffer.alloc(1000, 'x'), 2),
  ]);
  for (const size of [1, 2, 5, 11, 12, 13, 100, stream.length]) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < stream.length; at += size) frames.push(...reader.push(stream.subarray(at, at + size)));
    expect(frames.map(({ type, flags, id, payload }) => [type, flags, id, payload.toString()])).toEqual([
      [3, 1, 7, 'hello'],
      [4, 0, 0, ''],
      [3, 2, 0xffffffff, 'x'.repeat(1000)],
    ]);
  }
});

test('a length that no frame has ends the reading', () => {
  const frame = encodeFrame(3, 1);
  frame.writeUInt32LE(MAX_REQUEST + 1, 0);
  expect(() => new FrameReader().push(frame)).toThrow(RangeError);
});

test('a command is encoded as counts and NUL-terminated words', () => {
  const payload = execPayload(['ls', '-l', ''], { A: '1', B: 'zwei ü' }, '/tmp');
  expect(payload?.readUInt32LE(0)).toBe(3);
  expect(payload?.readUInt32LE(4)).toBe(2);
  expect(payload?.toString('utf8', 8)).toBe('/tmp\0ls\0-l\0\0A=1\0B=zwei ü\0');
});

test('a command that holds a NUL or is too large is refused', () => {
  expect(execPayload(['a\0b'], {}, '/')).toBeUndefined();
  expect(execPayload(['echo', 'x'.repeat(MAX_REQUEST)], {}, '/')).toBeUndefined();
});

test('a welcome is found behind what was meant for another client', () => {
  const nonce = Buffer.from('0123456789abcdef');
  const facts = Buffer.from([1, 0, 0, 0, 9, 0, 0, 0]);
  const welcome = encodeFrame(ToHost.welcome, 0, Buffer.concat([nonce, facts]));
  const next = encodeFrame(ToHost.pong, 0);
  const stale = encodeFrame(ToHost.output, 4, Buffer.from('old output')).subarray(5);
  expect(findWelcome(Buffer.concat([stale, welcome, next]), nonce)).toEqual({ facts, rest: next });
  expect(findWelcome(Buffer.concat([stale, welcome]).subarray(0, -1), nonce)).toBeUndefined();
  expect(findWelcome(stale, nonce)).toBeUndefined();
});

test('a frame of no payload is its header alone', () => {
  expect(encodeFrame(ToGuest.powerOff, 0)).toHaveLength(HEADER_SIZE);
});
