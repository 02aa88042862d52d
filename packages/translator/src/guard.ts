// Conditions of probe points within handlers. stapprobes(3stap): "if the expr is false when the probe point is hit, the
// whole probe body including alias bodies is skipped". A probe whose condition has become false is disarmed a moment
// later, and hits may come in between.
import type { Elaborated, Expression, ResolvedProbe, Statement } from '@stapkit/elaborator';
import { walkExpression } from './analysis/children.js';

/** Families whose conditions are evaluated by what runs them. */
const EVALUATED: ReadonlySet<string> = new Set(['begin', 'end', 'error', 'never']);

/** Puts the probe's condition in front of each body. */
export function guardBodies(script: Elaborated): Elaborated {
  if (!script.probes.some(({ condition }) => condition)) return script;
  return { ...script, probes: script.probes.map(guardBody) };
}

function guardBody(probe: ResolvedProbe): ResolvedProbe {
  const { condition, body, span, point } = probe;
  if (!condition || EVALUATED.has(point.family)) return probe;
  const skip: Statement = { kind: 'next', span };
  const operand: Expression = { kind: 'not', type: 'long', operand: condition };
  // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
  const test: Statement = { kind: 'if', span, condition: operand, then: skip };
  // A condition that can't be evaluated counts as false.
  const guard: Statement = mayFail(condition) ? { kind: 'try', span, body: test, handler: skip } : test;
  return { ...probe, body: { kind: 'block', span, statements: [guard, body] } };
}

/** Of what a condition may hold, only a division can fail. */
function mayFail(condition: Expression): boolean {
  let found = false;
  walkExpression(condition, (e) => {
    if (e.kind === 'arithmetic' && (e.operator === '/' || e.operator === '%')) found = true;
  });
  return found;
}
