// What a hit of a probe costs, in instructions that the guest executes: under QEMU's -icount its time counts them, so that
// the figures repeat, also on a busy machine. Each script's probe sits on a function that does nothing; the same calls are
// timed without any probe, and with a hand-written kprobe that does nothing.
//
//   tools/bench/probe-cost [NAME…]      only the cases whose names begin so
import { type Bench, withBench } from './bench-guest.js';
import { findSystemTap } from './systemtap.js';

/** A script that is measured. */
interface Case {
  readonly name: string;
  readonly script: string;
  /** Words for stap. */
  readonly options?: readonly string[];
  readonly hits?: number;
  /** Instructions over a bare kprobe that it may cost. */
  readonly goal?: number;
  /** Lines that each hit prints. */
  readonly prints?: number;
  /** The script's counter is printed at the end: it must be the number of hits. */
  readonly counts?: boolean;
  /** It is the kernel's own function that does nothing that is hit. */
  readonly inKernel?: boolean;
}

/** What drive.c tells. Times are nanoseconds, which are instructions here. */
interface Measured {
  readonly batches: readonly number[];
  readonly prints: number;
  readonly losses: number;
  readonly errors: number;
  readonly last: number;
  readonly load: number;
  readonly start: number;
  readonly unload: number;
  /** Kilobytes that the module took. */
  readonly memory: number;
}

const BATCHES = 20;
const HITS = 1000;
// The benchmark does nothing but hit probes, which is what overload control is there to end.
const UNLIMITED = 'STP_OVERLOAD_THRESHOLD=4000000000';

const hit = (body: string): string => `probe kprobe.module("bench_target").function("bench_target_hit") { ${body} }`;
const arithmetic = Array.from({ length: 20 }, (_, i) => `x = x * 3 + ${i}`).join('; ');

/** Counts the calls of a kernel's function, and beside them those of all whose names are like `patterns`. */
function among(patterns: readonly string[]): Pick<Case, 'script'> {
  const others = ['noop_direct_IO', ...patterns].map((pattern) => `kernel.function("${pattern}").call?`);
  return {
    script: `global c, others\nprobe kernel.function("noop_fsync").call { c++ } probe ${others.join(', ')} { others++ }
      probe end { printf("%d\\n", c) delete others }`,
  };
}

const CASES: readonly Case[] = [
  // Without -u an empty handler is left out.
  { name: 'empty handler', script: hit(''), options: ['-u'] },
  { name: 'c++', script: `global c\n${hit('c++')}`, goal: 120, counts: true },
  { name: 'c++ among 2 probes', ...among([]), counts: true, inKernel: true },
  // Many function entries are armed all at once, through ftrace.
  { name: 'c++ among 160 probes', ...among(['blk_mq_*']), goal: 120, counts: true, inKernel: true },
  {
    name: 'c++ among 3,100 probes',
    ...among(['acpi_*', 'pci_*', 'tcp_*', 'inet_*', 'crypto_*', 'blk_*']),
    goal: 120,
    counts: true,
    inKernel: true,
  },
  { name: 'a[execname()] <<< 1', script: `global a\n${hit('a[execname()] <<< 1')}`, goal: 600 },
  { name: 'a[tid()] = gettimeofday_ns()', script: `global a\n${hit('a[tid()] = gettimeofday_ns()')}` },
  {
    name: 'printf("%d %s\\n", pid(), execname())',
    script: hit('printf("%d %s\\n", pid(), execname())'),
    goal: 500,
    prints: 1,
  },
  {
    name: 'sprintf("%d %s\\n", pid(), execname())',
    script: `global s\n${hit('s = sprintf("%d %s\\n", pid(), execname())')}`,
  },
  {
    name: '20 statements of arithmetic',
    script: `global g\n${hit(`x = g; ${arithmetic}; g = x`)}`,
  },
  {
    name: 'foreach over 1,000 elements',
    script: `global a, s\nprobe begin { for (i = 0; i < 1000; i++) a[i] = i }\n${hit('foreach (k in a) s += k')}`,
    options: ['-DMAXACTION=100000', '-DMAXACTION_INTERRUPTIBLE=100000'],
    hits: 10,
  },
];

/** What is done with arrays of all sizes. N is how many elements there are. */
const MAP_CASES: readonly MapCase[] = [
  { name: 'insert', body: 'a[n++] = 1', prepared: false },
  { name: 'look up', body: 's += a[k = (k + 7919) % N]', prepared: true },
  { name: 'update', body: 'a[k = (k + 7919) % N]++', prepared: true },
  { name: 'add to a statistic', body: 'a[k = (k + 7919) % N] <<< k', prepared: true },
  { name: 'foreach … limit 10', body: 'foreach (i in a limit 10) s += i', prepared: true },
  { name: 'delete', body: 'delete a[k++]', prepared: true },
  { name: 'insert by name', body: 'a[sprint(n++)] = 1', prepared: false },
  { name: 'update by name', body: 'a[sprint(k = (k + 7919) % N)]++', prepared: true },
];

interface MapCase {
  readonly name: string;
  readonly body: string;
  /** The array is filled before, by an element a hit. */
  readonly prepared: boolean;
}

const wanted = process.argv.slice(2);
const isWanted = ({ name }: { readonly name: string }): boolean =>
  wanted.length === 0 || wanted.some((word) => name.startsWith(word));

await withBench({ icount: 0, cpus: 1, memoryMb: 3072 }, async (bench) => {
  const nothing = await perHit(bench, '-', HITS);
  const nothingInKernel = await perHit(bench, '-', HITS, { inKernel: true });
  await bench.run(['insmod', `${bench.folder}/bench_bare.ko`]);
  const bare = (await perHit(bench, '-', HITS)) - nothing;
  await bench.run(['rmmod', 'bench_bare']);
  console.log(`guest instructions per hit, kernel ${bench.release}; the call alone: ${nothing.toFixed(0)}`);
  report('bare kprobe', bare, 0);
  for (const [index, one] of CASES.filter(isWanted).entries()) {
    const module = bench.build(`bench_${index}`, one.script, one.options);
    const hits = one.hits ?? HITS;
    const cost = (await perHit(bench, module, hits, one)) - (one.inKernel ? nothingInKernel : nothing);
    report(one.name, cost, cost - bare, one.goal);
  }
  if (wanted.length === 0) await systemtap(bench, nothing, bare);
  if (isWanted({ name: 'maps' })) await maps(bench, nothing, bare);
});

/** The same handlers over arrays of 100 to 1,000,000 elements, and what it takes to load them. */
async function maps(bench: Bench, nothing: number, bare: number): Promise<void> {
  const sizes = [100, 10_000, 1_000_000];
  console.log(`\narrays: instructions over bare by number of elements ${sizes.join(', ')}; loading the largest`);
  for (const [index, { name, body, prepared }] of MAP_CASES.entries()) {
    const key = /sprint/.test(body) ? 'sprint(n++)' : 'n++';
    const fill = body.includes('<<<') ? `a[${key}] <<< 1` : `a[${key}] = 1`;
    const handler = prepared ? `if (n < N) ${fill}; else { ${body} }` : body;
    const module = bench.build(
      `bench_map_${index}`,
      `global a, n, k, s${prepared ? ', N = 1' : ''}\n${hit(handler)}\nprobe end { s += k++ + n; delete a }`,
    );
    const costs: string[] = [];
    let loading = '';
    for (const size of sizes) {
      // The elements that are there when it is measured; then some tens of hits, by the ten.
      const set = `${UNLIMITED},MAXMAPENTRIES=${size}${prepared ? `,N=${size}` : ''}`;
      const { batches, load, start, memory, losses, errors } = await drive(
        bench,
        module,
        set,
        prepared ? size : size - 60,
        5,
        10,
      );
      if (losses + errors > 0) throw new Error(`${name}: ${losses} losses, ${errors} errors`);
      costs.push((Math.min(...batches) / 10 - nothing - bare).toFixed(0).padStart(7));
      loading = `${((load + start) / 1e6).toFixed(0)} million instructions, ${(memory / 1024).toFixed(0)} MB`;
    }
    console.log(`${name.padEnd(24)} ${costs.join(' ')}   ${loading}`);
  }
}

/** The same scripts by SystemTap, where it is installed and its modules can be built for this kernel. */
async function systemtap(bench: Bench, nothing: number, bare: number): Promise<void> {
  const systemTap = findSystemTap(bench.release, bench.folder);
  if (!systemTap) {
    console.log('SystemTap is not installed');
    return;
  }
  const number = systemTap.version;
  const cases = CASES.filter((one) => isWanted(one) && !one.inKernel);
  for (const [index, one] of cases.entries()) {
    const name = `systemtap_${index}`;
    const built = systemTap.build(name, one.script, one.options);
    if ('fault' in built) {
      console.log(`SystemTap ${number} can't build its modules for this kernel: ${built.fault}`);
      return;
    }
    const run = `staprun -o /dev/null ${name}.ko & until [ -e /proc/systemtap/${name} ]; do sleep 0.1; done; sleep 2
      ./drive - '' ${one.hits ?? HITS} ${BATCHES} ${one.hits ?? HITS}; kill -INT $!; wait`;
    const { batches } = JSON.parse(await bench.run(['sh', '-c', `cd ${bench.folder}; ${run}`])) as Measured;
    const cost = Math.min(...batches) / (one.hits ?? HITS) - nothing;
    report(`SystemTap ${number}: ${one.name}`, cost, cost - bare);
  }
}

async function perHit(bench: Bench, module: string, hits: number, one: Partial<Case> = {}): Promise<number> {
  const parameter = '/sys/module/bench_target/parameters/in_kernel';
  await bench.run(['sh', '-c', `echo ${one.inKernel ? 'Y' : 'N'} > ${parameter}`]);
  const { batches, ...seen } = await drive(bench, module, UNLIMITED, hits, BATCHES, hits);
  const all = hits * (BATCHES + 1);
  const complete = (!one.prints || seen.prints === one.prints * all) && (!one.counts || seen.last === all);
  if (seen.losses > 0 || seen.errors > 0 || !complete)
    throw new Error(`${module}: ${JSON.stringify(seen)} of ${all} hits`);
  // Timer ticks fall into some batches; the least is the one that had none.
  return Math.min(...batches) / hits;
}

async function drive(
  bench: Bench,
  module: string,
  set: string,
  warm: number,
  batches: number,
  hits: number,
): Promise<Measured> {
  const words = [`${bench.folder}/drive`, module, set, ...[warm, batches, hits].map(String)];
  return JSON.parse(await bench.run(words)) as Measured;
}

function report(name: string, cost: number, over: number, goal?: number): void {
  const verdict = goal === undefined ? '' : `   at most ${goal}: ${over <= goal ? 'reached' : 'MISSED'}`;
  console.log(`${name.padEnd(42)} ${cost.toFixed(0).padStart(7)}   over bare ${over.toFixed(0).padStart(7)}${verdict}`);
}
