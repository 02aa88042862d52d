// The index of a kernel's debug information: how long it takes to make, with which memory, and its size on disk; and how
// long one function takes to be found without it and with it. The library is bundled as it is shipped, into a folder that
// goes away; every run is a process of its own with an empty cache. A busy machine is no help: take the least of several.
//
//   node tools/bench/debug-index.mjs [RUNS] [DEBUG FILE]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runs = Number(process.argv[2] ?? 3);
const file =
  process.argv[3] ??
  [release(), '6.1.0-56-amd64'].map((name) => `/usr/lib/debug/boot/vmlinux-${name}`).find((path) => existsSync(path));
if (!file) throw new Error('name a debug file: node tools/bench/debug-index.mjs RUNS FILE');

const folder = mkdtempSync(join(tmpdir(), 'stapkit-bench-'));
try {
  await build({
    entryPoints: { library: 'packages/dwarf/src/index.ts', worker: 'packages/dwarf/src/debug-index/worker.ts' },
    absWorkingDir: root,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { performance } from 'node:perf_hooks';
import { DW_AT, Dwarf, locationOf, openDebugIndex, openElf, parametersOf, subprogramAt } from './library.mjs';
const [what, file, cacheFolder, workers] = process.argv.slice(2);
const before = process.cpuUsage();
const start = performance.now();
const dwarf = new Dwarf(openElf(file));
const facts = {};
if (what === 'index') {
  const workerFile = new URL('./worker.mjs', import.meta.url).pathname;
  const index = await openDebugIndex(dwarf, { cacheFolder, workers: Number(workers), workerFile });
  facts.counts = index.counts();
} else {
  let die;
  if (what === 'with') {
    const index = await openDebugIndex(dwarf, { cacheFolder });
    index.adoptUnits(dwarf);
    die = dwarf.dieAt(index.functions('vfs_read')[0].concrete[0]);
  } else {
    const { address } = dwarf.elf.symbols().find('vfs_read');
    die = subprogramAt(dwarf.unitForAddress(address), address);
  }
  facts.parameters = parametersOf(die).map((one) => \`\${one.fullName} \${locationOf(one).kind}\`).join(', ');
}
const wall = performance.now() - start;
const used = process.cpuUsage(before);
// Of the whole process, threads and all.
const peak = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ wall, processor: (used.user + used.system) / 1000, peak, ...facts }));
`,
  );
  const measure = (what, cache, workers) =>
    JSON.parse(
      execFileSync(process.execPath, [join(folder, 'run.mjs'), what, file, cache, String(workers)], {
        encoding: 'utf8',
      }),
    );
  const least = (results, key) => Math.min(...results.map((result) => result[key]));
  const most = (results, key) => Math.max(...results.map((result) => result[key]));
  const show = (title, results, digits) =>
    console.log(
      `${title.padEnd(38)} ${(least(results, 'wall') / 1000).toFixed(digits)} s, ` +
        `${(least(results, 'processor') / 1000).toFixed(digits)} s of processor time, ` +
        `${Math.ceil(most(results, 'peak'))} MB at most`,
    );

  console.log(`${file}: ${Math.round(statSync(file).size / 1e6)} MB; ${availableParallelism()} processors`);
  const cache = (n) => join(folder, `cache-${n}`);
  const made = [];
  for (let run = 0; run < runs; run++) {
    rmSync(cache(0), { recursive: true, force: true });
    made.push(measure('index', cache(0), 2));
  }
  show('index, 2 threads', made, 1);
  const alone = [];
  for (let run = 0; run < runs; run++) alone.push(measure('index', cache(`alone-${run}`), 0));
  show('index, 1 thread', alone, 1);
  const [path] = execFileSync('find', [cache(0), '-name', 'dwarf.*.index'], { encoding: 'utf8' }).split('\n');
  console.log(`on disk: ${(statSync(path).size / 1e6).toFixed(1)} MB; ${JSON.stringify(made[0].counts)}`);
  const repeat = (what) => Array.from({ length: runs * 3 }, () => measure(what, cache(0), 0));
  show('vfs_read and its parameters, no index', repeat('without'), 3);
  const found = repeat('with');
  show('the same with the index', found, 3);
  console.log(found[0].parameters);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
