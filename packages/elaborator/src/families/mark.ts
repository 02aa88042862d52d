// kernel.mark("NAME")[.format("FORMAT")] (langref.pdf, 4.8): markers went out of Linux with 2.6.32, whose place tracepoints
// took. No kernel that stapkit is for has any, so a point of one never resolves; scripts have them as optional ones.
import type { Family, PointFault } from './family.js';

const build = (): PointFault => ({
  fault: 'no match',
  hint: 'kernel markers went out of Linux with 2.6.32; kernel.trace("NAME") probes a tracepoint',
});

export const markFamily: Family = {
  name: 'mark',
  points: ['kernel.mark(string)', 'kernel.mark(string).format(string)'].map((pattern) => ({ pattern, build })),
};
