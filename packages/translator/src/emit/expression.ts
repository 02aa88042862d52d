// Numbers. `emitNumber` writes the statements that an expression needs and returns C text for its value: free of side
// effects, and good until something that the expression reads is changed. Where an operand is named before another one
// that changes things, its value is put aside first.
import type { Expression, Variable } from '@stapkit/elaborator';
import { invariant, unreachable } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { cNumber } from './c-text.js';
import { emitCall } from './call.js';
import { emitContext, emitContextStore } from './context.js';
import { emitEmbeddedExpression } from './embedded.js';
import { emitAdd, emitElementNumber, emitElementUpdate, emitMembership } from './map.js';
import { emitLoad, emitStore } from './memory.js';
import { emitPrint } from './print.js';
import { emitRegex } from './regex.js';
import { emitBucket, emitPrintHistogram, emitStatistic } from './statistic.js';
import { emitString, emitStringAssignment } from './string.js';

/** Emits an expression of either type for its effects alone. */
export function emitEffect(b: BodyEmission, e: Expression): void {
  if (e.kind === 'update' && !e.prefix) {
    // The old value is not asked for, so that `x++` needs no second number.
    emitEffect(b, { ...e, prefix: true });
    return;
  }
  if (e.kind === 'assignment' && e.type === 'string') {
    emitStringAssignment(b, e.target, e.value, e.operator === '.', e.span);
    return;
  }
  const value = e.type === 'string' ? emitString(b, e) : emitNumber(b, e);
  // A number that was put aside and that nobody asks for.
  if (/^t\d+$/.test(value)) b.out.line(`(void)${value};`);
}

/**
 * Emits several expressions in order; each result holds until all are used.
 *
 * @returns C text for each
 */
export function emitOperands(b: BodyEmission, expressions: readonly Expression[]): string[] {
  const later = expressions.map((_, index) => expressions.slice(index + 1).some((e) => b.changes(e)));
  return expressions.map((e, index) => {
    const value = e.type === 'string' ? emitString(b, e) : emitNumber(b, e);
    if (!later[index] || e.kind === 'number' || e.kind === 'string') return value;
    if (e.type !== 'string') return b.number(value);
    const room = b.stringRoom();
    b.out.line(`stapkit_copy(c, ${room}, ${value});`);
    return room;
  });
}

/** Emits an expression that is a condition; the C text is for an `if`. */
export function emitCondition(b: BodyEmission, e: Expression): string {
  return emitNumber(b, e);
}

export function emitNumber(b: BodyEmission, e: Expression): string {
  switch (e.kind) {
    case 'number':
      return cNumber(e.value);
    case 'local':
      return b.local(e.local);
    case 'global':
      return b.module.locks.atomic.has(e.global)
        ? `READ_ONCE(${b.module.globalName(e.global)})`
        : b.module.globalName(e.global);
    case 'element':
      return emitElementNumber(b, e);
    case 'call':
      return emitCall(b, e);
    case 'negate':
      return `(s64)(0 - (u64)(${emitNumber(b, e.operand)}))`;
    case 'complement':
      return `(~(${emitNumber(b, e.operand)}))`;
    case 'not':
      return `(s64)!(${emitNumber(b, e.operand)})`;
    case 'arithmetic': {
      const [left, right] = emitOperands(b, [e.left, e.right]) as [string, string];
      return emitArithmetic(b, e.operator, left, right, e.span, e.operator);
    }
    case 'comparison':
      return emitComparison(b, e);
    case 'and':
    case 'or':
      return emitLogic(b, e);
    case 'conditional':
      return emitConditional(b, e);
    case 'assignment':
      return emitAssignment(b, e);
    case 'update':
      return emitUpdate(b, e);
    case 'accumulate':
      return emitAdd(b, e);
    case 'membership':
      return emitMembership(b, e);
    case 'regex':
      return emitRegex(b, e);
    case 'statistic':
      return emitStatistic(b, e);
    case 'bucket':
      return emitBucket(b, e);
    case 'load':
      return emitLoad(b, e.place, e.span);
    case 'store':
      return emitStore(b, e);
    case 'context':
      return emitContext(b, e);
    case 'context-store':
      return emitContextStore(b, e);
    case 'entry-value':
      return `((const struct entry_${b.probe} *)c->entry_data)->e${e.slot}`;
    case 'let': {
      const value = e.value;
      if (b.localType(e.local) === 'string')
        emitStringAssignment(b, { kind: 'local', type: 'string', local: e.local }, value);
      else b.out.line(`${b.local(e.local)} = ${emitNumber(b, value)};`);
      return emitNumber(b, e.body);
    }
    case 'print':
      return emitPrint(b, e);
    case 'print-histogram':
      return emitPrintHistogram(b, e);
    case 'embedded':
      return emitEmbeddedExpression(b, e);
    case 'string':
    case 'concatenation':
    case 'string-load':
    case 'format':
      invariant(false, `a ${e.kind} where a number belongs`);
      return '0';
    default:
      return unreachable(e, 'expression');
  }
}

/** One arithmetic operation on values that are at hand; checks divisors. */
export function emitArithmetic(
  b: BodyEmission,
  operator: string,
  left: string,
  right: string,
  span: Parameters<BodyEmission['failIf']>[2],
  token: string,
): string {
  switch (operator) {
    case '+':
    case '-':
    case '*':
      return `(s64)((u64)(${left}) ${operator} (u64)(${right}))`;
    case '&':
    case '|':
    case '^':
      return `((${left}) ${operator} (${right}))`;
    // The count is taken modulo 64, as the machine does it.
    case '<<':
      return `(s64)((u64)(${left}) << ((${right}) & 63))`;
    case '>>':
      return `((s64)(${left}) >> ((${right}) & 63))`;
    case '>>>':
      return `(s64)((u64)(${left}) >> ((${right}) & 63))`;
    case '/':
    case '%': {
      const name = operator === '/' ? 'stapkit_divide' : 'stapkit_modulo';
      if (/^-?[1-9]\d*LL$/.test(right)) return `((${left}) ${operator} ${right})`;
      const divisor = b.number(right);
      b.failIf(`${divisor} == 0`, 'division by 0', span, token);
      return `${name}(${left}, ${divisor})`;
    }
    default:
      invariant(false, `no arithmetic operator ${operator}`);
      return '0';
  }
}

function emitComparison(b: BodyEmission, e: Extract<Expression, { kind: 'comparison' }>): string {
  const [left, right] = emitOperands(b, [e.left, e.right]) as [string, string];
  if (e.operands === 'long') return `(s64)((${left}) ${e.operator} (${right}))`;
  if (e.operator === '==') return `(s64)stapkit_equal(${left}, ${right})`;
  if (e.operator === '!=') return `(s64)!stapkit_equal(${left}, ${right})`;
  return `(s64)(stapkit_compare(${left}, ${right}) ${e.operator} 0)`;
}

function emitLogic(b: BodyEmission, e: Extract<Expression, { kind: 'and' | 'or' }>): string {
  const left = emitNumber(b, e.left);
  const right = b.captured(() => emitNumber(b, e.right));
  const operator = e.kind === 'and' ? '&&' : '||';
  if (right.lines.length === 0) return `(s64)((${left}) ${operator} (${right.value}))`;
  const result = b.number(`!!(${left})`);
  b.out.open(`if (${e.kind === 'and' ? '' : '!'}${result}) {`);
  b.out.put(right.lines);
  b.out.line(`${result} = !!(${right.value});`);
  b.out.close();
  return result;
}

function emitConditional(b: BodyEmission, e: Extract<Expression, { kind: 'conditional' }>): string {
  const condition = emitCondition(b, e.condition);
  const then = b.captured(() => emitNumber(b, e.then));
  const otherwise = b.captured(() => emitNumber(b, e.else));
  if (then.lines.length === 0 && otherwise.lines.length === 0)
    return `((${condition}) ? (s64)(${then.value}) : (s64)(${otherwise.value}))`;
  const result = `t${b.unique()}`;
  b.out.line(`s64 ${result};`);
  b.out.open(`if (${condition}) {`);
  b.out.put(then.lines);
  b.out.line(`${result} = ${then.value};`);
  b.out.reopen('} else {');
  b.out.put(otherwise.lines);
  b.out.line(`${result} = ${otherwise.value};`);
  b.out.close();
  return result;
}

const ATOMIC: Readonly<Record<string, string>> = { '+': 'add', '-': 'sub', '|': 'or', '&': 'and', '^': 'xor' };

function emitAssignment(b: BodyEmission, e: Extract<Expression, { kind: 'assignment' }>): string {
  const { target, operator } = e;
  if (target.type === 'string') {
    emitStringAssignment(b, target, e.value, operator === '.', e.span);
    return '0';
  }
  if (target.kind === 'element') {
    return emitElementUpdate(b, target, e.value, e.span, (slot, value) =>
      operator === undefined ? value : emitArithmetic(b, operator, slot, value, e.span, `${operator}=`),
    );
  }
  const value = emitNumber(b, e.value);
  const name = variableName(b, target);
  if (target.kind === 'global' && b.module.locks.atomic.has(target.global)) {
    if (operator === undefined) {
      const stored = b.number(value);
      b.out.line(`WRITE_ONCE(${name}, ${stored});`);
      return stored;
    }
    return b.number(`__atomic_${ATOMIC[operator]}_fetch(&${name}, ${value}, __ATOMIC_RELAXED)`);
  }
  // `x = x + f()`: the old value is read after the right side, as in C's compound assignment.
  b.out.line(
    `${name} = ${operator === undefined ? value : emitArithmetic(b, operator, name, value, e.span, `${operator}=`)};`,
  );
  return name;
}

function emitUpdate(b: BodyEmission, e: Extract<Expression, { kind: 'update' }>): string {
  const { target } = e;
  const step = e.delta === 1 ? '+ 1' : '- 1';
  if (target.kind === 'element') {
    let old = '';
    const value = emitElementUpdate(b, target, undefined, e.span, (slot) => {
      if (!e.prefix) old = b.number(slot);
      return `(s64)((u64)${slot} ${step})`;
    });
    return e.prefix ? value : old;
  }
  const name = variableName(b, target);
  if (target.kind === 'global' && b.module.locks.atomic.has(target.global)) {
    return b.number(`__atomic_${e.prefix ? 'add_fetch' : 'fetch_add'}(&${name}, ${e.delta}, __ATOMIC_RELAXED)`);
  }
  const old = e.prefix ? name : b.number(name);
  b.out.line(`${name} = (s64)((u64)${name} ${step});`);
  return old;
}

function variableName(b: BodyEmission, target: Exclude<Variable, { kind: 'element' }>): string {
  return target.kind === 'local' ? b.local(target.local) : b.module.globalName(target.global);
}
