// `--remote`: passes 1 to 4 here, once for each kernel that runs over there; then the module and staprun are copied to each
// machine, run, and removed.
import { type ChildProcess, spawn } from 'node:child_process';
import { basename, dirname, join, resolve } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { OutputFiles } from '@stapkit/staprun';
import { quote } from 'shell-quote';
import { type ChainResult, type ChainSettings, runChain } from './chain.js';
import { packageFolder } from './folders.js';
import { hostArchitecture } from './place.js';
import { Interrupted } from './process-io.js';
import { closeRemote, parseRemote, type RemoteHost, remoteFault, runRemote, startRemote } from './remote-host.js';

/** What a machine says of itself. */
interface RemoteKernel {
  readonly host: RemoteHost;
  readonly release: string;
  readonly architecture: string;
}

/** A module that was built for a machine's kernel. */
interface Prepared extends RemoteKernel {
  readonly path: string;
}

export interface RemoteRun {
  /** staprun's words for a module that lies at the path. */
  staprunWords(module: string): string[];
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
  try {
    const asked = await Promise.all(distinct.map((host) => askKernel(host, temporary)));
    const kernels = new Map(asked.map((kernel) => [kernel.host.name, kernel]));
    const modules = new Map<string, string>();
    for (const kernel of asked) {
      if (modules.has(kernel.release)) continue;
      const built = await build(settings, kernel);
      if (built.intermediate?.pass !== 4) return run.failed(built);
      modules.set(kernel.release, built.intermediate.ir.path);
    }
    if (options.lastPass < 5) {
      await settings.io.stdout([...modules.values()].map((path) => `${path}\n`).join(''));
      return 0;
    }
    const prepared = hosts.map((host): Prepared => {
      const kernel = kernels.get(host.name)!;
      return { ...kernel, path: modules.get(kernel.release)! };
    });
    return await runAll(settings, prepared, run);
  } finally {
    await Promise.all(distinct.map((host) => closeRemote(host, temporary)));
  }
}

/** SystemTap's names for what `uname -m` prints. */
const MACHINES: Readonly<Record<string, string>> = { aarch64: 'arm64', ppc64le: 'powerpc', riscv64: 'riscv' };

async function askKernel(host: RemoteHost, controlFolder: string): Promise<RemoteKernel> {
  const script = 'uname -r && uname -m && { command -v node || command -v staprun || echo none; }';
  const { status, stdout, stderr } = await runRemote(host, script, controlFolder);
  const [release, machine, program] = stdout.trim().split('\n');
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
  if (program === 'none') {
    throw new DiagnosticError(
      remoteFault(host, 'it has neither Node nor staprun', [
        'install nodejs there, or put the single executable there: pnpm nx run staprun:executable',
      ]),
    );
  }
  return { host, release, architecture };
}

async function build(settings: Omit<ChainSettings, 'place'>, { release }: RemoteKernel): Promise<ChainResult> {
  const { options } = settings;
  const named = options.release ?? release;
  return await runChain({ ...settings, place: { where: 'host', release, build: named } }, undefined);
}

async function runAll(
  settings: Omit<ChainSettings, 'place'>,
  machines: readonly Prepared[],
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
        const words = ['-r', `${index}:${machine.host.uri}`];
        return runOne(
          settings,
          machine,
          { ...run, staprunWords: (path) => [...words, ...run.staprunWords(path)] },
          output,
          errors,
        );
      }),
    );
    return statuses.some((status) => status !== 0) ? 1 : 0;
  } finally {
    await file?.close();
  }
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
const UNPACK = `umask 077
d=$(mktemp -d "\${TMPDIR:-/tmp}/stapXXXXXX") && tar -xf - -C "$d" && echo "$d"`;

/**
 * Runs staprun. Lines on standard input are signals for it; when that ends, the one who wanted to know has gone. Nothing
 * stays behind.
 */
function runScript(folder: string, words: string): string {
  return `d=${quote([folder])}
exec 3<&0
if command -v node >/dev/null 2>&1; then node "$d/staprun.cjs" ${words} </dev/null 3<&- &
else staprun ${words} </dev/null 3<&- &
fi
p=$!
{ while read -r s <&3; do kill -s "$s" "$p" 2>/dev/null; done; kill -s TERM "$p" 2>/dev/null; sleep 10; kill -s KILL "$p" 2>/dev/null; } >/dev/null 2>&1 &
w=$!
wait "$p"; status=$?
kill "$w" 2>/dev/null
rm -rf "$d"
exit "$status"`;
}

async function runOne(
  { temporary, io }: Omit<ChainSettings, 'place'>,
  { host, path }: Prepared,
  run: RemoteRun,
  output: LineWriter,
  errors: LineWriter,
): Promise<number> {
  const staprun = join(packageFolder('staprun'), 'bundle', 'staprun.cjs');
  const copied = await runRemote(host, UNPACK, temporary, (child) => sendFiles(child, [path, staprun]));
  const folder = copied.stdout.trim();
  if (copied.status !== 0 || folder === '') {
    throw new DiagnosticError(remoteFault(host, `copying the module failed: ${copied.stderr.trim()}`));
  }
  const words = quote(run.staprunWords(`${folder}/${basename(path)}`));
  const child = startRemote(host, runScript(folder, words), temporary, { detached: true });
  child.stdin!.on('error', () => {});
  const signal = (): void => {
    const reason: unknown = io.signal.reason;
    const name = reason instanceof Interrupted && reason.signalName !== 'SIGPIPE' ? reason.signalName : 'SIGTERM';
    child.stdin!.write(`${name.slice(3)}\n`);
  };
  // The end of its input ends staprun over there.
  const force = (): void => void child.stdin!.end('INT\n');
  io.signal.addEventListener('abort', signal);
  io.forceSignal.addEventListener('abort', force);
  if (io.signal.aborted) signal();
  try {
    const [status] = await Promise.all([
      new Promise<number>((settle, reject) => {
        child.on('error', reject);
        child.on('close', (code) => settle(code ?? 1));
      }),
      pump(child.stdout!, output),
      pump(child.stderr!, errors),
    ]);
    return status;
  } finally {
    io.signal.removeEventListener('abort', signal);
    io.forceSignal.removeEventListener('abort', force);
    child.stdin!.end();
  }
}

async function pump(stream: NodeJS.ReadableStream, writer: LineWriter): Promise<void> {
  for await (const chunk of stream) await writer.take(chunk as Buffer);
  await writer.end();
}

/** Sends files as a tar archive, each under its own name. */
function sendFiles(child: ChildProcess, paths: readonly string[]): void {
  const argv = paths.flatMap((path) => ['-C', dirname(path), basename(path)]);
  const tar = spawn('tar', ['-chf', '-', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  tar.stdout.pipe(child.stdin!);
}
