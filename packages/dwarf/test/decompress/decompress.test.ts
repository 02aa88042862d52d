// Every packing, through the system's tool and through a library, whole and broken off.
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BinaryFault, type CompressionFormat, compressionFormat, unpackStream, unpackSync } from '../../src/index.js';

// Text that packs to several blocks, with stretches that do not pack at all.
const TEXT = Buffer.concat(
  Array.from({ length: 4000 }, (_, index) => Buffer.from(`line ${index} ${Math.imul(index, 2654435761) >>> 0}\n`)),
);

function pack(tool: string, ...flags: string[]): Buffer {
  return execFileSync(tool, [...flags, '-c'], { input: TEXT, maxBuffer: 1 << 24 });
}

const PACKED: [CompressionFormat, Buffer][] = [
  ['gzip', gzipSync(TEXT)],
  ['xz', pack('xz', '--check=crc32')],
  ['zstd', pack('zstd', '-q')],
  ['lz4', pack('lz4', '-q')],
  ['lz4-legacy', pack('lz4', '-lq')],
  ['bzip2', pack('bzip2')],
  ['lzma', pack('xz', '--format=lzma')],
];

async function collect(packed: Uint8Array, format: CompressionFormat, useTools: boolean): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of unpackStream(packed, format, 'test', { useTools })) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe.each(PACKED)('%s', (format, packed) => {
  test('is told by its first bytes', () => expect(compressionFormat(packed)).toBe(format));

  test('is unpacked as a stream', async () => {
    expect((await collect(packed, format, true)).equals(TEXT)).toBe(true);
  });

  test.skipIf(format === 'lzma')('is unpacked without the system’s tools', async () => {
    expect((await collect(packed, format, false)).equals(TEXT)).toBe(true);
  });

  test('is unpacked at once', () => {
    expect(Buffer.from(unpackSync(packed, format, 'test')).equals(TEXT)).toBe(true);
  });

  // Other formats end where the data do: a reader of images leaves the size away.
  test.skipIf(!['xz', 'zstd', 'lz4-legacy', 'bzip2'].includes(format))('may be followed by a size', async () => {
    const followed = Buffer.concat([packed, Buffer.from([0x12, 0x34, 0x56, 0x03])]);
    expect((await collect(followed, format, true)).equals(TEXT)).toBe(true);
  });

  test('that is damaged gives a fault', async () => {
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, packed.length >> 1, (packed.length >> 1) + 64);
    const result = await collect(damaged, format, true).catch((error: unknown) => error);
    // Formats without a checksum may give wrong bytes, but nothing worse.
    if (!Buffer.isBuffer(result)) expect(result).toBeInstanceOf(BinaryFault);
    else expect(result.equals(TEXT)).toBe(false);
  });

  test('that is stopped early leaves no process behind', async () => {
    for await (const piece of unpackStream(packed, format, 'test')) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });
});

test('a format that nothing here unpacks says what to install', async () => {
  const before = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    const lzo = Buffer.from([0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0]);
    expect(compressionFormat(lzo)).toBe('lzo');
    await expect(collect(lzo, 'lzo', true)).rejects.toThrow('nothing here unpacks lzo; install the package lzop');
  } finally {
    process.env.PATH = before;
  }
});
