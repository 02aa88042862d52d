// Places in kernel and module code, entries and returns.
import type { KprobePoint } from '@stapkit/elaborator';
import { cNumber, cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const kprobeFamily: FamilyEmitter<KprobePoint> = {
  runtimeFamily: (point) => (point.return ? 'stapkit_family_kretprobe' : 'stapkit_family_kprobe'),
  printPoint: (point, name) =>
    printStruct('stapkit_kprobe_point', name, {
      symbol: point.symbol === undefined ? undefined : cString(point.symbol),
      address: point.address === undefined ? undefined : `(u64)${cNumber(point.address)}`,
      offset: String(point.offset),
      module: point.module === undefined ? undefined : cString(point.module),
      function: point.function === undefined ? undefined : cString(point.function),
      maxactive: point.maxactive === undefined ? undefined : String(point.maxactive),
    }),
};
