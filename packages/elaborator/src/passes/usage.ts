// What is read, written and called: the facts that warnings, elision and the printing of globals at the end go by.
import type { Draft, DraftExpression, DraftStatement, FunctionSymbol, GlobalSymbol, LocalSymbol } from '../draft.js';
import { eachExpression, eachOperand, eachStatement } from '../walk.js';

export interface Usage {
  readonly localReads: ReadonlySet<LocalSymbol>;
  readonly localWrites: ReadonlySet<LocalSymbol>;
  readonly globalReads: ReadonlySet<GlobalSymbol>;
  readonly globalWrites: ReadonlySet<GlobalSymbol>;
  /** Functions that a probe reaches. */
  readonly reached: ReadonlySet<FunctionSymbol>;
  /** Functions whose calls change nothing but their value. */
  readonly pure: ReadonlySet<FunctionSymbol>;
  /** Embedded C that stands for a value. */
  readonly embedded: ReadonlySet<Extract<DraftExpression, { kind: 'embedded' }>>;
  /** Variables of the kernel, and its memory where the source names it so, with the function that has it. */
  readonly kernel: ReadonlyMap<DraftExpression, FunctionSymbol | undefined>;
}

/**
 * Collects the uses of every name that the probes reach.
 *
 * A value that an assignment or an update leaves behind counts as a read only where something takes it.
 */
export function collectUsage(draft: Draft): Usage {
  const localReads = new Set<LocalSymbol>();
  const localWrites = new Set<LocalSymbol>();
  const globalReads = new Set<GlobalSymbol>();
  const globalWrites = new Set<GlobalSymbol>();
  const reached = new Set<FunctionSymbol>();
  const embedded = new Set<Extract<DraftExpression, { kind: 'embedded' }>>();
  const kernel = new Map<DraftExpression, FunctionSymbol | undefined>();
  const work: FunctionSymbol[] = [];
  let inside: FunctionSymbol | undefined;

  function reach(symbol: FunctionSymbol): void {
    for (let at: FunctionSymbol | undefined = symbol; at && !reached.has(at); at = at.fallback) {
      reached.add(at);
      work.push(at);
    }
  }

  function write(node: DraftExpression, read: boolean): void {
    if (node.kind === 'local') {
      localWrites.add(node.symbol);
      if (read) localReads.add(node.symbol);
    } else if (node.kind === 'global' || node.kind === 'element') {
      globalWrites.add(node.symbol);
      if (read) globalReads.add(node.symbol);
      if (node.kind === 'element') for (const key of node.keys) expression(key, true);
    }
  }

  /** `used`: something takes the value. */
  function expression(node: DraftExpression, used: boolean): void {
    switch (node.kind) {
      case 'local':
        localReads.add(node.symbol);
        return;
      case 'global':
      case 'element':
        globalReads.add(node.symbol);
        break;
      case 'call':
        reach(node.function);
        break;
      case 'assignment':
        write(node.target, used);
        expression(node.value, true);
        return;
      case 'update':
        // As in SystemTap, `x++` keeps a local alive.
        write(node.target, used || node.target.kind === 'local');
        return;
      case 'accumulate':
        globalWrites.add(node.target.global);
        break;
      case 'membership':
        globalReads.add(node.global);
        break;
      case 'statistic':
      case 'bucket':
      case 'print-histogram':
        globalReads.add(node.source.global);
        break;
      case 'let':
        localWrites.add(node.local);
        break;
      case 'embedded':
        embedded.add(node);
        for (const pragma of node.pragmas) globalPragma(pragma);
        break;
      case 'load':
      case 'store':
        if (node.place.kernelOnly) kernel.set(node, inside);
        break;
      case 'context':
        if (node.source.kind === 'symbol-address' || node.source.kind === 'per-cpu-base') kernel.set(node, inside);
        break;
      default:
    }
    eachOperand(node, (child) => expression(child, true));
  }

  /** Embedded C says which globals it touches: `pragma:read:NAME`, `pragma:write:NAME` as stap(1) has them. */
  function globalPragma(pragma: string): void {
    const match = /^(?:pragma:)?(read|write):\s*(\w+)$/.exec(pragma.trim());
    if (!match) return;
    for (const symbol of draft.globals) {
      if (symbol.name === match[2]) (match[1] === 'read' ? globalReads : globalWrites).add(symbol);
    }
  }

  function statement(node: DraftStatement): void {
    switch (node.kind) {
      case 'expression':
        expression(node.expression, false);
        return;
      case 'loop':
        if (node.condition) expression(node.condition, true);
        if (node.step) expression(node.step, false);
        statement(node.body);
        return;
      case 'foreach':
        globalReads.add(node.global);
        for (const key of node.keys) localWrites.add(key);
        if (node.value) localWrites.add(node.value);
        break;
      case 'foreach-bucket':
        globalReads.add(node.source.global);
        localWrites.add(node.key);
        if (node.value) localWrites.add(node.value);
        break;
      case 'delete':
        // As in SystemTap, who deletes from a global has some use for it: it is not printed at the end.
        globalReads.add(node.global);
        globalWrites.add(node.global);
        break;
      case 'delete-local':
        localWrites.add(node.local);
        break;
      case 'try':
        if (node.variable) localWrites.add(node.variable);
        break;
      case 'embedded':
        for (const pragma of node.pragmas) globalPragma(pragma);
        break;
      default:
    }
    eachExpression(node, (child) => expression(child, true));
    eachStatement(node, statement);
  }

  for (const probe of draft.probes) {
    if (probe.condition) expression(probe.condition, true);
    for (const value of probe.entryValues) expression(value, true);
    statement(probe.body);
  }
  for (let symbol = work.pop(); symbol; symbol = work.pop()) {
    inside = symbol;
    for (const parameter of symbol.parameters) localWrites.add(parameter);
    for (const pragma of symbol.embedded?.pragmas ?? []) globalPragma(pragma);
    statement(symbol.body);
  }
  return { localReads, localWrites, globalReads, globalWrites, reached, pure: findPure(reached), embedded, kernel };
}

/** A function is pure unless it, or what it calls, is seen to do something; recursion alone does nothing. */
function findPure(reached: ReadonlySet<FunctionSymbol>): Set<FunctionSymbol> {
  const pure = new Set<FunctionSymbol>(reached);
  for (let changed = true; changed; ) {
    changed = false;
    for (const symbol of pure) {
      const embeddedPure = symbol.embedded ? symbol.embedded.pragmas.some((pragma) => pragma.trim() === 'pure') : true;
      if (
        !embeddedPure ||
        (symbol.fallback && !pure.has(symbol.fallback)) ||
        statementHasEffect(symbol.body, pure, true)
      ) {
        pure.delete(symbol);
        changed = true;
      }
    }
  }
  return pure;
}

/**
 * True where evaluating an expression does something beside giving its value.
 *
 * @param localsCount assignments to locals count; inside a pure function they do not matter
 */
export function hasEffect(node: DraftExpression, pure: ReadonlySet<FunctionSymbol>, localsCount = true): boolean {
  switch (node.kind) {
    case 'print':
    case 'print-histogram':
    case 'accumulate':
    case 'store':
    case 'context-store':
      return true;
    case 'embedded':
      if (!node.pragmas.some((pragma) => pragma.trim() === 'pure')) return true;
      break;
    case 'call':
      if (!pure.has(node.function)) return true;
      break;
    case 'assignment':
    case 'update':
      if (node.target.kind !== 'local' || localsCount) return true;
      break;
    case 'let':
      return hasEffect(node.value, pure, localsCount) || hasEffect(node.body, pure, localsCount);
    default:
  }
  let found = false;
  eachOperand(node, (child) => {
    if (!found && hasEffect(child, pure, localsCount)) found = true;
  });
  return found;
}

/** True where a statement does something beyond the function it stands in. */
function statementHasEffect(node: DraftStatement, pure: ReadonlySet<FunctionSymbol>, insideFunction: boolean): boolean {
  switch (node.kind) {
    case 'delete':
    case 'embedded':
      return true;
    case 'next':
      return !insideFunction;
    default:
  }
  let found = false;
  eachExpression(node, (child) => {
    if (!found && hasEffect(child, pure, !insideFunction)) found = true;
  });
  if (!found) {
    eachStatement(node, (child) => {
      if (!found && statementHasEffect(child, pure, insideFunction)) found = true;
    });
  }
  return found;
}
