// A writer for cpio archives in the "newc" format, the one the kernel unpacks as its first file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). It makes them in memory and needs no root: owners are 0.

/** One entry of an archive. Folders come before what is in them. */
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number; readonly data: Uint8Array }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

const FOLDER = 0o040000;
const FILE = 0o100000;
const SYMLINK = 0o120000;

/**
 * Writes an archive. Archives may be joined end to end: the kernel unpacks one after the other.
 *
 * @param entries what it holds, in order; paths are relative to the root, without a leading slash
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  let inode = 1;
  for (const entry of entries) {
    const data =
      entry.kind === 'file'
        ? Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength)
        : Buffer.from(entry.kind === 'symlink' ? entry.target : '', 'utf8');
    const mode =
      entry.kind === 'folder'
        ? FOLDER | (entry.mode ?? 0o755)
        : entry.kind === 'file'
          ? FILE | (entry.mode ?? 0o644)
          : SYMLINK | 0o777;
    writeEntry(parts, inode++, entry.path, mode, data);
  }
  writeEntry(parts, 0, 'TRAILER!!!', 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}

function writeEntry(parts: Buffer[], inode: number, path: string, mode: number, data: Buffer): void {
  const name = Buffer.from(`${path}\0`, 'utf8');
  // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_devmajor, c_devminor, c_rdevmajor, c_rdevminor,
  // c_namesize, c_check: eight hexadecimal digits each.
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  parts.push(Buffer.from(header, 'latin1'), name, padding(header.length + name.length), data, padding(data.length));
}

/** Header with name, and data, each end on a multiple of four. */
function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
