// procfs("name").read and .write.
import type { ProcfsPoint } from '@stapkit/elaborator';
import { cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const procfsFamily: FamilyEmitter<ProcfsPoint> = {
  runtimeFamily: () => 'stapkit_family_procfs',
  printPoint: (point, name) =>
    printStruct('stapkit_procfs_point', name, {
      path: cString(point.path ?? 'command'),
      write: String(point.direction === 'write'),
      umask: point.umask === undefined ? undefined : String(point.umask),
      maxsize: point.maxsize === undefined ? undefined : String(point.maxsize),
    }),
};
