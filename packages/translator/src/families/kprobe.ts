// Places in kernel and module code, entries and returns.
import type { KprobePoint } from '@stapkit/elaborator';
import { cNumber, cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const kprobeFamily: FamilyEmitter<KprobePoint> = {
  runtimeFamily: (point) => (point.return ? 'stapkit_family_kretprobe' : 'stapkit_family_kprobe'),
  printPoint(point, name) {
    const callers = printCallers(point, `${name}_callers`);
    return [
      ...callers.lines,
      printStruct('stapkit_kprobe_point', name, {
        symbol: point.symbol === undefined ? undefined : cString(point.symbol),
        address: point.address === undefined ? undefined : `(u64)${cNumber(point.address)}`,
        offset: cOffset(point.offset),
        module: point.module === undefined ? undefined : cString(point.module),
        function: point.function === undefined ? undefined : cString(point.function),
        maxactive: point.maxactive === undefined ? undefined : String(point.maxactive),
        callers: callers.count === 0 ? undefined : `${name}_callers`,
        caller_count: callers.count === 0 ? undefined : String(callers.count),
      }),
    ].join('\n');
  },
};

/** An offset may lead backwards from a module's symbol. */
function cOffset(offset: number): string {
  return offset < 0 ? `(u64)(${offset})` : String(offset);
}

function printCallers(point: KprobePoint, name: string): { lines: string[]; count: number } {
  const rows = (point.callers ?? []).flatMap((checks) =>
    checks.map(({ above, symbol, offset, module }, index) => {
      const fields = [
        `.symbol = ${cString(symbol)}`,
        ...(module === undefined ? [] : [`.module = ${cString(module)}`]),
        `.offset = ${cOffset(offset)}`,
        `.above = ${above}`,
        ...(index === checks.length - 1 ? ['.last = true'] : []),
      ];
      return `\t{ ${fields.join(', ')} },`;
    }),
  );
  if (rows.length === 0) return { lines: [], count: 0 };
  return { lines: [`static const struct stapkit_caller ${name}[] = {`, ...rows, '};'], count: rows.length };
}
