// perf.type(N).config(N): hardware and software counters of the kernel's perf events.
import type { PerfPoint } from '@stapkit/elaborator';
import { cNumber, cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const perfFamily: FamilyEmitter<PerfPoint> = {
  runtimeFamily: () => 'stapkit_family_perf',
  printPoint: (point, name) =>
    printStruct('stapkit_perf_point', name, {
      type: String(point.type),
      config: `(u64)${cNumber(point.config)}`,
      sample: point.sample === undefined ? undefined : `(u64)${cNumber(point.sample)}`,
      hertz: point.hertz === undefined ? undefined : String(point.hertz),
      process: point.process === undefined ? undefined : cString(point.process),
      counter: point.counter === undefined ? undefined : cString(point.counter),
    }),
};
