// Checks that the user's privilege level allows the embedded C that a script calls (stap(1), "TAPSET RESTRICTIONS").
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { FunctionSymbol } from '../draft.js';

/** Embedded C must say that everybody may use it before those of the lowest level may. */
export function checkFunctions(
  functions: readonly FunctionSymbol[],
  options: { readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev' },
): Diagnostic[] {
  const { privilege } = options;
  if (privilege !== 'stapusr') return [];
  return functions
    .filter(
      ({ embedded }) =>
        embedded && !embedded.pragmas.some((pragma) => pragma === 'unprivileged' || pragma === 'myproc-unprivileged'),
    )
    .map((symbol) => messages.privilegedFunction(privilege, symbol.token));
}
