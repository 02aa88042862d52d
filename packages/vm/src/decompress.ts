// Unpacks what distributions pack: the kernel image, and module files such as `virtio.ko.xz`. gzip is in Node; the
// other formats go through the system's own tools, which a machine with such packages nearly always has.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorText, faults } from './diagnostics.js';
import { runTool } from './files.js';

const TOOLS: readonly { readonly magic: readonly number[]; readonly argv: readonly [string, ...string[]] }[] = [
  // A kernel image's payload is followed by its size, which is no second stream.
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], argv: ['xz', '-dc', '--single-stream'] },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], argv: ['zstd', '-dcq'] },
  { magic: [0x02, 0x21, 0x4c, 0x18], argv: ['lz4', '-dcq'] },
  { magic: [0x5d, 0x00, 0x00], argv: ['xz', '-dc', '--format=lzma'] },
];

function startsWith(data: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => data[index] === byte);
}

/**
 * Unpacks data whose first bytes tell how it is packed; returns other data as it is.
 *
 * @param path what the data is, for messages
 * @throws DiagnosticError where the tool is missing or fails
 */
export async function decompress(data: Buffer, path: string, signal?: AbortSignal): Promise<Buffer> {
  if (startsWith(data, [0x1f, 0x8b])) {
    try {
      return await promisify(gunzip)(data, { maxOutputLength: 1 << 30 });
    } catch (error) {
      throw faults.decompress(path, 'gzip', errorText(error));
    }
  }
  const tool = TOOLS.find(({ magic }) => startsWith(data, magic));
  if (!tool) return data;
  const [command, ...args] = tool.argv;
  try {
    const { code, stdout, stderr } = await runTool(command, args, { input: data, ...(signal ? { signal } : {}) });
    // lz4 ends with an error over the size that follows a kernel's payload, when all is unpacked already.
    if (code !== 0 && stdout.length === 0) throw new Error(stderr.trim() || `exit status ${code}`);
    return stdout;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw faults.decompress(path, command, errorText(error));
  }
}
