// Every probe family that the kernel backend knows.
import type { ResolvedPoint } from '@stapkit/elaborator';
import { beginFamily } from './begin.js';
import type { FamilyEmitter } from './family.js';
import { inputFamily } from './input.js';
import { kprobeFamily } from './kprobe.js';
import { netfilterFamily } from './netfilter.js';
import { perfFamily } from './perf.js';
import { processFamily } from './process.js';
import { procfsFamily } from './procfs.js';
import { profileFamily } from './profile.js';
import { timerFamily } from './timer.js';
import { tracepointFamily } from './tracepoint.js';
import { uprobeFamily } from './uprobe.js';
import { watchpointFamily } from './watchpoint.js';

export const FAMILIES: {
  readonly [Family in ResolvedPoint['family']]: FamilyEmitter<Extract<ResolvedPoint, { family: Family }>>;
} = {
  begin: beginFamily,
  end: beginFamily,
  error: beginFamily,
  never: beginFamily,
  timer: timerFamily,
  profile: profileFamily,
  kprobe: kprobeFamily,
  tracepoint: tracepointFamily,
  perf: perfFamily,
  procfs: procfsFamily,
  netfilter: netfilterFamily,
  watchpoint: watchpointFamily,
  uprobe: uprobeFamily,
  process: processFamily,
  input: inputFamily,
};

/** The emitter of a point's family. */
export function familyOf(point: ResolvedPoint): FamilyEmitter {
  return FAMILIES[point.family] as FamilyEmitter;
}
