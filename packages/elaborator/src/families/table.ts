// The table of probe families, made by scripts/list-families.mjs from the files of this folder; do not edit it.
import { beginFamily } from './begin.js';
import { codeFamily } from './code.js';
import type { Family } from './family.js';
import { inputFamily } from './input.js';
import { kprobeFamily } from './kprobe.js';
import { markFamily } from './mark.js';
import { netfilterFamily } from './netfilter.js';
import { perfFamily } from './perf.js';
import { processFamily } from './process.js';
import { processLifeFamily } from './process-life.js';
import { procfsFamily } from './procfs.js';
import { timerFamily } from './timer.js';
import { tracepointFamily } from './tracepoint.js';
import { watchpointFamily } from './watchpoint.js';

export const FAMILIES: readonly Family[] = [
  beginFamily,
  codeFamily,
  inputFamily,
  kprobeFamily,
  markFamily,
  netfilterFamily,
  perfFamily,
  processFamily,
  processLifeFamily,
  procfsFamily,
  timerFamily,
  tracepointFamily,
  watchpointFamily,
];
