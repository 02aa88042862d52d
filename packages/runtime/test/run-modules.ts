// What guest tests of the runtime share: modules are built here and run there by staprun.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How a run ended. */
export interface Ran {
  readonly output: string;
  readonly errors: string;
  readonly status: number;
}

/** The guest, and a folder for modules that it sees too. */
export class Modules {
  readonly folder: string;
  private constructor(readonly guest: Guest) {
    this.folder = mkdtempSync(join(tmpdir(), 'runtime-guest-'));
  }

  static async open(): Promise<Modules> {
    execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
    return new Modules(await connectGuest(process.env['STAPKIT_GUEST']!));
  }

  async close(): Promise<void> {
    await this.guest.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Builds NAME.ko. */
  build(name: string, script: string, options: readonly string[] = []): void {
    execFileSync(join(root, 'stap'), ['-r', this.guest.release, '-p4', ...options, '-m', name, '-e', script], {
      cwd: this.folder,
      stdio: 'pipe',
    });
  }

  /** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules. */
  async shell(script: string): Promise<string> {
    let text = '';
    await this.guest.exec({
      argv: ['bash', '-c', script],
      cwd: '/tmp',
      env: { ...process.env, S: `node ${root}packages/staprun/bundle/staprun.cjs`, D: this.folder } as Record<
        string,
        string
      >,
      onStdout: (chunk) => {
        text += Buffer.from(chunk).toString('latin1');
      },
    });
    return text;
  }

  /** A load that lasts as long as the module: until the command of -c has ended. */
  untilGone(name: string): string {
    return `while [ -e /proc/stapkit/${name} ]; do sleep 0.1; done`;
  }

  /**
   * Runs a module, which must print a line that begins with `begun`, does `load` then, and interrupts it.
   *
   * @param options staprun's
   * @param settings limits and globals
   */
  async run(name: string, options: string, load = ':', settings = ''): Promise<Ran> {
    const text = await this.shell(
      `rm -f o e; $S ${options} $D/${name}.ko ${settings} > o 2> e & P=$!
       until grep -q begun o || ! kill -0 $P 2> /dev/null; do sleep 0.1; done
       ${load}; kill -INT $P 2> /dev/null; wait $P; R=$?; cat o; echo "=== $R"; cat e`,
    );
    const [, output, status, errors] = /^([\s\S]*)=== (\d+)\n([\s\S]*)$/.exec(text)!;
    return { output: output!, errors: errors!, status: Number(status) };
  }
}
