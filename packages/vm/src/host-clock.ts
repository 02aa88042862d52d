// The frequency of the host's time stamp counter, which an emulated guest reads as its own. The guest's kernel would find
// it out against an emulated timer; on a busy host it then believes in a quarter of the true value and lets time fly.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, writeWhole } from './files.js';

/**
 * Measures the frequency, once a boot of the host.
 *
 * @param agent the compiled agent, which knows how
 * @returns kHz, or undefined where it can't be told
 */
export async function hostTscKhz(
  agent: string,
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
  const path = join(cacheFolder, 'vm', 'tsc-khz');
  const [knownBoot, known] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
  if (knownBoot === boot && Number(known) > 0) return Number(known);
  const { stdout } = await runTool(agent, ['--tsc-khz'], signal ? { signal } : {});
  const khz = Number(stdout.toString('latin1').trim());
  // From an early Pentium to what no processor has yet: anything else is no frequency.
  if (!(khz > 50_000 && khz < 20_000_000)) return undefined;
  await writeWhole(path, `${boot} ${khz}\n`);
  return khz;
}
