// Warns of names that are read but that nothing ever assigns: mostly spelling mistakes (stap(1), warnings of pass 2).
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { Draft, LocalSymbol } from '../draft.js';
import { similarNames } from '../similar.js';
import type { Usage } from './usage.js';

/**
 * @param userFiles files whose names are worth a warning
 */
export function checkAssigned(draft: Draft, usage: Usage, userFiles: ReadonlySet<string>): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const globalNames = draft.globals.filter((symbol) => !symbol.library).map((symbol) => symbol.name);
  const warned = new Set<string>();
  for (const symbol of usage.localReads) {
    if (usage.localWrites.has(symbol) || symbol.hidden || symbol.parameter || !userFiles.has(symbol.token.span.file)) {
      continue;
    }
    const key = `${symbol.token.span.file}\0${symbol.token.span.start}`;
    if (warned.has(key)) continue;
    warned.add(key);
    const others: string[] = [...globalNames, ...[...usage.localWrites].filter(isNamed(userFiles)).map((l) => l.name)];
    const near = similarNames(symbol.name, new Set(others)).filter((name) => name !== symbol.name);
    diagnostics.push(messages.neverAssigned('local', symbol.name, near, symbol.token));
  }
  for (const symbol of draft.globals) {
    if (symbol.library || symbol.initial || !usage.globalReads.has(symbol) || usage.globalWrites.has(symbol)) continue;
    const near = similarNames(symbol.name, globalNames).filter((name) => name !== symbol.name);
    diagnostics.push(messages.neverAssigned('global', symbol.name, near, symbol.token));
  }
  return diagnostics;
}

function isNamed(userFiles: ReadonlySet<string>) {
  return (symbol: LocalSymbol): boolean => !symbol.hidden && userFiles.has(symbol.token.span.file);
}
