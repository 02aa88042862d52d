// Memory of the probed system: loads and stores of known width, bit-fields included.
import type { Expression, MemoryPlace } from '@stapkit/elaborator';
import type { Span } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { emitNumber, emitOperands } from './expression.js';

export function emitLoad(b: BodyEmission, place: MemoryPlace, span: Span): string {
  const address = emitNumber(b, place.address);
  b.expectReadable(place.space, span);
  const whole = b.number(
    `stapkit_load(c, (u64)(${address}), ${place.size}, ${place.signed && !place.bits}, ${place.space === 'user'})`,
  );
  if (b.module.skipBadVariables) b.out.line('c->error = NULL;');
  else b.failOnError(span);
  if (!place.bits) return whole;
  return `stapkit_bits((u64)${whole}, ${place.bits.offset}, ${place.bits.width}, ${place.signed})`;
}

export function emitStore(b: BodyEmission, e: Extract<Expression, { kind: 'store' }>): string {
  const { place } = e;
  const user = place.space === 'user';
  const operands = emitOperands(b, [place.address, e.value]) as [string, string];
  const address = b.number(operands[0]);
  const value = b.number(operands[1]);
  b.expectReadable(place.space, e.span);
  let stored = value;
  if (place.bits) {
    const old = b.number(`stapkit_load(c, (u64)${address}, ${place.size}, false, ${user})`);
    b.failOnError(e.span);
    stored = `(s64)stapkit_set_bits((u64)${old}, ${place.bits.offset}, ${place.bits.width}, (u64)${value})`;
  }
  b.out.line(`stapkit_store(c, (u64)${address}, ${place.size}, ${stored}, ${user});`);
  b.failOnError(e.span);
  return value;
}
