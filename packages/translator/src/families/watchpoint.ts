// kernel.data: hardware breakpoints on kernel memory.
import type { WatchpointPoint } from '@stapkit/elaborator';
import { cNumber, cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const watchpointFamily: FamilyEmitter<WatchpointPoint> = {
  runtimeFamily: () => 'stapkit_family_watchpoint',
  printPoint: (point, name) =>
    printStruct('stapkit_watchpoint_point', name, {
      symbol: point.symbol === undefined ? undefined : cString(point.symbol),
      address: point.address === undefined ? undefined : `(u64)${cNumber(point.address)}`,
      length: String(point.length),
      write_only: String(point.access === 'write'),
    }),
};
