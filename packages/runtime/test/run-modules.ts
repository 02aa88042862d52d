// What guest tests of the runtime share: modules are built here and run there by staprun.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connectGuest, type Guest } from '@stapkit/vm';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const staprun = join(root, 'packages/staprun/bundle/staprun.cjs');

/**
 * Limits of time, where a module is not built with others: a test that is not about them must not fail because the machine
 * stood still while a handler ran, or held a lock. Of ten milliseconds to wait for a lock and half a second of handlers, as
 * the defaults are, a busy host takes the whole.
 */
const PATIENT: Readonly<Record<string, string>> = { MAXTRYLOCK: '1000000', STP_OVERLOAD_THRESHOLD: '1000000000000' };

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
    execFileSync(join(root, 'stap'), this.#buildWords(name, script, options), { cwd: this.folder, stdio: 'pipe' });
  }

  /** Builds NAME.ko while something else goes on. */
  async buildBeside(name: string, script: string, options: readonly string[] = []): Promise<void> {
    await promisify(execFile)(join(root, 'stap'), this.#buildWords(name, script, options), { cwd: this.folder });
  }

  #buildWords(name: string, script: string, options: readonly string[]): string[] {
    const isGiven = (limit: string): boolean =>
      options.some(
        (option) => option.startsWith(`-D${limit}`) || (option === '-DSTP_NO_OVERLOAD' && /OVERLOAD/.test(limit)),
      );
    const patient = Object.entries(PATIENT).flatMap(([limit, value]) =>
      isGiven(limit) ? [] : [`-D${limit}=${value}`],
    );
    return ['-r', this.guest.release, '-p4', ...patient, ...options, '-m', name, '-e', script];
  }

  /** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules. */
  async shell(script: string): Promise<string> {
    let text = '';
    await this.guest.exec({
      argv: ['bash', '-c', script],
      cwd: '/tmp',
      env: { ...process.env, S: `node ${staprun}`, D: this.folder } as Record<string, string>,
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
    let output = '';
    let errors = '';
    let interrupt = (): void => {};
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    // In a Node process that has been booted before: booting one takes most of the time of a short run.
    const ended = this.guest.runScript({
      path: staprun,
      argv: [...words(options), join(this.folder, `${name}.ko`), ...words(settings)],
      cwd: '/tmp',
      env: process.env as Record<string, string>,
      onStart: (running) => {
        interrupt = () => running.kill('SIGINT');
      },
      onStdout: (chunk) => {
        output += Buffer.from(chunk).toString('latin1');
        if (output.includes('begun')) begin();
      },
      onStderr: (chunk) => {
        errors += Buffer.from(chunk).toString('latin1');
      },
    });
    await Promise.race([begun, ended]);
    await this.shell(load);
    interrupt();
    const { code } = await ended;
    return { output, errors, status: code ?? -1 };
  }
}

/** Takes words apart; what stands in double quotes is one. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|\S+/g)].map(([whole, quoted]) => quoted ?? whole);
}
