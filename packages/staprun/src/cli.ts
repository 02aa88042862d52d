// The command `staprun`. It knows nothing of the process it runs in: main.ts gives it the streams and the signals, so
// that tests can run it whole, and the driver can run it where a module is loaded.
import { cpus } from 'node:os';
import {
  type Diagnostic,
  DiagnosticError,
  hasErrors,
  type MessageColors,
  type PassContext,
  parseColors,
  renderDiagnostic,
  systemWords,
} from '@stapkit/pass';
import { becomeUser } from './as-root.js';
import { noSuchProcess, noTerminal, outputFailed } from './diagnostics.js';
import { kernelPort } from './kernel-port.js';
import type { LocatedModule } from './locate-module.js';
import type { ModulePort } from './module-port.js';
import { Monitor, type MonitorTerminal } from './monitor/monitor.js';
import { moduleStatus } from './monitor/status.js';
import { processTerminal } from './monitor/terminal.js';
import { readOptions, type StaprunOptions, usageText } from './options.js';
import type { OutputFiles as Files } from './output-file.js';
import type { LentTo } from './privilege.js';
import { ROTATION_MARK, ROTATION_VARIABLE } from './rotation.js';
import { runModule } from './run-module.js';
import type { RunOptions } from './run-options.js';
import { VERSION } from './version.js';

/** What the command line needs of the process it runs in. */
export interface CommandIo {
  /** Writes to standard output; a closed pipe is thrown as an error with the code EPIPE. */
  output(chunk: Uint8Array): void | Promise<void>;
  /** Writes text to standard error. */
  errors(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True where standard error is a terminal: `-C auto`. */
  readonly errorsAreTerminal: boolean;
  /** Calls `act` at each such signal until the returned function is called. */
  onSignal(signal: NodeJS.Signals, act: () => void): () => void;
  /**
   * Runs the command line again as a process of its own, without a terminal, until it says that it is ready.
   *
   * @returns its pid once it is ready, or its exit status where it ended before
   */
  background?(argv: readonly string[]): Promise<{ readonly pid: number } | { readonly exitStatus: number }>;
  /** In such a process: says that it is ready. */
  ready?(): void;
  /** Where `-M` draws; the process's own terminal by default. */
  readonly terminal?: () => MonitorTerminal | undefined;
  /** How modules are reached; this machine's kernel by default. */
  readonly port?: ModulePort;
}

/**
 * Runs `staprun`.
 *
 * @param argv without the program's name
 * @returns the exit status
 */
export async function staprunCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const { options, diagnostics } = readOptions(argv, io.environment);
  const command = new StaprunCommand(options, io);
  if (diagnostics.length > 0) return command.show(diagnostics);
  try {
    return await command.run(argv);
  } catch (error) {
    if (error instanceof DiagnosticError) return command.show(error.diagnostics);
    // The reader of our output, or the terminal, has gone; the run has been ended by that.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE' || code === 'EIO') return 1;
    if (code !== undefined) return command.show([outputFailed('standard output', systemWords(error))]);
    throw error;
  }
}

type Cleanup = () => void | Promise<void>;

class StaprunCommand {
  readonly #options: StaprunOptions;
  readonly #io: CommandIo;
  readonly #colors: MessageColors | undefined;
  readonly #port: ModulePort;
  #monitor: Monitor | undefined;
  #lentTo: LentTo | undefined;

  constructor(options: StaprunOptions, io: CommandIo) {
    this.#options = options;
    this.#io = io;
    const colored = options.color === 'always' || (options.color === 'auto' && io.errorsAreTerminal);
    const variable = io.environment.SYSTEMTAP_COLORS;
    // stap(1): the variable set to nothing means no colors.
    this.#colors = colored && variable !== '' ? parseColors(variable) : undefined;
    this.#port = io.port ?? kernelPort();
  }

  /** Prints diagnostics and returns the exit status that they make. */
  show(diagnostics: readonly Diagnostic[]): number {
    for (const diagnostic of diagnostics) {
      this.#io.errors(`${renderDiagnostic(diagnostic, this.#colors ? { colors: this.#colors } : {})}\n`);
    }
    return hasErrors(diagnostics) ? 1 : 0;
  }

  async run(argv: readonly string[]): Promise<number> {
    const { action, daemon } = this.#options;
    switch (action) {
      case 'help':
        await this.#io.output(Buffer.from(usageText()));
        return 0;
      case 'version':
        await this.#io.output(
          Buffer.from(`stapkit module loader/runner (version ${VERSION})\nThis is free software; MIT license.\n`),
        );
        return 0;
      case 'delete': {
        const lentTo = await this.#actAsInvoker();
        if (lentTo?.onlySystemModules) await (await import('./privilege.js')).expectSystemName(this.#options.module!);
        const { deleteModules } = await import('./delete-modules.js');
        await deleteModules(this.#options.module!, this.#port, (line) => this.#line(line));
        return 0;
      }
      default:
        if (daemon && this.#io.background) return this.#background(argv);
        return this.#run();
    }
  }

  async #background(argv: readonly string[]): Promise<number> {
    const started = await this.#io.background!(argv);
    if ('exitStatus' in started) return started.exitStatus;
    await this.#io.output(Buffer.from(`${started.pid}\n`));
    return 0;
  }

  async #run(): Promise<number> {
    const options = this.#options;
    for (const [option, pid] of [
      ['-x', options.targetPid],
      ['-N', options.namespacesPid],
    ] as const) {
      if (pid !== undefined && !isProcess(pid)) return this.show([noSuchProcess(pid, option)]);
    }
    const lentTo = await this.#actAsInvoker();
    const { locateModule } = await import('./locate-module.js');
    const located = await locateModule(options, this.#port);
    const cleanups: Cleanup[] = [() => located.dispose()];
    try {
      if (lentTo?.onlySystemModules) {
        const { expectSystemModule, expectSystemName } = await import('./privilege.js');
        await (located.file ? expectSystemModule(located.file) : expectSystemName(options.module!));
      }
      const { info } = located;
      if (info && options.settings.length > 0) {
        const { checkSettings } = await import('./check-settings.js');
        options.settings = checkSettings(options.settings, info);
      }
      if (options.bufferMegabytes !== undefined && options.action !== 'attach' && !this.#io.port) {
        const { expectMemory } = await import('./expect-memory.js');
        expectMemory(options.bufferMegabytes);
      }
      return await this.#runLocated(located, cleanups);
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup();
    }
  }

  /** Becomes the user whom root's rights were lent to; undefined for root itself. */
  async #actAsInvoker(): Promise<LentTo | undefined> {
    if (this.#io.port) return undefined;
    const { findLentTo } = await import('./privilege.js');
    this.#lentTo = await findLentTo(this.#io.environment);
    if (this.#lentTo) becomeUser(this.#lentTo);
    return this.#lentTo;
  }

  async #runLocated(located: LocatedModule, cleanups: Cleanup[]): Promise<number> {
    const { verbosity } = this.#options;
    const abort = new AbortController();
    const force = new AbortController();
    const detach = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      cleanups.push(this.#io.onSignal(signal, () => (abort.signal.aborted ? force : abort).abort()));
    }
    cleanups.push(this.#io.onSignal('SIGQUIT', () => detach.abort()));
    const run = await this.#runOptions(cleanups);
    const context: PassContext = {
      signal: abort.signal,
      progress: { update() {}, finish() {} },
      report: (diagnostic) => void this.show([diagnostic]),
      verbosity,
      log: (level, line) => {
        if (verbosity >= level) this.#line(line);
      },
    };
    const { value: session, diagnostics } = await runModule(
      located.module,
      { ...run, force: force.signal, detach: detach.signal, port: located.port },
      context,
    );
    this.show(diagnostics);
    if (session.detached) {
      this.#line(`Disconnecting from systemtap module. To reconnect, type "staprun -A ${session.module}"`);
    }
    return session.exitStatus;
  }

  /** What the run takes from the command line: where output goes, above all. */
  async #runOptions(cleanups: Cleanup[]): Promise<RunOptions> {
    const options = this.#options;
    const run: RunOptions = {
      output: (chunk) => this.#io.output(chunk),
      errors: (line) => this.#scriptLine(line),
      ...(options.targetPid === undefined ? {} : { targetPid: options.targetPid }),
      ...(options.namespacesPid === undefined ? {} : { namespacesPid: options.namespacesPid }),
      ...(options.remote === undefined ? {} : { remote: options.remote }),
      ...(options.command === undefined ? {} : { command: options.command }),
      ...(options.timeLimit === undefined ? {} : { timeLimit: options.timeLimit }),
      ...(options.readPause === undefined ? {} : { readPause: options.readPause }),
      ...(options.bufferMegabytes === undefined ? {} : { bufferBytes: options.bufferMegabytes * 1024 * 1024 }),
      moduleParameters: options.settings,
      mode: options.action as 'run' | 'launch' | 'attach',
      suppressWarnings: options.suppressWarnings,
      strict: options.strict,
      onStarted: (module, description) => {
        this.#io.ready?.();
        this.#monitor?.start(module, description.probes, moduleStatus(module));
      },
    };
    const { SUDO_UID, SUDO_GID } = this.#io.environment;
    if (this.#lentTo) {
      run.commandUser = this.#lentTo;
      run.owner = this.#lentTo.uid;
    } else if (SUDO_UID && SUDO_GID && /^\d+$/.test(SUDO_UID) && /^\d+$/.test(SUDO_GID)) {
      run.commandUser = { uid: Number(SUDO_UID), gid: Number(SUDO_GID) };
    }
    if (options.monitor !== undefined) this.#openMonitor(run, options.monitor, cleanups);
    if (options.bulk) run.bulkOutput = await this.#bulkOutput(cleanups);
    else if (options.outputName !== undefined) await this.#outputFile(run, options.outputName, cleanups);
    else cleanups.push(this.#io.onSignal('SIGUSR2', () => this.#passRotation()));
    if (options.json) {
      const { output } = run;
      // What commands print must not stand between the objects.
      if (options.outputName === undefined) run.commandStdio = () => ['inherit', 2, 'inherit'];
      run.events = (event) => output(Buffer.from(`${JSON.stringify(event)}\n`));
    }
    return run;
  }

  /** `-M`: the script's output and messages go to the monitor's screen. */
  #openMonitor(run: RunOptions, interval: number, cleanups: Cleanup[]): void {
    const terminal = (this.#io.terminal ?? processTerminal)();
    if (!terminal) throw new DiagnosticError(noTerminal());
    const monitor = new Monitor({ terminal, interval, interrupt: () => process.kill(process.pid, 'SIGINT') });
    this.#monitor = monitor;
    run.output = (chunk) => {
      monitor.output(chunk);
      monitor.draw();
    };
    cleanups.push(() => {
      this.#monitor = undefined;
      monitor.close();
    });
  }

  async #outputFile(run: RunOptions, name: string, cleanups: Cleanup[]): Promise<void> {
    const { OutputFiles } = await import('./output-file.js');
    const files = await OutputFiles.open({ name, ...this.#fileLimits() });
    cleanups.push(() => files.close());
    cleanups.push(this.#io.onSignal('SIGUSR2', () => files.requestRotation()));
    run.output = (chunk) => files.write(chunk);
    run.commandStdio = () => ['inherit', files.fd, 'inherit'];
  }

  /** switch_file() without a file of ours: whoever takes our output may have one. */
  #passRotation(): void {
    if (this.#io.environment[ROTATION_VARIABLE] !== undefined) this.#io.errors(ROTATION_MARK);
  }

  /** staprun(8), `-o`: FILE_x in the foreground, FILE_cpux in the background. */
  async #bulkOutput(cleanups: Cleanup[]): Promise<NonNullable<RunOptions['bulkOutput']>> {
    const { OutputFiles } = await import('./output-file.js');
    // Without a name the files are called as SystemTap calls them, stap-merge(1).
    const { outputName, daemon } = this.#options;
    const prefix = outputName === undefined ? 'stpd_cpu' : `${outputName}_${daemon ? 'cpu' : ''}`;
    const byCpu = new Map<number, Files>();
    cleanups.push(async () => {
      for (const files of byCpu.values()) await files.close();
    });
    cleanups.push(
      this.#io.onSignal('SIGUSR2', () => {
        for (const files of byCpu.values()) files.requestRotation();
      }),
    );
    const open = async (cpu: number): Promise<Files> => {
      const files = await OutputFiles.open({ name: `${prefix}${cpu}`, whole: true, ...this.#fileLimits() });
      byCpu.set(cpu, files);
      return files;
    };
    // One for each CPU, as SystemTap has it, whether it prints or not; one that comes later has its own then.
    for (const cpu of cpus().keys()) await open(cpu);
    return async (cpu, frames) => await (byCpu.get(cpu) ?? (await open(cpu))).write(frames);
  }

  #fileLimits(): { size?: number; count?: number } {
    const { fileSize, fileCount } = this.#options;
    return {
      ...(fileSize === undefined ? {} : { size: fileSize }),
      ...(fileCount === undefined ? {} : { count: fileCount }),
    };
  }

  #line(line: string): void {
    this.#io.errors(`${line}\n`);
  }

  /** A line of the script's: `WARNING: …` and `ERROR: …` in their colors. */
  #scriptLine(line: string): void {
    const colors = this.#colors;
    const label = /^(WARNING|ERROR):/.exec(line)?.[0];
    const color = label === 'ERROR:' ? colors?.error : colors?.warning;
    if (this.#monitor) this.#monitor.line(line);
    else this.#line(label && color ? `\x1b[${color}m${label}\x1b[0m${line.slice(label.length)}` : line);
  }
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
