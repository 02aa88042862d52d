// Simplifies the draft: constants are folded, dead branches dropped, and what has neither effect nor use is elided, over
// and over until nothing changes. Follows SystemTap in doing so before types are inferred, so that what is elided can't
// be in error (stap(1), pass 2).
import type { Diagnostic } from '@stapkit/pass';
import { messages } from '../diagnostics.js';
import {
  type Draft,
  type DraftExpression,
  type DraftProbe,
  type DraftStatement,
  type FunctionSymbol,
  newCell,
} from '../draft.js';
import { eachStatement } from '../walk.js';
import { branchOf } from './reduce-calls.js';
import { collectUsage, hasEffect, type Usage } from './usage.js';

/** Rounds of elision; each needs the one before to have found something, so few scripts take more than three. */
const MOST_ROUNDS = 20;

/** Expressions that all rounds but the first may look at: a script of that size is looked at a second time and no more. */
const MOST_VISITS = 400_000;

/**
 * Optimises the draft's functions and probes in place of the old ones.
 *
 * @returns the smaller draft, and a warning for each thing of the user's that was elided
 */
export function optimize(draft: Draft): { readonly draft: Draft; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const warned = new Set<string>();

  function warn(diagnostic: Diagnostic, library: boolean): void {
    if (library) return;
    const key = `${diagnostic.code}\0${diagnostic.span?.file}\0${diagnostic.span?.start}`;
    if (warned.has(key)) return;
    warned.add(key);
    diagnostics.push(diagnostic);
  }

  let visits = 0;
  let probes: DraftProbe[] = draft.probes.map((probe) => ({ ...probe }));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const usage = collectUsage({ ...draft, probes });
    const pass = new Simplifier(usage, warn);
    for (const symbol of usage.reached) {
      if (symbol.embedded) continue;
      symbol.body = pass.statement(symbol.body) ?? emptyLike(symbol.body);
      // Told here, since the calls of a function that does nothing are elided with it.
      if (isEmpty(symbol.body) && symbol.returned.length === 0)
        warn(messages.sideEffectFree(symbol.name, symbol.token), symbol.library);
    }
    probes = probes.map((probe) => ({
      ...probe,
      ...(probe.condition ? { condition: pass.value(probe.condition) } : {}),
      entryValues: probe.entryValues.map((value) => pass.value(value)),
      body: pass.statement(probe.body) ?? emptyLike(probe.body),
    }));
    visits += pass.visits;
    if (!pass.changed || (round > 0 && visits > MOST_VISITS)) break;
  }
  const kept = probes.filter((probe) => {
    if (!isEmpty(probe.body)) return true;
    // A probe that only arms, such as one read by @perf, works by being there.
    if (probe.point.family === 'perf' && probe.point.counter !== undefined) return true;
    warn(messages.elidedProbe(probe.name, probe.token), probe.library);
    return false;
  });
  const usage = collectUsage({ ...draft, probes: kept });
  for (const symbol of usage.reached) {
    // One that goes on to the next of its name leaves the work to that one.
    if (!symbol.returns && !symbol.embedded && usage.pure.has(symbol) && !goesOn(symbol.body)) {
      warn(messages.sideEffectFree(symbol.name, symbol.token), symbol.library);
    }
  }
  return { draft: { ...draft, probes: kept }, diagnostics };
}

/**
 * Drops the overloads behind one that never leaves the work to the next.
 *
 * @returns whether there were any
 */
export function cutOverloads(functions: readonly FunctionSymbol[]): boolean {
  let cut = false;
  for (const symbol of functions) {
    if (!symbol.fallback) continue;
    if (symbol.embedded ? /\bSTAP_NEXT\b/.test(symbol.embedded.code) : goesOn(symbol.body)) continue;
    delete symbol.fallback;
    cut = true;
  }
  return cut;
}

function emptyLike(statement: DraftStatement): DraftStatement {
  return { kind: 'block', token: statement.token, library: statement.library, statements: [] };
}

function goesOn(statement: DraftStatement): boolean {
  let found = statement.kind === 'next';
  eachStatement(statement, (child) => {
    found ||= goesOn(child);
  });
  return found;
}

function isEmpty(statement: DraftStatement): boolean {
  return statement.kind === 'block' && statement.statements.every(isEmpty);
}

class Simplifier {
  changed = false;
  visits = 0;

  constructor(
    private readonly usage: Usage,
    private readonly warn: (diagnostic: Diagnostic, library: boolean) => void,
  ) {}

  // ------------------------------------------------------------------------------------------- statements

  /** @returns the statement that is left, or undefined where nothing is */
  statement(node: DraftStatement): DraftStatement | undefined {
    switch (node.kind) {
      case 'block': {
        const statements: DraftStatement[] = [];
        for (const [index, inner] of node.statements.entries()) {
          const left = this.statement(inner);
          if (!left) continue;
          if (left.kind === 'block') for (const one of left.statements) statements.push(one);
          else statements.push(left);
          const last = statements[statements.length - 1];
          if (last && isJump(last)) {
            // What stands behind a jump is never reached.
            if (index < node.statements.length - 1) this.changed = true;
            break;
          }
        }
        if (statements.length === 0) return undefined;
        return { ...node, statements };
      }
      case 'expression':
        return this.expressionStatement(node);
      case 'if': {
        const condition = this.value(node.condition);
        const first = this.statement(node.then);
        const second = node.else && this.statement(node.else);
        if (condition.kind === 'number') {
          this.changed = true;
          return condition.value !== 0n ? first : second;
        }
        if (!first && !second) return this.effectOf(condition, node);
        if (!first) {
          const not: DraftExpression = {
            kind: 'unary',
            operator: 'not',
            operand: condition,
            token: condition.token,
            library: condition.library,
            cell: newCell('long', condition.token),
          };
          // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
          return { kind: 'if', token: node.token, library: node.library, condition: not, then: second! };
        }
        return {
          kind: 'if',
          token: node.token,
          library: node.library,
          condition,
          // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
          then: first,
          ...(second ? { else: second } : {}),
        };
      }
      case 'loop': {
        const condition = node.condition && this.value(node.condition);
        if (condition?.kind === 'number' && condition.value === 0n) {
          this.changed = true;
          return undefined;
        }
        const step = node.step && this.discard(node.step);
        const body = this.statement(node.body) ?? emptyLike(node.body);
        const { condition: _condition, step: _step, ...rest } = node;
        return { ...rest, ...(condition ? { condition } : {}), ...(step ? { step } : {}), body };
      }
      case 'foreach': {
        const body = this.statement(node.body);
        const slice = node.slice.map((key) => key && this.value(key));
        const limit = node.limit && this.value(node.limit);
        const quiet = [...slice, limit ?? null].every((key) => !key || !hasEffect(key, this.usage.pure));
        if (!body && quiet) {
          this.changed = true;
          return undefined;
        }
        return { ...node, slice, ...(limit ? { limit } : {}), body: body ?? emptyLike(node.body) };
      }
      case 'foreach-bucket': {
        const body = this.statement(node.body) ?? emptyLike(node.body);
        return { ...node, ...(node.limit ? { limit: this.value(node.limit) } : {}), body };
      }
      case 'return':
        return node.value ? { ...node, value: this.value(node.value) } : node;
      case 'delete':
        return node.keys ? { ...node, keys: node.keys.map((key) => key && this.value(key)) } : node;
      case 'delete-local':
        if (this.usage.localReads.has(node.local)) return node;
        this.changed = true;
        return undefined;
      case 'try': {
        const body = this.statement(node.body);
        const handler = this.statement(node.handler) ?? emptyLike(node.handler);
        if (!body) {
          this.changed = true;
          return undefined;
        }
        return { ...node, body, handler };
      }
      case 'next':
      case 'break':
      case 'continue':
      case 'embedded':
        return node;
    }
  }

  private expressionStatement(node: DraftStatement & { kind: 'expression' }): DraftStatement | undefined {
    const branch = hasEffect(node.expression, this.usage.pure) ? branchOf(node) : undefined;
    if (branch) {
      const parts = branch.else ? [branch.then, branch.else] : [branch.then];
      const isIdle = (part: DraftStatement): boolean =>
        part.kind === 'expression' && !hasEffect(part.expression, this.usage.pure);
      this.changed = true;
      // What has no effect is left out without a word, as it is within an expression.
      if (parts.every(isIdle)) return this.statement({ ...node, expression: branch.condition });
      const quiet = (part: DraftStatement): DraftStatement => (isIdle(part) ? emptyLike(part) : part);
      const { else: second, ...first } = branch;
      // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
      return this.statement({ ...first, then: quiet(branch.then), ...(second ? { else: quiet(second) } : {}) });
    }
    const expression = this.discard(node.expression);
    if (!expression) {
      if (!isPlaceholder(node.expression)) this.warn(messages.elidedExpression(node.token), node.library);
      this.changed = true;
      return undefined;
    }
    return expression === node.expression ? node : { ...node, expression };
  }

  /** What is left of an expression whose value nobody takes; undefined where it does nothing. */
  private discard(node: DraftExpression): DraftExpression | undefined {
    const left = this.assignment(node) ?? this.fold(node);
    if (left.kind === 'logical' || left.kind === 'conditional')
      return hasEffect(left, this.usage.pure) ? left : undefined;
    return hasEffect(left, this.usage.pure) ? left : undefined;
  }

  private effectOf(condition: DraftExpression, node: DraftStatement): DraftStatement | undefined {
    this.changed = true;
    if (!hasEffect(condition, this.usage.pure)) return undefined;
    return { kind: 'expression', token: node.token, library: node.library, expression: condition };
  }

  /** Replaces an assignment to a local that nothing reads, or to a tapset global that nothing reads, by its value. */
  private assignment(node: DraftExpression): DraftExpression | undefined {
    if (node.kind === 'assignment') {
      const { target } = node;
      const unused =
        target.kind === 'local'
          ? !this.usage.localReads.has(target.symbol)
          : target.symbol.library && !this.usage.globalReads.has(target.symbol);
      if (!unused) return undefined;
      if (target.kind === 'element' && target.keys.some((key) => hasEffect(key, this.usage.pure))) return undefined;
      this.changed = true;
      this.warn(messages.elidedAssignment(target.symbol.name, node.token), node.library);
      return this.fold(node.value);
    }
    return undefined;
  }

  // ------------------------------------------------------------------------------------------ expressions

  /** Simplifies an expression whose value is taken. */
  value(node: DraftExpression): DraftExpression {
    return this.fold(node);
  }

  private number(value: bigint, like: DraftExpression): DraftExpression {
    this.changed = true;
    return {
      kind: 'number',
      value: BigInt.asIntN(64, value),
      token: like.token,
      library: like.library,
      cell: newCell('long', like.token),
    };
  }

  private string(value: string, like: DraftExpression): DraftExpression {
    this.changed = true;
    return {
      kind: 'string',
      value,
      token: like.token,
      library: like.library,
      cell: newCell('string', like.token),
    };
  }

  private fold(node: DraftExpression): DraftExpression {
    this.visits++;
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
        return node;
      case 'element':
        return { ...node, keys: node.keys.map((key) => this.fold(key)) };
      case 'call':
      case 'format':
      case 'print':
        return { ...node, arguments: node.arguments.map((argument) => this.fold(argument)) };
      case 'unary': {
        const operand = this.fold(node.operand);
        if (operand.kind === 'number') {
          if (node.operator === 'negate') return this.number(-operand.value, node);
          if (node.operator === 'complement') return this.number(~operand.value, node);
          return this.number(operand.value === 0n ? 1n : 0n, node);
        }
        return { ...node, operand };
      }
      case 'arithmetic': {
        const left = this.fold(node.left);
        const right = this.fold(node.right);
        if (left.kind === 'number' && right.kind === 'number') {
          const result = calculate(node.operator, left.value, right.value);
          if (result !== undefined) return this.number(result, node);
        }
        return { ...node, left, right };
      }
      case 'comparison': {
        const left = this.fold(node.left);
        const right = this.fold(node.right);
        if (left.kind === 'number' && right.kind === 'number') {
          return this.number(compare(node.operator, left.value, right.value) ? 1n : 0n, node);
        }
        if (left.kind === 'string' && right.kind === 'string') {
          return this.number(compare(node.operator, left.value, right.value) ? 1n : 0n, node);
        }
        return { ...node, left, right };
      }
      case 'logical': {
        const left = this.fold(node.left);
        const right = this.fold(node.right);
        if (left.kind === 'number') {
          const decides = node.operator === 'and' ? left.value === 0n : left.value !== 0n;
          if (decides) return this.number(node.operator === 'and' ? 0n : 1n, node);
          if (right.kind === 'number') return this.number(right.value === 0n ? 0n : 1n, node);
        }
        return { ...node, left, right };
      }
      case 'concatenation': {
        const parts: DraftExpression[] = [];
        for (const part of node.parts.map((each) => this.fold(each))) {
          const last = parts[parts.length - 1];
          if (part.kind === 'string' && last?.kind === 'string') {
            parts[parts.length - 1] = this.string(last.value + part.value, last);
          } else parts.push(part);
        }
        return parts.length === 1 && parts[0]!.kind === 'string' ? parts[0]! : { ...node, parts };
      }
      case 'conditional': {
        const condition = this.fold(node.condition);
        if (condition.kind === 'number') {
          this.changed = true;
          return this.fold(condition.value !== 0n ? node.then : node.else);
        }
        // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
        return { ...node, condition, then: this.fold(node.then), else: this.fold(node.else) };
      }
      case 'assignment': {
        const elided = node.target.kind === 'local' ? this.assignment(node) : undefined;
        if (elided) return elided;
        return { ...node, target: this.fold(node.target) as typeof node.target, value: this.fold(node.value) };
      }
      case 'update':
        return { ...node, target: this.fold(node.target) as typeof node.target };
      case 'accumulate': {
        const target = node.target.keys
          ? { ...node.target, keys: node.target.keys.map((key) => key && this.fold(key)) }
          : node.target;
        return { ...node, target, value: this.fold(node.value) };
      }
      case 'membership':
        return { ...node, keys: node.keys.map((key) => key && this.fold(key)) };
      case 'regex':
        return { ...node, subject: this.fold(node.subject) };
      case 'statistic':
      case 'print-histogram':
      case 'bucket': {
        const source = node.source.keys
          ? { ...node.source, keys: node.source.keys.map((key) => key && this.fold(key)) }
          : node.source;
        return node.kind === 'bucket' ? { ...node, source, index: this.fold(node.index) } : { ...node, source };
      }
      case 'load':
        return { ...node, place: { ...node.place, address: this.fold(node.place.address) } };
      case 'store':
        return {
          ...node,
          place: { ...node.place, address: this.fold(node.place.address) },
          value: this.fold(node.value),
        };
      case 'string-load':
        return {
          ...node,
          address: this.fold(node.address),
          ...(node.length ? { length: this.fold(node.length) } : {}),
        };
      case 'context-store':
        return { ...node, value: this.fold(node.value) };
      case 'let':
        return { ...node, value: this.fold(node.value), body: this.fold(node.body) };
    }
  }
}

/** The value that only stands in for something elided or broken earlier. */
function isPlaceholder(node: DraftExpression): boolean {
  return node.kind === 'number' && node.token.text === 'keyword';
}

function isJump(node: DraftStatement): boolean {
  return node.kind === 'return' || node.kind === 'next' || node.kind === 'break' || node.kind === 'continue';
}

/** Arithmetic as the language has it; undefined where it fails or is left to the run. */
function calculate(operator: string, left: bigint, right: bigint): bigint | undefined {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? undefined : left / right;
    case '%':
      return right === 0n ? undefined : left % right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '<<':
      return right < 0n || right > 63n ? undefined : left << right;
    case '>>':
      return right < 0n || right > 63n ? undefined : left >> right;
    case '>>>':
      return right < 0n || right > 63n ? undefined : BigInt.asUintN(64, left) >> right;
    default:
      return undefined;
  }
}

function compare<T extends bigint | string>(operator: string, left: T, right: T): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '<=':
      return left <= right;
    case '>=':
      return left >= right;
    case '==':
      return left === right;
    default:
      return left !== right;
  }
}
