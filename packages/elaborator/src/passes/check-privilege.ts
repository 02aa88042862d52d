// Checks that the user's privilege level allows each probe point (stap(1), "UNPRIVILEGED USERS"). Which level a point
// needs is said by its family.
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { FunctionSymbol } from '../draft.js';
import type { Family } from '../families/family.js';
import { FAMILIES } from '../families/table.js';
import type { TokenNamer } from '../tokens.js';
import type { DerivedProbes } from './derive-probes.js';

const LEVELS = { stapusr: 0, stapsys: 1, stapdev: 2 } as const;

export function checkPrivilege(
  derived: DerivedProbes,
  options: { readonly privilege?: keyof typeof LEVELS; readonly families?: readonly Family[] },
  tokens: TokenNamer,
): Diagnostic[] {
  const level = LEVELS[options.privilege ?? 'stapdev'];
  if (level === LEVELS.stapdev) return [];
  const open = new Set<string>();
  for (const family of [...FAMILIES, ...(options.families ?? [])]) {
    for (const { pattern, privilege } of family.points) {
      if (LEVELS[privilege ?? 'stapdev'] <= level) open.add(pattern.split(/[.(]/)[0]!);
    }
  }
  const diagnostics: Diagnostic[] = [];
  for (const probe of derived.probes) {
    const first = probe.name.split(/[.(?!]/)[0]!;
    if (!open.has(first)) {
      diagnostics.push(messages.privilege(options.privilege ?? 'stapdev', tokens.token(probe.declaration)));
    }
  }
  return diagnostics;
}

/** Embedded C must say that everybody may use it before those of the lowest level may. */
export function checkFunctions(
  functions: readonly FunctionSymbol[],
  options: { readonly privilege?: keyof typeof LEVELS },
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
