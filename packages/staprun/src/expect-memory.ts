// Buffers that a machine has no memory for: asked of the kernel, they would cost other programs their lives before it says no.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { DiagnosticError } from '@stapkit/pass';
import { notEnoughMemory } from './diagnostics.js';

/**
 * Checks that there is memory for the buffers.
 *
 * @param megabytes the size of each CPU's buffer
 * @param count how many CPUs there are
 * @param facts the text of /proc/meminfo
 * @throws DiagnosticError where there is not
 */
export function expectMemory(
  megabytes: number,
  count: number = cpus().length,
  facts: string = readFileSync('/proc/meminfo', 'utf8'),
): void {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(facts)?.[1];
  if (kilobytes === undefined) return;
  const available = Math.floor(Number(kilobytes) / 1024);
  const wanted = megabytes * count;
  if (wanted > available) throw new DiagnosticError(notEnoughMemory(wanted, count, available));
}
