// The command `stap-merge`.
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
