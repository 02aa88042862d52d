// kernel.trace. The kernel calls a tracepoint's probe with the tracepoint's own prototype, so each has a callback of
// its own here; sizes and signs of the arguments are all that it takes.
import type { TracepointPoint } from '@stapkit/elaborator';
import { cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const tracepointFamily: FamilyEmitter<TracepointPoint> = {
  runtimeFamily: () => 'stapkit_family_tracepoint',
  printPoint: (point, name) => {
    const parameters = point.arguments.map(
      (argument, index) => `${argument.signed ? 's' : 'u'}${argument.size * 8} a${index}`,
    );
    const values = point.arguments.map((argument, index) => (argument.signed ? `(u64)(s64)a${index}` : `a${index}`));
    const callback = `${name}_callback`;
    return [
      `static void ${callback}(${['void *data', ...parameters].join(', ')})`,
      '{',
      `\tconst u64 arguments[] = { ${values.length ? values.join(', ') : '0'} };`,
      '',
      '\tstapkit_tracepoint_hit(data, arguments);',
      '}',
      '',
      printStruct('stapkit_tracepoint_point', name, {
        name: cString(point.name),
        module: point.module === undefined ? undefined : cString(point.module),
        callback: `(void *)${callback}`,
      }),
    ].join('\n');
  },
};
