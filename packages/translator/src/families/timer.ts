// timer.s … timer.hz, timer.jiffies.
import type { TimerPoint } from '@stapkit/elaborator';
import { cNumber } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

export const timerFamily: FamilyEmitter<TimerPoint> = {
  runtimeFamily: () => 'stapkit_family_timer',
  printPoint: (point, name) =>
    printStruct('stapkit_timer_point', name, {
      interval: cNumber(point.interval),
      randomize: cNumber(point.randomize),
      jiffies: String(point.unit === 'jiffies'),
    }),
};
