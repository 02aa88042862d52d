// timer.profile.
import type { ProfilePoint } from '@stapkit/elaborator';
import { type FamilyEmitter, printStruct } from './family.js';

export const profileFamily: FamilyEmitter<ProfilePoint> = {
  runtimeFamily: () => 'stapkit_family_profile',
  printPoint: (point, name) => printStruct('stapkit_profile_point', name, { hertz: String(point.hertz ?? 0) }),
};
