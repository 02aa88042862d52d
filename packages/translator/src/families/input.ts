// input.char and input.line: what the user types.
import type { InputPoint } from '@stapkit/elaborator';
import { type FamilyEmitter, printStruct } from './family.js';

export const inputFamily: FamilyEmitter<InputPoint> = {
  runtimeFamily: () => 'stapkit_family_input',
  printPoint: (point, name) => printStruct('stapkit_input_point', name, { line: String(point.line ?? false) }),
};
