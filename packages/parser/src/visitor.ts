// The generic walk over the AST, driven by CHILD_FIELDS: what the name collector, the span checker and tools build on.
import { type AstNode, CHILD_FIELDS } from './ast.js';

/** What a visit does at a node: `skip` leaves its children out, `stop` ends the whole walk. */
export type VisitAction = 'skip' | 'stop' | undefined;

/**
 * Lists the children of a node in the order of CHILD_FIELDS; of path steps, the index expressions.
 *
 * @param node any node of an AST
 */
export function childrenOf(node: AstNode): AstNode[] {
  const children: AstNode[] = [];
  for (const field of CHILD_FIELDS[node.kind]) collect((node as unknown as Record<string, unknown>)[field], children);
  return children;
}

function collect(value: unknown, into: AstNode[]): void {
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, into);
    return;
  }
  const { kind } = value as { kind?: string };
  if (kind === 'field') return;
  if (kind === 'index') {
    const { index } = value as { index: AstNode };
    into.push(index);
    return;
  }
  if (kind !== undefined) into.push(value as AstNode);
}

/**
 * Walks a tree from its root, parents before children, children in the order of CHILD_FIELDS. The walk keeps its own
 * stack, so that a tree of any depth can be walked.
 *
 * @param root where to begin
 * @param visit called for each node with its parent; see `VisitAction`
 */
export function visitNode(root: AstNode, visit: (node: AstNode, parent: AstNode | undefined) => VisitAction): void {
  const stack: { node: AstNode; parent: AstNode | undefined }[] = [{ node: root, parent: undefined }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const action = visit(top.node, top.parent);
    if (action === 'stop') return;
    if (action === 'skip') continue;
    const children = childrenOf(top.node);
    for (let index = children.length - 1; index >= 0; index--) stack.push({ node: children[index]!, parent: top.node });
  }
}
