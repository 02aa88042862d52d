// Places in user-space code.
import type { UprobePoint } from '@stapkit/elaborator';
import { cNumber, cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const uprobeFamily: FamilyEmitter<UprobePoint> = {
  runtimeFamily: () => 'stapkit_family_uprobe',
  printPoint: (point, name) =>
    printStruct('stapkit_uprobe_point', name, {
      path: cString(point.path),
      pid: point.pid === undefined ? undefined : String(point.pid),
      offset: `(u64)${cNumber(point.offset)}`,
      semaphore: point.semaphore === undefined ? undefined : `(u64)${cNumber(point.semaphore)}`,
      is_return: String(point.return),
      function: point.function === undefined ? undefined : cString(point.function),
    }),
};
