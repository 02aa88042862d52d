// What it takes to load and arm the probes of debuginfo.mjs's pattern in the guest, and to let them go again.
import { type Bench, withBench } from './bench-guest.js';

const PATTERN = 'kernel.function("*@fs/*.c")';
const script = (suffix: string): string => `global n probe ${PATTERN}.${suffix} { n++ } probe end { println(n) }`;

interface Driven {
  readonly load: number;
  readonly start: number;
  readonly unload: number;
  readonly errors: number;
}

async function measure(bench: Bench, suffix: string): Promise<void> {
  const module = bench.build(`bench_many_${suffix}`, script(suffix));
  const words = [`${bench.folder}/drive`, module, '', '0', '0', '0'];
  const { load, start, unload, errors } = JSON.parse(await bench.run(words)) as Driven;
  const seconds = (nanoseconds: number): string => `${(nanoseconds / 1e9).toFixed(2).padStart(6)} s`;
  console.log(
    `${`${PATTERN}.${suffix}, in the guest`.padEnd(52)} loaded ${seconds(load)}, armed ${seconds(start)}, gone ${seconds(unload)}${errors > 0 ? `, ${errors} errors` : ''}`,
  );
}

await withBench({}, async (bench) => {
  for (const suffix of ['call', 'return']) await measure(bench, suffix);
});
