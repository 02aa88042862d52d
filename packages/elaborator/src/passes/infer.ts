// Infers types by unification: cells that must agree are joined, and the first place that settles a type is kept for
// the message about the second that disagrees.
import type { Diagnostic } from '@stapkit/pass';
import { errorLimit, messages } from '../diagnostics.js';
import {
  type Cell,
  type Draft,
  type DraftExpression,
  type DraftStatement,
  type DraftStatisticSource,
  type DraftType,
  findCell,
  type GlobalSymbol,
  type Token,
} from '../draft.js';
import { eachStatement } from '../walk.js';

/**
 * Fills in every type cell.
 *
 * @param skipBadVariables a context variable that could not be found is 0, and the message a warning
 * @returns an error for each contradiction, and for each name whose type nothing tells
 */
export function infer(draft: Draft, skipBadVariables = false): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const reported = new Set<string>();
  const isExhausted = errorLimit(diagnostics);

  function report(diagnostic: Diagnostic): void {
    // One error a place: what follows from the first helps nobody.
    const key = diagnostic.span ? `${diagnostic.span.file}\0${diagnostic.span.start}` : diagnostic.message;
    if (reported.has(key) || isExhausted()) return;
    reported.add(key);
    diagnostics.push(diagnostic);
  }

  function isSymbol(node: DraftExpression): boolean {
    return node.kind === 'local' || node.kind === 'global' || node.kind === 'element' || node.kind === 'call';
  }

  function isLiteral(node: DraftExpression): boolean {
    return node.kind === 'number' || node.kind === 'string';
  }

  /** A literal is what it is: where another type is wanted, SystemTap words it from the literal's side. */
  function supply(node: DraftExpression, type: DraftType): void {
    const own = findCell(node.cell).type;
    if (isLiteral(node) && own !== undefined && own !== type) {
      report(messages.typeMismatch(own, type, node.token));
    } else expect(node, type);
  }

  /** Where parameters got their types from what is passed. */
  const argumentPlaces = new Set<Token>();

  /** A literal against the type that a parameter got from the body or from another call is told as an index would be. */
  function pass(argument: DraftExpression, index: number, root: Cell, declared: Token): void {
    const own = findCell(argument.cell).type;
    const { type, place } = root;
    if (!isLiteral(argument) || own === undefined || own === type || !place || place === declared)
      supply(argument, type!);
    else if (argumentPlaces.has(place)) report(messages.indexTypeMismatch(index, own, argument.token, type!, place));
    else report(messages.indexTypeMismatch(index, type!, place, own, argument.token));
  }

  function expect(node: DraftExpression, type: DraftType): void {
    const root = findCell(node.cell);
    if (root.type === undefined) {
      root.type = type;
      root.place = node.token;
    } else if (root.type !== type) {
      report(
        isSymbol(node)
          ? messages.typeMismatchSymbol(type, node.token, root.type, root.place)
          : messages.typeMismatch(type, root.type, node.token),
      );
    }
  }

  /** Makes two expressions' types one. */
  function agree(left: DraftExpression, right: DraftExpression): void {
    const a = findCell(left.cell);
    const b = findCell(right.cell);
    if (a === b) return;
    if (a.type !== undefined) expect(right, a.type);
    else if (b.type !== undefined) expect(left, b.type);
    else a.up = b;
  }

  function join(a: Cell, b: Cell, token: Token): void {
    const first = findCell(a);
    const second = findCell(b);
    if (first === second) return;
    if (first.type !== undefined && second.type !== undefined) {
      if (first.type !== second.type) report(messages.typeMismatchSymbol(second.type, token, first.type, first.place));
      return;
    }
    if (first.type === undefined) first.up = second;
    else second.up = first;
  }

  function keys(global: GlobalSymbol, given: readonly (DraftExpression | null)[]): void {
    for (const [index, key] of given.entries()) {
      if (!key) continue;
      expression(key);
      const cell = global.keys?.[index];
      if (!cell) continue;
      const root = findCell(cell);
      const own = findCell(key.cell);
      if (own === root) continue;
      if (own.type === 'stats') report(messages.invalidType('stats', key.token));
      else if (root.type === undefined && own.type === undefined) own.up = root;
      else if (root.type === undefined) {
        root.type = own.type;
        root.place = key.token;
      } else if (own.type === undefined) {
        own.type = root.type;
        own.place = key.token;
      } else if (own.type !== root.type) {
        report(messages.indexTypeMismatch(index, own.type, key.token, root.type, root.place));
      }
    }
  }

  function statistic(source: DraftStatisticSource): void {
    if (source.keys) keys(source.global, source.keys);
    const root = findCell(source.global.cell);
    if (root.type === undefined) {
      root.type = 'stats';
      root.place = source.token;
    } else if (root.type !== 'stats') {
      report(messages.typeMismatchSymbol('stats', source.token, root.type, root.place));
    }
  }

  function value(node: DraftExpression, type: 'long' | 'string'): void {
    expression(node);
    expect(node, type);
  }

  function expression(node: DraftExpression): void {
    switch (node.kind) {
      case 'number':
      case 'string':
      case 'local':
      case 'global':
      case 'context':
      case 'entry-value':
      case 'embedded':
      case 'probewrite':
        return;
      case 'unresolved':
        if (skipBadVariables && node.diagnostic.code === 'elaborate/target-variable') {
          // In SystemTap's words, with what is wrong below them.
          const { message, span } = node.diagnostic;
          const cause = { message, ...(span ? { span } : {}) };
          report({ ...messages.badVariable(node.token), related: [cause, ...(node.diagnostic.related ?? [])] });
          const root = findCell(node.cell);
          root.type ??= 'long';
          root.place ??= node.token;
        } else report(node.diagnostic);
        return;
      case 'element':
        keys(node.symbol, node.keys);
        return;
      case 'call':
        for (const [index, argument] of node.arguments.entries()) {
          expression(argument);
          const parameter = node.function.parameters[index];
          if (!parameter) continue;
          const own = findCell(argument.cell);
          const root = findCell(parameter.cell);
          if (own.type === 'stats') report(messages.invalidType('stats', argument.token));
          else if (root.type !== undefined) pass(argument, index, root, parameter.token);
          else if (own.type !== undefined) {
            root.type = own.type;
            root.place = argument.token;
            argumentPlaces.add(argument.token);
          } else join(own, root, argument.token);
        }
        return;
      case 'unary':
        value(node.operand, 'long');
        return;
      case 'arithmetic':
        value(node.left, 'long');
        value(node.right, 'long');
        return;
      case 'comparison':
        expression(node.left);
        expression(node.right);
        // Of two literals the first is at fault.
        if (isLiteral(node.left) && isLiteral(node.right)) expect(node.left, findCell(node.right.cell).type!);
        else agree(node.left, node.right);
        return;
      case 'logical':
        value(node.left, 'long');
        value(node.right, 'long');
        return;
      case 'concatenation':
        for (const part of node.parts) value(part, 'string');
        return;
      case 'conditional':
        value(node.condition, 'long');
        expression(node.then);
        expression(node.else);
        agree(node.then, node.else);
        join(node.then.cell, node.cell, node.token);
        return;
      case 'assignment': {
        expression(node.target);
        expression(node.value);
        if (node.operator === '.') {
          expect(node.target, 'string');
          expect(node.value, 'string');
        } else if (node.operator) {
          expect(node.target, 'long');
          expect(node.value, 'long');
        } else if (findCell(node.value.cell).type === 'stats') {
          report(messages.invalidType('stats', node.value.token));
        } else {
          const own = findCell(node.value.cell);
          if (own.type !== undefined) expect(node.target, own.type);
          else agree(node.target, node.value);
        }
        return;
      }
      case 'update':
        value(node.target, 'long');
        return;
      case 'accumulate':
        statistic(node.target);
        value(node.value, 'long');
        return;
      case 'membership':
        keys(node.global, node.keys);
        return;
      case 'regex':
        value(node.subject, 'string');
        return;
      case 'statistic':
      case 'print-histogram':
        statistic(node.source);
        return;
      case 'bucket':
        statistic(node.source);
        value(node.index, 'long');
        return;
      case 'load':
        value(node.place.address, 'long');
        return;
      case 'store':
        value(node.place.address, 'long');
        value(node.value, 'long');
        return;
      case 'string-load':
        value(node.address, 'long');
        if (node.length) value(node.length, 'long');
        return;
      case 'context-store':
        value(node.value, findCell(node.cell).type === 'string' ? 'string' : 'long');
        return;
      case 'let':
        expression(node.value);
        join(node.local.cell, node.value.cell, node.token);
        expression(node.body);
        return;
      case 'format':
      case 'print': {
        let at = 0;
        for (const piece of node.pieces) {
          if (piece.kind === 'text') continue;
          if (piece.kind === 'auto') {
            const argument = node.arguments[at++];
            if (argument) expression(argument);
            continue;
          }
          if (piece.width === 'argument') wanted(node.arguments[at++], 'long');
          if (piece.precision === 'argument') wanted(node.arguments[at++], 'long');
          wanted(node.arguments[at++], piece.conversion === 's' ? 'string' : 'long');
        }
        return;
      }
    }
  }

  function wanted(node: DraftExpression | undefined, type: 'long' | 'string'): void {
    if (node) value(node, type);
  }

  function statement(node: DraftStatement): void {
    switch (node.kind) {
      case 'expression':
        expression(node.expression);
        return;
      case 'if':
        value(node.condition, 'long');
        break;
      case 'loop':
        if (node.condition) value(node.condition, 'long');
        if (node.step) expression(node.step);
        break;
      case 'foreach': {
        keys(node.global, node.slice);
        for (const [index, key] of node.keys.entries()) {
          const cell = node.global.keys?.[index];
          if (cell) join(cell, key.cell, node.keyTokens[index] ?? node.token);
        }
        if (node.sort?.by) statistic({ global: node.global, token: node.token });
        if (node.value) {
          const root = findCell(node.global.cell);
          if (root.type === 'stats') report(messages.invalidType('stats', node.valueToken ?? node.token));
          else join(node.global.cell, node.value.cell, node.valueToken ?? node.token);
        }
        if (node.limit) value(node.limit, 'long');
        break;
      }
      case 'foreach-bucket':
        statistic(node.source);
        join(node.key.cell, { type: 'long', place: node.token }, node.token);
        if (node.value) join(node.value.cell, { type: 'long', place: node.token }, node.token);
        if (node.limit) value(node.limit, 'long');
        break;
      case 'return': {
        if (!node.value) break;
        expression(node.value);
        const own = findCell(node.value.cell);
        const root = findCell(node.function.result);
        if (own.type === 'stats') report(messages.invalidType('stats', node.value.token));
        else if (own.type !== undefined && root.type !== undefined && own.type !== root.type) {
          const isDeclared = root.place === node.function.token;
          if (isDeclared && isLiteral(node.value)) {
            supply(node.value, root.type);
          } else if (isDeclared && node.value.kind === 'local' && own.place === node.value.symbol.token) {
            // Both are declared, so neither was inferred.
            report(messages.typeMismatch(root.type, own.type, node.value.token));
          } else {
            report(
              isSymbol(node.value)
                ? messages.typeMismatchSymbol(root.type, node.value.token, own.type, own.place)
                : messages.typeMismatchSymbol(own.type, node.value.token, root.type, root.place),
            );
          }
        } else if (root.type === undefined && own.type !== undefined) {
          root.type = own.type;
          root.place = node.value.token;
        } else if (root.type !== undefined && own.type === undefined) {
          own.type = root.type;
          own.place = node.value.token;
        } else join(root, own, node.value.token);
        break;
      }
      case 'delete':
        keys(node.global, node.keys ?? []);
        break;
      case 'try':
        if (node.variable) join(node.variable.cell, { type: 'string', place: node.token }, node.token);
        break;
      default:
    }
    eachStatement(node, statement);
  }

  for (const symbol of draft.functions) {
    const next = symbol.fallback;
    if (!next) continue;
    for (const [index, parameter] of symbol.parameters.entries()) {
      const other = next.parameters[index];
      if (other) join(parameter.cell, other.cell, other.token);
    }
    join(symbol.result, next.result, next.token);
  }
  for (const symbol of draft.functions) {
    // All its `return` statements may be elided: what it would have returned still tells its type.
    if (!returnsValue(symbol.body)) {
      for (const one of symbol.returned) {
        if (one.kind === 'unresolved') continue;
        if (!isSymbol(one) && findCell(one.cell).type === undefined) {
          findCell(one.cell).type = one.kind === 'concatenation' ? 'string' : 'long';
        }
        if (findCell(one.cell).type !== 'stats') join(symbol.result, one.cell, one.token);
      }
    }
    statement(symbol.body);
  }
  for (const probe of draft.probes) {
    for (const entry of probe.entryValues) expression(entry);
    if (probe.condition) value(probe.condition, 'long');
    statement(probe.body);
  }
  return diagnostics;
}

/** Whether a `return` with a value is left in a statement. */
function returnsValue(node: DraftStatement): boolean {
  let found = node.kind === 'return' && node.value !== undefined;
  eachStatement(node, (child) => {
    found ||= returnsValue(child);
  });
  return found;
}
