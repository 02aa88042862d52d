// The port to the running kernel: insmod, rmmod and the files below /proc/stapkit.
import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, read as readFd, readFileSync, write as writeFd } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiagnosticError, systemWords } from '@stapkit/pass';
import { asRoot, isLent, rootIdentity } from './as-root.js';
import {
  cannotOpen,
  inUse,
  moduleRefused,
  noLoader,
  noModuleFile,
  noStapkitModule,
  notAModule,
  notLoaded,
  otherBuild,
  otherRelease,
  type RefusalReason,
  unloadFailed,
} from './diagnostics.js';
import { kernelTime, kernelWords } from './kernel-words.js';
import { isSigned, type ModuleInfo, moduleInfo } from './modinfo.js';
import type { ModuleChannel, ModulePort } from './module-port.js';

/** Where modules put their files. */
export const PROC_FOLDER = '/proc/stapkit';

/** How long a module may be busy before its removal is given up, in milliseconds, and how often it is tried at least. */
const UNLOAD_PATIENCE = 5000;
const UNLOAD_ATTEMPTS = 20;

/** The port to the kernel that we run on. */
export function kernelPort(): ModulePort {
  const guards = new Map<string, LoadGuard>();
  const release = async (name: string): Promise<void> => {
    const guard = guards.get(name);
    guards.delete(name);
    await guard?.release();
  };
  return {
    async load(module, parameters) {
      guards.set(module.name, await loadModule(module, parameters));
    },
    async open(name) {
      try {
        return await openModule(name);
      } finally {
        await release(name);
      }
    },
    async unload(name) {
      await release(name);
      await unloadModule(name);
    },
  };
}

/**
 * Loads a module and holds its control file until we hold it ourselves. Whatever kills us meanwhile closes our end of the
 * shell's standard input: the shell ends, the control file's last opener is gone, and the module goes by itself. Signals
 * of the terminal reach the whole process group; neither the shell nor insmod may end by them, nor by the pipe to us that
 * nobody reads any more.
 */
const LOAD_AND_HOLD = `trap '' INT TERM HUP QUIT PIPE
"$@" || exit
[ -e "$CONTROL" ] && exec 3>"$CONTROL"
echo loaded
read -r end`;

/** A shell that holds a module's control file. */
interface LoadGuard {
  /** Lets it go. */
  release(): Promise<void>;
}

async function loadModule(
  module: { readonly path: string; readonly name: string },
  parameters: readonly string[],
): Promise<LoadGuard> {
  // A renamed copy is readable by root alone; whether the user may read what was named has been seen before.
  let file: Buffer;
  try {
    file = asRoot(() => readFileSync(module.path));
  } catch (error) {
    throw new DiagnosticError(noModuleFile(module.path, systemWords(error)));
  }
  const info = moduleInfo(file);
  if (!info) throw new DiagnosticError(notAModule(module.path));
  await expectThisKernel(module.name, info);
  const since = kernelTime();
  const argv = toolArgv('insmod', [module.path, ...parameters.map(quoteParameter)]);
  const result = await startGuard(argv, join(PROC_FOLDER, module.name, 'control'));
  if (typeof result !== 'string') return result;
  const words = insmodWords(result);
  throw new DiagnosticError(
    moduleRefused(module.name, refusalReason(words), words, kernelWords(info.name, since), {
      vermagic: info.vermagic,
      runningRelease: release(),
      lockdown: await lockdownState(),
      modulesDisabled: (await readFile('/proc/sys/kernel/modules_disabled', 'utf8').catch(() => '')).startsWith('1'),
      signed: isSigned(file),
    }),
  );
}

/**
 * Refuses a module that was made for another kernel. The kernel's own check knows the release and, with modversions, its
 * exports; the offsets that a script was translated with hold only for the very build that they were read from.
 */
async function expectThisKernel(name: string, info: ModuleInfo): Promise<void> {
  const built = info.vermagic.split(' ')[0];
  if (built && built !== release()) throw new DiagnosticError(otherRelease(name, built, release()));
  const wanted = info.entries.find(([key]) => key === 'kernel_build_id')?.[1];
  const running = wanted && kernelBuildId(await readFile('/sys/kernel/notes').catch(() => Buffer.alloc(0)));
  if (wanted && running && wanted !== running) {
    throw new DiagnosticError(otherBuild(name, release(), wanted, running));
  }
}

/** The build id among ELF notes: 4 bytes each of name size, size and kind; 3 is NT_GNU_BUILD_ID (elf.h). */
export function kernelBuildId(notes: Buffer): string | undefined {
  const padded = (size: number): number => (size + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const start = at + 12 + padded(nameSize);
    if (start + size > notes.length) return undefined;
    if (notes.readUInt32LE(at + 8) === 3 && notes.toString('latin1', at + 12, at + 16) === 'GNU\0') {
      return notes.toString('hex', start, start + size);
    }
    at = start + padded(size);
  }
  return undefined;
}

/**
 * The kernel splits its parameters at blanks, and takes a value in double quotes as one (lib/cmdline.c, next_arg). To it
 * all kinds of white space are blanks, and so is the byte 0xa0, which is part of some letters.
 */
export function quoteParameter(parameter: string): string {
  const equals = parameter.indexOf('=');
  if (!/[\s\x80-\uffff]/.test(parameter) || equals === -1) return parameter;
  return `${parameter.slice(0, equals)}="${parameter.slice(equals + 1)}"`;
}

/** Takes insmod's message to pieces: `insmod: ERROR: could not insert module X: WORDS`, `insmod: can't insert 'X': WORDS`. */
export function insmodWords(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  const words = line.slice(line.lastIndexOf(': ') + 1).trim();
  return words || 'insmod failed';
}

/** What insmod's words mean; they are strerror's, or busybox's own for ENOEXEC and ENOENT. */
export function refusalReason(words: string): RefusalReason {
  const table: readonly (readonly [RegExp, RefusalReason])[] = [
    [/invalid module format|exec format/i, 'format'],
    [/unknown symbol/i, 'unknown-symbol'],
    [/file exists/i, 'exists'],
    [/not permitted|permission denied/i, 'permission'],
    [/key was rejected|required key|bad message|key has (been revoked|expired)/i, 'signature'],
    [/invalid (argument|parameter)|numerical result/i, 'parameter'],
    [/cannot allocate|out of memory/i, 'memory'],
  ];
  return table.find(([pattern]) => pattern.test(words))?.[1] ?? 'other';
}

/** Which lockdown mode is in force, e.g. `integrity`; undefined where the kernel has none. */
async function lockdownState(): Promise<string | undefined> {
  const text = await readFile('/sys/kernel/security/lockdown', 'utf8').catch(() => '');
  return /\[(\w+)\]/.exec(text)?.[1];
}

async function unloadModule(name: string): Promise<void> {
  const deadline = Date.now() + UNLOAD_PATIENCE;
  for (let pause = 2, attempts = 1; ; pause = Math.min(pause * 2, 200), attempts++) {
    const result = await runTool('rmmod', [name]);
    if (result.exitStatus === 0 || !existsSync(`/sys/module/${name}`)) return;
    // Busy for a moment: a file that is just being closed, or the module's own removal under way.
    if (Date.now() > deadline && attempts >= UNLOAD_ATTEMPTS) {
      throw new DiagnosticError(unloadFailed(name, insmodWords(result.text)));
    }
    await sleep(pause);
  }
}

async function openModule(name: string): Promise<ModuleChannel> {
  const folder = join(PROC_FOLDER, name);
  const files: number[] = [];
  const openFile = (file: string, flags: number): number => {
    try {
      const fd = asRoot(() => openSync(join(folder, file), flags));
      files.push(fd);
      return fd;
    } catch (error) {
      for (const fd of files) closeSync(fd);
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EBUSY') throw new DiagnosticError(inUse(name));
      if (code === 'ENOENT') {
        throw new DiagnosticError(existsSync(`/sys/module/${name}`) ? noStapkitModule(name) : notLoaded(name));
      }
      throw new DiagnosticError(cannotOpen(join(folder, file), systemWords(error)));
    }
  };
  const control = openFile('control', constants.O_WRONLY);
  const trace = openFile('trace', constants.O_RDONLY);
  const sites = openFile('sites', constants.O_RDONLY);
  return {
    readDescription: async () => readFileSync(sites, 'utf8'),
    command: (text) => writeCommand(control, text),
    read: (into) => readBatch(trace, into),
    async close() {
      for (const fd of files.splice(0)) closeSync(fd);
    },
  };
}

function writeCommand(fd: number, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === 'string' ? Buffer.from(`${text}\n`, 'latin1') : text;
  return new Promise((resolve, reject) => {
    writeFd(fd, bytes, 0, bytes.length, null, (error) => (error ? reject(error) : resolve()));
  });
}

function readBatch(fd: number, into: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      readFd(fd, into, 0, into.length, null, (error, count) => {
        if (!error) resolve(count);
        else if (error.code === 'EINTR' || error.code === 'EAGAIN') attempt();
        else reject(error);
      });
    };
    attempt();
  });
}

interface ToolResult {
  readonly exitStatus: number;
  /** What it wrote to its standard error. */
  readonly text: string;
}

/** The command line of insmod or rmmod: kmod's from PATH or the system's folders, or busybox's. */
function toolArgv(tool: 'insmod' | 'rmmod', args: readonly string[]): [program: string, ...argv: string[]] {
  // Root's rights that were lent are not lent on to a program of the user's own.
  const path = isLent() ? [] : (process.env.PATH ?? '').split(delimiter);
  const folders = [...path, '/sbin', '/usr/sbin', '/bin', '/usr/bin'];
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder || '.', name)).find((path) => path.startsWith('/') && existsSync(path));
  const direct = find(tool);
  if (direct) return [direct, ...args];
  const busybox = find('busybox');
  if (busybox) return [busybox, tool, ...args];
  throw new DiagnosticError(noLoader());
}

const toolEnvironment = (): NodeJS.ProcessEnv =>
  isLent() ? { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } : { ...process.env, LC_ALL: 'C' };

function runTool(tool: 'rmmod', args: readonly string[]): Promise<ToolResult> {
  const [program, ...argv] = toolArgv(tool, args);
  return new Promise((resolve) => {
    const options = { encoding: 'utf8', env: toolEnvironment(), ...rootIdentity() } as const;
    asRoot(() =>
      execFile(program, argv, options, (error, _stdout, stderr) => {
        const exitStatus = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        resolve({ exitStatus, text: stderr || (error ? error.message : '') });
      }),
    );
  });
}

/** Runs insmod in the shell that holds the module; returns what insmod said where it failed. */
function startGuard(argv: readonly string[], control: string): Promise<LoadGuard | string> {
  const child = asRoot(() =>
    spawn('/bin/sh', ['-c', LOAD_AND_HOLD, 'sh', ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...toolEnvironment(), CONTROL: control },
      ...rootIdentity(),
    }),
  );
  // It may end by itself, with nobody to read from its standard input.
  child.stdin.on('error', () => {});
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  return new Promise((resolve, reject) => {
    const closed = new Promise<void>((close) => {
      child.once('close', () => {
        resolve(words);
        close();
      });
    });
    child.once('error', reject);
    child.stdout.once('data', () => {
      resolve({
        async release() {
          child.stdin.end();
          await closed;
        },
      });
    });
  });
}
