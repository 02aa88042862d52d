// Which QEMU this is, and so whether its emulated CPUs may have a thread each.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, writeWhole } from './files.js';

/**
 * Whether code that the guest's kernel patches is safe with a thread for each CPU. Up to QEMU 8.0 it is not: a CPU that
 * translates an instruction while another replaces it keeps the old one for ever, since only translations that are
 * finished are dropped ("accel/tcg: Always lock pages before translation", 8.1). A kernel puts a breakpoint over each
 * instruction that it patches for a moment: a CPU that has kept one goes round in the breakpoint's handler with interrupts
 * off and the guest hangs, or a kprobe never fires. It takes a tracepoint that comes or goes in the scheduler and a busy
 * host, where a thread may be stopped in the middle of a translation: about once in a hundred modules.
 */
export function patchesSafely(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 8 || (major === 8 && minor >= 1);
}

/** The version in what `qemu-system-x86_64 --version` prints, e.g. `7.2.22`. */
export function parseQemuVersion(text: string): string | undefined {
  return /\bversion (\d+\.\d+(?:\.\d+)*)/.exec(text)?.[1];
}

/**
 * Asks QEMU for its version, once for each file that it is.
 *
 * @returns undefined where it does not tell
 */
export async function qemuVersion(
  qemu: string,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { size, mtimeMs } = await stat(qemu);
  const identity = `${qemu} ${size} ${mtimeMs}`;
  const path = join(cacheFolder, 'vm', 'qemu-version');
  const [knownIdentity, known] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  if (knownIdentity === identity && known) return known;
  const { stdout } = await runTool(qemu, ['--version'], signal ? { signal } : {});
  const version = parseQemuVersion(stdout.toString('latin1'));
  if (version !== undefined) await writeWhole(path, `${identity}\n${version}\n`);
  return version;
}
