// Time and memory of a pass, as `stap -v` prints them.
import { readFileSync } from 'node:fs';

/** A reading of the clocks: user, system and real time in milliseconds, children that have ended included. */
export interface Reading {
  readonly user: number;
  readonly system: number;
  readonly real: number;
}

/** Clock ticks a second in /proc/PID/stat; Linux reports USER_HZ, which is 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

/** Reads the clocks now. */
export function readClocks(): Reading {
  const own = process.cpuUsage();
  const children = readChildTimes();
  return {
    user: own.user / 1000 + children.user,
    system: own.system / 1000 + children.system,
    real: performance.now(),
  };
}

function readChildTimes(): { user: number; system: number } {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // The command's name (field 2) may hold spaces and parentheses; fields 16 and 17 (cutime, cstime of proc(5)) are the
    // 14th and 15th after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      user: (Number(fields[13]) * 1000) / TICKS_PER_SECOND,
      system: (Number(fields[14]) * 1000) / TICKS_PER_SECOND,
    };
  } catch {
    return { user: 0, system: 0 };
  }
}

/** `80usr/330sys/411real ms` between two readings. */
export function formatTimes(before: Reading, after: Reading): string {
  const span = (from: number, to: number): number => Math.max(0, Math.round(to - from));
  return `${span(before.user, after.user)}usr/${span(before.system, after.system)}sys/${span(before.real, after.real)}real ms`;
}

/** `251936virt/49240res/3488shr/45992data kb` of this process, from /proc/self/statm (proc(5)); empty without it. */
export function formatMemory(): string {
  try {
    const pages = readFileSync('/proc/self/statm', 'latin1').trim().split(' ').map(Number);
    const [size = 0, resident = 0, shared = 0, , , data = 0] = pages;
    const kilobytes = (count: number): number => count * 4;
    return `${kilobytes(size)}virt/${kilobytes(resident)}res/${kilobytes(shared)}shr/${kilobytes(data)}data kb`;
  } catch {
    return '';
  }
}
