// How many lines a second of `printf("%d %s\n", pid(), execname())` come through without loss, from one CPU and from two:
// probes are hit at a steady rate for some seconds while staprun writes the lines to a file, and the rate is raised until
// lines are lost. The guest has two CPUs, which producers and staprun share. At every rate, what was received and what
// was reported as lost must be what was produced.
//
// By default the guest's second is 1,000,000,000 instructions, of both CPUs together, so that the figures repeat, also on
// a busy machine; with --real it is a second, and the figures say how fast the emulator is.
//
//   tools/bench/output [--real] [--cpus=1|2] [--from=RATE] [--seconds=N] [--systemtap]
//
// --cpus measures one case only, --from begins at another rate than 40,000, --seconds is how long each rate is held, 2 by
// default. --systemtap does the same with the installed SystemTap's module and staprun, first one and then the other;
// what SystemTap says it lost need not be all that it lost: it counts buffers.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, root, withBench } from './bench-guest.js';
import { findSystemTap } from './systemtap.js';

interface Outcome {
  readonly produced: number;
  /** Lines a second. */
  readonly rate: number;
  readonly received: number;
  readonly lost: number;
}

const STEP = 2;
const REFINEMENTS = 2;

const { values } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    cpus: { type: 'string' },
    from: { type: 'string', default: '40000' },
    seconds: { type: 'string', default: '2' },
    systemtap: { type: 'boolean', default: false },
  },
});
const { real } = values;
const seconds = Number(values.seconds);

// Counting instructions takes turns between the CPUs, and then they take minutes to boot.
await withBench({ cpus: 2, warmNode: true, bootSeconds: 400, ...(real ? {} : { icount: 0 }) }, async (bench) => {
  const script =
    'probe kprobe.module("bench_target").function("bench_target_hit") { printf("%d %s\\n", pid(), execname()) }';
  const writers: Writer[] = [stapkit(bench, bench.build('bench_output', script))];
  if (values.systemtap) {
    const systemTap = findSystemTap(bench.release, bench.folder);
    if (!systemTap) throw new Error('SystemTap is not installed');
    const built = systemTap.build('bench_systemtap', script);
    if ('fault' in built) throw new Error(`SystemTap can't build its module: ${built.fault}`);
    writers.push(await theirs(bench, systemTap.version, built.path));
  }
  console.log(
    `lines a second through staprun to a file, kernel ${bench.release}; a second is ${real ? 'one of an emulated guest' : 'a billion instructions'}`,
  );
  for (const cpus of values.cpus === undefined ? [1, 2] : [Number(values.cpus)]) {
    const cpuWords = cpus === 1 ? 'one CPU' : 'two CPUs';
    for (const writer of writers) {
      const best = await mostWithoutLoss(bench, writer, cpus);
      report(`${writer.name}, ${cpuWords}, the most without loss`, best);
      report(`${writer.name}, ${cpuWords}, at four times that`, await run(bench, writer, cpus, best.rate * 4));
    }
  }
});

/** Doubles the rate until lines are lost, then halves the gap some times. */
async function mostWithoutLoss(bench: Bench, writer: Writer, cpus: number): Promise<Outcome> {
  let best: Outcome | undefined;
  let wanted = Number(values.from);
  let tooMuch = Number.POSITIVE_INFINITY;
  while (!Number.isFinite(tooMuch)) {
    const outcome = await run(bench, writer, cpus, wanted);
    // Where the producers themselves can't keep up, faster is not to be had.
    if (outcome.lost > 0 || outcome.rate < wanted * 0.8) tooMuch = wanted;
    if (outcome.lost === 0) best = better(best, outcome);
    wanted *= STEP;
  }
  for (let n = 0; n < REFINEMENTS || !best; n++) {
    const middle = ((best?.rate ?? 0) + tooMuch) / 2;
    const outcome = await run(bench, writer, cpus, middle);
    if (outcome.lost === 0) best = better(best, outcome);
    else tooMuch = middle;
  }
  return best;
}

/** A staprun with its module: takes its own words, the command that makes lines, and the file that they go to. */
interface Writer {
  readonly name: string;
  /** What it says was lost must be all that was. */
  readonly countsLosses: boolean;
  /** Runs it to the end of the command. Returns what it wrote to standard error. */
  run(output: string, command: string): Promise<string>;
}

function stapkit(bench: Bench, module: string): Writer {
  return {
    name: 'stapkit',
    countsLosses: true,
    async run(output, command) {
      let stderr = '';
      const words = ['-o', output, '-c', command, module];
      const { code } = await bench.guest.runScript({
        path: join(root, 'packages/staprun/bundle/staprun.cjs'),
        argv: words,
        timeoutSeconds: 300,
        onStderr: (chunk) => {
          stderr += Buffer.from(chunk).toString();
        },
      });
      if (code !== 0) throw new Error(`staprun ${words.join(' ')}: ${stderr}`);
      return stderr;
    },
  };
}

/** SystemTap's staprun. Its relay files are in debugfs. */
async function theirs(bench: Bench, version: string, module: string): Promise<Writer> {
  await bench.run(['sh', '-c', 'mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug']);
  return {
    name: `SystemTap ${version}`,
    countsLosses: false,
    async run(output, command) {
      const argv = ['/usr/bin/staprun', '-o', output, '-c', command, module];
      const { code, stderr } = await bench.guest.capture({ argv, timeoutSeconds: 300 });
      if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
      return stderr.toString();
    },
  };
}

function better(a: Outcome | undefined, b: Outcome): Outcome {
  return a && a.rate >= b.rate ? a : b;
}

async function run(bench: Bench, writer: Writer, cpus: number, rate: number): Promise<Outcome> {
  const output = '/tmp/bench-output';
  const counts = '/tmp/bench-produced';
  const command = `${bench.folder}/produce ${cpus} ${Math.round(rate)} ${seconds} ${counts}`;
  const stderr = await writer.run(output, command);
  const { produced, rate: reached } = JSON.parse(await bench.run(['cat', counts])) as {
    produced: number;
    rate: number;
  };
  const received = Number((await bench.run(['wc', '-l', output])).split(' ')[0]);
  const told = number(/There were (\d+) transport failures/, stderr) + number(/skipped probes: (\d+)/, stderr);
  if (writer.countsLosses && received + told !== produced)
    throw new Error(`${produced} lines were produced, but ${received} received and ${told} lost: ${stderr}`);
  const lost = produced - received;
  process.stderr.write(
    `${writer.name} was asked for ${Math.round(rate)} a second: ${reached}, ${lost} lost, ${told} of them told of\n`,
  );
  return { produced, rate: reached, received, lost };
}

function number(pattern: RegExp, text: string): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

function report(what: string, { rate, produced, received, lost }: Outcome): void {
  const figure = Math.round(rate).toLocaleString('en-US');
  console.log(
    `${what.padEnd(48)} ${figure.padStart(10)} lines/s   received ${received} + lost ${lost} = produced ${produced}`,
  );
}
