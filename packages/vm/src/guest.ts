// Guests: started, found again, listed and ended. A guest belongs to the process that started it and ends with it,
// however that ends; or it is kept in a folder, serves any number of processes, and switches itself off when idle.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import {
  AgentConnection,
  type ExecOptions,
  type ExecResult,
  type RunOptions,
  type RunScriptOptions,
} from './agent-connection.js';
import { agentProgram, defaultAgentFolder } from './agent-program.js';
import { consoleTail, type KernelLogLine, lastWords, parseKernelLog } from './console.js';
import { errorText, faults } from './diagnostics.js';
import {
  cleanFolder,
  type GuestState,
  makePrivateFolder,
  makeSocketFolder,
  makeTemporaryFolder,
  readState,
  sweepTemporaryFolders,
  takePort,
  writeState,
} from './guest-folder.js';
import { findGuestKernels, type GuestKernel } from './guest-kernels.js';
import { hostTscKhz } from './host-clock.js';
import { baseInitramfs, settingsArchive } from './initramfs.js';
import { unpackedKernel } from './kernel-image.js';
import { kvmWorks } from './kvm.js';
import { ensureModulesIndex } from './modules-index.js';
import {
  type FileLock,
  findCommand,
  identify,
  isAlive,
  isLock,
  type ProcessIdentity,
  signalProcess,
  takeLock,
} from './processes.js';
import { type Accelerator, qemuArguments } from './qemu.js';
import { patchesSafely, qemuVersion } from './qemu-version.js';

/** What a guest is to be. */
export interface GuestOptions {
  /** stapkit's cache folder: kernels, initramfs, agent. */
  readonly cacheFolder: string;
  /** A kernel that `findGuestKernels` gave, or a release; the newest by default. */
  readonly kernel?: GuestKernel | string;
  /** Keeps the guest in this folder, for others to connect to; without it the guest ends with this process. */
  readonly folder?: string;
  /** 2048 by default. */
  readonly memoryMb?: number;
  /** 2 by default. */
  readonly cpus?: number;
  /** More parameters for the kernel. */
  readonly append?: string;
  /** Count instructions as time, each 2 to the power of this in nanoseconds (QEMU's -icount); for benchmarks. */
  readonly icount?: number;
  /**
   * `tcg`, software emulation, by default. `kvm` may open and still make no progress; `auto` tries it once, for 8 s, and
   * remembers the answer in the cache.
   */
  readonly accelerator?: Accelerator | 'auto';
  /** Folders of the host that the guest may write to, at the same paths. All else it writes stays in its memory. */
  readonly writableFolders?: readonly string[];
  /** How many clients at once a kept guest serves; 8 by default. */
  readonly ports?: number;
  /**
   * Switches a kept guest off after so long without a client, a process left behind, or a module from outside the
   * kernel's tree; 1800 by default, 0 for never.
   */
  readonly idleSeconds?: number;
  /** Ends a guest that has not booted by then; 120 by default. */
  readonly bootSeconds?: number;
  /** Ends a guest that is silent for so long while something runs in it; 60 by default. */
  readonly heartbeatSeconds?: number;
  /** Keep a booted Node process waiting in the guest for `runScript`; true by default. */
  readonly warmNode?: boolean;
  /** The Node program, as the guest sees it; this process's own by default. */
  readonly nodePath?: string;
  /** `qemu-system-x86_64` by default. */
  readonly qemu?: string;
  /** The folder `agent` of this package; needed only where the package is bundled into another program. */
  readonly agentFolder?: string;
  /** Ends the start. */
  readonly signal?: AbortSignal;
  /** Told what is being done, e.g. `booting 6.1.0-56-amd64`. */
  readonly onStep?: (step: string) => void;
}

/** How to connect to a kept guest. */
export interface ConnectOptions {
  readonly heartbeatSeconds?: number;
  readonly signal?: AbortSignal;
}

/** Where the time of a start went, in milliseconds since `startGuest` was called. */
export interface BootTimes {
  /** QEMU was started: kernel and initramfs were ready. */
  readonly qemuStarted: number;
  /** The agent answered: commands can run. */
  readonly ready: number;
  /** The same moment by the guest's clock, which starts with its kernel. */
  readonly guestReady: number;
}

/** A guest that runs. */
export interface Guest {
  readonly release: string;
  /** Its folder; temporary for a guest that ends with this process. */
  readonly folder: string;
  /** QEMU's process. */
  readonly pid: number;
  readonly cpus: number;
  readonly memoryMb: number;
  /** Only where this process started it. */
  readonly bootTimes?: BootTimes;

  /**
   * Runs a command to its end.
   *
   * @throws DiagnosticError where it can't be started or runs into its time limit, or the guest ends or hangs; then
   *   `detail` holds the console's last lines
   */
  exec(options: ExecOptions): Promise<ExecResult>;
  /** Runs a command and collects what it prints, 64 MB at most. Fails as `exec` does. */
  capture(
    options: Omit<ExecOptions, 'onStdout' | 'onStderr'>,
  ): Promise<ExecResult & { stdout: Buffer; stderr: Buffer }>;
  /** Runs a CommonJS program in a Node process that is booted already. Fails as `exec` does. */
  runScript(options: RunScriptOptions): Promise<ExecResult>;
  /** Reads a file of the guest. */
  readFile(path: string): Promise<Buffer>;
  /** Writes a file of the guest, whole or not at all. It stays in the guest unless the folder is writable. */
  writeFile(path: string, data: Uint8Array | string, mode?: number): Promise<void>;
  /** The kernel's log since boot, as far as the kernel keeps it. */
  kernelLog(): Promise<KernelLogLine[]>;
  /** The last lines of the serial console; also after the guest has ended. */
  consoleTail(count: number): string[];
  /** False once the guest has ended or the connection was closed. */
  readonly isOpen: boolean;
  /** Leaves a kept guest running and ends what runs for this client; the same as `stop` for another. */
  close(): Promise<void>;
  /** Switches the guest off and removes what it left. */
  stop(): Promise<void>;
}

const DEFAULTS = { memoryMb: 2048, cpus: 2, ports: 8, idleSeconds: 1800, bootSeconds: 120, heartbeatSeconds: 60 };
const STOP_MS = 5000;
const CAPTURE_LIMIT = 64 * 1024 * 1024;

class QemuGuest implements Guest {
  readonly release: string;
  readonly folder: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly bootTimes?: BootTimes;
  private readonly connection: AgentConnection;
  private readonly identity: ProcessIdentity;
  private readonly cleanUp: (stop: boolean) => Promise<void>;

  constructor(
    state: Pick<GuestState, 'release' | 'cpus' | 'memoryMb' | 'process'>,
    folder: string,
    connection: AgentConnection,
    cleanUp: (stop: boolean) => Promise<void>,
    bootTimes?: BootTimes,
  ) {
    this.release = state.release;
    this.cpus = state.cpus;
    this.memoryMb = state.memoryMb;
    this.identity = state.process;
    this.folder = folder;
    this.connection = connection;
    this.cleanUp = cleanUp;
    if (bootTimes) this.bootTimes = bootTimes;
  }

  get pid(): number {
    return this.identity.pid;
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  exec(options: ExecOptions): Promise<ExecResult> {
    return this.connection.exec(options);
  }

  runScript(options: RunScriptOptions): Promise<ExecResult> {
    return this.connection.runScript(options);
  }

  async capture(
    options: Omit<ExecOptions, 'onStdout' | 'onStderr'>,
  ): Promise<ExecResult & { stdout: Buffer; stderr: Buffer }> {
    const streams: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    const collect = (chunks: Buffer[]) => (chunk: Uint8Array) => {
      size += chunk.length;
      if (size > CAPTURE_LIMIT) throw faults.cannotRun(options.argv[0] ?? '', 'it prints too much to collect');
      chunks.push(Buffer.from(chunk));
    };
    const result = await this.exec({ ...options, onStdout: collect(streams[0]), onStderr: collect(streams[1]) });
    return { ...result, stdout: Buffer.concat(streams[0]), stderr: Buffer.concat(streams[1]) };
  }

  async readFile(path: string): Promise<Buffer> {
    const { code, stdout, stderr } = await this.capture({ argv: ['/run/stapkit/get', path] });
    if (code !== 0) throw faults.fileTransfer('read', path, toolError(path, stderr));
    return stdout;
  }

  async writeFile(path: string, data: Uint8Array | string, mode = 0o644): Promise<void> {
    const { code, stderr } = await this.capture({
      argv: ['/run/stapkit/put', path, mode.toString(8)],
      stdin: data,
      fresh: false,
    });
    if (code !== 0) throw faults.fileTransfer('write', path, toolError(path, stderr));
  }

  async kernelLog(): Promise<KernelLogLine[]> {
    const { stdout } = await this.capture({ argv: ['/run/stapkit/kmsg'], fresh: false });
    return parseKernelLog(stdout.toString('utf8'));
  }

  consoleTail(count: number): string[] {
    return consoleTail(join(this.folder, 'console.log'), count);
  }

  close(): Promise<void> {
    return this.cleanUp(false);
  }

  stop(): Promise<void> {
    return this.cleanUp(true);
  }
}

function toolError(path: string, stderr: Buffer): string {
  const text = stderr.toString('utf8').trim();
  return text.startsWith(`${path}: `) ? text.slice(path.length + 2) : text || 'no reason given';
}

/**
 * Boots a guest.
 *
 * @throws DiagnosticError where QEMU, the kernel or the compiler is missing, or the guest does not boot: then `detail`
 *   holds the console's last lines. The signal's reason when aborted. Nothing is left behind in either case.
 */
export async function startGuest(options: GuestOptions): Promise<Guest> {
  const began = performance.now();
  options.signal?.throwIfAborted();
  const self = identify(process.pid)!;
  const qemu = await findCommand(options.qemu ?? 'qemu-system-x86_64', process.env['PATH']);
  if (!qemu) throw faults.noQemu(options.qemu ?? 'qemu-system-x86_64');
  const kernel = await chooseKernel(options);
  const accelerator = await chooseAccelerator(options, kernel);
  if (options.folder === undefined) {
    await sweepTemporaryFolders();
    const folder = await makeTemporaryFolder(self);
    return boot({ ...options, accelerator }, kernel, qemu, { folder, socketFolder: folder, kept: false, began });
  }

  const folder = resolve(options.folder);
  await makePrivateFolder(folder);
  const lock = await takeLock(join(folder, 'start.lock'));
  if (!isLock(lock)) throw faults.starting(folder, lock.pid);
  try {
    const running = await readState(folder);
    if (running) throw faults.alreadyRunning(folder, running.process.pid);
    await cleanFolder(folder);
    const socketFolder = await makeSocketFolder(folder);
    return await boot({ ...options, accelerator }, kernel, qemu, { folder, socketFolder, kept: true, began });
  } finally {
    await lock.release();
  }
}

async function chooseKernel(options: GuestOptions): Promise<GuestKernel> {
  if (typeof options.kernel === 'object') return options.kernel;
  const kernels = await findGuestKernels({ cacheFolder: options.cacheFolder });
  const wanted = options.kernel;
  const kernel = wanted === undefined ? kernels[0] : kernels.find(({ release }) => release === wanted);
  if (!kernel) throw faults.noKernel(wanted, ['/boot', join(options.cacheFolder, 'guest')]);
  return kernel;
}

async function chooseAccelerator(options: GuestOptions, kernel: GuestKernel): Promise<Accelerator> {
  if (options.accelerator !== 'auto') return options.accelerator ?? 'tcg';
  const { folder: _, ...rest } = options;
  const works = await kvmWorks(options.cacheFolder, async () => {
    const probe = {
      ...rest,
      kernel,
      accelerator: 'kvm',
      memoryMb: 256,
      cpus: 1,
      warmNode: false,
      bootSeconds: 8,
    } as const;
    await (await startGuest(probe)).stop();
  });
  return works ? 'kvm' : 'tcg';
}

type BootOptions = GuestOptions & { readonly accelerator: Accelerator };

interface Place {
  readonly folder: string;
  readonly socketFolder: string;
  readonly kept: boolean;
  readonly began: number;
}

async function boot(options: BootOptions, kernel: GuestKernel, qemu: string, place: Place): Promise<Guest> {
  const { folder, socketFolder, kept } = place;
  const ports = kept ? (options.ports ?? DEFAULTS.ports) : 1;
  const memoryMb = options.memoryMb ?? DEFAULTS.memoryMb;
  const cpus = options.cpus ?? DEFAULTS.cpus;
  const { accelerator } = options;
  const idleSeconds = kept ? (options.idleSeconds ?? DEFAULTS.idleSeconds) : 0;
  const writableFolders = (options.writableFolders ?? []).map((path) => resolve(path));
  const bootSeconds = options.bootSeconds ?? DEFAULTS.bootSeconds;
  const consoleFile = join(folder, 'console.log');
  const tail = (): string[] => lastWords(consoleFile);
  let child: ChildProcess | undefined;
  let portLock: FileLock | undefined;
  const discard = async (): Promise<void> => {
    child?.kill('SIGKILL');
    await (kept ? cleanFolder(folder) : rm(folder, { recursive: true, force: true }));
    if (socketFolder !== folder) await rm(socketFolder, { recursive: true, force: true });
  };

  try {
    const { signal } = options;
    const agentFolder = options.agentFolder ?? defaultAgentFolder();
    options.onStep?.(`preparing ${kernel.release} for the guest`);
    const agent = await agentProgram(agentFolder, options.cacheFolder, signal);
    await ensureModulesIndex(kernel, signal);
    const base = await baseInitramfs(kernel, agent, options.cacheFolder, signal);
    const settings = settingsArchive({
      hostname: 'guest',
      ports,
      ...(kept ? { idle: idleSeconds } : { leash: 1 }),
      ...(kernel.origin === 'cache' ? { modules: await realpath(kernel.modulesFolder) } : {}),
      share: writableFolders,
      spare: options.warmNode === false ? [] : [options.nodePath ?? process.execPath, join(agentFolder, 'spare.cjs')],
    });
    const initramfs = join(folder, 'initramfs');
    await writeFile(initramfs, Buffer.concat([base, settings]), { mode: 0o600 });
    const image =
      (accelerator === 'kvm'
        ? undefined
        : await unpackedKernel(kernel.image, kernel.release, options.cacheFolder, signal)) ?? kernel.image;

    const tscKhz = await hostTscKhz(agent, options.cacheFolder, signal);
    const timerHz = await readTimerHz(kernel);
    const version = await qemuVersion(qemu, options.cacheFolder, signal);
    options.onStep?.(`booting ${kernel.release}`);
    await writeFile(consoleFile, '', { mode: 0o600 });
    const words = qemuArguments({
      accelerator,
      kernel: image,
      initramfs,
      memoryMb,
      cpus,
      parallel: version !== undefined && patchesSafely(version),
      append: options.append ?? '',
      ...(tscKhz === undefined ? {} : { tscKhz }),
      ...(timerHz === undefined ? {} : { timerHz }),
      ...(options.icount === undefined ? {} : { icount: options.icount }),
      socketFolder,
      ports,
      consoleFile,
      writableFolders,
    });
    signal?.throwIfAborted();
    child = await spawnQemu(qemu, words, folder, kept);
    const qemuStarted = performance.now() - place.began;
    const identity = identify(child.pid!);
    if (!identity) throw await earlyEnd(folder, tail());
    const state: GuestState = {
      version: 1,
      release: kernel.release,
      process: identity,
      ports,
      socketFolder,
      memoryMb,
      cpus,
      accelerator,
      idleSeconds,
      writableFolders,
      startedAt: new Date().toISOString(),
    };
    const taken = await takePort(socketFolder, ports);
    if (!taken) throw faults.portsBusy(folder, ports);
    portLock = taken.lock;
    const connection = await connectWhileBooting({
      socketPath: join(socketFolder, String(taken.port)),
      identity,
      folder,
      bootSeconds,
      heartbeatSeconds: options.heartbeatSeconds ?? DEFAULTS.heartbeatSeconds,
      tail,
      overdue: () => faults.bootTimeout(bootSeconds, tail(), accelerator),
      signal,
    });
    if (kept) await writeState(folder, state);
    await rm(initramfs, { force: true });
    child.unref();
    const times: BootTimes = {
      qemuStarted: Math.round(qemuStarted),
      ready: Math.round(performance.now() - place.began),
      guestReady: connection.agentReadyMs,
    };
    const finish = kept
      ? keptCleanUp(folder, identity, connection, portLock)
      : ownedCleanUp(folder, identity, connection);
    return new QemuGuest(state, folder, connection, finish, times);
  } catch (error) {
    await portLock?.release();
    await discard();
    throw error;
  }
}

/**
 * Starts QEMU. A guest that ends with this process gets a signal from the kernel when this process dies, even by
 * SIGKILL, where util-linux's setpriv is installed; the agent's own leash is the second rope.
 */
async function spawnQemu(qemu: string, words: readonly string[], folder: string, kept: boolean): Promise<ChildProcess> {
  const setpriv = kept ? undefined : await findCommand('setpriv', process.env['PATH']);
  const log = openSync(join(folder, 'qemu.log'), 'w', 0o600);
  try {
    const [command, args] = setpriv
      ? [setpriv, ['--pdeathsig', 'KILL', qemu, ...words]]
      : [qemu, words as readonly string[]];
    const child = spawn(command, [...args], {
      cwd: folder,
      stdio: ['ignore', log, log],
      // A session of its own: a Ctrl-C on the terminal is for us, and we end the guest in good order.
      detached: true,
    });
    await new Promise<void>((started, failed) => {
      child.once('spawn', started);
      child.once('error', (error) => failed(faults.bootFailed(`${qemu}: ${errorText(error)}`, [])));
    });
    return child;
  } finally {
    closeSync(log);
  }
}

/** What QEMU said when it ended before the guest was up. */
async function earlyEnd(folder: string, tail: readonly string[]): Promise<DiagnosticError> {
  const said = (await readFile(join(folder, 'qemu.log'), 'utf8').catch(() => '')).trim();
  if (said) return faults.bootFailed(said.split('\n').at(-1)!, tail);
  const panic = tail.some((line) => line.includes('Kernel panic'));
  return faults.bootFailed(panic ? 'its kernel panicked' : 'QEMU ended', tail);
}

/** CONFIG_HZ from the configuration that distributions put beside the image. */
async function readTimerHz(kernel: GuestKernel): Promise<number | undefined> {
  const path = join(dirname(kernel.image), `config-${kernel.release}`);
  const hz = /^CONFIG_HZ=(\d+)$/m.exec(await readFile(path, 'utf8').catch(() => ''))?.[1];
  return hz === undefined ? undefined : Number(hz);
}

interface BootWait {
  readonly socketPath: string;
  readonly identity: ProcessIdentity;
  readonly folder: string;
  readonly bootSeconds: number;
  readonly heartbeatSeconds: number;
  readonly tail: () => string[];
  /** What to say when the time is over. */
  readonly overdue: () => DiagnosticError;
  readonly signal: AbortSignal | undefined;
}

async function connectWhileBooting(wait: BootWait): Promise<AgentConnection> {
  const limit = AbortSignal.timeout(wait.bootSeconds * 1000);
  const signal = wait.signal ? AbortSignal.any([wait.signal, limit]) : limit;
  // An abort signal's timer does not keep the process alive, and the guest's console is all that would.
  const awake = setInterval(() => {}, 1000);
  try {
    for (;;) {
      try {
        return await AgentConnection.open(
          {
            socketPath: wait.socketPath,
            heartbeatSeconds: wait.heartbeatSeconds,
            consoleTail: wait.tail,
            onHang: () => signalProcess(wait.identity, 'SIGKILL'),
          },
          signal,
        );
      } catch (error) {
        wait.signal?.throwIfAborted();
        if (limit.aborted) throw wait.overdue();
        if (!isAlive(wait.identity)) throw await earlyEnd(wait.folder, wait.tail());
        if (error instanceof DiagnosticError && error.diagnostics[0]?.code !== 'vm/guest-died') throw error;
        // QEMU makes its sockets a moment after it has started.
        await new Promise((again) => setTimeout(again, 10));
      }
    }
  } finally {
    clearInterval(awake);
  }
}

/** The end of a guest that belongs to this process. */
function ownedCleanUp(folder: string, identity: ProcessIdentity, connection: AgentConnection): () => Promise<void> {
  // Where the process ends without having stopped its guest: by process.exit, or an exception that nobody caught.
  const atExit = (): void => {
    signalProcess(identity, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', atExit);
  let ended: Promise<void> | undefined;
  return () => {
    ended ??= (async () => {
      await switchOff(identity, connection);
      await rm(folder, { recursive: true, force: true });
      process.off('exit', atExit);
    })();
    return ended;
  };
}

/** The end of a connection to a guest that is kept, and of the guest where it is to stop. */
function keptCleanUp(
  folder: string,
  identity: ProcessIdentity,
  connection: AgentConnection,
  portLock: FileLock,
): (stop: boolean) => Promise<void> {
  return async (stop) => {
    if (stop) await switchOff(identity, connection);
    await connection.close();
    await portLock.release();
    if (stop) await cleanFolder(folder);
  };
}

async function switchOff(identity: ProcessIdentity, connection: AgentConnection | undefined): Promise<void> {
  connection?.powerOff();
  if (!(await hasEnded(identity, connection ? STOP_MS : 0))) signalProcess(identity, 'SIGKILL');
  await hasEnded(identity, STOP_MS);
  await connection?.close();
}

async function hasEnded(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() >= deadline) return false;
    await new Promise((again) => setTimeout(again, 10));
  }
  return true;
}

/**
 * Connects to a guest that is kept in a folder.
 *
 * @throws DiagnosticError where none runs there, all its ports are in use, or it is of another version
 */
export async function connectGuest(folder: string, options: ConnectOptions = {}): Promise<Guest> {
  const path = resolve(folder);
  const state = await readState(path);
  if (!state) throw faults.notRunning(folder);
  const taken = await takePort(state.socketFolder, state.ports);
  if (!taken) throw faults.portsBusy(folder, state.ports);
  const seconds = options.heartbeatSeconds ?? DEFAULTS.heartbeatSeconds;
  const tail = (): string[] => lastWords(join(path, 'console.log'));
  try {
    const connection = await connectWhileBooting({
      socketPath: join(state.socketFolder, String(taken.port)),
      identity: state.process,
      folder: path,
      bootSeconds: seconds,
      heartbeatSeconds: seconds,
      tail,
      overdue: () => faults.noAnswer(path, seconds, tail()),
      signal: options.signal,
    });
    return new QemuGuest(state, path, connection, keptCleanUp(path, state.process, connection, taken.lock));
  } catch (error) {
    await taken.lock.release();
    throw error;
  }
}

/**
 * Ends the guest that is kept in a folder, also one that hangs, and removes what it left.
 *
 * @returns false where none was running
 */
export async function stopGuest(folder: string): Promise<boolean> {
  const path = resolve(folder);
  const state = await readState(path);
  if (state) {
    const guest = await connectGuest(path, { heartbeatSeconds: 5 }).catch(() => undefined);
    if (guest) await guest.stop();
    else await switchOff(state.process, undefined);
  }
  await cleanFolder(path);
  return state !== undefined;
}

/** A kept guest and its state. */
export interface ListedGuest extends GuestState {
  /** The last part of its folder. */
  readonly name: string;
  readonly folder: string;
}

/**
 * Lists the kept guests that run.
 *
 * @param parent the folder that their folders are in, see `guestsFolder`
 */
export async function listGuests(parent: string): Promise<readonly ListedGuest[]> {
  const guests: ListedGuest[] = [];
  for (const name of (await readdir(parent).catch(() => [])).sort()) {
    const folder = join(parent, name);
    const state = await readState(folder);
    if (state) guests.push({ ...state, name, folder });
  }
  return guests;
}

export type { RunOptions };
