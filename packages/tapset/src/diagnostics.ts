// The messages of the tapset package.
import { type Diagnostic, systemWords } from '@stapkit/pass';

/** A `-I` folder that is not there or not readable. */
export function cannotReadFolder(folder: string, error: unknown): Diagnostic {
  return {
    code: 'tapset/unreadable-folder',
    severity: 'warning',
    class: 'usage',
    message: `cannot read the tapset folder "${folder}": ${systemWords(error)}`,
    hints: ['check the -I options'],
  };
}
