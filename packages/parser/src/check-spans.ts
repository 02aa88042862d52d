// The span checker: what tools rely on when they go from a place in the text to a node. It is run over every example by
// the tests, and is there for those who transform trees.
import type { Ast, AstNode } from './ast.js';
import { visitNode } from './visitor.js';

/** A node whose place is not within its parent's. */
export interface SpanFault {
  readonly node: AstNode;
  readonly parent: AstNode;
  readonly reason: string;
}

/**
 * Checks that every node's span is well-formed and lies within its parent's, unless it came from an expansion.
 *
 * @param root the tree to check
 */
export function checkSpans(root: Exclude<AstNode, Ast>): SpanFault[] {
  const faults: SpanFault[] = [];
  visitNode(root, (node, parent) => {
    if (!parent || node.kind === 'ast' || parent.kind === 'ast') return undefined;
    const { span } = node;
    const fault = (reason: string) => faults.push({ node, parent, reason });
    if (!(span.start >= 0 && span.start <= span.end)) fault('the span is upside down');
    if ('origin' in node && node.origin) return undefined;
    if (span.file !== parent.span.file) fault('the span is in another file');
    else if (span.start < parent.span.start || span.end > parent.span.end) fault('the span reaches beyond the parent');
    return undefined;
  });
  return faults;
}
