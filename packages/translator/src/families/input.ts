// input.char: characters that the user types.
import type { InputPoint } from '@stapkit/elaborator';
import type { FamilyEmitter } from './family.js';

export const inputFamily: FamilyEmitter<InputPoint> = {
  runtimeFamily: () => 'stapkit_family_input',
  printPoint: (_point, name) => `static const char ${name} = 0;`,
};
