// What the benchmarks of running modules share: the guest, the modules that they are measured beside, and stap itself.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findGuestKernels, type Guest, type GuestOptions, startGuest } from '@stapkit/vm';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');

/** A guest with the benchmarks' modules and programs built for it. */
export interface Bench {
  readonly guest: Guest;
  readonly release: string;
  /** Temporary; holds the modules and programs. */
  readonly folder: string;
  /**
   * Builds a script's module with this checkout's `stap`.
   *
   * @returns its path
   */
  build(name: string, script: string, options?: readonly string[]): string;
  /**
   * Runs a program in the guest.
   *
   * @returns what it printed
   */
  run(argv: readonly string[], timeoutSeconds?: number): Promise<string>;
}

/** Boots a guest, runs the benchmark, and leaves nothing behind. */
export async function withBench(
  options: Partial<GuestOptions>,
  measure: (bench: Bench) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-bench-'));
  let guest: Guest | undefined;
  try {
    const kernel = (await findGuestKernels({ cacheFolder }))[0];
    if (!kernel) throw new Error('no kernel for the guest: run ./stap-prep --vm');
    const { release } = kernel;
    cpSync(join(root, 'tools/bench/guest'), folder, { recursive: true });
    execFileSync('make', ['-C', `/lib/modules/${release}/build`, `M=${folder}`, 'modules'], { stdio: 'pipe' });
    for (const program of ['drive', 'produce']) {
      const include = join(root, 'packages/runtime/include');
      execFileSync('cc', ['-O2', '-static', '-I', include, '-o', program, `${program}.c`], { cwd: folder });
    }
    guest = await startGuest({ cacheFolder, kernel, warmNode: false, ...options });
    const running = guest;
    const run = async (argv: readonly string[], timeoutSeconds = 300): Promise<string> => {
      const { code, stdout, stderr } = await running.capture({ argv, timeoutSeconds });
      if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr.toString()}${stdout.toString()}`);
      if (stderr.length > 0) process.stderr.write(stderr);
      return stdout.toString();
    };
    await run(['insmod', join(folder, 'bench_target.ko')]);
    await measure({
      guest,
      release,
      folder,
      run,
      build: (name, script, words = []) => {
        const argv = ['-r', release, '-p4', '-m', name, ...words, '-e', script];
        execFileSync(join(root, 'stap'), argv, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
        return join(folder, `${name}.ko`);
      },
    });
  } finally {
    await guest?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
