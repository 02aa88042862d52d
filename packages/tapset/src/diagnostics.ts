// The messages of the tapset package.
import { getSystemErrorMap } from 'node:util';
import type { Diagnostic } from '@stapkit/pass';

/** A `-I` folder that is not there or not readable. */
export function cannotReadFolder(folder: string, error: unknown): Diagnostic {
  const { errno, message = String(error) } = error as Partial<NodeJS.ErrnoException>;
  const reason = (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
  return {
    code: 'tapset/unreadable-folder',
    severity: 'warning',
    class: 'usage',
    message: `cannot read the tapset folder "${folder}": ${reason}`,
    hints: ['check the -I options'],
  };
}
