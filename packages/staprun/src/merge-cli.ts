// The command `stap-merge`.
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Diagnostic, DiagnosticError, renderDiagnostic, systemWords } from '@stapkit/pass';
import { type GotOptions, getOptions } from '@stapkit/pass/options';
import { outputFailed, usageError } from './diagnostics.js';
import { mergeManual } from './manuals.js';
import { MERGE_USAGE, MERGE_VERSION, mergeFiles } from './merge-files.js';

/** The streams that stap-merge writes to. */
export interface MergeIo {
  output(chunk: Uint8Array): void | Promise<void>;
  errors(text: string): void;
}

/**
 * Runs `stap-merge`.
 *
 * @param argv without the program's name
 * @returns the exit status
 */
export async function mergeCommand(argv: readonly string[], io: MergeIo): Promise<number> {
  const show = (diagnostics: readonly Diagnostic[]): number => {
    for (const diagnostic of diagnostics) io.errors(`${renderDiagnostic(diagnostic)}\n`);
    return 1;
  };
  let got: GotOptions;
  try {
    got = getOptions(argv, mergeManual.options, { program: 'stap-merge', codes: 'staprun' });
  } catch (error) {
    if (error instanceof DiagnosticError) return show(error.diagnostics);
    throw error;
  }
  const paths = got.operands;
  if (got.values.get('o')?.includes('')) return show([usageError('empty-value', '-o needs the name of a file')]);
  const verbose = got.values.has('v');
  const outputName = got.values.get('o')?.at(-1) as string | undefined;
  const told = got.values.has('h') ? MERGE_USAGE : got.values.has('V') ? MERGE_VERSION : undefined;
  if (paths.length === 0 && told === undefined)
    return show([usageError('no-input', 'need the files to merge', ["try 'stap-merge --help'"])]);
  const print = async (chunk: Uint8Array): Promise<void> => {
    try {
      await io.output(chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw error;
      throw new DiagnosticError(outputFailed('standard output', systemWords(error)));
    }
  };
  try {
    if (told !== undefined) {
      await print(Buffer.from(told));
      return 0;
    }
    if (outputName === undefined) {
      await mergeFiles(paths, print, verbose);
      return 0;
    }
    const name = outputName;
    for (const path of paths) {
      // Opening it would empty it before it is read.
      if (isSameFile(path, name))
        return show([usageError('output-is-input', `-o names "${path}", which is to be merged`)]);
    }
    const fail = (error: unknown): never => {
      throw new DiagnosticError(outputFailed(name, systemWords(error)));
    };
    const handle = await open(name, 'w').catch(fail);
    try {
      const write = (chunk: Uint8Array): Promise<void> => handle.writeFile(chunk).catch(fail);
      await mergeFiles(paths, write, verbose);
    } finally {
      await handle.close();
    }
    return 0;
  } catch (error) {
    if (error instanceof DiagnosticError) return show(error.diagnostics);
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 1;
    throw error;
  }
}

/** True where both names lead to one file; devices and pipes can be read and written at once. */
function isSameFile(one: string, other: string): boolean {
  const of = (path: string) => statSync(path, { throwIfNoEntry: false });
  try {
    const [a, b] = [of(one), of(other)];
    return a !== undefined && b !== undefined && a.isFile() && a.dev === b.dev && a.ino === b.ino;
  } catch {
    // What is wrong with it is told when it is opened.
    return false;
  }
}
