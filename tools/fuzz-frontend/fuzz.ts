// Runs random scripts through passes 1 and 2 and prints figures; `run.mjs` beside it bundles and starts it. The first
// script that throws, takes over a second, or needs too much memory is printed, and the exit status is 1.
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { openFrontEnd, processorTime } from './front-end.js';
import { scripts } from './scripts.js';

const SECOND = 1000;
const MEMORY_LIMIT = 500;

const cases = Number(process.argv[2] ?? 20_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);

const run = await openFrontEnd();
const reached = new Map<string, number>();
const codes = new Map<string, number>();
const begin = performance.now();
let slowest = 0;
let count = 0;

function peakMemory(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

try {
  fc.assert(
    fc.property(scripts(), (text) => {
      count += 1;
      const result = run(text, ['5', 'begin']);
      let { milliseconds } = result;
      if (milliseconds > SECOND) milliseconds = processorTime(() => run(text, ['5', 'begin']));
      if (milliseconds > SECOND) throw new Error(`takes ${Math.round(milliseconds)} ms`);
      slowest = Math.max(slowest, milliseconds);
      reached.set(result.reached, (reached.get(result.reached) ?? 0) + 1);
      for (const { code } of result.diagnostics) codes.set(code, (codes.get(code) ?? 0) + 1);
      // The most that there ever was; asking costs as much as a small script.
      if (count % 100 === 0 && peakMemory() > MEMORY_LIMIT)
        throw new Error(`the process has grown to ${peakMemory()} MB`);
    }),
    { numRuns: cases, seed },
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof Error && error.cause) console.error(error.cause);
  process.exitCode = 1;
}

const seconds = (performance.now() - begin) / 1000;
const used = process.cpuUsage();
const processor = (used.user + used.system) / 1e6;
console.log(
  `${count} cases, seed ${seed}: ${seconds.toFixed(0)} s, ${processor.toFixed(0)} s of processor time, ` +
    `${(count / processor).toFixed(0)} cases a second of it; slowest ${slowest.toFixed(0)} ms, peak ${peakMemory()} MB`,
);
for (const [stage, times] of reached) console.log(`  ended in ${stage}: ${times}`);
const frequent = [...codes].sort((a, b) => b[1] - a[1]);
console.log(
  `  ${frequent.length} kinds of message; most frequent: ${frequent
    .slice(0, 8)
    .map(([code, times]) => `${code} ${times}`)
    .join(', ')}`,
);
