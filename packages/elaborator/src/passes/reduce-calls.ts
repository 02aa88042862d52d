// What becomes of expressions whose value nobody takes, as in SystemTap: of `a && b` an if, so that `b` may be a call of a
// function that gives no value; and, with -u too, of a call its arguments, where the function has parameters and does nothing
// but give a value.
import { type DraftExpression, type DraftStatement, type FunctionSymbol, newCell } from '../draft.js';
import { eachOperand } from '../walk.js';

/** The if that `a && b`, `a || b` or `a ? b : c` is as a statement; undefined for all other statements. */
export function branchOf(node: DraftStatement): Extract<DraftStatement, { kind: 'if' }> | undefined {
  if (node.kind !== 'expression') return undefined;
  const { expression, token, library } = node;
  const statement = (inner: DraftExpression): DraftStatement => ({
    kind: 'expression',
    token: inner.token,
    library,
    expression: inner,
  });
  if (expression.kind === 'conditional') {
    return {
      kind: 'if',
      token,
      library,
      condition: expression.condition,
      // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
      then: statement(expression.then),
      else: statement(expression.else),
    };
  }
  if (expression.kind !== 'logical') return undefined;
  const { left, right } = expression;
  const condition: DraftExpression =
    expression.operator === 'and'
      ? left
      : {
          kind: 'unary',
          operator: 'not',
          operand: left,
          token: left.token,
          library,
          cell: newCell('long', left.token),
        };
  // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
  return { kind: 'if', token, library, condition, then: statement(right) };
}

/** Replaces such expressions in a statement and all within it. */
export function reduceCalls(node: DraftStatement, pure: ReadonlySet<FunctionSymbol>): DraftStatement {
  const inner = (statement: DraftStatement): DraftStatement => reduceCalls(statement, pure);
  switch (node.kind) {
    case 'expression': {
      const branch = branchOf(node);
      if (branch) return inner(branch);
      const left = leftOf(node.expression, pure);
      if (!left) return node;
      const { token, library } = node;
      const statements = left.map((expression): DraftStatement => ({ kind: 'expression', token, library, expression }));
      return { kind: 'block', token, library, statements };
    }
    case 'block':
      return { ...node, statements: node.statements.map(inner) };
    case 'if':
      // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
      return { ...node, then: inner(node.then), ...(node.else ? { else: inner(node.else) } : {}) };
    case 'loop':
    case 'foreach':
    case 'foreach-bucket':
      return { ...node, body: inner(node.body) };
    case 'try':
      return { ...node, body: inner(node.body), handler: inner(node.handler) };
    default:
      return node;
  }
}

/** What must still be evaluated of an expression whose value nobody takes; undefined where that is all of it. */
function leftOf(node: DraftExpression, pure: ReadonlySet<FunctionSymbol>): readonly DraftExpression[] | undefined {
  switch (node.kind) {
    case 'call':
      if (node.arguments.length === 0 || !pure.has(node.function)) return undefined;
      return node.arguments.flatMap((argument) => leftOf(argument, pure) ?? [argument]);
    case 'unary':
    case 'arithmetic':
    case 'comparison':
    case 'concatenation': {
      const operands: DraftExpression[] = [];
      eachOperand(node, (operand) => operands.push(operand));
      const parts = operands.map((operand) => leftOf(operand, pure));
      if (parts.every((part) => part === undefined)) return undefined;
      return operands.flatMap((operand, index) => parts[index] ?? [operand]);
    }
    default:
      return undefined;
  }
}
