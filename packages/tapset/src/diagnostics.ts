// The messages of the tapset package.
import type { Diagnostic } from '@stapkit/pass';

/** A `-I` folder that is not there or not readable. */
export function cannotReadFolder(folder: string, error: unknown): Diagnostic {
  const reason = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  return {
    code: 'tapset/unreadable-folder',
    severity: 'warning',
    class: 'usage',
    message: `cannot read the tapset folder "${folder}": ${reason}`,
    hints: ['check the -I options'],
  };
}
