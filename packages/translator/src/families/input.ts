// input.char and input.line: what the user types.
import type { InputPoint } from '@stapkit/elaborator';
import { type FamilyEmitter, printStruct } from './family.js';

export const inputFamily: FamilyEmitter<InputPoint> = {
  runtimeFamily: () => 'stapkit_family_input',
  printPoint: (point, name) => {
    // Who runs the module elsewhere than where the user types reads in its information what to send there.
    const entry = `stapkit_reads=${point.line ? 'lines' : 'characters'}`;
    return `static const char ${name}_reads[] __attribute__((used, section(".modinfo"), aligned(1))) = "${entry}";
${printStruct('stapkit_input_point', name, { line: String(point.line ?? false) })}`;
  },
};
