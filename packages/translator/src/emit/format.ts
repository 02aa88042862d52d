// Formats that are printed in the kernel: sprintf and its kin.
import type { Expression } from '@stapkit/elaborator';
import type { BodyEmission } from './body.js';
import { emitOperands } from './expression.js';

export function emitFormatInto(b: BodyEmission, e: Extract<Expression, { kind: 'format' }>, room: string): void {
  const values = emitOperands(b, e.format.arguments);
  const table = b.module.formatTable(e.format);
  let list = 'NULL';
  if (values.length > 0) {
    list = `k${b.unique()}`;
    const members = e.format.arguments.map((argument, index) =>
      argument.type === 'string' ? `{ .text = ${values[index]} }` : `{ .number = ${values[index]} }`,
    );
    b.out.line(`const union stapkit_value ${list}[] = { ${members.join(', ')} };`);
  }
  b.out.line(`stapkit_format(c, ${room}, ${table}, ${e.format.pieces.length}, ${list});`);
  b.failOnError(e.span);
}
