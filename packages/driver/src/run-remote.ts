// `--remote`: passes 1 to 4 here, once for each kernel that runs over there; then the module and staprun are copied to each
// machine, run, and removed.
import { type ChildProcess, spawn } from 'node:child_process';
import { basename, dirname, join, resolve } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { OutputFiles } from '@stapkit/staprun';
import { quote } from 'shell-quote';
import { type ChainResult, type ChainSettings, runChain } from './chain.js';
import { packageFolder } from './folders.js';
import type { StapOptions } from './options.js';
import { hostArchitecture } from './place.js';
import { Interrupted } from './process-io.js';
import {
  ANSWER,
  closeRemote,
  holdRemote,
  parseRemote,
  type RemoteHost,
  remoteFault,
  runRemote,
  SSH_FAILED,
  startRemote,
} from './remote-host.js';

/** What a machine says of itself. */
interface RemoteKernel {
  readonly host: RemoteHost;
  readonly release: string;
  /** How staprun is started there: the file that is copied by its Node, or an executable of its own. */
  readonly program: 'node' | 'staprun';
}

/** A module that was built for a machine's kernel. */
interface Prepared extends RemoteKernel {
  readonly path: string;
  readonly globals: StapOptions['globals'];
}

/** A machine to which all has been copied. */
interface Copied extends Prepared {
  /** The folder over there. */
  readonly folder: string;
}

export interface RemoteRun {
  /** staprun's words for a module that lies at the path, and the globals that it is loaded with. */
  staprunWords(module: string, globals: StapOptions['globals']): string[];
  /** Says that the chain failed; returns the exit status. */
  failed(result: ChainResult): number;
}

/**
 * Runs on all machines at once.
 *
 * @param settings those of a run here; the place is each machine's
 * @returns 0 where every machine's run was well
 */
export async function runRemotes(settings: Omit<ChainSettings, 'place'>, run: RemoteRun): Promise<number> {
  const { options, temporary } = settings;
  const hosts = options.remotes.map(parseRemote);
  const distinct = [...new Map(hosts.map((host) => [host.name, host])).values()];
  const held: (() => void)[] = [];
  try {
    const asked = await Promise.all(
      distinct.map(async (host) => {
        const kernel = await askKernel(host, temporary, settings.io.signal);
        held.push(holdRemote(host, temporary));
        return kernel;
      }),
    );
    await checkRelease(options.release, asked, settings.cache);
    const kernels = new Map(asked.map((kernel) => [kernel.host.name, kernel]));
    const modules = new Map<string, Pick<Prepared, 'path' | 'globals'>>();
    for (const kernel of asked) {
      if (modules.has(kernel.release)) continue;
      const built = await build(settings, kernel);
      if (built.failed !== undefined || built.intermediate.pass !== 4) return run.failed(built);
      modules.set(kernel.release, { path: built.intermediate.ir.path, globals: built.globals });
    }
    if (options.lastPass < 5) {
      await settings.io.stdout([...modules.values()].map(({ path }) => `${path}\n`).join(''));
      return 0;
    }
    const prepared = hosts.map((host): Prepared => {
      const kernel = kernels.get(host.name)!;
      return { ...kernel, ...modules.get(kernel.release)! };
    });
    return await runAll(settings, await copyToAll(settings, prepared), run);
  } finally {
    for (const release of held) release();
    await Promise.all(distinct.map((host) => closeRemote(host, temporary)));
  }
}

/** SystemTap's names for what `uname -m` prints. */
const MACHINES: Readonly<Record<string, string>> = { aarch64: 'arm64', ppc64le: 'powerpc', riscv64: 'riscv' };

const ASK = `echo "${ANSWER}$(uname -r)"; echo "${ANSWER}$(uname -m)"; echo "${ANSWER}$(node --version 2>/dev/null)"; echo "${ANSWER}$(command -v staprun)"`;

/** The oldest Node that runs staprun. */
const OLDEST_NODE = 20;

async function askKernel(host: RemoteHost, controlFolder: string, signal: AbortSignal): Promise<RemoteKernel> {
  const { status, answers, stderr } = await runRemote(host, ASK, controlFolder, signal);
  const [release, machine, node = '', staprun] = answers;
  if (status !== 0 || !release || !machine) {
    const words = stderr.trim().split('\n').at(-1) ?? '';
    throw new DiagnosticError(
      remoteFault(host, `can't be reached: ${words || `ssh ended with status ${status}`}`, [
        `try: ssh ${host.target ?? ''} uname -r`,
      ]),
    );
  }
  const architecture = MACHINES[machine] ?? machine;
  if (architecture !== hostArchitecture()) {
    throw new DiagnosticError(
      remoteFault(host, `its architecture is ${architecture}; modules are built for ${hostArchitecture()} here`),
    );
  }
  if (Number(/^v(\d+)\./.exec(node)?.[1] ?? 0) >= OLDEST_NODE) return { host, release, program: 'node' };
  if (staprun) return { host, release, program: 'staprun' };
  throw new DiagnosticError(
    remoteFault(host, node === '' ? 'it has neither Node nor staprun' : `its Node is ${node}, and it has no staprun`, [
      `install nodejs ${OLDEST_NODE} or newer there, or put the single executable there: pnpm nx run staprun:executable`,
    ]),
  );
}

/** A kernel that was named (`-r`) must be the one that each machine runs: it says which headers serve, not what runs there. */
async function checkRelease(named: string | undefined, asked: readonly RemoteKernel[], cache: string): Promise<void> {
  if (named === undefined) return;
  let wanted = named;
  if (named.includes('/')) {
    const { findKernelBuild } = await import('@stapkit/kbuild');
    const { value, diagnostics } = await findKernelBuild(named, { cacheFolder: cache });
    if (!value) throw new DiagnosticError(...diagnostics);
    wanted = value.release;
  }
  const others = asked.filter(({ release }) => release !== wanted);
  if (others.length === 0) return;
  throw new DiagnosticError(
    ...others.map(({ host, release }) =>
      remoteFault(host, `its kernel is ${release}, not ${wanted} as -r says`, [
        'leave -r out, and SYSTEMTAP_RELEASE: each machine is asked for its kernel',
      ]),
    ),
  );
}

async function build(settings: Omit<ChainSettings, 'place'>, { release }: RemoteKernel): Promise<ChainResult> {
  const { options } = settings;
  const named = options.release ?? release;
  return await runChain({ ...settings, place: { where: 'host', release, build: named } }, undefined);
}

/** Copies to all machines; where one refuses, none keeps anything. */
async function copyToAll(
  { temporary, io }: Omit<ChainSettings, 'place'>,
  machines: readonly Prepared[],
): Promise<Copied[]> {
  const copies = await Promise.allSettled(machines.map((machine) => copy(machine, temporary, io.signal)));
  const done = copies.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = copies.find((one) => one.status === 'rejected');
  if (!failed) return done;
  await Promise.allSettled(
    done.map(({ host, folder }) =>
      runRemote(host, `rm -rf ${quote([folder])}`, temporary, AbortSignal.timeout(CLEANING_MS)),
    ),
  );
  throw failed.reason;
}

/** As long may it take to remove what was copied, in milliseconds. */
const CLEANING_MS = 10_000;

async function copy(machine: Prepared, temporary: string, signal: AbortSignal): Promise<Copied> {
  const { host, path } = machine;
  const staprun = join(packageFolder('staprun'), 'bundle', 'staprun.cjs');
  const copied = await runRemote(host, UNPACK, temporary, signal, (child) => sendFiles(child, [path, staprun]));
  const folder = copied.answers[0] ?? '';
  if (copied.status === 0 && folder !== '') return { ...machine, folder };
  const words = copied.stderr.trim() || `ssh ended with status ${copied.status}`;
  throw new DiagnosticError(remoteFault(host, `copying the module failed: ${words}`));
}

async function runAll(
  settings: Omit<ChainSettings, 'place'>,
  machines: readonly Copied[],
  run: RemoteRun,
): Promise<number> {
  const { options, io } = settings;
  const file =
    options.outputFile === undefined || options.flightRecorder
      ? undefined
      : await OutputFiles.open({ name: resolve(io.cwd, options.outputFile), ...limits(options.rotate) });
  try {
    const statuses = await Promise.all(
      machines.map((machine, index) => {
        const prefix = prefixOf(machine.host, index, settings, machines.length);
        const output = lineWriter(prefix, async (bytes) => void (await (file ? file.write(bytes) : io.stdout(bytes))));
        const errors = lineWriter(prefix, (bytes) => io.stderr(bytes.toString('utf8')));
        const words = ['-r', `${index}:${machine.host.uri}`, ...run.staprunWords(moduleOver(machine), machine.globals)];
        return runOne(settings, machine, words, output, errors);
      }),
    );
    return statuses.some((status) => status !== 0) ? 1 : 0;
  } finally {
    await file?.close();
  }
}

function moduleOver({ folder, path }: Copied): string {
  return `${folder}/${basename(path)}`;
}

function limits(rotate: string | undefined): { size?: number; count?: number } {
  const [megabytes, count] = rotate?.split(',') ?? [];
  return {
    ...(megabytes === undefined ? {} : { size: Number(megabytes) * 1024 * 1024 }),
    ...(count === undefined ? {} : { count: Number(count) }),
  };
}

/** `--remote-prefix` counts machines; without it several are told apart by their names. */
function prefixOf(host: RemoteHost, index: number, settings: Omit<ChainSettings, 'place'>, count: number): string {
  if (settings.options.remotePrefix) return `${index}: `;
  return count > 1 && !settings.options.json ? `${host.name}: ` : '';
}

/** What takes a machine's output. */
interface LineWriter {
  take(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

/** Puts a prefix in front of each line; lines of several machines are never mixed. */
function lineWriter(prefix: string, write: (bytes: Buffer) => void | Promise<void>): LineWriter {
  let rest = Buffer.alloc(0);
  const lead = Buffer.from(prefix);
  return {
    async take(bytes) {
      if (prefix === '') return await write(bytes);
      const all = Buffer.concat([rest, bytes]);
      const parts: Buffer[] = [];
      let from = 0;
      for (let at = all.indexOf(10); at !== -1; at = all.indexOf(10, from)) {
        parts.push(lead, all.subarray(from, at + 1));
        from = at + 1;
      }
      rest = all.subarray(from);
      if (parts.length > 0) await write(Buffer.concat(parts));
    },
    async end() {
      if (rest.length > 0) await write(Buffer.concat([lead, rest, Buffer.from('\n')]));
    },
  };
}

/** Takes the module and staprun out of its standard input, and tells where they are. */
const UNPACK = `umask 077; d=$(mktemp -d "\${TMPDIR:-/tmp}/stapXXXXXX") && tar -xf - -C "$d" && echo "${ANSWER}$d"`;

/**
 * Runs staprun. Lines on standard input are signals for it; when that ends, the one who wanted to know has gone. Nothing
 * stays behind.
 */
function runScript({ folder, program }: Copied, words: readonly string[]): string {
  const start = program === 'node' ? 'node "$d/staprun.cjs"' : 'staprun';
  return [
    `echo "${BEGIN}"; d=${quote([folder])}; exec 3<&0; ${start} ${quote([...words])} </dev/null 3<&- & p=$!`,
    '{ while read -r s <&3; do kill -s "$s" "$p"; done; kill -s TERM "$p"; sleep 10; kill -s KILL "$p"; } >/dev/null 2>&1 & w=$!',
    'wait "$p"; status=$?; kill "$w" 2>/dev/null; rm -rf "$d"; exit "$status"',
  ].join('; ');
}

/** The line behind which the output begins: what a login shell prints before is not ours. */
const BEGIN = `${ANSWER}begin`;

/** After a second Ctrl-C, so long is waited for a machine that does not answer, in milliseconds. */
const FORCED_MS = 15_000;

async function runOne(
  { temporary, io, reporter }: Omit<ChainSettings, 'place'>,
  machine: Copied,
  words: readonly string[],
  output: LineWriter,
  errors: LineWriter,
): Promise<number> {
  const { host } = machine;
  const child = startRemote(host, runScript(machine, words), temporary, { detached: true });
  child.stdin!.on('error', () => {});
  const signal = (): void => {
    const reason: unknown = io.signal.reason;
    const name = reason instanceof Interrupted && reason.signalName !== 'SIGPIPE' ? reason.signalName : 'SIGTERM';
    child.stdin!.write(`${name.slice(3)}\n`);
  };
  let overdue: NodeJS.Timeout | undefined;
  // The end of its input ends staprun over there.
  const force = (): void => {
    child.stdin!.end('INT\n');
    overdue = setTimeout(() => child.kill('SIGKILL'), FORCED_MS);
  };
  io.signal.addEventListener('abort', signal);
  io.forceSignal.addEventListener('abort', force);
  if (io.signal.aborted) signal();
  try {
    const [status] = await Promise.all([
      new Promise<number>((settle, reject) => {
        child.on('error', reject);
        child.on('close', (code) => settle(code ?? SSH_FAILED));
      }),
      pump(child.stdout!, output, Buffer.from(`${BEGIN}\n`)),
      pump(child.stderr!, errors),
    ]);
    if (status === SSH_FAILED && host.target !== undefined) {
      reporter.report(remoteFault(host, 'the connection broke; the run over there ends by itself'));
    }
    return status;
  } finally {
    clearTimeout(overdue);
    io.signal.removeEventListener('abort', signal);
    io.forceSignal.removeEventListener('abort', force);
    child.stdin!.end();
  }
}

/** Hands all of a stream on, or what comes behind a mark. */
async function pump(stream: NodeJS.ReadableStream, writer: LineWriter, mark?: Buffer): Promise<void> {
  let before: Buffer | undefined = mark && Buffer.alloc(0);
  for await (const chunk of stream) {
    if (!before) {
      await writer.take(chunk as Buffer);
      continue;
    }
    before = Buffer.concat([before, chunk as Buffer]);
    const at = before.indexOf(mark!);
    if (at === -1) continue;
    const rest = before.subarray(at + mark!.length);
    before = undefined;
    if (rest.length > 0) await writer.take(rest);
  }
  await writer.end();
}

/** Sends files as a tar archive, each under its own name. */
function sendFiles(child: ChildProcess, paths: readonly string[]): void {
  const argv = paths.flatMap((path) => ['-C', dirname(path), basename(path)]);
  const tar = spawn('tar', ['-chf', '-', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  tar.stdout.pipe(child.stdin!);
}
