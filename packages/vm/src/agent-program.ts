// The guest's agent as an executable: compiled from agent/ once per source and compiler, and kept in the cache. It
// links with nothing, so the compiler that pass 4 needs is all that it takes.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invariant } from '@stapkit/pass';
import { faults } from './diagnostics.js';
import { contentKey, runTool } from './files.js';
import { findCommand } from './processes.js';

const COMPILERS = ['gcc', 'cc', 'gcc-14', 'gcc-13', 'gcc-12', 'gcc-11', 'gcc-10', 'clang'];

const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-stack-protector',
  '-fcf-protection=none',
  '-fno-asynchronous-unwind-tables',
  '-fno-pie',
  '-no-pie',
  '-nostdlib',
  '-nostdinc',
  '-static',
  '-s',
];

/**
 * The folder with the agent's sources and the spare's program, beside this package's code. A program that bundles this
 * package passes the folder itself.
 */
export function defaultAgentFolder(): string {
  // A bundle in CommonJS has no import.meta.url.
  const here: string | undefined = import.meta.url;
  const folder = here ? fileURLToPath(new URL('../agent', here)) : undefined;
  invariant(folder && existsSync(join(folder, 'agent.c')), 'a bundled @stapkit/vm needs the option agentFolder');
  return folder;
}

/**
 * Returns the path of the compiled agent.
 *
 * @throws DiagnosticError where there is no compiler, or it fails
 */
export async function agentProgram(agentFolder: string, cacheFolder: string, signal?: AbortSignal): Promise<string> {
  const sources = await Promise.all(
    (await readdir(agentFolder))
      .filter((name) => /\.[ch]$/.test(name))
      .sort()
      .map((name) => readFile(join(agentFolder, name))),
  );
  const folder = join(cacheFolder, 'vm');
  const program = join(folder, `agent-${contentKey(process.arch, ...FLAGS, ...sources)}`);
  if (existsSync(program)) return program;

  let compiler: string | undefined;
  for (const name of COMPILERS) compiler ??= await findCommand(name, process.env['PATH']);
  if (!compiler) throw faults.noCompiler();
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw faults.unwritable(folder, error);
  });
  const temporary = `${program}.${process.pid}~`;
  try {
    const { code, stderr } = await runTool(
      compiler,
      [...FLAGS, '-o', temporary, join(agentFolder, 'agent.c')],
      signal ? { signal } : {},
    );
    if (code !== 0) throw faults.agentBuild(compiler, stderr.trim().split('\n'));
    await chmod(temporary, 0o755);
    await rename(temporary, program);
  } finally {
    await rm(temporary, { force: true });
  }
  return program;
}
