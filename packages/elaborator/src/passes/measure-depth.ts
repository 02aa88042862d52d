// Finds what is nested too deeply before anything recurses over it. The walk keeps its own stack, so it can't overflow.
import { type Ast, type AstNode, CHILD_FIELDS, type Declaration } from '@stapkit/parser';

/**
 * The deepest levels of statements and expressions that the elaborator and the passes after it take. Each level costs a
 * few hundred bytes of the JavaScript stack in several recursive walks.
 */
export const DEEPEST_NESTING = 800;

/**
 * Looks for a node nested deeper than the limit.
 *
 * @returns the first such node, or undefined
 */
export function findTooDeep(
  declaration: Declaration,
  limit: number = DEEPEST_NESTING,
): Exclude<AstNode, Ast> | undefined {
  const nodes: Exclude<AstNode, Ast>[] = [declaration];
  const depths: number[] = [0];
  while (nodes.length > 0) {
    const node = nodes.pop()!;
    const depth = depths.pop()!;
    if (depth > limit) return node;
    for (const field of CHILD_FIELDS[node.kind]) {
      const child = (node as unknown as Record<string, unknown>)[field];
      if (Array.isArray(child)) {
        for (const item of child) {
          if (item === null || item === undefined) continue;
          if (field === 'path') {
            if (item.kind === 'index') {
              nodes.push(item.index);
              depths.push(depth + 1);
            }
          } else {
            nodes.push(item);
            depths.push(depth + 1);
          }
        }
      } else if (child !== undefined && child !== null && typeof child === 'object') {
        nodes.push(child as Exclude<AstNode, Ast>);
        depths.push(depth + 1);
      }
    }
  }
  return undefined;
}
