// Elements of arrays: keys, reads, writes, membership.
import type { Expression, Variable } from '@stapkit/elaborator';
import type { Span } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { cString } from './c-text.js';
import { emitNumber, emitOperands } from './expression.js';
import { walkAt, walkValue } from './foreach.js';
import { emitString } from './string.js';

type Element = Extract<Variable, { kind: 'element' }>;

/** C text for an array of keys, and which of them are fixed (the rest are `*`). */
export interface Keys {
  readonly text: string;
  /** Bit n: key n must match. */
  readonly fixed: number;
  readonly slice: boolean;
}

/** Emits the keys of an element or a slice, in order. */
export function emitKeys(b: BodyEmission, keys: readonly (Expression | null)[]): Keys {
  const given = keys.filter((key) => key !== null);
  const values = emitOperands(b, given);
  const name = `k${b.unique()}`;
  let next = 0;
  let fixed = 0;
  const members = keys.map((key, index) => {
    if (key === null) return '{ .number = 0 }';
    fixed |= 1 << index;
    const value = values[next++]!;
    return key.type === 'string' ? `{ .text = ${value} }` : `{ .number = ${value} }`;
  });
  b.out.line(`const union stapkit_value ${name}[] = { ${members.join(', ')} };`);
  return { text: name, fixed, slice: given.length !== keys.length };
}

export function emitElementNumber(b: BodyEmission, e: Element): string {
  const walk = walkAt(b, e.global, e.keys);
  if (walk) return walkValue(walk, 'long');
  const keys = emitKeys(b, e.keys);
  return b.number(`stapkit_map_get(c, ${b.module.globalName(e.global)}, ${keys.text})`);
}

export function emitElementString(b: BodyEmission, e: Element): string {
  const walk = walkAt(b, e.global, e.keys);
  if (walk) return walkValue(walk, 'string');
  const keys = emitKeys(b, e.keys);
  const name = `t${b.unique()}`;
  b.out.line(`const char *${name} = stapkit_map_get_string(c, ${b.module.globalName(e.global)}, ${keys.text});`);
  return name;
}

/**
 * Emits a write to a number in an array.
 *
 * @param value what is assigned; undefined for `++` and `--`
 * @param compute gives C text of the new value, from the element's old value and the assigned one
 */
export function emitElementUpdate(
  b: BodyEmission,
  target: Element,
  value: Expression | undefined,
  span: Span,
  compute: (old: string, value: string) => string,
): string {
  // The keys first, then the value, which may be one that reads the same array.
  const keys = emitKeys(b, target.keys);
  const assigned = value === undefined ? '0' : b.number(emitNumber(b, value));
  const slot = `t${b.unique()}`;
  b.out.line(`s64 *${slot} = stapkit_map_slot(c, ${b.module.globalName(target.global)}, ${keys.text});`);
  b.out.open(`if (unlikely(!${slot})) {`);
  b.out.line(`stapkit_blame(c, ${cString(b.module.places.near(span))});`);
  b.out.line(b.goto(b.targets.fail));
  b.out.close();
  const result = b.number(compute(`(*${slot})`, assigned));
  b.out.line(`*${slot} = ${result};`);
  return result;
}

export function emitElementStringUpdate(
  b: BodyEmission,
  target: Element,
  value: Expression,
  append: boolean,
  span: Span | undefined,
): void {
  const keys = emitKeys(b, target.keys);
  let text = emitString(b, value);
  if (value.kind !== 'string' && value.kind !== 'local') {
    // Making the element may throw out the one that the value lies in, so it is put aside.
    const room = b.stringRoom();
    b.out.line(`stapkit_copy(c, ${room}, ${text});`);
    text = room;
  }
  const slot = `t${b.unique()}`;
  b.out.line(`char *${slot} = stapkit_map_slot_string(c, ${b.module.globalName(target.global)}, ${keys.text});`);
  b.out.open(`if (unlikely(!${slot})) {`);
  if (span) b.out.line(`stapkit_blame(c, ${cString(b.module.places.near(span))});`);
  b.out.line(b.goto(b.targets.fail));
  b.out.close();
  b.out.line(`${append ? 'stapkit_append' : 'stapkit_copy'}(c, ${slot}, ${text});`);
}

export function emitMembership(b: BodyEmission, e: Extract<Expression, { kind: 'membership' }>): string {
  const keys = emitKeys(b, e.keys);
  const map = b.module.globalName(e.global);
  return b.number(
    keys.slice ? `stapkit_map_has_slice(${map}, ${keys.text}, ${keys.fixed})` : `stapkit_map_has(${map}, ${keys.text})`,
  );
}

/** `x <<< value` */
export function emitAdd(b: BodyEmission, e: Extract<Expression, { kind: 'accumulate' }>): string {
  const name = b.module.globalName(e.target.global);
  if (e.target.kind === 'global') {
    const value = b.number(emitNumber(b, e.value));
    b.out.line(`stapkit_statistic_add(c, ${name}, ${value});`);
    return value;
  }
  const keys = emitKeys(b, e.target.keys);
  const value = b.number(emitNumber(b, e.value));
  b.out.line(`stapkit_map_add(c, ${name}, ${keys.text}, ${value});`);
  b.failOnError(e.span);
  return value;
}
