// The command `stap-merge`.
import { open } from 'node:fs/promises';
import { type Diagnostic, DiagnosticError, renderDiagnostic } from '@stapkit/pass';
import { outputFailed, usageError } from './diagnostics.js';
import { reasonOf } from './kernel-port.js';
import { MERGE_USAGE, mergeFiles } from './merge-files.js';

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
  const paths: string[] = [];
  let outputName: string | undefined;
  let verbose = false;
  const show = (diagnostics: readonly Diagnostic[]): number => {
    for (const diagnostic of diagnostics) io.errors(`${renderDiagnostic(diagnostic)}\n`);
    return 1;
  };
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '-v') verbose = true;
    else if (word === '-h' || word === '--help') {
      await io.output(Buffer.from(MERGE_USAGE));
      return 0;
    } else if (word.startsWith('-o')) {
      outputName = word.slice(2) || argv[++index];
      if (outputName === undefined) return show([usageError('missing-value', '-o needs a file name')]);
    } else if (word.startsWith('-') && word !== '-') {
      return show([usageError('unknown-option', `unknown option ${word}`, ["try 'stap-merge --help'"])]);
    } else paths.push(word);
  }
  if (paths.length === 0) return show([usageError('no-input', 'need the files to merge', ["try 'stap-merge --help'"])]);
  try {
    if (outputName === undefined) {
      await mergeFiles(paths, io.output, verbose);
      return 0;
    }
    const name = outputName;
    const fail = (error: unknown): never => {
      throw new DiagnosticError(outputFailed(name, reasonOf(error)));
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
