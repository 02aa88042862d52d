// Embedded C of the user's own. It needs kernel headers, so it goes into a unit that pass 4 compiles apart; handlers
// call it through a function of plain types.
import type { Expression, Statement } from '@stapkit/elaborator';
import type { BodyEmission } from './body.js';
import { embeddedFunction } from './embedded-unit.js';

/** `%{ … %}` as a statement. */
export function emitEmbeddedStatement(b: BodyEmission, s: Extract<Statement, { kind: 'embedded' }>): void {
  const name = embeddedFunction(b.module, { ...s, result: 'none' });
  b.out.line(`${name}(c);`);
  b.failOnError(s.span);
}

/** `%{ … %}` as a number. */
export function emitEmbeddedExpression(b: BodyEmission, e: Extract<Expression, { kind: 'embedded' }>): string {
  if (e.type === 'string') {
    emitEmbeddedInto(b, e, b.stringRoom());
    return '0';
  }
  expectAllowed(b, e);
  const value = b.number(`${embeddedFunction(b.module, { ...e, result: 'long' })}(c)`);
  b.failOnError(e.span);
  return value;
}

/** `%{ … %}` as a string. */
export function emitEmbeddedInto(b: BodyEmission, e: Extract<Expression, { kind: 'embedded' }>, room: string): void {
  expectAllowed(b, e);
  b.out.line(`${embeddedFunction(b.module, { ...e, result: 'string' })}(c, ${room});`);
  b.failOnError(e.span);
}

function expectAllowed(b: BodyEmission, e: Extract<Expression, { kind: 'embedded' }>): void {
  if (e.pragmas.includes('myproc-unprivileged')) b.expectOwnProcess('embedded C', e.span);
}
