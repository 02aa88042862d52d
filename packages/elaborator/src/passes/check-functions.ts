// Checks that the user's privilege level allows the embedded C that a script uses (stap(1), "TAPSET RESTRICTIONS").
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { FunctionSymbol } from '../draft.js';
import type { Usage } from './usage.js';

const ALLOWED = ['unprivileged', 'myproc-unprivileged'];

/** Embedded C must say that everybody may use it before those of the lowest level may. */
export function checkFunctions(
  functions: readonly FunctionSymbol[],
  usage: Usage,
  options: { readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev' },
): Diagnostic[] {
  const { privilege } = options;
  if (privilege !== 'stapusr') return [];
  const isRefused = ({ pragmas }: { readonly pragmas: readonly string[] }): boolean =>
    !pragmas.some((pragma) => ALLOWED.includes(pragma.trim()));
  return [
    ...functions
      .filter(({ embedded }) => embedded && isRefused(embedded))
      .map(({ token }) => messages.privilegedFunction(privilege, token)),
    ...[...usage.embedded].filter(isRefused).map(({ token }) => messages.privilegedExpression(privilege, token)),
  ];
}
