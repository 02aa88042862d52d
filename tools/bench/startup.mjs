// How long passes 1 to 4 of the first one-liner take, and how much memory: cold (no caches at all), warm (runtime cached,
// script new) and cached (the same script again); medians over several runs, beside SystemTap's `stap -p4` where that is
// installed. Whole processes are measured, from outside.
//
//   node tools/bench/startup.mjs [RUNS]
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runs = Number(process.argv[2] ?? 7);
const script = (n) => `probe vfs.read {printf("read performed\\n"); exit()} # ${n}`;
const newScript = (n) => `probe vfs.read {printf("read performed ${n}\\n"); exit()}`;

/** Resident memory of a process and all below it, in bytes, as the kernel shares it out (PSS). */
function treeMemory(pid) {
  let total = 0;
  const visit = (id) => {
    try {
      const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'latin1');
      total += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
      for (const task of readdirSync(`/proc/${id}/task`)) {
        for (const child of readFileSync(`/proc/${id}/task/${task}/children`, 'latin1').split(' ').filter(Boolean)) {
          visit(Number(child));
        }
      }
    } catch {
      // It has ended meanwhile.
    }
  };
  visit(pid);
  return total;
}

function run(argv, env) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(argv[0], argv.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, treeMemory(child.pid));
    }, 20);
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      const pass4 = /^Pass 4: .* in \d+usr\/\d+sys\/(\d+)real ms/m.exec(output)?.[1];
      resolve({ code, output, milliseconds: performance.now() - start, peak, pass4: Number(pass4) });
    });
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function series(name, count, argvOf, env, before) {
  const results = [];
  for (let n = 0; n < count; n++) {
    before?.();
    const result = await run(argvOf(n), env);
    if (result.code !== 0) {
      console.log(`${name}: fails (${result.output.trim().split('\n').slice(-2).join(' | ').slice(0, 160)})`);
      return;
    }
    results.push(result);
  }
  const whole = results.map((result) => result.milliseconds);
  const pass4 = median(results.map((result) => result.pass4));
  console.log(
    `${name.padEnd(28)} whole ${median(whole).toFixed(0).padStart(6)} ms (${Math.min(...whole).toFixed(0)}–${Math.max(...whole).toFixed(0)})` +
      `   pass 4 ${Number.isNaN(pass4) ? '     –' : String(pass4).padStart(6)} ms` +
      `   peak memory ${(median(results.map((result) => result.peak)) / 1e6).toFixed(0).padStart(4)} MB`,
  );
}

const cache = mkdtempSync(join(tmpdir(), 'stapkit-bench-'));
const realCache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME, '.cache');
// The guest's kernel image is no cache of the build: it stays where stap-prep put it.
const guestKernels = join(realCache, 'stapkit', 'guest');
const env = { XDG_CACHE_HOME: cache };
const clear = () => {
  rmSync(cache, { recursive: true, force: true });
  execFileSync('mkdir', ['-p', join(cache, 'stapkit')]);
  if (existsSync(guestKernels)) execFileSync('ln', ['-s', guestKernels, join(cache, 'stapkit', 'guest')]);
};
const stap = (text) => [join(root, 'stap'), '-v', '-p4', '-e', text];
try {
  clear();
  await series('node -e 0', runs, () => ['node', '-e', '0'], env);
  await series('stap -V', runs, () => [join(root, 'stap'), '-V'], env);
  await series('cold', Math.min(3, runs), () => stap(script(0)), env, clear);
  await run(stap(script(0)), env);
  await series('warm, new script', runs, (n) => stap(newScript(n)), env);
  await series('cached', runs, () => stap(script(0)), env);
  const systemtap = ['/usr/bin/stap', '/usr/local/bin/stap'].find((path) => existsSync(path));
  if (systemtap) {
    const release = readdirSync('/lib/modules').at(-1);
    await series(
      'SystemTap -p4, new script',
      3,
      (n) => [systemtap, '-v', '-r', release, '-p4', '-e', newScript(n)],
      {},
    );
  }
} finally {
  rmSync(cache, { recursive: true, force: true });
}
