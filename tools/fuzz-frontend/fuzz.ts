// Runs random scripts through passes 1 and 2 and prints figures: `npx tsx --conditions=source tools/fuzz-frontend/fuzz.ts
// [cases] [seed]`. The first script that throws, takes over a second, or needs too much memory is printed, and the exit
// status is 1.
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { openFrontEnd } from './front-end.js';
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

try {
  fc.assert(
    fc.property(scripts(), (text) => {
      const result = run(text, ['5', 'begin']);
      reached.set(result.reached, (reached.get(result.reached) ?? 0) + 1);
      for (const { code } of result.diagnostics) codes.set(code, (codes.get(code) ?? 0) + 1);
      slowest = Math.max(slowest, result.milliseconds);
      if (result.milliseconds > SECOND) throw new Error(`took ${Math.round(result.milliseconds)} ms`);
      const memory = process.memoryUsage.rss() / 2 ** 20;
      if (memory > MEMORY_LIMIT) throw new Error(`the process has grown to ${Math.round(memory)} MB`);
    }),
    { numRuns: cases, seed },
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof Error && error.cause) console.error(error.cause);
  process.exitCode = 1;
}

const seconds = (performance.now() - begin) / 1000;
const peak = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(`${cases} cases, seed ${seed}: ${seconds.toFixed(0)} s, slowest ${slowest.toFixed(0)} ms, peak ${peak} MB`);
for (const [stage, count] of reached) console.log(`  ended in ${stage}: ${count}`);
const frequent = [...codes].sort((a, b) => b[1] - a[1]);
console.log(
  `  ${frequent.length} kinds of message; most frequent: ${frequent
    .slice(0, 8)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')}`,
);
