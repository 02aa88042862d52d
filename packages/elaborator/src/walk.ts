// Walks over the draft: one place that knows every kind's children.
import type { DraftExpression, DraftStatement, DraftStatisticSource } from './draft.js';

/** Calls a function for each direct child expression of an expression. */
export function eachOperand(node: DraftExpression, visit: (child: DraftExpression) => void): void {
  const source = (from: DraftStatisticSource): void => {
    for (const key of from.keys ?? []) if (key) visit(key);
  };
  switch (node.kind) {
    case 'number':
    case 'string':
    case 'local':
    case 'global':
    case 'context':
    case 'entry-value':
    case 'embedded':
    case 'unresolved':
    case 'probewrite':
      return;
    case 'element':
      for (const key of node.keys) visit(key);
      return;
    case 'call':
    case 'format':
    case 'print':
      for (const argument of node.arguments) visit(argument);
      return;
    case 'unary':
      visit(node.operand);
      return;
    case 'arithmetic':
    case 'comparison':
    case 'logical':
      visit(node.left);
      visit(node.right);
      return;
    case 'concatenation':
      for (const part of node.parts) visit(part);
      return;
    case 'conditional':
      visit(node.condition);
      visit(node.then);
      visit(node.else);
      return;
    case 'assignment':
      visit(node.target);
      visit(node.value);
      return;
    case 'update':
      visit(node.target);
      return;
    case 'accumulate':
      source(node.target);
      visit(node.value);
      return;
    case 'membership':
      for (const key of node.keys) if (key) visit(key);
      return;
    case 'regex':
      visit(node.subject);
      return;
    case 'statistic':
    case 'print-histogram':
      source(node.source);
      return;
    case 'bucket':
      source(node.source);
      visit(node.index);
      return;
    case 'load':
      visit(node.place.address);
      return;
    case 'store':
      visit(node.place.address);
      visit(node.value);
      return;
    case 'string-load':
      visit(node.address);
      if (node.length) visit(node.length);
      return;
    case 'context-store':
      visit(node.value);
      return;
    case 'let':
      visit(node.value);
      visit(node.body);
      return;
  }
}

/** Calls a function for each direct child expression of a statement. */
export function eachExpression(node: DraftStatement, visit: (child: DraftExpression) => void): void {
  switch (node.kind) {
    case 'expression':
      visit(node.expression);
      return;
    case 'if':
      visit(node.condition);
      return;
    case 'loop':
      if (node.condition) visit(node.condition);
      if (node.step) visit(node.step);
      return;
    case 'foreach':
      for (const key of node.slice) if (key) visit(key);
      if (node.limit) visit(node.limit);
      return;
    case 'foreach-bucket':
      for (const key of node.source.keys ?? []) if (key) visit(key);
      if (node.limit) visit(node.limit);
      return;
    case 'return':
      if (node.value) visit(node.value);
      return;
    case 'delete':
      for (const key of node.keys ?? []) if (key) visit(key);
      return;
    default:
  }
}

/** Calls a function for each direct child statement of a statement. */
export function eachStatement(node: DraftStatement, visit: (child: DraftStatement) => void): void {
  switch (node.kind) {
    case 'block':
      for (const child of node.statements) visit(child);
      return;
    case 'if':
      visit(node.then);
      if (node.else) visit(node.else);
      return;
    case 'loop':
    case 'foreach':
    case 'foreach-bucket':
      visit(node.body);
      return;
    case 'try':
      visit(node.body);
      visit(node.handler);
      return;
    default:
  }
}
