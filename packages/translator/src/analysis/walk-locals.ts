// Which locals need no place in the handler's frame: those that only a foreach sets and that are read only in its body.
import type { LocalVariable, Statement } from '@stapkit/elaborator';
import { childStatements, statementExpressions, walkExpression } from './children.js';
import type { Effects } from './effects.js';

/** So many at most: they may come to lie on the kernel's stack. */
const MOST = 16;

/**
 * Finds the locals that can be variables of a foreach's own.
 *
 * @param from the first of the locals that is not a parameter
 */
export function findWalkLocals(
  body: Statement,
  locals: readonly LocalVariable[],
  from: number,
  effects: Effects,
): ReadonlySet<number> {
  const found = new Set<number>();
  const unfit = new Set<number>();

  function visit(s: Statement, around: ReadonlySet<number>): void {
    for (const e of statementExpressions(s)) {
      walkExpression(e, (part) => {
        if (part.kind === 'local' && !around.has(part.local)) unfit.add(part.local);
        else if (part.kind === 'let') unfit.add(part.local);
        else if ((part.kind === 'assignment' || part.kind === 'update') && part.target.kind === 'local')
          unfit.add(part.target.local);
      });
    }
    if (s.kind === 'foreach-bucket') {
      unfit.add(s.key);
      if (s.value !== undefined) unfit.add(s.value);
    } else if (s.kind === 'try' && s.variable !== undefined) {
      unfit.add(s.variable);
    } else if (s.kind === 'foreach') {
      const set = s.value === undefined ? s.keys : [...s.keys, s.value];
      // A string is read in the element itself, which must stay as it is.
      const changes = (effects.ofStatement(s.body).get(s.global)?.writes ?? 0) > 0;
      const inside = new Set(around);
      for (const local of set) {
        if (inside.has(local) || (changes && locals[local]!.type === 'string')) unfit.add(local);
        inside.add(local);
        found.add(local);
      }
      visit(s.body, inside);
      return;
    }
    for (const child of childStatements(s)) visit(child, around);
  }

  visit(body, new Set());
  return new Set([...found].filter((local) => local >= from && !unfit.has(local)).slice(0, MOST));
}
