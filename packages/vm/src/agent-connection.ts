// The host's end of one port: runs processes in the guest, any number at once, and notices when the guest is gone or
// hangs. Where the connection ends, by whatever way the host's process ends, the agent ends what it had running.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { errorText, faults } from './diagnostics.js';
import {
  encodeFrame,
  execPayload,
  FLAG_FRESH,
  FLAG_GROUP,
  type Frame,
  FrameReader,
  findWelcome,
  helloPayload,
  INPUT_WINDOW,
  MAX_REQUEST,
  MAX_STREAM_PAYLOAD,
  numberPayload,
  OUTPUT_WINDOW,
  PROTOCOL_VERSION,
  ToGuest,
  ToHost,
} from './frames.js';

/** Takes output; the process waits while a promise that it returned is pending and its window is used up. */
export type OutputSink = (chunk: Uint8Array) => void | Promise<void>;

/** What is common to commands and scripts. */
export interface RunOptions {
  /** Added to a plain environment of PATH, HOME, LANG and TERM. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder in the guest; `/` by default. */
  readonly cwd?: string;
  /** Standard input; empty by default. */
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array | string>;
  readonly onStdout?: OutputSink;
  readonly onStderr?: OutputSink;
  /** Called when the process runs, with the means to signal it. */
  readonly onStart?: (process: GuestProcess) => void;
  /** Aborting ends the process and all that it started, SIGTERM first; the promise then rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Ends the process after that many seconds; the promise then rejects. No limit by default. */
  readonly timeoutSeconds?: number;
  /**
   * Forget file names that the guest has looked up before, so that it sees files that the host has made since. Costs
   * about 20 ms. True by default.
   */
  readonly fresh?: boolean;
}

export interface ExecOptions extends RunOptions {
  /** The command, looked up in PATH, and its arguments. */
  readonly argv: readonly [string, ...string[]] | readonly string[];
}

export interface RunScriptOptions extends RunOptions {
  /** A CommonJS file of the host; it becomes the main module of a Node process that is already booted. */
  readonly path: string;
  /** Its arguments, `process.argv.slice(2)`. */
  readonly argv?: readonly string[];
}

/** How a process ended: by a status, or by a signal. */
export interface ExecResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that runs in the guest. */
export interface GuestProcess {
  /** Its number in the guest. */
  readonly pid: number;
  /**
   * Sends it a signal.
   *
   * @param options.group to everything that it has started, too
   */
  kill(signal: NodeJS.Signals, options?: { readonly group?: boolean }): void;
}

/** What a connection must know of its guest. */
export interface ConnectionOptions {
  readonly socketPath: string;
  /** A guest that is silent for so long while something runs in it is taken for hung. */
  readonly heartbeatSeconds: number;
  /** The console's last lines, for messages. */
  readonly consoleTail: () => string[];
  /** Ends a guest that hangs. */
  readonly onHang: () => void;
}

/** Between SIGTERM and SIGKILL for a process that was aborted. */
const GRACE_MS = 2000;

/** More credit than any output needs. */
const UNLIMITED = 0x40000000;

/** How often a hello is repeated until it is answered. */
const HELLO_MS = 500;

/** Where commands are looked for in the guest. */
export const PLAIN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const PLAIN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: PLAIN_PATH,
  HOME: '/root',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

const ERRNO_TEXTS = new Map<number, string>([
  [constants.errno.ENOENT, 'no such file or directory'],
  [constants.errno.EACCES, 'permission denied'],
  [constants.errno.ENOTDIR, 'not a directory'],
  [constants.errno.ENOEXEC, 'not an executable file'],
  [constants.errno.EAGAIN, 'too many processes'],
  [constants.errno.ENOMEM, 'out of memory'],
  [constants.errno.E2BIG, 'too many arguments'],
  [constants.errno.EISDIR, 'is a directory'],
]);

interface Running {
  readonly what: string;
  readonly sinks: readonly [OutputSink | undefined, OutputSink | undefined];
  readonly onStart: RunOptions['onStart'];
  /** Output that is being handed over, per stream; in order. */
  readonly pending: [Promise<void>, Promise<void>];
  readonly consumed: [number, number];
  inputCredit: number;
  wakeInput: (() => void) | undefined;
  ended: boolean;
  /** It was aborted: what it still prints is for nobody. */
  stopped: boolean;
  readonly settle: (result: ExecResult) => void;
  readonly fail: (error: unknown) => void;
}

/** One client of the agent. */
export class AgentConnection {
  /** Milliseconds of guest time at which the agent was ready. */
  agentReadyMs = 0;
  private readonly socket: Socket;
  private readonly options: ConnectionOptions;
  private readonly running = new Map<number, Running>();
  private readonly reader = new FrameReader();
  private nextId = 1;
  private heartbeat: NodeJS.Timeout | undefined;
  private heard = true;
  private missedTicks = 0;
  private closed = false;
  private failure: unknown;

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.options = options;
  }

  /**
   * Connects to a port and waits until the agent answers.
   *
   * @param signal ends the wait
   * @throws the socket's error while QEMU does not listen yet; DiagnosticError for an agent of another protocol or a
   *   guest that ended meanwhile; the signal's reason
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<AgentConnection> {
    signal?.throwIfAborted();
    const socket = connect(options.socketPath);
    const abort = (): void => void socket.destroy(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await once(socket, 'connect');
      const connection = new AgentConnection(socket, options);
      await connection.greet();
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  private greet(): Promise<void> {
    const nonce = randomBytes(16);
    const hello = encodeFrame(ToGuest.hello, 0, helloPayload(nonce));
    let data: Buffer = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      // The guest's driver may lose what comes in the moment in which it learns that there is a host at all.
      const again = setInterval(() => this.socket.write(hello), HELLO_MS);
      const onClose = (): void => {
        clearInterval(again);
        reject(this.failure ?? faults.died(this.options.consoleTail()));
      };
      const onError = (error: Error): void => {
        this.failure = error;
      };
      const onData = (chunk: Buffer): void => {
        data = Buffer.concat([data, chunk]);
        const welcome = findWelcome(data, nonce);
        // What an earlier client left in the pipe is no more than the agent's buffers; keep only what may still count.
        if (!welcome) return;
        clearInterval(again);
        this.socket.off('data', onData).off('close', onClose).off('error', onError);
        const version = welcome.facts.readUInt32LE(0);
        if (version !== PROTOCOL_VERSION) {
          reject(faults.protocol(this.options.socketPath, version));
          return;
        }
        this.agentReadyMs = welcome.facts.readUInt32LE(4);
        this.socket.on('data', (next: Buffer) => this.receive(next));
        this.socket.on('error', () => {});
        this.socket.on('close', () => this.lost());
        this.socket.unref();
        if (welcome.rest.length > 0) this.receive(welcome.rest);
        resolve();
      };
      this.socket.on('data', onData).on('close', onClose).on('error', onError);
      this.socket.write(hello);
    });
  }

  /** True until the connection was closed or lost. */
  get isOpen(): boolean {
    return !this.closed;
  }

  /**
   * Runs a command to its end.
   *
   * @throws DiagnosticError where it can't be started, runs into its time limit, or the guest ends or hangs
   */
  exec(options: ExecOptions): Promise<ExecResult> {
    const env = { ...PLAIN_ENVIRONMENT, ...options.env };
    const what = options.argv[0] ?? '';
    const payload = options.argv.length > 0 ? execPayload(options.argv, env, options.cwd ?? '/') : undefined;
    return this.run(ToGuest.exec, payload, what, options);
  }

  /** Runs a CommonJS program in the Node process that waits in the guest. Fails as `exec` does. */
  runScript(options: RunScriptOptions): Promise<ExecResult> {
    const request = {
      path: options.path,
      argv: options.argv ?? [],
      env: { ...PLAIN_ENVIRONMENT, ...options.env },
      cwd: options.cwd ?? '/',
    };
    const payload = Buffer.from(JSON.stringify(request), 'utf8');
    return this.run(ToGuest.run, payload.length > MAX_REQUEST ? undefined : payload, options.path, options);
  }

  /** Asks the agent to switch the guest off; the connection then ends by itself. */
  powerOff(): void {
    if (!this.closed) this.socket.write(encodeFrame(ToGuest.powerOff, 0));
  }

  /** Ends the connection, and with it what still runs for it in the guest. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.shut(faults.closed());
    this.socket.end();
    this.socket.destroySoon();
    if (!this.socket.destroyed) await once(this.socket, 'close');
  }

  private async run(type: number, payload: Buffer | undefined, what: string, options: RunOptions): Promise<ExecResult> {
    options.signal?.throwIfAborted();
    if (!payload) throw faults.request(what);
    if (this.closed) throw this.failure;
    const id = this.nextId++;
    const result = new Promise<ExecResult>((settle, fail) => {
      this.running.set(id, {
        what,
        sinks: [options.onStdout, options.onStderr],
        onStart: options.onStart,
        pending: [Promise.resolve(), Promise.resolve()],
        consumed: [0, 0],
        inputCredit: INPUT_WINDOW,
        wakeInput: undefined,
        ended: false,
        stopped: false,
        settle,
        fail,
      });
    });
    const running = this.running.get(id)!;
    this.watch();
    this.socket.write(encodeFrame(type, id, payload, options.fresh === false ? 0 : FLAG_FRESH));
    this.feed(id, running, options.stdin).catch((error: unknown) => this.abandon(id, running, error));

    let overtime: NodeJS.Timeout | undefined;
    let stopped: unknown;
    let kill: NodeJS.Timeout | undefined;
    const stop = (reason: unknown): void => {
      if (stopped !== undefined || running.ended) return;
      stopped = reason;
      running.stopped = true;
      // Its end is told after its output; nobody reads that any more, so it must not wait for anybody.
      for (const stream of [1, 2]) {
        if (!this.closed) this.socket.write(encodeFrame(ToGuest.credit, id, numberPayload(UNLIMITED), stream));
      }
      this.signal(id, constants.signals.SIGTERM, true);
      kill = setTimeout(() => this.signal(id, constants.signals.SIGKILL, true), GRACE_MS);
    };
    const abort = (): void => stop(options.signal?.reason);
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.timeoutSeconds !== undefined) {
      const seconds = options.timeoutSeconds;
      overtime = setTimeout(() => stop(faults.timeLimit(what, seconds, this.options.consoleTail())), seconds * 1000);
    }
    try {
      const ended = await result;
      if (stopped !== undefined) throw stopped;
      return ended;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      clearTimeout(overtime);
      clearTimeout(kill);
    }
  }

  private signal(id: number, signal: number, group: boolean): void {
    if (!this.closed && this.running.has(id)) {
      this.socket.write(encodeFrame(ToGuest.signal, id, numberPayload(signal), group ? FLAG_GROUP : 0));
    }
  }

  /** Ends a process whose output or input made our side fail. */
  private abandon(id: number, running: Running, error: unknown): void {
    this.signal(id, constants.signals.SIGKILL, true);
    running.fail(error);
  }

  private async feed(id: number, running: Running, input: RunOptions['stdin']): Promise<void> {
    if (typeof input === 'string' || input instanceof Uint8Array) {
      await this.feedChunk(id, running, Buffer.from(input as Uint8Array));
    } else if (input) {
      const iterator =
        input instanceof Readable ? input.iterator({ destroyOnReturn: false }) : input[Symbol.asyncIterator]();
      while (!running.ended) {
        const { value, done } = (await iterator.next()) as IteratorResult<Uint8Array | string, unknown>;
        if (done) break;
        await this.feedChunk(id, running, Buffer.from(value as Uint8Array));
      }
    }
    if (!running.ended) this.socket.write(encodeFrame(ToGuest.input, id));
  }

  private async feedChunk(id: number, running: Running, chunk: Buffer): Promise<void> {
    let at = 0;
    while (at < chunk.length && !running.ended) {
      if (running.inputCredit === 0) {
        await new Promise<void>((wake) => {
          running.wakeInput = wake;
        });
        continue;
      }
      const part = chunk.subarray(at, at + Math.min(running.inputCredit, MAX_STREAM_PAYLOAD));
      running.inputCredit -= part.length;
      at += part.length;
      this.socket.write(encodeFrame(ToGuest.input, id, part));
    }
  }

  private receive(chunk: Buffer): void {
    this.heard = true;
    let frames: Frame[];
    try {
      frames = this.reader.push(chunk);
    } catch (error) {
      this.shut(faults.bootFailed(`its agent sent ${errorText(error)}`, this.options.consoleTail()));
      this.socket.destroy();
      return;
    }
    for (const frame of frames) this.handle(frame);
  }

  private handle({ type, flags, id, payload }: Frame): void {
    const running = this.running.get(id);
    if (!running) return;
    switch (type) {
      case ToHost.started:
        running.onStart?.({
          pid: payload.readUInt32LE(0),
          kill: (signal, options) => this.signal(id, constants.signals[signal], options?.group ?? false),
        });
        break;
      case ToHost.output:
        if (flags === 1 || flags === 2) this.output(id, running, (flags - 1) as 0 | 1, payload);
        break;
      case ToHost.taken:
        running.inputCredit += payload.readUInt32LE(0);
        this.wake(running);
        break;
      case ToHost.exited: {
        const code = payload.readInt32LE(0);
        const signal = payload.readInt32LE(4);
        this.end(id, running);
        // The result comes after the last piece of output has been taken.
        Promise.all(running.stopped ? [] : running.pending).then(
          () =>
            running.settle({
              code: signal === 0 ? code : null,
              signal: signal === 0 ? null : (SIGNAL_NAMES.get(signal) ?? (`SIG${signal}` as NodeJS.Signals)),
            }),
          (error: unknown) => running.fail(error),
        );
        break;
      }
      case ToHost.failed: {
        const errno = payload.readUInt32LE(0);
        const subject = payload.toString('utf8', 4);
        const text = ERRNO_TEXTS.get(errno) ?? `errno ${errno}`;
        this.end(id, running);
        running.fail(faults.cannotRun(running.what, subject === running.what ? text : `${subject}: ${text}`));
        break;
      }
      default:
        break;
    }
  }

  private output(id: number, running: Running, stream: 0 | 1, chunk: Buffer): void {
    const sink = running.sinks[stream];
    const consumed = (): void => {
      running.consumed[stream] += chunk.length;
      // Credit in few large pieces: a frame for each line would cost the guest more than the line.
      if (running.consumed[stream] >= OUTPUT_WINDOW / 4 && !running.ended && !this.closed) {
        this.socket.write(encodeFrame(ToGuest.credit, id, numberPayload(running.consumed[stream]), stream + 1));
        running.consumed[stream] = 0;
      }
    };
    if (running.stopped) return;
    const hand = (): void | Promise<void> => (running.stopped ? undefined : sink?.(chunk));
    const pending = running.pending[stream].then(hand).then(consumed);
    running.pending[stream] = pending;
    pending.catch((error: unknown) => this.abandon(id, running, error));
  }

  private end(id: number, running: Running): void {
    running.ended = true;
    this.running.delete(id);
    this.wake(running);
    if (this.running.size === 0) this.unwatch();
  }

  private wake(running: Running): void {
    running.wakeInput?.();
    running.wakeInput = undefined;
  }

  /** While something runs the guest must show signs of life, and the event loop must wait for it. */
  private watch(): void {
    this.socket.ref();
    if (this.heartbeat) return;
    // Ticks are counted, not time: a host that was itself asleep or busy must not take the guest for hung.
    const tickMs = Math.max(50, (this.options.heartbeatSeconds * 1000) / 10);
    this.heard = true;
    this.missedTicks = 0;
    this.heartbeat = setInterval(() => {
      this.missedTicks = this.heard ? 0 : this.missedTicks + 1;
      this.heard = false;
      if (this.missedTicks >= 10) {
        this.shut(faults.hangs(this.options.heartbeatSeconds, this.options.consoleTail()));
        this.socket.destroy();
        this.options.onHang();
      } else {
        this.socket.write(encodeFrame(ToGuest.ping, 0));
      }
    }, tickMs);
    this.heartbeat.unref();
  }

  private unwatch(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
    this.socket.unref();
  }

  private lost(): void {
    if (!this.closed) this.shut(faults.died(this.options.consoleTail()));
  }

  private shut(reason: unknown): void {
    this.closed = true;
    this.failure = reason;
    this.unwatch();
    for (const [id, running] of [...this.running]) {
      this.end(id, running);
      running.fail(reason);
    }
  }
}
