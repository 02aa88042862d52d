// Checks that the user's privilege level allows the embedded C that a script uses (stap(1), "TAPSET RESTRICTIONS"), and the
// kernel's memory where it is known to be that. What a pointer points to is known only when the handler runs.
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { DraftExpression, FunctionSymbol } from '../draft.js';
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
  const refused = new Set(functions.filter(({ embedded }) => embedded && isRefused(embedded)));
  const expressions: DraftExpression[] = [...usage.embedded].filter(isRefused);
  for (const [node, inside] of usage.kernel) {
    // The tapset's functions for it are told by their names, as those in C are.
    if (inside?.library) refused.add(inside);
    else expressions.push(node);
  }
  return [
    ...[...refused].map(({ token }) => messages.privilegedFunction(privilege, token)),
    ...expressions.map(({ token }) => messages.privilegedExpression(privilege, token)),
  ];
}
