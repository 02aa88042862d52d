// Walks over expressions and statements of the elaborated IR.
import type { Expression, Statement, StatisticSource } from '@stapkit/elaborator';
import { unreachable } from '@stapkit/pass';

function fixedKeys(keys: readonly (Expression | null)[]): readonly Expression[] {
  return keys.filter((key) => key !== null);
}

function sourceKeys(source: StatisticSource): readonly Expression[] {
  return source.kind === 'element' ? fixedKeys(source.keys) : [];
}

/** The direct sub-expressions of an expression, in order of evaluation. */
export function childExpressions(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case 'number':
    case 'string':
    case 'local':
    case 'global':
    case 'context':
    case 'entry-value':
    case 'embedded':
      return [];
    case 'element':
      return e.keys;
    case 'call':
      return e.arguments;
    case 'negate':
    case 'complement':
    case 'not':
      return [e.operand];
    case 'arithmetic':
    case 'comparison':
    case 'and':
    case 'or':
      return [e.left, e.right];
    case 'concatenation':
      return e.parts;
    case 'conditional':
      return [e.condition, e.then, e.else];
    case 'assignment':
      return [...(e.target.kind === 'element' ? e.target.keys : []), e.value];
    case 'update':
      return e.target.kind === 'element' ? e.target.keys : [];
    case 'accumulate':
      return [...(e.target.kind === 'element' ? e.target.keys : []), e.value];
    case 'membership':
      return e.keys.filter((key) => key !== null);
    case 'regex':
      return [e.subject];
    case 'statistic':
    case 'print-histogram':
      return sourceKeys(e.source);
    case 'bucket':
      return [...sourceKeys(e.source), e.index];
    case 'load':
      return [e.place.address];
    case 'store':
      return [e.place.address, e.value];
    case 'context-store':
      return [e.value];
    case 'string-load':
      return e.length ? [e.address, e.length] : [e.address];
    case 'let':
      return [e.value, e.body];
    case 'format':
    case 'print':
      return e.format.arguments;
    default:
      return unreachable(e, 'expression');
  }
}

/** The expressions directly in a statement. */
export function statementExpressions(s: Statement): readonly Expression[] {
  switch (s.kind) {
    case 'block':
    case 'next':
    case 'break':
    case 'continue':
    case 'try':
    case 'embedded':
      return [];
    case 'expression':
      return [s.expression];
    case 'if':
      return [s.condition];
    case 'loop':
      return [...(s.condition ? [s.condition] : []), ...(s.step ? [s.step] : [])];
    case 'foreach':
      return [...s.slice.filter((key) => key !== null), ...(s.limit ? [s.limit] : [])];
    case 'foreach-bucket':
      return [...sourceKeys(s.source), ...(s.limit ? [s.limit] : [])];
    case 'return':
      return s.value ? [s.value] : [];
    case 'delete':
      return s.target.kind === 'global' ? [] : fixedKeys(s.target.keys);
    default:
      return unreachable(s, 'statement');
  }
}

/** The statements directly in a statement. */
export function childStatements(s: Statement): readonly Statement[] {
  switch (s.kind) {
    case 'block':
      return s.statements;
    case 'if':
      return s.else ? [s.then, s.else] : [s.then];
    case 'loop':
    case 'foreach':
    case 'foreach-bucket':
      return [s.body];
    case 'try':
      return [s.body, s.handler];
    default:
      return [];
  }
}

/** Calls `visit` for an expression and everything below it. */
export function walkExpression(e: Expression, visit: (e: Expression) => void): void {
  visit(e);
  for (const child of childExpressions(e)) walkExpression(child, visit);
}

/** Calls the visitors for a statement and everything below it. */
export function walkStatement(
  s: Statement,
  statement: (s: Statement) => void,
  expression: (e: Expression) => void,
): void {
  statement(s);
  for (const e of statementExpressions(s)) walkExpression(e, expression);
  for (const child of childStatements(s)) walkStatement(child, statement, expression);
}
