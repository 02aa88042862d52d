// Unpacks the formats that kernels and their modules come in. The system's own tool is taken where it is installed
// (it is the fastest and knows every variant), else a library; where there is neither, the fault says what to install.
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { BinaryFault } from '../io/fault.js';
import { unlz4Frame, unlz4Legacy } from './lz4.js';
import { unzstd, unzstdSync } from './zstd.js';

// These two take milliseconds to load, which a run that unpacks nothing must not pay.
const load = createRequire(import.meta.url);
const childProcess = () => load('node:child_process') as typeof import('node:child_process');
const zlib = () => load('node:zlib') as typeof import('node:zlib');

export type CompressionFormat = 'gzip' | 'xz' | 'zstd' | 'lz4' | 'lz4-legacy' | 'lzo' | 'bzip2' | 'lzma';

interface Method {
  readonly magic: readonly number[];
  /** The tool and the Debian package that has it. */
  readonly tool?: { readonly argv: readonly string[]; readonly package: string };
  readonly stream?: (packed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  readonly whole?: (packed: Uint8Array) => Uint8Array;
}

const METHODS: Readonly<Record<CompressionFormat, Method>> = {
  gzip: {
    magic: [0x1f, 0x8b, 0x08],
    stream: gunzip,
    whole: (packed) => zlib().gunzipSync(packed, { maxOutputLength: 1 << 30 }),
  },
  xz: {
    magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
    // The payload of a kernel image is followed by its size, which is no second stream.
    tool: { argv: ['xz', '-dc', '--single-stream'], package: 'xz-utils' },
    stream: unxz,
  },
  zstd: {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    tool: { argv: ['zstd', '-dcq', '--memory=2048MB'], package: 'zstd' },
    stream: unzstd,
    whole: unzstdSync,
  },
  lz4: { magic: [0x04, 0x22, 0x4d, 0x18], whole: unlz4Frame },
  'lz4-legacy': {
    magic: [0x02, 0x21, 0x4c, 0x18],
    stream: unlz4Stream,
    whole: (p) => Buffer.concat([...unlz4Legacy(p)]),
  },
  lzo: {
    magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a],
    tool: { argv: ['lzop', '-dc'], package: 'lzop' },
  },
  bzip2: { magic: [0x42, 0x5a, 0x68], tool: { argv: ['bzip2', '-dc'], package: 'bzip2' }, stream: unbzip2 },
  lzma: {
    magic: [0x5d, 0x00, 0x00],
    tool: { argv: ['xz', '-dc', '--format=lzma'], package: 'xz-utils' },
  },
};

/** Tells a format from its first bytes; undefined for one that is not known. */
export function compressionFormat(bytes: Uint8Array): CompressionFormat | undefined {
  for (const [format, { magic }] of Object.entries(METHODS) as [CompressionFormat, Method][]) {
    if (magic.every((byte, index) => bytes[index] === byte)) return format;
  }
  return undefined;
}

/** Finds a program on PATH. */
function findTool(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '/usr/bin:/bin').split(delimiter)) {
    const path = join(folder || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}

function missing(file: string, format: CompressionFormat, method: Method): BinaryFault {
  const install = method.tool ? `; install the package ${method.tool.package}` : '';
  return new BinaryFault({ file, offset: 0 }, `nothing here unpacks ${format}${install}`);
}

/**
 * Unpacks bytes piece by piece. Ending the loop early ends the work, the tool's process included.
 *
 * @param file the file's name for messages
 * @param useTools false keeps to libraries
 * @throws BinaryFault on damaged data, or where nothing here can unpack the format
 */
export async function* unpackStream(
  packed: Uint8Array,
  format: CompressionFormat,
  file: string,
  options: { readonly signal?: AbortSignal; readonly useTools?: boolean } = {},
): AsyncGenerator<Uint8Array> {
  const method = METHODS[format];
  const tool = options.useTools !== false && method.tool ? findTool(method.tool.argv[0]!) : undefined;
  try {
    if (tool) yield* throughTool(tool, method.tool!.argv.slice(1), packed);
    else if (method.stream) yield* method.stream(pieces(packed, options.signal));
    else if (method.whole) yield method.whole(packed);
    else throw missing(file, format, method);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof BinaryFault) throw error;
    throw new BinaryFault({ file, offset: 0 }, `the ${format} data can't be unpacked: ${(error as Error).message}`);
  }
}

/**
 * Unpacks bytes at once, for small files such as modules.
 *
 * @throws BinaryFault on damaged data, or where nothing here can unpack the format
 */
export function unpackSync(packed: Uint8Array, format: CompressionFormat, file: string): Uint8Array {
  const method = METHODS[format];
  try {
    if (method.whole) return method.whole(packed);
    const tool = method.tool && findTool(method.tool.argv[0]!);
    if (!tool) throw missing(file, format, method);
    const result = childProcess().spawnSync(tool, method.tool!.argv.slice(1), { input: packed, maxBuffer: 1 << 30 });
    if (result.error) throw result.error;
    if (result.status !== 0) throw new Error(result.stderr.toString().trim());
    return result.stdout;
  } catch (error) {
    if (error instanceof BinaryFault) throw error;
    throw new BinaryFault({ file, offset: 0 }, `the ${format} data can't be unpacked: ${(error as Error).message}`);
  }
}

async function* throughTool(tool: string, args: readonly string[], packed: Uint8Array): AsyncGenerator<Uint8Array> {
  const child = childProcess().spawn(tool, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // Waited for below; a failure before that must not count as unhandled.
  ended.catch(() => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < 1000) complaint += text;
  });
  // The tool may end before it has read everything, e.g. when we kill it.
  child.stdin.on('error', () => {});
  child.stdin.end(packed);
  let complete = false;
  let any = false;
  try {
    for await (const piece of child.stdout) {
      any = true;
      yield piece as Buffer;
    }
    complete = true;
  } finally {
    if (!complete) child.kill('SIGKILL');
    const code = await ended;
    // Tools complain about the size that follows a kernel's payload; what came before it is whole.
    if (complete && code !== 0 && !(any && /trail|unsupported format|unknown header|garbage/i.test(complaint))) {
      // biome-ignore lint/correctness/noUnsafeFinally: reached only when nothing else is being thrown
      throw new Error(complaint.trim() || `${tool} ended with ${code}`);
    }
  }
}

/** Hands bytes out in pieces, so that a library's memory stays small and an abort is noticed. */
async function* pieces(packed: Uint8Array, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < packed.length; at += 1 << 18) {
    signal?.throwIfAborted();
    yield packed.subarray(at, Math.min(packed.length, at + (1 << 18)));
  }
}

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Readable } = await import('node:stream');
  const stream = zlib().createGunzip({ chunkSize: 1 << 18 });
  const source = Readable.from(packed, { objectMode: false });
  source.on('error', (error) => stream.destroy(error));
  source.pipe(stream);
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    stream.destroy();
  }
}

async function* unxz(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { default: library } = await import('xz-decompress');
  const { ReadableStream } = await import('node:stream/web');
  const source = packed[Symbol.asyncIterator]();
  const input = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const output = new library.XzReadableStream(input as never) as unknown as AsyncIterable<Uint8Array>;
  yield* output;
}

async function* unbzip2(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Readable } = await import('node:stream');
  const { default: unbzip2Stream } = await import('unbzip2-stream');
  const source = Readable.from(packed, { objectMode: false });
  const stream = source.pipe(unbzip2Stream());
  const ready: Uint8Array[] = [];
  let failure: Error | undefined;
  let over = false;
  let wake = () => {};
  stream.on('data', (piece: Uint8Array) => {
    ready.push(piece);
    wake();
  });
  stream.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  stream.on('end', () => {
    over = true;
    wake();
  });
  try {
    while (true) {
      const piece = ready.shift();
      if (piece) yield piece;
      else if (failure) throw failure;
      else if (over) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    source.destroy();
  }
}

async function* unlz4Stream(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of packed) all.push(piece);
  yield* unlz4Legacy(Buffer.concat(all));
}
