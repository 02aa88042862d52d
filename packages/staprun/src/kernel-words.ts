// The kernel's own words about what it refused: the new lines of /dev/kmsg that concern a module.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { asRoot } from './as-root.js';

/** One line of the kernel's log. */
interface LogLine {
  /** Microseconds since boot. */
  readonly time: number;
  readonly text: string;
}

/** Lines that a message shows at most. */
const MOST_LINES = 10;

/** Microseconds since boot on the clock that the kernel's log goes by, near enough. */
export function kernelTime(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Returns the lines of the kernel's log that are newer than a moment and speak of a module, or of why modules are
 * refused. Empty where the log can't be read.
 *
 * @param name the module's name
 * @param since what kernelTime() returned before the module was loaded
 */
export function kernelWords(name: string, since: number): string[] {
  // printk's clock may lag behind the monotonic one by a little.
  const earliest = since - 100_000;
  const words = tryReadLog()
    .filter((line) => line.time >= earliest)
    .map((line) => line.text)
    .filter((text) => text.includes(name) || /lockdown|lock down|Loading of .*module|PKCS|x509|vermagic/i.test(text));
  const different = [...new Set(words)];
  const more = different.length - MOST_LINES;
  return more > 1 ? [...different.slice(0, MOST_LINES), `… and ${more} lines more`] : different;
}

function tryReadLog(): LogLine[] {
  try {
    return readLog();
  } catch {
    // Reading the log can be forbidden (kernel.dmesg_restrict).
    return [];
  }
}

/** Reads at once, not in the thread pool: there are thousands of lines, one a read, and none of the reads waits. */
function readLog(): LogLine[] {
  const lines: LogLine[] = [];
  const log = asRoot(() => openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    // The kernel hands out one record a read, of at most 8 KiB (Documentation/ABI/testing/dev-kmsg).
    const buffer = Buffer.allocUnsafe(8192);
    for (;;) {
      let length: number;
      try {
        length = readSync(log, buffer, 0, buffer.length, null);
      } catch (error) {
        // EPIPE: the record was overwritten while we read; the next read goes on behind it.
        if ((error as NodeJS.ErrnoException).code === 'EPIPE') continue;
        return lines;
      }
      if (length === 0) return lines;
      const match = /^\d+,\d+,(\d+),[^;]*;([^\n]*)/.exec(buffer.toString('utf8', 0, length));
      if (match) lines.push({ time: Number(match[1]), text: match[2]! });
    }
  } finally {
    closeSync(log);
  }
}
