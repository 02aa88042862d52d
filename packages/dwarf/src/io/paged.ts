// Scattered reads over a source: pages are read as they are touched and a bounded number of them is kept. String tables
// and other sections that are looked into here and there are read through this.
import type { ByteSource } from './byte-source.js';
import { BinaryFault } from './fault.js';

const PAGE = 1 << 14;
const PAGE_BITS = 14;

/** A section (or any range) for scattered reads. */
export class PagedSection {
  readonly source: ByteSource;
  readonly start: number;
  readonly size: number;
  readonly section: string | undefined;
  private readonly pages = new Map<number, Uint8Array>();
  private readonly most: number;

  /**
   * @param source the file
   * @param start where the range starts in it, in bytes
   * @param size its length in bytes
   * @param section its name for messages
   * @param memory how many bytes of it to keep at most
   */
  constructor(source: ByteSource, start: number, size: number, section?: string, memory = 8 << 20) {
    this.source = source;
    this.start = start;
    this.size = size;
    this.section = section;
    this.most = Math.max(4, memory >> PAGE_BITS);
  }

  fail(offset: number, problem: string): never {
    throw new BinaryFault({ file: this.source.name, section: this.section, offset }, problem);
  }

  private page(index: number): Uint8Array {
    let page = this.pages.get(index);
    if (page === undefined) {
      const at = index * PAGE;
      page = this.source.read(this.start + at, Math.min(PAGE, this.size - at));
      if (this.pages.size >= this.most) {
        // The oldest page goes: a Map keeps the order of insertion.
        for (const oldest of this.pages.keys()) {
          this.pages.delete(oldest);
          break;
        }
      }
      this.pages.set(index, page);
    }
    return page;
  }

  /** Reads a range; one that lies in a page costs no copy. */
  bytes(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      this.fail(Math.max(0, offset), `${length} bytes wanted, but the section has 0x${this.size.toString(16)}`);
    }
    const first = Math.floor(offset / PAGE);
    if (length === 0) return new Uint8Array(0);
    if (length <= PAGE && Math.floor((offset + length - 1) / PAGE) === first) {
      const at = offset - first * PAGE;
      return this.page(first).subarray(at, at + length);
    }
    return this.source.read(this.start + offset, length);
  }

  /** Reads the string at an offset, up to its NUL. */
  string(offset: number): string {
    if (!(offset >= 0 && offset < this.size)) this.fail(Math.max(0, offset), 'the string lies outside the section');
    let index = Math.floor(offset / PAGE);
    let page = this.page(index);
    let at = offset - index * PAGE;
    let nul = page.indexOf(0, at);
    if (nul >= 0) return decode(page, at, nul);
    const pieces: Uint8Array[] = [];
    for (;;) {
      pieces.push(page.subarray(at));
      index += 1;
      at = 0;
      if (index * PAGE >= this.size) this.fail(offset, 'the string has no end');
      page = this.page(index);
      nul = page.indexOf(0);
      if (nul >= 0) {
        pieces.push(page.subarray(0, nul));
        return Buffer.concat(pieces).toString('utf8');
      }
      if (pieces.length > 256) this.fail(offset, 'the string is longer than 4 MB');
    }
  }
}

function decode(page: Uint8Array, start: number, end: number): string {
  return Buffer.from(page.buffer, page.byteOffset + start, end - start).toString('utf8');
}
