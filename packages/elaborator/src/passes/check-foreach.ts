// An array must not be changed while a foreach walks it (langref.pdf, "Array iteration"). Changes that a called function
// makes count too.
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import type { Draft, DraftExpression, DraftStatement, FunctionSymbol, GlobalSymbol, Token } from '../draft.js';
import { eachExpression, eachOperand, eachStatement } from '../walk.js';

/** @returns an error for each change inside a loop over what is changed */
export function checkForeach(draft: Draft): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const written = new Map<FunctionSymbol, ReadonlySet<GlobalSymbol>>();

  /** The globals that a function changes, itself or through others. */
  function writesOf(symbol: FunctionSymbol): ReadonlySet<GlobalSymbol> {
    const known = written.get(symbol);
    if (known) return known;
    const globals = new Set<GlobalSymbol>();
    const seen = new Set<FunctionSymbol>([symbol]);
    const work = [symbol];
    for (let at = work.pop(); at; at = work.pop()) {
      walkStatement(
        at.body,
        (global) => globals.add(global),
        (called) => {
          for (let each: FunctionSymbol | undefined = called; each && !seen.has(each); each = each.fallback) {
            seen.add(each);
            work.push(each);
          }
        },
      );
    }
    written.set(symbol, globals);
    return globals;
  }

  function check(node: DraftStatement, walked: readonly GlobalSymbol[]): void {
    if (node.kind === 'foreach') {
      eachStatement(node, (child) => check(child, [...walked, node.global]));
      return;
    }
    if (walked.length > 0) {
      const report = (global: GlobalSymbol, token: Token): void => {
        if (walked.includes(global)) diagnostics.push(messages.modifiedInForeach(global.name, token));
      };
      if (node.kind === 'delete') report(node.global, node.token);
      eachExpression(node, (child) =>
        walkExpression(child, report, (called, token) => {
          for (const global of walked) {
            if (writesOf(called).has(global)) diagnostics.push(messages.callModifiesForeach(global.name, token));
          }
        }),
      );
    }
    eachStatement(node, (child) => check(child, walked));
  }

  for (const symbol of draft.functions) check(symbol.body, []);
  for (const probe of draft.probes) check(probe.body, []);
  return diagnostics;
}

type OnWrite = (global: GlobalSymbol, token: Token) => void;
type OnCall = (called: FunctionSymbol, token: Token) => void;

function walkExpression(node: DraftExpression, onWrite: OnWrite, onCall: OnCall): void {
  if (node.kind === 'assignment' || node.kind === 'update') {
    if (node.target.kind === 'global' || node.target.kind === 'element') onWrite(node.target.symbol, node.target.token);
  } else if (node.kind === 'accumulate') onWrite(node.target.global, node.target.token);
  else if (node.kind === 'call') onCall(node.function, node.token);
  eachOperand(node, (child) => walkExpression(child, onWrite, onCall));
}

function walkStatement(node: DraftStatement, onWrite: OnWrite, onCall: OnCall): void {
  if (node.kind === 'delete') onWrite(node.global, node.token);
  eachExpression(node, (child) => walkExpression(child, onWrite, onCall));
  eachStatement(node, (child) => walkStatement(child, onWrite, onCall));
}
