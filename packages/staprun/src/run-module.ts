// Pass 5: loads a module, brings its output back in order, unloads it. Everything about a run is in here; how a module
// is reached is the ModulePort's affair, and where the output goes the caller's.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Diagnostic,
  DiagnosticError,
  definePass,
  hasErrors,
  invariant,
  type Outcome,
  type Pass,
  type PassContext,
  systemWords,
} from '@stapkit/pass';
import { BulkFrames } from './bulk-frames.js';
import { ByteWriter } from './byte-writer.js';
import { type PreparedCommand, prepareCommand, runInBackground } from './command.js';
import type { ModuleDescription } from './description.js';
import { attachFailed, badDescription, endedEarly, notOwner, protocolMismatch, startFailed } from './diagnostics.js';
import { bytesText, compileRow, type RowReader, type RunEvent, startEvent } from './events.js';
import { compileSite, type RecordBytes, type SiteFormatter } from './format-site.js';
import { writeHistogram } from './histogram.js';
import { readHistogram } from './histogram-record.js';
import { kernelPort } from './kernel-port.js';
import { kernelTime, kernelWords } from './kernel-words.js';
import { loadParameters } from './load-parameters.js';
import { LossCounter, lossReport } from './losses.js';
import type { ModuleChannel, ModuleFile, ModulePort } from './module-port.js';
import { BATCH_MAX, NO_SITE, PROTOCOL_VERSION, READ_MAX, RECORD, RECORD_HEADER } from './protocol.js';
import { readByCharacter } from './read-by-character.js';
import {
  RecordOrder,
  recordBytes,
  recordCpu,
  recordKind,
  recordLength,
  recordSite,
  recordStamp,
} from './record-order.js';
import type { RunOptions } from './run-options.js';
import type { CommandStatus, Session } from './session.js';
import { localTimeZone } from './time-zone.js';

/** Bytes of output that wait at most for the probes to be armed. */
const HELD_MOST = 16 * 1024 * 1024;

/** How long a `-c` command may take to end after SIGTERM, in milliseconds. */
const COMMAND_PATIENCE = 2000;

/** Bytes of one `input` command; with its word it is at most a page, stapkit_protocol.h. */
const TYPED_MAX = 4000;

/** Different warnings that are remembered so that each is shown once. */
const REMEMBERED_WARNINGS = 1024;

/**
 * Runs a module: loads it, starts its probes, hands its output on until it ends, and removes it.
 *
 * The run ends by the script's exit(), by `context.signal` (Ctrl-C: the end probes still run and their output comes), by
 * the end of the `-c` command or by the time limit. Whatever happens, the module does not stay loaded, unless it was
 * asked to by `detach` or mode `launch`.
 *
 * @param module the .ko; with mode `attach` only its name counts
 * @param options where the output goes, and how to run
 * @param context `signal` ends the run; `verbosity` above 0 shows losses by owner and repeated warnings
 * @returns the session; where the module could not be loaded or started, diagnostics and exit status 1
 * @throws `context.signal.reason` where the run was aborted before the module was loaded
 */
export async function runModule(
  module: ModuleFile,
  options: RunOptions,
  context: PassContext,
): Promise<Outcome<Session>> {
  context.signal.throwIfAborted();
  const run = new ModuleRun(module, options, context);
  try {
    await run.run();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    run.fail(...error.diagnostics);
  }
  return { value: run.session(), diagnostics: run.diagnostics };
}

/** Pass 5 as a pass of the chain. */
export function runPass5(options: RunOptions): Pass<ModuleFile, Session> {
  return definePass({
    number: 5,
    name: 'run',
    run: (module, context) => runModule(module, options, context),
    summarize: () => 'run completed',
  });
}

/** Something that must happen at one place in the output: an error line, a system() command. */
interface Interruption {
  /** Bytes of output before it. */
  readonly at: number;
  act(): void | Promise<void>;
}

class ModuleRun {
  readonly diagnostics: Diagnostic[] = [];

  readonly #module: ModuleFile;
  readonly #options: RunOptions;
  readonly #context: PassContext;
  readonly #port: ModulePort;

  #channel!: ModuleChannel;
  #description!: ModuleDescription;
  #formatters: SiteFormatter[] = [];
  #rows: RowReader[] = [];
  #losses: LossCounter | undefined;
  #command: PreparedCommand | undefined;
  #commandStatus: CommandStatus | undefined;
  #commandBegun = false;
  /** True where the command did not end by itself. */
  #commandEnded = false;

  readonly #order = new RecordOrder();
  readonly #out = new ByteWriter();
  readonly #bulk = new BulkFrames();
  #interruptions: Interruption[] = [];
  readonly #shownWarnings = new Set<string>();

  #errors = 0;
  #warnings = 0;
  #endStatus: number | undefined;
  #exitSent: Promise<void> | undefined;
  #detached = false;
  /** True once it is for us to remove: we have loaded it, or taken it over. */
  #isOurs = false;
  #sinkClosed = false;
  readonly #started = withResolvers();
  /** True once the module has said START: the begin probes have run, and everything is armed. */
  #armed = false;
  readonly #beginShown = withResolvers();

  constructor(module: ModuleFile, options: RunOptions, context: PassContext) {
    this.#module = module;
    this.#options = options;
    this.#context = context;
    this.#port = options.port ?? kernelPort();
  }

  session(): Session {
    const losses = this.#losses?.losses() ?? [];
    const failed = hasErrors(this.diagnostics) || (this.#endStatus ?? 0) !== 0;
    const lost = this.#options.strict === true && losses.length > 0;
    // error::pass5: a command of -c that fails is a failure of the run; one that we ended is not.
    const { exitStatus = 0, signal } = this.#commandStatus ?? {};
    const commandFailed = !this.#commandEnded && (exitStatus !== 0 || signal !== undefined);
    return {
      kind: 'session',
      module: this.#module.name,
      exitStatus: failed || lost || commandFailed ? 1 : 0,
      ...(this.#detached ? { detached: true } : {}),
      ...(this.#commandStatus ? { command: this.#commandStatus } : {}),
      losses,
      errors: this.#errors,
      warnings: this.#warnings,
    };
  }

  fail(...diagnostics: readonly Diagnostic[]): void {
    this.diagnostics.push(...diagnostics);
  }

  async run(): Promise<void> {
    const { command, commandUser, commandStdio, mode = 'run' } = this.#options;
    if (command !== undefined) this.#command = await prepareCommand(command, commandUser, commandStdio?.());
    try {
      if (mode !== 'attach') await this.#load();
      try {
        await this.#runLoaded(mode);
      } finally {
        if (this.#isOurs && !this.#detached) await this.#port.unload(this.#module.name);
      }
    } finally {
      await this.#endCommand();
    }
    await this.#report();
  }

  async #load(): Promise<void> {
    const { moduleParameters = [], bufferBytes } = this.#options;
    await this.#port.load(this.#module, loadParameters(moduleParameters, bufferBytes));
    this.#isOurs = true;
  }

  async #runLoaded(mode: 'run' | 'launch' | 'attach'): Promise<void> {
    this.#channel = await this.#port.open(this.#module.name);
    const stopListening: (() => void)[] = [];
    try {
      if (mode === 'attach') await this.#takeOver();
      else await this.#describe();
      if (mode === 'launch') {
        await this.#start();
        await this.#detach();
        // A script that could not be started, or has ended already, says why.
        if (!this.#detached) await this.#read();
        await this.#exitSent;
        return;
      }
      const reading = this.#read();
      // A fault while reading is met below; this only keeps it from being called unhandled meanwhile.
      reading.catch(() => {});
      stopListening.push(...this.#listen());
      if (mode === 'run') await this.#start();
      else this.#attached();
      // Behind what the begin probes print.
      await Promise.race([this.#beginShown.promise, reading]);
      this.#beginCommand();
      await reading;
      await this.#exitSent;
    } finally {
      for (const stop of stopListening) stop();
      await this.#channel.close();
    }
  }

  /** Reads what the module says about itself, and prepares every print site. */
  async #describe(): Promise<void> {
    const { name } = this.#module;
    const text = await this.#channel.readDescription();
    let description: ModuleDescription;
    try {
      description = JSON.parse(text) as ModuleDescription;
    } catch (error) {
      throw new DiagnosticError(badDescription(name, systemWords(error)));
    }
    if (typeof description?.protocol !== 'number' || !Array.isArray(description.sites)) {
      throw new DiagnosticError(badDescription(name, 'no protocol, or no print sites'));
    }
    if (description.protocol !== PROTOCOL_VERSION) {
      throw new DiagnosticError(protocolMismatch(name, description.protocol, PROTOCOL_VERSION));
    }
    this.#description = description;
    this.#losses = new LossCounter(description);
    this.#formatters = description.sites.map(compileSite);
    if (this.#options.events) {
      this.#rows = description.sites.map(compileRow);
      await this.#options.events(startEvent(name, description));
    }
  }

  async #start(): Promise<void> {
    const target = this.#command?.pid ?? this.#options.targetPid;
    const since = kernelTime();
    try {
      await this.#tellTimeZone();
      const { remote, namespacesPid } = this.#options;
      await this.#tellOwner();
      if (namespacesPid !== undefined) await this.#channel.command(`namespaces ${namespacesPid}`);
      if (remote) await this.#channel.command(`remote ${remote.id} ${remote.uri}`);
      await this.#channel.command(target === undefined ? 'start' : `start ${target}`);
      this.#options.onStarted?.(this.#module.name, this.#description);
    } catch (error) {
      // The begin probes may have printed, and the reader waits for an end.
      this.fail(startFailed(this.#module.name, systemWords(error), kernelWords(this.#module.name, since)));
      void this.#requestExit();
    } finally {
      this.#started.resolve();
    }
  }

  /** The module was started before, by another. */
  #attached(): void {
    this.#armed = true;
    this.#started.resolve();
    this.#beginShown.resolve();
  }

  /** Takes a running module over. One that can't be is not for us to end: it goes on as if nobody had come. */
  async #takeOver(): Promise<void> {
    const { name } = this.#module;
    await this.#expectOwner();
    await this.#describe();
    await this.#channel.command('attach').catch((error: unknown) => {
      throw new DiagnosticError(attachFailed(name, systemWords(error)));
    });
    this.#isOurs = true;
  }

  /** What a module sees of one user's processes is not for another. */
  async #expectOwner(): Promise<void> {
    const { name } = this.#module;
    try {
      await this.#tellOwner();
    } catch (error) {
      const isRefusal = (error as NodeJS.ErrnoException).code === 'EPERM';
      throw new DiagnosticError(isRefusal ? notOwner(name) : attachFailed(name, systemWords(error)));
    }
  }

  async #tellOwner(): Promise<void> {
    const { owner } = this.#options;
    if (owner === undefined) return;
    try {
      await this.#channel.command(`owner ${owner}`);
    } catch (error) {
      // A module of an older stap knows no such command, and no such restriction.
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    }
  }

  async #tellTimeZone(): Promise<void> {
    const { offset, name } = this.#options.timeZone ?? (await localTimeZone(process.env.TZ));
    await this.#channel.command(`timezone ${offset} ${name}`);
  }

  /** Ends the run when something outside asks for it. Returns what undoes the listening. */
  #listen(): (() => void)[] {
    const { detach, force, timeLimit } = this.#options;
    const undo: (() => void)[] = [];
    const onAbort = (signal: AbortSignal | undefined, act: () => void): void => {
      if (!signal) return;
      if (signal.aborted) act();
      else {
        signal.addEventListener('abort', act, { once: true });
        undo.push(() => signal.removeEventListener('abort', act));
      }
    };
    onAbort(this.#context.signal, () => void this.#requestExit());
    onAbort(detach, () => void this.#detach());
    onAbort(force, () => {
      this.#sinkClosed = true;
      void this.#requestExit();
    });
    if (timeLimit !== undefined) {
      const timer = setTimeout(() => void this.#requestExit(), timeLimit);
      undo.push(() => clearTimeout(timer));
    }
    void this.#command?.ended.then((status) => {
      this.#commandStatus = status;
      void this.#requestExit();
    });
    if (this.#description.probes.some(({ family }) => family === 'input')) undo.push(this.#sendTyped());
    return undo;
  }

  /** Hands on what the user types, for input probes. Returns what ends it. */
  #sendTyped(): () => void {
    const stream = this.#options.typed ?? process.stdin;
    const byCharacter = this.#description.probes.some(({ name }) => name.startsWith('input.char'));
    const restore = byCharacter ? readByCharacter(stream) : undefined;
    let sending: Promise<void> = this.#started.promise;
    const take = (chunk: Buffer | string): void => {
      const bytes = Buffer.from(chunk);
      stream.pause();
      sending = sending
        .then(async () => {
          for (let start = 0; start < bytes.length; start += TYPED_MAX) {
            const part = bytes.subarray(start, start + TYPED_MAX);
            await this.#channel.command(Buffer.concat([Buffer.from('input '), part]));
          }
          stream.resume();
        })
        // The module is on its way out; its own end is told elsewhere.
        .catch(() => {});
    };
    stream.on('data', take);
    return () => {
      stream.off('data', take);
      stream.pause();
      restore?.();
    };
  }

  /** Sends `exit`, once, and not before the start is through. */
  #requestExit(): Promise<void> {
    this.#exitSent ??= (async () => {
      await this.#started.promise;
      if (this.#detached) return;
      try {
        await this.#channel.command('exit');
      } catch (error) {
        this.fail(startFailed(this.#module.name, `exit: ${systemWords(error)}`, []));
      }
    })();
    return this.#exitSent;
  }

  async #detach(): Promise<void> {
    await this.#started.promise;
    if (this.#detached || this.#exitSent) return;
    // Before the command: the reader may hear of it first.
    this.#detached = true;
    try {
      await this.#channel.command('detach');
    } catch (error) {
      this.#detached = false;
      this.fail(startFailed(this.#module.name, `detach: ${systemWords(error)}`, []));
      await this.#requestExit();
    }
  }

  /**
   * Reads until the module has nothing more to say. One batch is read while the one before it is formatted. There is room
   * for many, as the module runs the begin and end probes in this very thread, which can't ask for the next meanwhile.
   */
  async #read(): Promise<void> {
    let batch = recordBytes(READ_MAX);
    let next = recordBytes(READ_MAX);
    const visit = (records: RecordBytes, offset: number): void => this.#take(records, offset);
    const urgent = (): void => void this.#requestExit();
    let length = await this.#channel.read(batch.bytes);
    while (length > 0) {
      const pause = this.#options.readPause ?? 0;
      if (pause > 0 && length < BATCH_MAX / 2) await this.#pause(pause);
      const reading = this.#channel.read(next.bytes);
      reading.catch(() => {});
      try {
        this.#order.accept(batch, length, visit, urgent);
        await this.#flush();
      } catch (error) {
        // The read that is under way ends with the run; it must not outlive us.
        void this.#requestExit();
        await this.#drain(reading, next);
        throw error;
      }
      length = await reading;
      [batch, next] = [next, batch];
    }
    this.#order.finish(visit);
    await this.#show();
    if (this.#endStatus === undefined && !this.#detached) this.fail(endedEarly(this.#module.name));
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#context.signal }).catch(() => {});
  }

  /** Reads to the end without showing anything. */
  async #drain(reading: Promise<number>, into: RecordBytes): Promise<void> {
    let length = await reading.catch(() => 0);
    while (length > 0) length = await this.#channel.read(into.bytes).catch(() => 0);
  }

  /**
   * Hands the output of one batch on. What the begin probes print, and the commands that they run, waits until everything
   * is armed: whoever sees the one, or is the other, can rely on it. Meanwhile the module is read on.
   */
  async #flush(): Promise<void> {
    const held = this.#out.length + this.#bulk.length + this.#interruptions.length * 100;
    if (!this.#armed && held < HELD_MOST) return;
    await this.#show();
    if (this.#armed) this.#beginShown.resolve();
  }

  /** Shows what there is of output, with errors and commands at their places in it. */
  async #show(): Promise<void> {
    let from = 0;
    for (const { at, act } of this.#interruptions) {
      await this.#emit(from, at);
      from = at;
      await act();
    }
    this.#interruptions = [];
    await this.#emit(from, this.#out.length);
    this.#out.reset();
    const { bulkOutput } = this.#options;
    if (!bulkOutput) return;
    for (const [cpu, frames] of this.#bulk.take()) {
      const pending = this.#sinkClosed ? undefined : bulkOutput(cpu, frames);
      if (pending) await this.#orForced(pending);
    }
  }

  async #emit(from: number, to: number): Promise<void> {
    if (to === from || this.#sinkClosed) return;
    const pending = this.#options.output(this.#out.bytes.subarray(from, to));
    if (pending) await this.#orForced(pending);
  }

  /** Waits for the output's taker, but not after the user has had enough. */
  async #orForced(pending: Promise<void>): Promise<void> {
    const { force } = this.#options;
    if (!force) return pending;
    if (force.aborted) return;
    let stop: () => void = () => {};
    const forced = new Promise<void>((resolve) => {
      stop = resolve;
      force.addEventListener('abort', stop, { once: true });
    });
    try {
      await Promise.race([pending, forced]);
    } finally {
      force.removeEventListener('abort', stop);
    }
  }

  #interrupt(act: () => void | Promise<void>): void {
    this.#interruptions.push({ at: this.#out.length, act });
  }

  /** Takes one record, in order. */
  #take(records: RecordBytes, offset: number): void {
    const payload = offset + RECORD_HEADER;
    switch (recordKind(records, offset)) {
      case RECORD.PRINT:
        this.#print(records, offset, payload);
        break;
      case RECORD.TEXT: {
        const length = records.words[payload >> 2]!;
        this.#text(records, offset, (out) => out.copy(records.bytes, payload + 4, payload + 4 + length));
        break;
      }
      case RECORD.HISTOGRAM: {
        const histogram = readHistogram(records, payload, recordLength(records, offset) - RECORD_HEADER);
        this.#text(records, offset, (out) => writeHistogram(histogram, out));
        break;
      }
      case RECORD.WARNING:
        this.#warn(records, offset, recordText(records, payload));
        break;
      case RECORD.ERROR:
        this.#errors += 1;
        this.#message('error', records, offset, recordText(records, payload));
        break;
      case RECORD.END:
        this.#endStatus = records.words[payload >> 2]! | records.words[(payload >> 2) + 1]!;
        // Those that were counted and not told, --suppress-handler-errors; less the one that told of too many skips.
        this.#errors += Number(records.bytes.readBigInt64LE(payload + 8));
        break;
      case RECORD.LOSS: {
        const words = payload >> 2;
        const count = records.bytes.readBigUInt64LE(payload + 8);
        const global = bytesText(records.bytes.subarray(payload + 16, payload + 16 + records.words[words + 1]!));
        this.#losses!.add(recordSite(records, offset), records.words[words]!, Number(count), global);
        break;
      }
      case RECORD.SYSTEM: {
        const command = records.bytes.toString('utf8', payload + 4, payload + 4 + records.words[payload >> 2]!);
        const { commandUser, commandStdio } = this.#options;
        this.#interrupt(() => void runInBackground(command, commandUser, commandStdio?.() ?? 'inherit'));
        break;
      }
      case RECORD.START:
        this.#armed = true;
        break;
      default:
        // EXIT is a sign of the order of things and shows nothing; unknown kinds are of a later version.
        break;
    }
  }

  #print(records: RecordBytes, offset: number, payload: number): void {
    const site = recordSite(records, offset);
    const formatter = this.#formatters[site];
    invariant(formatter, `print site ${site} of ${this.#formatters.length}`);
    if (this.#options.bulkOutput) {
      const frame = this.#bulk.begin(recordCpu(records, offset));
      formatter(records, payload, frame);
      this.#bulk.finish(records, offset);
      return;
    }
    if (!this.#options.events) {
      formatter(records, payload, this.#out);
      return;
    }
    const start = this.#out.length;
    formatter(records, payload, this.#out);
    this.#event({
      event: 'print',
      time: String(recordStamp(records, offset)),
      cpu: recordCpu(records, offset),
      place: this.#description.sites[site]!.place,
      text: this.#takeText(start),
      row: this.#rows[site]!(records, payload),
    });
  }

  /** Output that is no print of a site. */
  #text(records: RecordBytes, offset: number, write: (out: ByteWriter) => void): void {
    if (this.#options.bulkOutput) {
      write(this.#bulk.begin(recordCpu(records, offset)));
      this.#bulk.finish(records, offset);
      return;
    }
    const start = this.#out.length;
    write(this.#out);
    if (!this.#options.events) return;
    this.#event({
      event: 'text',
      time: String(recordStamp(records, offset)),
      cpu: recordCpu(records, offset),
      text: this.#takeText(start),
    });
  }

  /** Takes what was just written out again: with events it goes into one of them. */
  #takeText(start: number): string {
    const text = bytesText(this.#out.bytes.subarray(start, this.#out.length));
    this.#out.length = start;
    return text;
  }

  #event(event: RunEvent): void {
    this.#interrupt(() => (this.#sinkClosed ? undefined : this.#options.events!(event)));
  }

  #warn(records: RecordBytes, offset: number, text: string): void {
    this.#warnings += 1;
    if (this.#options.suppressWarnings) return;
    if (this.#context.verbosity === 0) {
      if (this.#shownWarnings.has(text)) return;
      if (this.#shownWarnings.size < REMEMBERED_WARNINGS) this.#shownWarnings.add(text);
    }
    this.#message('warning', records, offset, text);
  }

  #message(event: 'warning' | 'error', records: RecordBytes, offset: number, text: string): void {
    if (!this.#options.events) {
      this.#interrupt(() => this.#options.errors(`${event.toUpperCase()}: ${text}`));
      return;
    }
    const site = recordSite(records, offset);
    const probe = site === NO_SITE ? undefined : this.#description.probes[site]?.name;
    this.#event({ event, time: String(recordStamp(records, offset)), text, ...(probe ? { probe } : {}) });
  }

  #beginCommand(): void {
    if (!this.#command || !this.#armed || hasErrors(this.diagnostics)) return;
    this.#commandBegun = true;
    this.#command.begin();
  }

  /** Sees the `-c` command off where it still runs. */
  async #endCommand(): Promise<void> {
    const command = this.#command;
    if (!command || this.#commandStatus) return;
    this.#commandEnded = true;
    command.kill('SIGTERM');
    const killer = setTimeout(() => command.kill('SIGKILL'), COMMAND_PATIENCE);
    const status = await command.ended;
    if (this.#commandBegun) this.#commandStatus = status;
    clearTimeout(killer);
  }

  /** Says at the end what was lost. */
  async #report(): Promise<void> {
    const { events, errors } = this.#options;
    if (this.#detached) {
      await events?.({ event: 'detach', module: this.#module.name });
      return;
    }
    if (!this.#losses) return;
    if (!events) {
      if (this.#options.suppressWarnings) return;
      const { exitStatus = 0, signal } = this.#commandStatus ?? {};
      if (signal && !this.#commandEnded) errors(`WARNING: Child process exited with signal ${signal}`);
      else if (exitStatus !== 0) errors(`WARNING: Child process exited with status ${exitStatus}`);
      const inDetail = this.#context.verbosity > 0 || this.#description.timing === true;
      for (const line of lossReport(this.#losses, this.#errors, inDetail)) errors(line);
      return;
    }
    const { losses, exitStatus } = this.session();
    for (const loss of losses) await events({ event: 'loss', ...loss });
    await events({
      event: 'end',
      module: this.#module.name,
      exitStatus,
      errors: this.#errors,
      warnings: this.#warnings,
      lost: losses.reduce((sum, loss) => sum + loss.count, 0),
    });
  }
}

/** The text of a WARNING or ERROR; a newline at its end belongs to the line that it is shown on. */
function recordText(records: RecordBytes, payload: number): string {
  const length = records.words[payload >> 2]!;
  return records.bytes.toString('utf8', payload + 4, payload + 4 + length).replace(/\n$/, '');
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
