// The types of C headers, for `@cast(p, "type", "<header>")`: a file that does nothing but include them is compiled with
// debug information, which describes their types. A kernel header is compiled by the recipe of the kernel's own modules,
// any other with the compiler's defaults (langref 5.6.11). What came of it is kept, and stands while no file that the
// compiler read has changed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Outcome } from '@stapkit/pass';
import { parseCompilerMessages } from './compiler-messages.js';
import { buildWarning } from './diagnostics.js';
import { makeTemporaryFolder, removeFolder, writeAtomically } from './files.js';
import type { KbuildRecipe } from './kbuild-commands.js';
import { which } from './kernel-build.js';
import { runTool } from './run-tool.js';
import { cacheFault } from './runtime-archive.js';

/** Changes whenever what is kept would be compiled otherwise. */
const FORMAT = 1;

/** What to compile, and where to keep it. */
export interface CompileHeadersOptions {
  /** As between the brackets: `sys/time.h`. In the order in which they are included. */
  readonly headers: readonly string[];
  /** How the kernel's modules are compiled; absent for headers of user space. */
  readonly recipe?: Pick<KbuildRecipe, 'compiler' | 'folder' | 'kernelFlags'>;
  /** stapkit's cache folder. */
  readonly cacheFolder: string;
}

/**
 * Compiles headers for the sake of their types.
 *
 * @returns the object file, or a warning that says why there is none
 * @throws DiagnosticError where it can't be kept; the signal's reason when aborted
 */
export async function compileHeaders(
  options: CompileHeadersOptions,
  signal: AbortSignal,
): Promise<Outcome<string | undefined>> {
  const { headers, recipe, cacheFolder } = options;
  const shown = headers.map((header) => `<${header}>`).join('');
  const compiler = recipe?.compiler ?? which('gcc') ?? which('cc') ?? which('clang');
  if (compiler === undefined) {
    return failed(`the types of ${shown} take a C compiler, and none is installed`);
  }
  const flags = [
    ...(recipe?.kernelFlags ?? []),
    ...(basename(compiler).includes('clang') ? ['-fstandalone-debug'] : []),
    // What the header only declares is not used by anything here.
    ...['-g', '-gdwarf-5', '-fno-eliminate-unused-debug-types', '-w'],
  ];
  const source = `${headers.map((header) => `#include <${header}>`).join('\n')}\n`;
  const key = createHash('sha256')
    .update([FORMAT, compiler, recipe?.folder ?? '', ...flags, source].join('\0'))
    .digest('hex')
    .slice(0, 32);
  const folder = join(cacheFolder, 'header-types');
  const path = join(folder, `${key}.o`);
  if (isFresh(path)) return { value: path, diagnostics: [] };
  const temporary = makeTemporaryFolder('stapkit-headers-');
  try {
    const own = join(temporary, 'headers');
    writeFileSync(`${own}.c`, source);
    const result = await runTool(compiler, [...flags, '-MD', '-MF', `${own}.d`, '-c', '-o', `${own}.o`, `${own}.c`], {
      cwd: recipe?.folder ?? temporary,
      env: { LC_ALL: 'C', TMPDIR: temporary },
      signal,
    });
    if (result.code !== 0) {
      const [first] = parseCompilerMessages(result.stderr).filter(({ severity }) => severity === 'error');
      return failed(
        `the types of ${shown} can't be had, since the header does not compile`,
        first ? [`${basename(first.file)}:${first.line}: ${first.text}`] : result.stderr.split('\n').slice(0, 3),
      );
    }
    const read = readDependencies(readFileSync(`${own}.d`, 'utf8'))
      .map((file) => resolve(recipe?.folder ?? temporary, file))
      .filter((file) => file !== `${own}.c`);
    try {
      mkdirSync(folder, { recursive: true });
      writeAtomically(path, readFileSync(`${own}.o`));
      writeAtomically(`${path}.json`, JSON.stringify([compiler, ...read].map((file) => stateOf(file))));
    } catch (error) {
      throw cacheFault(error, cacheFolder);
    }
    return { value: path, diagnostics: [] };
  } finally {
    removeFolder(temporary);
  }
}

function failed(message: string, detail: readonly string[] = []): Outcome<undefined> {
  return { value: undefined, diagnostics: [buildWarning('headers-uncompiled', message, { detail })] };
}

/** What tells that a file is still the one that was read. */
type FileState = readonly [path: string, size: number, changed: number];

function stateOf(path: string): FileState {
  const { size, mtimeMs } = statSync(path);
  return [path, size, mtimeMs];
}

/** Whether there is an object, and every file that it was made from is as it was. */
function isFresh(path: string): boolean {
  try {
    const states: FileState[] = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
    return (
      existsSync(path) &&
      states.every(([file, size, changed]) => {
        const now = stateOf(file);
        return now[1] === size && now[2] === changed;
      })
    );
  } catch {
    // None yet, a damaged one, or a header is gone.
    return false;
  }
}

/** The files that `-MD` lists: `target: file file \` over several lines, blanks in names escaped. */
export function readDependencies(text: string): string[] {
  const [, list = ''] = /^[^:]*:((?:[^\n\\]|\\[\s\S])*)/.exec(text) ?? [];
  return (list.replace(/\\\n/g, ' ').match(/(?:[^\s\\]|\\.)+/g) ?? []).map((file) => file.replace(/\\(.)/g, '$1'));
}
