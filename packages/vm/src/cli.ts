// The command line `stap vm …`: start, run, stop, status, console. The driver hands it the words and the surroundings;
// it writes only through them and returns the exit status.
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { DiagnosticError, nearestNames, renderDiagnostic } from '@stapkit/pass';
import { type GuestProcess, PLAIN_PATH } from './agent-connection.js';
import { consoleTail } from './console.js';
import { faults } from './diagnostics.js';
import { connectGuest, type Guest, type GuestOptions, listGuests, startGuest, stopGuest } from './guest.js';
import { guestsFolder, readState } from './guest-folder.js';

/** The surroundings of the command; the driver's CommandIo has this shape. */
export interface CliIo {
  stdout(chunk: Uint8Array | string): void | Promise<void>;
  stderr(text: string): void;
  readonly stdin: Readable;
  readonly stdoutIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** First abort: end in good order. */
  readonly signal: AbortSignal;
  /** Second abort: end at once. */
  readonly forceSignal: AbortSignal;
}

/** What the program around this command knows. */
export interface CliSettings {
  readonly cacheFolder: string;
  /** See GuestOptions. */
  readonly agentFolder?: string;
  /** Where commands of `run` are looked for first: the folder of the caller's own. */
  readonly commandFolder?: string;
}

const USAGE = `Usage: stap vm start [OPTIONS]              Boot a guest and keep it running.
   or: stap vm run [OPTIONS] COMMAND...     Run a command in the guest that is kept, or in one for it alone.
   or: stap vm stop [--name NAME]           Switch the guest off.
   or: stap vm status [--json]              List the guests that are kept.
   or: stap vm console [--lines N] [-f]     Show the guest's console.

  --name NAME       which guest is meant ["default"]
  --folder DIR      the folder of a guest that is kept elsewhere
  --lines N         how much of the console to show [40]
  -f, --follow      go on showing the console as it grows

Options of a guest to boot:
  --kernel RELEASE  the kernel to boot [the newest there is]
  --memory MB       [2048]
  --cpus N          [2]
  --idle MINUTES    switch off when unused for so long; 0 for never [30]
  --append WORDS    more parameters for the kernel
  --writable DIR    let the guest write to a folder of this machine; may be repeated
  --ports N         how many clients at once [8]
  --icount SHIFT    count instructions as time, for benchmarks
  --accel KIND      tcg, kvm, or auto, which tries KVM once [tcg]
`;

const OPTIONS = {
  name: { type: 'string' },
  folder: { type: 'string' },
  lines: { type: 'string' },
  follow: { type: 'boolean', short: 'f' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  kernel: { type: 'string' },
  memory: { type: 'string' },
  cpus: { type: 'string' },
  idle: { type: 'string' },
  append: { type: 'string' },
  writable: { type: 'string', multiple: true },
  ports: { type: 'string' },
  icount: { type: 'string' },
  accel: { type: 'string' },
} as const;

const ACCELERATORS = ['tcg', 'kvm', 'auto'] as const;

const COMMANDS = ['start', 'run', 'stop', 'status', 'console'] as const;

/** What the words ask for. */
export interface VmCommandLine {
  readonly command: (typeof COMMANDS)[number] | 'help';
  readonly name: string;
  readonly folder?: string;
  readonly lines: number;
  readonly follow: boolean;
  readonly json: boolean;
  /** Of a guest to boot. */
  readonly guest: Omit<GuestOptions, 'cacheFolder'>;
  /** The command to run in the guest. */
  readonly words: readonly string[];
}

/**
 * Reads the words after `stap vm`.
 *
 * @throws DiagnosticError on a word that means nothing
 */
export function parseVmCommandLine(argv: readonly string[]): VmCommandLine {
  const [first, ...rest] = argv;
  if (first === undefined || first === '-h' || first === '--help' || first === 'help') return empty('help');
  const command = COMMANDS.find((name) => name === first);
  if (!command) {
    const near = nearestNames(first, COMMANDS);
    throw faults.usage(`stap vm: "${first}" is no command`, [
      near[0] ? `did you mean "${near[0]}"?` : `the commands are ${COMMANDS.join(', ')}`,
    ]);
  }
  // What follows the first word that is no option belongs to the command that is to run.
  const { tokens } = parseArgs({ args: rest, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const end = tokens.find((token) => token.kind === 'positional' || token.kind === 'option-terminator');
  const own = rest.slice(0, end?.index ?? rest.length);
  const words = end ? rest.slice(end.kind === 'positional' ? end.index : end.index + 1) : [];
  let values: ReturnType<typeof parseOwn>;
  try {
    values = parseOwn(own);
  } catch (error) {
    const message = (error as Error).message.split('. ')[0]!;
    const [, written] = /^Unknown option '--([^']+)'/.exec(message) ?? [];
    const near = written === undefined ? [] : nearestNames(written, Object.keys(OPTIONS), 1);
    throw faults.usage(`stap vm ${command}: ${message}`, [
      near[0] === undefined ? 'stap vm --help lists the options' : `did you mean --${near[0]}?`,
    ]);
  }
  if (values.help) return empty('help');
  if (command === 'run' && words.length === 0) throw faults.usage('stap vm run: a command to run must be given');
  if (command !== 'run' && words.length > 0)
    throw faults.usage(`stap vm ${command}: "${words[0]}" is one word too many`);
  const accelerator = ACCELERATORS.find((kind) => kind === values.accel);
  if (values.accel !== undefined && !accelerator) {
    throw faults.usage(`stap vm ${command}: --accel is tcg, kvm or auto, not "${values.accel}"`);
  }
  const name = values.name ?? 'default';
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) {
    throw faults.usage(`stap vm ${command}: "${name}" can't be a guest's name`, [
      'use letters, digits, "-", "_" and "."',
    ]);
  }
  const number = (option: 'memory' | 'cpus' | 'idle' | 'ports' | 'icount' | 'lines', least: number, most: number) => {
    const text = values[option];
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || Number(text) < least || Number(text) > most) {
      throw faults.usage(`stap vm ${command}: --${option} takes a number from ${least} to ${most}, not "${text}"`);
    }
    return Number(text);
  };
  const idle = number('idle', 0, 100_000);
  return {
    command,
    name,
    ...(values.folder === undefined ? {} : { folder: values.folder }),
    lines: number('lines', 1, 100_000) ?? 40,
    follow: values.follow ?? false,
    json: values.json ?? false,
    guest: withoutUndefined({
      kernel: values.kernel,
      memoryMb: number('memory', 128, 1_000_000),
      cpus: number('cpus', 1, 64),
      idleSeconds: idle === undefined ? undefined : idle * 60,
      append: values.append,
      writableFolders: values.writable,
      ports: number('ports', 1, 16),
      icount: number('icount', 0, 10),
      accelerator,
    }),
    words,
  };
}

function parseOwn(args: string[]) {
  return parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false }).values;
}

function empty(command: VmCommandLine['command']): VmCommandLine {
  return { command, name: 'default', lines: 40, follow: false, json: false, guest: {}, words: [] };
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}

/**
 * Runs `stap vm ARGV`.
 *
 * @returns the exit status: for `run` that of the command, or 128 and the number of the signal that ended it
 */
export async function vmCommand(argv: readonly string[], io: CliIo, settings: CliSettings): Promise<number> {
  try {
    const line = parseVmCommandLine(argv);
    const parent = guestsFolder(settings.cacheFolder, io.env);
    const folder = line.folder === undefined ? join(parent, line.name) : resolve(io.cwd, line.folder);
    switch (line.command) {
      case 'help':
        await io.stdout(USAGE);
        return 0;
      case 'start':
        return await start(line, folder, io, settings);
      case 'run':
        return await run(line, folder, io, settings);
      case 'stop':
        if (await stopGuest(folder)) return 0;
        throw faults.notRunning(folder);
      case 'status':
        return await status(line, parent, io);
      case 'console':
        return await showConsole(line, folder, io);
    }
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) return interruptStatus(io.signal);
    if (!(error instanceof DiagnosticError)) throw error;
    for (const diagnostic of error.diagnostics) io.stderr(withNewline(renderDiagnostic(diagnostic)));
    return 1;
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** The driver's abort reason names the signal; 130, as after a Ctrl-C, for another. */
function interruptStatus(signal: AbortSignal): number {
  const name = (signal.reason as { signalName?: NodeJS.Signals } | undefined)?.signalName ?? 'SIGINT';
  return 128 + constants.signals[name];
}

function guestOptions(line: VmCommandLine, io: CliIo, settings: CliSettings): GuestOptions {
  const { writableFolders, ...guest } = line.guest;
  return {
    ...guest,
    ...(writableFolders ? { writableFolders: writableFolders.map((path) => resolve(io.cwd, path)) } : {}),
    ...settings,
    signal: io.signal,
  };
}

async function start(line: VmCommandLine, folder: string, io: CliIo, settings: CliSettings): Promise<number> {
  const guest = await startGuest({ ...guestOptions(line, io, settings), folder });
  const seconds = ((guest.bootTimes?.ready ?? 0) / 1000).toFixed(1);
  const name = line.folder === undefined ? `"${line.name}"` : `in ${folder}`;
  await io.stdout(`guest ${name} runs ${guest.release} (process ${guest.pid}, up in ${seconds} s)\n`);
  await guest.close();
  return 0;
}

async function run(line: VmCommandLine, folder: string, io: CliIo, settings: CliSettings): Promise<number> {
  const kept = (await readState(folder)) !== undefined;
  if (!kept && line.folder !== undefined) throw faults.notRunning(folder);
  const guest = kept
    ? await connectGuest(folder, { signal: io.signal })
    : await startGuest({ ...guestOptions(line, io, settings), warmNode: false });
  try {
    return await runIn(guest, line.words, io, settings.commandFolder);
  } finally {
    await guest.close();
  }
}

async function runIn(
  guest: Guest,
  words: readonly string[],
  io: CliIo,
  commandFolder: string | undefined,
): Promise<number> {
  let process: GuestProcess | undefined;
  const interrupt = (): void => {
    const name = (io.signal.reason as { signalName?: NodeJS.Signals } | undefined)?.signalName ?? 'SIGINT';
    process?.kill(name, { group: true });
  };
  io.signal.addEventListener('abort', interrupt, { once: true });
  try {
    const result = await guest.exec({
      argv: words,
      cwd: io.cwd,
      env: {
        TERM: io.env['TERM'] ?? 'dumb',
        ...(commandFolder === undefined ? {} : { PATH: `${commandFolder}:${PLAIN_PATH}` }),
      },
      stdin: io.stdin,
      onStdout: (chunk) => io.stdout(chunk),
      onStderr: (chunk) => io.stderr(Buffer.from(chunk).toString('utf8')),
      onStart: (started) => {
        process = started;
        if (io.signal.aborted) interrupt();
      },
      signal: io.forceSignal,
    });
    return result.signal === null ? (result.code ?? 1) : 128 + (constants.signals[result.signal] ?? 0);
  } finally {
    io.signal.removeEventListener('abort', interrupt);
    io.stdin.pause();
  }
}

async function status(line: VmCommandLine, parent: string, io: CliIo): Promise<number> {
  const guests = await listGuests(parent);
  if (line.json) {
    await io.stdout(`${JSON.stringify(guests, null, 2)}\n`);
  } else if (guests.length === 0) {
    await io.stdout('no guest is running\n');
  }
  if (!line.json) {
    for (const guest of guests) {
      const minutes = Math.floor((Date.now() - Date.parse(guest.startedAt)) / 60_000);
      await io.stdout(
        `${guest.name}: ${guest.release}, ${guest.cpus} CPUs, ${guest.memoryMb} MB, process ${guest.process.pid}, ` +
          `up ${minutes} min, in ${guest.folder}\n`,
      );
    }
  }
  return 0;
}

async function showConsole(line: VmCommandLine, folder: string, io: CliIo): Promise<number> {
  const path = join(folder, 'console.log');
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) throw faults.notRunning(folder);
  try {
    for (const text of consoleTail(path, line.lines)) await io.stdout(`${text}\n`);
    if (!line.follow) return 0;
    let at = (await file.stat()).size;
    const buffer = Buffer.alloc(65536);
    const changes = watch(path);
    io.signal.addEventListener('abort', () => changes.close(), { once: true });
    if (io.signal.aborted) changes.close();
    while (!io.signal.aborted) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      at += bytesRead;
      if (bytesRead > 0) {
        await io.stdout(Buffer.from(buffer.subarray(0, bytesRead)));
        continue;
      }
      await new Promise<void>((changed) => {
        changes.once('change', () => changed());
        changes.once('close', changed);
      });
    }
    return interruptStatus(io.signal);
  } finally {
    await file.close();
  }
}
