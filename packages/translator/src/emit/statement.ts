// Statements. Each counts towards MAXACTION; statements without jumps that follow one another are counted together.
import type { Statement } from '@stapkit/elaborator';
import { type Span, unreachable } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { cString } from './c-text.js';
import { emitEmbeddedStatement } from './embedded.js';
import { emitCondition, emitEffect, emitNumber } from './expression.js';
import { emitForeach } from './foreach.js';
import { emitKeys } from './map.js';
import { emitMerge } from './statistic.js';
import { emitStringInto } from './string.js';

/**
 * Emits statements in order.
 *
 * @param round where the loop is that they are the body of: a round of it counts as a statement, together with the first
 */
export function emitStatements(b: BodyEmission, statements: readonly Statement[], round?: Span): void {
  if (statements.length === 0 && round) act(b, round, 1);
  let owed = round;
  for (let at = 0; at < statements.length; ) {
    const s = statements[at]!;
    let end = at;
    while (end < statements.length && isPlain(statements[end]!)) end += 1;
    if (end === at) {
      emitStatement(b, s, owed);
      at += 1;
    } else {
      act(b, s.span, end - at, owed);
      for (; at < end; at++) emitUncounted(b, statements[at]!);
    }
    owed = undefined;
  }
}

/** Emits one statement of any kind; `round` as for `emitStatements`. */
export function emitStatement(b: BodyEmission, s: Statement, round?: Span): void {
  if (s.kind === 'block') {
    emitStatements(b, s.statements, round);
    return;
  }
  if (s.kind !== 'try') act(b, s.span, 1, round);
  else if (round) act(b, round, 1);
  emitUncounted(b, s);
}

/** Takes statements off the budget, and before them the round of a loop. */
function act(b: BodyEmission, span: Span, count: number, round?: Span): void {
  const place = cString(b.module.places.near(span));
  b.at(round ?? span);
  b.out.open(`if (!stapkit_act(c, ${round ? count + 1 : count})) {`);
  // The round comes first: with nothing left before it, it is what went beyond the budget.
  const where = round ? `c->actions < -${count} ? ${cString(b.module.places.near(round))} : ${place}` : place;
  b.out.line(`stapkit_fail(c, "MAXACTION exceeded", ${where});`);
  b.out.line(b.goto(b.targets.fail));
  b.out.close();
}

function isPlain(s: Statement): s is Extract<Statement, { kind: 'expression' | 'delete' }> {
  return s.kind === 'expression' || s.kind === 'delete';
}

function emitUncounted(b: BodyEmission, s: Statement): void {
  b.at(s.span);
  b.scoped(() => {
    switch (s.kind) {
      case 'block':
        emitStatements(b, s.statements);
        return;
      case 'expression':
        inBlock(b, () => emitEffect(b, s.expression));
        return;
      case 'if':
        emitIf(b, s);
        return;
      case 'loop':
        emitLoop(b, s);
        return;
      case 'foreach':
        emitForeach(b, s);
        return;
      case 'foreach-bucket':
        emitForeachBucket(b, s);
        return;
      case 'return':
        emitReturn(b, s);
        return;
      case 'next':
        emitNext(b, s);
        return;
      case 'break':
        b.out.line(b.goto(b.targets.break));
        return;
      case 'continue':
        b.out.line(b.goto(b.targets.continue));
        return;
      case 'delete':
        inBlock(b, () => emitDelete(b, s));
        return;
      case 'try':
        emitTry(b, s);
        return;
      case 'embedded':
        emitEmbeddedStatement(b, s);
        return;
      default:
        unreachable(s, 'statement');
    }
  });
}

/** Gives the declarations of a statement a block of their own, where it has any. */
function inBlock(b: BodyEmission, write: () => void): void {
  const { lines } = b.captured(write);
  if (lines.some((line) => /^\t*(s64|u32|u8|char|const) /.test(line))) {
    b.out.open('{');
    b.out.put(lines);
    b.out.close();
  } else {
    b.out.put(lines);
  }
}

function emitIf(b: BodyEmission, s: Extract<Statement, { kind: 'if' }>): void {
  b.out.open('{');
  const condition = emitCondition(b, s.condition);
  b.out.open(`if (${condition}) {`);
  emitStatement(b, s.then);
  if (s.else) {
    b.out.reopen('} else {');
    emitStatement(b, s.else);
  }
  b.out.close();
  b.out.close();
}

/** Emits a loop's body with its two labels; `after` comes behind `continue`. Each round counts, so an empty one ends too. */
export function emitBody(
  b: BodyEmission,
  loop: Statement & { body: Statement },
  number: number,
  after?: () => void,
): void {
  b.withTargets({ break: `break_${number}`, continue: `continue_${number}` }, () =>
    emitStatement(b, loop.body, loop.span),
  );
  if (b.usedLabels.has(`continue_${number}`)) {
    b.out.label(`continue_${number}`);
    b.out.line(';');
  }
  after?.();
}

export function endLoop(b: BodyEmission, number: number): void {
  if (!b.usedLabels.has(`break_${number}`)) return;
  b.out.label(`break_${number}`);
  b.out.line(';');
}

function emitLoop(b: BodyEmission, s: Extract<Statement, { kind: 'loop' }>): void {
  const number = b.unique();
  const { condition, step } = s;
  b.out.open('for (;;) {');
  if (condition) {
    const test = b.captured(() => b.scoped(() => emitCondition(b, condition)));
    b.out.put(test.lines);
    b.out.open(`if (!(${test.value}))`);
    b.out.line('break;');
    b.out.close('');
  }
  emitBody(b, s, number, () => {
    if (!step) return;
    b.at(s.span);
    b.scoped(() => inBlock(b, () => emitEffect(b, step)));
  });
  b.out.close();
  endLoop(b, number);
}

function emitForeachBucket(b: BodyEmission, s: Extract<Statement, { kind: 'foreach-bucket' }>): void {
  const number = b.unique();
  const index = `i${number}`;
  const last = `m${number}`;
  b.out.open('{');
  const limit = s.limit ? b.number(emitNumber(b, s.limit)) : '-1';
  // The statistic is merged anew for each bucket: the body may merge others in between.
  const merged = emitMerge(b, s.source);
  b.out.line(`u32 ${index}, ${last} = stapkit_merged_buckets(${merged});`);
  b.out.line(`s64 left${number} = ${limit};`);
  b.out.open(`for (${index} = 0; ${index} < ${last} && left${number} != 0; ${index}++) {`);
  b.out.line(`left${number}--;`);
  b.out.line(`${b.local(s.key)} = ${index};`);
  if (s.value !== undefined) b.out.line(`${b.local(s.value)} = stapkit_merged_bucket(c, ${merged}, ${index});`);
  b.failOnError(s.span);
  emitBody(b, s, number);
  b.out.close();
  b.out.close();
  endLoop(b, number);
}

function emitReturn(b: BodyEmission, s: Extract<Statement, { kind: 'return' }>): void {
  const { value } = s;
  if (value) {
    inBlock(b, () => {
      if (b.result === 'string') emitStringInto(b, value, 'result');
      else if (b.result === 'long') b.out.line(`result = ${emitNumber(b, value)};`);
      else emitEffect(b, value);
    });
  }
  b.out.line(b.goto(b.targets.done));
}

function emitNext(b: BodyEmission, s: Statement): void {
  if (b.result === undefined) {
    b.out.line(b.goto(b.targets.done));
    return;
  }
  b.emitFallback(s.span);
}

function emitDelete(b: BodyEmission, s: Extract<Statement, { kind: 'delete' }>): void {
  const { target } = s;
  const { module } = b;
  const global = module.script.globals[target.global]!;
  const name = module.globalName(target.global);
  if (target.kind === 'global') {
    if (global.keys.length > 0) b.out.line(`stapkit_map_clear(${name});`);
    else if (global.type === 'statistic') b.out.line(`stapkit_statistic_clear(${name});`);
    else if (global.type === 'string') b.out.line(`${name}[0] = '\\0';`);
    else b.out.line(module.locks.atomic.has(target.global) ? `WRITE_ONCE(${name}, 0);` : `${name} = 0;`);
    return;
  }
  const keys = emitKeys(b, target.keys);
  if (keys.slice) b.out.line(`stapkit_map_delete_slice(${name}, ${keys.text}, ${keys.fixed});`);
  else b.out.line(`stapkit_map_delete(${name}, ${keys.text});`);
}

function emitTry(b: BodyEmission, s: Extract<Statement, { kind: 'try' }>): void {
  const number = b.unique();
  const label = `catch_${number}`;
  b.out.open('{');
  b.withTargets({ fail: label }, () => emitStatement(b, s.body));
  b.out.close();
  if (!b.usedLabels.has(label)) return;
  const after = `tried_${number}`;
  b.out.line(b.goto(after));
  b.out.label(label);
  b.out.open('{');
  b.out.line(`if (!stapkit_catch(c, ${s.variable === undefined ? 'NULL' : b.local(s.variable)}))`);
  b.out.line(`\t${b.goto(b.targets.fail)}`);
  emitStatement(b, s.handler);
  b.out.close();
  b.out.label(after);
  b.out.line(';');
}
