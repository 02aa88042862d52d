// How long passes 1 and 2 take by themselves: every example of systemtap-doc through pass 1 in one process, and the first
// one-liner through passes 1 and 2, after Node's start; medians over several processes, the least processor time of any,
// and the peak memory. On a busy machine the processor time tells whether a goal is reached. With `hard`, texts that are
// deeper or larger than any script should be, each in a process of its own.
//
//   node tools/bench/frontend.mjs [RUNS]
//   node tools/bench/frontend.mjs hard
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isHard = process.argv[2] === 'hard';
const runs = isHard ? 3 : Number(process.argv[2] ?? 9);

// What is to be reached; issue and README speak of the same figures.
const GOALS = { examples: 1500, pass1: 40, pass2: 60, hard: 1000, memory: 500 };

const folder = mkdtempSync(join(tmpdir(), 'stapkit-frontend-'));
try {
  // One bundled file, as the command line is.
  const program = join(folder, 'measure.mjs');
  await build({
    entryPoints: [join(root, 'tools/bench/frontend-measure.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    define: { 'process.env.STAPKIT_ROOT': JSON.stringify(root) },
  });
  // As `./stap` starts it.
  const flags = ['--min-semi-space-size=16'];
  const measure = (...what) =>
    JSON.parse(execFileSync(process.execPath, [...flags, program, ...what], { encoding: 'utf8' }));
  if (isHard) reportHard(measure);
  else reportOrdinary(measure);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Time and memory of each of the hard texts, and what came of it. */
function reportHard(measure) {
  for (const name of measure('names').names) {
    const results = Array.from({ length: runs }, () => measure('hard', name));
    const processor = Math.min(...results.map((run) => run.passes.processor));
    const wall = Math.min(...results.map((run) => run.passes.wall));
    const missed = Math.min(wall, processor) > GOALS.hard || peak(results) >= GOALS.memory ? '  MISSED' : '';
    const { codes } = results[0];
    console.log(
      `${name}: ${wall.toFixed(0)} ms, ${processor.toFixed(0)} ms of processor time, ${peak(results)} MB, ${codes.join(', ') || 'accepted'}${missed}`,
    );
  }
}

function reportOrdinary(measure) {
  const start = Array.from({ length: runs }, startOfNode);
  const examples = Array.from({ length: runs }, () => measure('examples'));
  const oneLiner = Array.from({ length: runs }, () => measure('one-liner'));

  const { count, bytes } = examples[0];
  console.log(`Node's own start: ${Math.min(...start).toFixed(1)} ms of processor time`);
  report(
    `${count} examples (${Math.round(bytes / 1024)} kB) through pass 1`,
    examples.map((run) => run.examples),
    GOALS.examples,
  );
  report(
    'the one-liner through pass 1',
    oneLiner.map((run) => run.pass1),
    GOALS.pass1,
  );
  report(
    'the one-liner through pass 2',
    oneLiner.map((run) => run.pass2),
    GOALS.pass2,
  );
  console.log(`peak memory: examples ${peak(examples)} MB, one-liner ${peak(oneLiner)} MB`);
}

/** What starting Node takes by itself, right now on this machine, in milliseconds of processor time. */
function startOfNode() {
  const script = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)';
  return Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}

function report(what, times, goal) {
  const wall = times.map((time) => time.wall).sort((a, b) => a - b);
  const median = wall[Math.floor(wall.length / 2)];
  const processor = Math.min(...times.map((time) => time.processor));
  const verdict = Math.min(median, processor) <= goal ? 'reached' : 'MISSED';
  console.log(
    `${what}: ${median.toFixed(1)} ms (${wall[0].toFixed(1)} to ${wall.at(-1).toFixed(1)}), ` +
      `${processor.toFixed(1)} ms of processor time; at most ${goal} ms: ${verdict}`,
  );
}

function peak(results) {
  return Math.max(...results.map((run) => run.peak));
}
