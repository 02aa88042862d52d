// Pass 5 in the embedded guest: the same module, and the same staprun, run by the guest's own Node from the shared files.
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ReadStream } from 'node:tty';
import { type Diagnostic, DiagnosticError, systemWords } from '@stapkit/pass';
import { OutputFiles, ROTATION_MARK, ROTATION_VARIABLE, readByCharacter, readModuleInfo } from '@stapkit/staprun';
import { connectGuest, type Guest, type GuestProcess, guestsFolder, listGuests, startGuest } from '@stapkit/vm';
import type { ChainSettings } from './chain.js';
import { packageFolder } from './folders.js';
import type { CommandIo } from './io.js';
import type { Place } from './place.js';
import { Interrupted } from './process-io.js';

type GuestPlace = Extract<Place, { where: 'guest' }>;

/**
 * Runs staprun in the guest and brings back what it prints. A guest that is kept (`stap vm start`, or the folder that
 * STAPKIT_GUEST names) serves where it runs the right kernel; else one is booted for this run alone. The first signal is
 * handed to staprun, which then ends in good order; the second ends it at once.
 *
 * @param module the .ko
 * @param words staprun's command line
 * @returns staprun's exit status
 */
export async function runStaprunInGuest(
  settings: ChainSettings,
  place: GuestPlace,
  module: string,
  words: readonly string[],
): Promise<number> {
  const { io, options, reporter } = settings;
  const { outputFile, flightRecorder } = options;
  const terminal = options.monitor === undefined ? undefined : openTerminal(io);
  const typed = terminal || flightRecorder ? undefined : await openTyped(module, io);
  const output =
    outputFile === undefined || options.bulk || flightRecorder ? undefined : await openOutput(settings, outputFile);
  const rotate = (): void => output?.requestRotation();
  process.on('SIGUSR2', rotate);
  try {
    const { guest, stays } = await openGuest(settings, place);
    try {
      if (options.bulk) await guest.capture({ argv: ['mkdir', '-p', bulkFolder()] });
      let child: GuestProcess | undefined;
      const forward = (): void => {
        const reason: unknown = io.signal.reason;
        child?.kill(reason instanceof Interrupted && reason.signalName !== 'SIGPIPE' ? reason.signalName : 'SIGTERM');
      };
      const force = (): void => child?.kill('SIGINT');
      let detached = false;
      const detach = (): void => {
        detached ||= stays;
        if (!stays)
          reporter.line(
            'The guest was booted for this run and ends with it, and so does the script: stap vm start keeps a guest.',
          );
        child?.kill(stays ? 'SIGQUIT' : 'SIGINT');
      };
      process.on('SIGQUIT', detach);
      io.signal.addEventListener('abort', forward);
      io.forceSignal.addEventListener('abort', force);
      try {
        const result = await guest.runScript({
          path: join(packageFolder('staprun'), 'bundle', 'staprun.cjs'),
          argv: words,
          cwd: io.cwd,
          env: { ...passedOn(io.env), ...terminal?.env, ...(output ? { [ROTATION_VARIABLE]: '1' } : {}) },
          ...(terminal || typed ? { stdin: io.stdin } : {}),
          onStart: (started) => {
            child = started;
            if (io.signal.aborted) forward();
          },
          onStdout: async (chunk) => {
            if (output) await output.write(chunk);
            else await io.stdout(chunk);
          },
          onStderr: (chunk) => {
            settings.reporter.progress.finish();
            const text = Buffer.from(chunk).toString('utf8');
            const rest = text.replaceAll(ROTATION_MARK, '');
            // switch_file(): the files are here.
            if (rest !== text) rotate();
            if (rest !== '') io.stderr(rest);
          },
        });
        if (options.bulk && !flightRecorder)
          await fetchBulkFiles(guest, resolve(io.cwd, options.outputFile ?? BULK_NAME));
        const status = result.code ?? 1;
        if ((flightRecorder || detached) && status === 0 && !options.suppressWarnings) {
          reporter.line(
            outputFile === undefined || !flightRecorder
              ? 'The module is in the guest: stap vm run staprun -A NAME'
              : `The process and its files are in the guest: stap vm run cat ${outputFile}…; stap vm run kill PID`,
          );
        }
        return status;
      } finally {
        process.off('SIGQUIT', detach);
        io.signal.removeEventListener('abort', forward);
        io.forceSignal.removeEventListener('abort', force);
      }
    } finally {
      await guest.close();
    }
  } finally {
    terminal?.close();
    typed?.close();
    process.off('SIGUSR2', rotate);
    await output?.close();
  }
}

/**
 * Where the script has input.char or input.line, standard input goes to the guest. Else it is left alone: it may be meant
 * for another.
 */
async function openTyped(module: string, io: CommandIo): Promise<{ close(): void } | undefined> {
  const info = await readModuleInfo(module);
  const reads = info?.entries.filter(([name]) => name === 'stapkit_reads').map(([, value]) => value) ?? [];
  if (reads.length === 0) return undefined;
  return { close: reads.includes('characters') ? readByCharacter(io.stdin) : () => {} };
}

/** What staprun goes by of this environment: who called it through sudo, the time zone, the colors. */
function passedOn(env: CommandIo['env']): Record<string, string> {
  const names = ['SUDO_UID', 'SUDO_GID', 'TZ', 'SYSTEMTAP_COLORS'];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** Files of bulk mode are called stpd_cpu0, … where -o names none. */
const BULK_NAME = 'stpd';

/** Where bulk files are in the guest until the run is over: what is written elsewhere is gone with it. */
function bulkFolder(): string {
  return `/run/stapkit-bulk-${process.pid}`;
}

/** What `-o` is for the guest's staprun in bulk mode. */
export function bulkFileInGuest(outputFile: string | undefined): string {
  return join(bulkFolder(), basename(outputFile ?? BULK_NAME));
}

/** Brings the files of a bulk run here. */
async function fetchBulkFiles(guest: Guest, outputFile: string): Promise<void> {
  const { stdout } = await guest.capture({ argv: ['ls', bulkFolder()] });
  const unnamed = basename(outputFile) === BULK_NAME;
  for (const name of stdout.toString('utf8').split('\n').filter(Boolean)) {
    const file = join(dirname(outputFile), unnamed ? name.replace(/^stpd_/, 'stpd_cpu') : name);
    try {
      await writeFile(file, await guest.readFile(join(bulkFolder(), name)));
    } catch (error) {
      throw cannotWrite(file, error);
    }
  }
  await guest.capture({ argv: ['rm', '-rf', bulkFolder()] });
}

function cannotWrite(path: string, error: unknown): DiagnosticError {
  return new DiagnosticError({
    code: 'driver/output',
    severity: 'error',
    class: 'usage',
    message: `cannot write ${path}: ${systemWords(error)}`,
  });
}

/**
 * Hands this terminal to the guest's staprun: its keys go there one by one, and its size is told.
 *
 * @throws DiagnosticError where there is none
 */
function openTerminal(io: CommandIo): { readonly env: Record<string, string>; close(): void } {
  const input = io.stdin instanceof ReadStream ? io.stdin : undefined;
  const size = io.stdoutIsTerminal ? io.terminalSize?.() : undefined;
  if (!input || !size) {
    throw new DiagnosticError({
      code: 'driver/no-terminal',
      severity: 'error',
      class: 'usage',
      message: 'a monitor needs a terminal to draw on (--monitor)',
      hints: ['without one, -t prints what each probe costs when the run ends'],
    });
  }
  input.setRawMode(true);
  return {
    env: { STAPRUN_TERMINAL: `${size.columns}x${size.rows}` },
    close() {
      input.setRawMode(false);
      input.pause();
    },
  };
}

/** `-o` names a file of this machine, which the guest sees but can't write: what arrives is written here. */
async function openOutput({ io, options }: ChainSettings, name: string): Promise<OutputFiles> {
  const [megabytes, count] = options.rotate?.split(',') ?? [];
  return await OutputFiles.open({
    name: resolve(io.cwd, name),
    ...(megabytes === undefined ? {} : { size: Number(megabytes) * 1024 * 1024 }),
    ...(count === undefined ? {} : { count: Number(count) }),
  });
}

/** A guest, and whether it stays when the run is over. */
async function openGuest(
  settings: ChainSettings,
  place: GuestPlace,
): Promise<{ readonly guest: Guest; readonly stays: boolean }> {
  const { io, cache, reporter } = settings;
  const named = io.env['STAPKIT_GUEST'];
  if (named) return { guest: await connectGuest(named, { signal: io.signal }), stays: true };
  const kept = await listGuests(guestsFolder(cache, io.env));
  for (const guest of kept) {
    if (guest.release !== place.release) continue;
    try {
      return { guest: await connectGuest(guest.folder, { signal: io.signal }), stays: true };
    } catch (error) {
      // It is ending or all its ports are taken: one of our own serves.
      if (!(error instanceof DiagnosticError)) throw error;
    }
  }
  if (settings.options.flightRecorder) throw new DiagnosticError(nothingStays());
  try {
    const guest = await startGuest({
      cacheFolder: cache,
      kernel: place.kernel,
      agentFolder: join(packageFolder('vm'), 'agent'),
      signal: io.signal,
      onStep: (step) => reporter.progress.update(step),
    });
    return { guest, stays: false };
  } finally {
    reporter.progress.finish();
  }
}

/** A guest of a run's own goes with the run, and takes the module along. */
function nothingStays(): Diagnostic {
  return {
    code: 'driver/guest-goes',
    severity: 'error',
    class: 'usage',
    message: 'a flight recorder (-F) needs a guest that stays: the one booted for this run would end with it',
    hints: ['keep one: stap vm start', 'then run this again; `stap vm stop` ends the guest and all that runs in it'],
  };
}
