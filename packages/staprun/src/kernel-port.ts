// The port to the running kernel: insmod, rmmod and the files below /proc/stapkit.
import { execFile } from 'node:child_process';
import { constants, existsSync, read as readFd, write as writeFd } from 'node:fs';
import { access, type FileHandle, open, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiagnosticError } from '@stapkit/pass';
import {
  cannotOpen,
  inUse,
  moduleRefused,
  noLoader,
  noModuleFile,
  noStapkitModule,
  notAModule,
  notLoaded,
  type RefusalReason,
  unloadFailed,
} from './diagnostics.js';
import { kernelTime, kernelWords } from './kernel-words.js';
import { readModuleInfo } from './modinfo.js';
import type { ModuleChannel, ModulePort } from './module-port.js';

/** Where modules put their files. */
export const PROC_FOLDER = '/proc/stapkit';

/** How long a module may be busy before its removal is given up, in milliseconds. */
const UNLOAD_PATIENCE = 5000;

/** The port to the kernel that we run on. */
export function kernelPort(): ModulePort {
  return { load: loadModule, open: openModule, unload: unloadModule };
}

async function loadModule(
  module: { readonly path: string; readonly name: string },
  parameters: readonly string[],
): Promise<void> {
  try {
    await access(module.path, constants.R_OK);
  } catch (error) {
    throw new DiagnosticError(noModuleFile(module.path, reasonOf(error)));
  }
  const since = kernelTime();
  const result = await runTool('insmod', [module.path, ...parameters.map(quoteParameter)]);
  if (result.exitStatus === 0) return;
  const info = await readModuleInfo(module.path).catch(() => undefined);
  if (!info) throw new DiagnosticError(notAModule(module.path));
  const words = insmodWords(result.text);
  throw new DiagnosticError(
    moduleRefused(module.name, refusalReason(words), words, await kernelWords(info.name, since), {
      vermagic: info.vermagic,
      runningRelease: release(),
      lockdown: await lockdownState(),
    }),
  );
}

/** The kernel splits its parameters at blanks, and takes a value in double quotes as one (lib/cmdline.c, next_arg). */
function quoteParameter(parameter: string): string {
  const equals = parameter.indexOf('=');
  if (!/[ \t]/.test(parameter) || equals === -1) return parameter;
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
  for (let pause = 2; ; pause = Math.min(pause * 2, 200)) {
    const result = await runTool('rmmod', [name]);
    if (result.exitStatus === 0 || !existsSync(`/sys/module/${name}`)) return;
    // Busy for a moment: a file that is just being closed, or the module's own removal under way.
    if (Date.now() > deadline) {
      throw new DiagnosticError(unloadFailed(name, insmodWords(result.text)));
    }
    await sleep(pause);
  }
}

async function openModule(name: string): Promise<ModuleChannel> {
  const folder = join(PROC_FOLDER, name);
  const files: FileHandle[] = [];
  const openFile = async (file: string, flags: number): Promise<FileHandle> => {
    try {
      const handle = await open(join(folder, file), flags);
      files.push(handle);
      return handle;
    } catch (error) {
      for (const handle of files) await handle.close();
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EBUSY') throw new DiagnosticError(inUse(name));
      if (code === 'ENOENT') {
        throw new DiagnosticError(existsSync(`/sys/module/${name}`) ? noStapkitModule(name) : notLoaded(name));
      }
      throw new DiagnosticError(cannotOpen(join(folder, file), reasonOf(error)));
    }
  };
  const control = await openFile('control', constants.O_WRONLY);
  const trace = await openFile('trace', constants.O_RDONLY);
  const sites = await openFile('sites', constants.O_RDONLY);
  return {
    readDescription: () => sites.readFile('utf8'),
    command: (text) => writeCommand(control.fd, text),
    read: (into) => readBatch(trace.fd, into),
    async close() {
      for (const handle of files.splice(0)) await handle.close();
    },
  };
}

function writeCommand(fd: number, text: string): Promise<void> {
  const bytes = Buffer.from(`${text}\n`, 'latin1');
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

/** Runs insmod or rmmod: kmod's from PATH or the system's folders, or busybox's. */
async function runTool(tool: 'insmod' | 'rmmod', args: readonly string[]): Promise<ToolResult> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/sbin', '/usr/sbin', '/bin', '/usr/bin'];
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder || '.', name)).find((path) => path.startsWith('/') && existsSync(path));
  const direct = find(tool);
  const busybox = direct ? undefined : find('busybox');
  const program = direct ?? busybox;
  if (!program) throw new DiagnosticError(noLoader());
  const argv = busybox ? [tool, ...args] : [...args];
  return new Promise((resolve) => {
    execFile(program, argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }, (error, _stdout, stderr) => {
      const exitStatus = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
      resolve({ exitStatus, text: stderr || (error ? error.message : '') });
    });
  });
}

/** The system's words for an error, e.g. `No such file or directory` for ENOENT. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const match = /^[A-Z0-9]+: ([^,]+)/.exec(error.message);
  return match?.[1] ?? error.message;
}
