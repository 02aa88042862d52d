// Leaves out of an alias's handler what the script can't be asking for, before it is bound. Aliases set a dozen variables
// each, of which a script reads one or two; binding them all, and the library functions behind them, only to elide them
// would be most of the time of a one-line script.
//
// Only plain assignments of the library's own are left out, to names that nothing else in the probe mentions, with values
// that can be seen to have no effect.
import type { Ast, AstNode, Block, Expression, FunctionDeclaration, Statement } from '@stapkit/parser';
import { CHILD_FIELDS } from '@stapkit/parser';
import type { HandlerPart } from './derive-probes.js';

type Node = Exclude<AstNode, Ast>;
type Mentions = ReadonlyMap<string, number>;

/** Prunes handlers; it remembers what it learns of blocks and functions, so one serves a whole script. */
export interface Pruner {
  prune(handler: readonly HandlerPart[]): readonly HandlerPart[];
}

/** @param ast the script and its library, for the functions that handlers call */
export function prologuePruner(ast: Ast): Pruner {
  const functions = new Map<string, FunctionDeclaration[]>();
  const globals = new Set<string>();
  for (const file of [...ast.user, ...ast.library]) {
    for (const declaration of file.declarations) {
      if (declaration.kind === 'function') {
        const known = functions.get(declaration.name);
        if (known) known.push(declaration);
        else functions.set(declaration.name, [declaration]);
      } else if (declaration.kind === 'global') globals.add(declaration.name);
    }
  }
  const blockMentions = new Map<Node, Mentions>();
  const pureFunctions = new Map<string, boolean>();
  const pureValues = new Map<Node, boolean>();
  const pruned = new Map<string, Block>();

  function mentionsOf(node: Node): Mentions {
    const known = blockMentions.get(node);
    if (known) return known;
    const counts = new Map<string, number>();
    visit(node, (each) => {
      if (each.kind === 'identifier') counts.set(each.name, (counts.get(each.name) ?? 0) + 1);
    });
    blockMentions.set(node, counts);
    return counts;
  }

  /** No effect but its value, as far as the text tells. */
  function isPure(node: Node): boolean {
    let pure = true;
    visit(node, (each) => {
      switch (each.kind) {
        case 'assignment':
          if (each.target.kind !== 'identifier' || globals.has(each.target.name) || each.operator === '<<<')
            pure = false;
          return;
        case 'update':
          if (each.operand.kind !== 'identifier' || globals.has(each.operand.name)) pure = false;
          return;
        case 'print':
          if (!each.name.startsWith('s')) pure = false;
          return;
        case 'call':
          if (!isPureFunction(each.name)) pure = false;
          return;
        case 'embedded-code':
          if (!each.pragmas.includes('pure')) pure = false;
          return;
        // A match leaves its groups behind, for matched().
        case 'delete':
        case 'next':
        case 'regex':
          pure = false;
          return;
        default:
      }
    });
    return pure;
  }

  function isPureFunction(name: string): boolean {
    const known = pureFunctions.get(name);
    if (known !== undefined) return known;
    // A function that calls itself adds nothing by that.
    pureFunctions.set(name, true);
    const declarations = functions.get(name);
    const pure = declarations?.every((declaration) => isPure(declaration.body)) ?? false;
    pureFunctions.set(name, pure);
    return pure;
  }

  function isPureValue(node: Expression): boolean {
    let pure = pureValues.get(node);
    if (pure === undefined) {
      // Assignments inside a value set names of the handler, which something else may mention.
      pure = isPure(node) && !contains(node, (each) => each.kind === 'assignment' || each.kind === 'update');
      pureValues.set(node, pure);
    }
    return pure;
  }

  return {
    prune(handler) {
      if (!handler.some((part) => part.file.privileged && part.block.statements.length > 0)) return handler;
      const total = new Map<string, number>();
      for (const { block } of handler) {
        for (const [name, count] of mentionsOf(block)) total.set(name, (total.get(name) ?? 0) + count);
      }
      // Backwards, so that what only a pruned statement read is pruned too.
      const result: HandlerPart[] = [...handler];
      for (let index = handler.length - 1; index >= 0; index--) {
        const part = handler[index]!;
        if (!part.file.privileged) continue;
        const kept: Statement[] = [];
        const dropped: number[] = [];
        for (let at = part.block.statements.length - 1; at >= 0; at--) {
          const statement = part.block.statements[at]!;
          const name = droppable(statement);
          if (name === undefined || globals.has(name) || total.get(name) !== mentionsOf(statement).get(name)) {
            kept.push(statement);
            continue;
          }
          for (const [mentioned, count] of mentionsOf(statement)) {
            total.set(mentioned, (total.get(mentioned) ?? 0) - count);
          }
          dropped.push(at);
        }
        if (dropped.length === 0) continue;
        // The same statements dropped give the same block, so that later look-ups by block hit.
        const key = `${part.file.name}\0${part.block.span.start}\0${dropped}`;
        let block = pruned.get(key);
        if (!block) {
          block = { ...part.block, statements: kept.reverse() };
          pruned.set(key, block);
        }
        result[index] = { ...part, block };
      }
      return result;
    },
  };

  function droppable(statement: Statement): string | undefined {
    if (statement.kind !== 'expression-statement') return undefined;
    const { expression } = statement;
    if (expression.kind !== 'assignment' || expression.operator !== '=' || expression.target.kind !== 'identifier') {
      return undefined;
    }
    return isPureValue(expression.value) ? expression.target.name : undefined;
  }
}

function contains(node: Node, matches: (node: Node) => boolean): boolean {
  let found = false;
  visit(node, (each) => {
    if (matches(each)) found = true;
  });
  return found;
}

/** @returns the names of script and target variables that a handler's own text assigns to, for `@probewrite` */
export function writtenNames(block: Block): ReadonlySet<string> {
  const names = new Set<string>();
  visit(block, (each) => {
    const target =
      each.kind === 'assignment'
        ? each.target
        : each.kind === 'update'
          ? each.operand
          : each.kind === 'delete'
            ? each.target
            : undefined;
    if (target && 'name' in target && typeof target.name === 'string') names.add(target.name);
  });
  return names;
}

/** Calls a function for a node and all below it; it keeps its own stack, so depth does not matter. */
function visit(root: Node, each: (node: Node) => void): void {
  const stack: Node[] = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    each(node);
    for (const field of CHILD_FIELDS[node.kind]) {
      const child = (node as unknown as Record<string, unknown>)[field];
      if (Array.isArray(child)) {
        for (const item of child) {
          if (!item) continue;
          if (field !== 'path') stack.push(item as Node);
          else if (item.kind === 'index') stack.push(item.index as Node);
        }
      } else if (child && typeof child === 'object') stack.push(child as Node);
    }
  }
}
