// begin, end, error and never.
import type { BeginPoint, EndPoint, NeverPoint } from '@stapkit/elaborator';
import { cNumber } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const beginFamily: FamilyEmitter<BeginPoint | EndPoint | NeverPoint> = {
  runtimeFamily: (point) => `stapkit_family_${point.family}`,
  printPoint: (point, name) =>
    printStruct('stapkit_sequence_point', name, {
      sequence: point.family === 'never' ? '0' : cNumber(point.sequence),
    }),
};
