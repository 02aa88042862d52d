// The guest's serial console, read from the file that QEMU writes.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 64 * 1024;

/**
 * The last lines of a console file, without the escape sequences of the firmware. Synchronous, since it is asked for
 * when something has just gone wrong.
 *
 * @param count how many lines at most
 * @returns none where there is no such file
 */
export function consoleTail(path: string, count: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return plainLines(buffer.toString('utf8', 0, length)).slice(-count);
  } finally {
    closeSync(fd);
  }
}

/** How a kernel begins to say that it is in trouble. */
const TROUBLE = /Kernel panic|BUG: |Oops: |general protection fault|Unable to handle/;

/**
 * What a console has to say about an end: its last 25 lines, or where the kernel was in trouble all that it said from
 * there on, 80 lines at most.
 */
export function lastWords(path: string): string[] {
  const lines = consoleTail(path, 300);
  const trouble = lines.findIndex((line) => TROUBLE.test(line));
  const start = trouble < 0 ? lines.length - 25 : Math.min(trouble, Math.max(0, lines.length - 25));
  return lines.slice(Math.max(0, start)).slice(0, 80);
}

/** Cuts console text into lines and drops escape sequences, carriage returns and empty lines. */
export function plainLines(text: string): string[] {
  return text
    .replace(/\x1b(?:\[[0-9;?]*[A-Za-z]|c)/g, '')
    .replaceAll('\r', '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

/**
 * A line of the kernel's log that says that something went wrong in the kernel which never should: its warnings, bugs,
 * what its lock checker, RCU and watchdogs report, corrupted lists and memory. The expression has nothing that grep -E
 * does not know.
 */
export const KERNEL_FAULT =
  /WARNING:|BUG: |Oops|[Gg]eneral protection|INFO: (task|rcu|possible|trying|inconsistent|lockdep)|possible (circular|recursive) locking|lock dependency|suspicious RCU|rcu: .*stall|soft lockup|hard LOCKUP|blocked for more than|scheduling while atomic|sleeping function called|list_(add|del) corruption|kernel BUG at|refcount_t:|Kernel panic/;

/** One line of the kernel's log. */
export interface KernelLogLine {
  /** 0 (emergency) to 7 (debug). */
  readonly level: number;
  /** Since the guest's boot. */
  readonly microseconds: number;
  readonly text: string;
}

/** Reads records of /dev/kmsg (Documentation/ABI/testing/dev-kmsg): `prefix,sequence,microseconds,flags;text`. */
export function parseKernelLog(text: string): KernelLogLine[] {
  const lines: KernelLogLine[] = [];
  for (const record of text.split('\n')) {
    // Lines that begin with a space are key=value facts of the record before.
    const match = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(record);
    if (!match) continue;
    lines.push({
      level: Number(match[1]) & 7,
      microseconds: Number(match[2]),
      text: match[3]!.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    });
  }
  return lines;
}
