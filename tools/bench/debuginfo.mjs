// Pass 2 where a kernel's types and code are wanted: by BTF, by DWARF without an index and with one, and for a pattern of
// thousands of functions; beside it SystemTap's pass 2, where it is installed. Each run is a process of its own; the least
// of several counts. Pass 2's own clock is shown: real time, and processor time, which other work on the machine disturbs less.
//
//   node tools/bench/debuginfo.mjs [RUNS] [RELEASE]
//   node tools/bench/debuginfo.mjs --load              the pattern's module in the guest instead: loaded, armed, let go
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
if (process.argv[2] === '--load') {
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/tsx'),
    ['--conditions=source', join(root, 'tools/bench/debuginfo-load.ts')],
    { stdio: 'inherit' },
  );
  process.exit(status ?? 1);
}
const runs = Number(process.argv[2] ?? 3);
const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const release = process.argv[3] ?? readdirSync(join(cache, 'stapkit/guest')).sort().at(-1);
const one = 'probe kernel.function("vfs_read"){println($file->f_path->dentry->d_name->name$)}';
const many = 'global n probe kernel.function("*@fs/*.c").call {n++} probe end {println(n)}';

/** Runs a command; pass 2's numbers as `-v` prints them. */
function passTwo(command, argv, env) {
  const { stderr } = spawnSync(command, argv, { encoding: 'utf8', env: { ...process.env, ...env } });
  const found = /Pass 2: analyzed script: (\d+) probes?,.* in (\d+)usr\/(\d+)sys\/(\d+)real ms\./.exec(stderr);
  if (!found) throw new Error(stderr);
  const [, probes, user, system, real] = found.map(Number);
  return { probes, processor: user + system, real };
}

function least(what, run, count = runs) {
  const all = Array.from({ length: count }, run);
  const best = (key) => Math.min(...all.map((each) => each[key]));
  const { probes } = all[0];
  console.log(
    `${what.padEnd(52)} ${String(best('real')).padStart(6)} ms real ${String(best('processor')).padStart(6)} ms processor ${String(probes).padStart(6)} probes`,
  );
}

const stap = (script, options, env) => () =>
  passTwo(join(root, 'stap'), ['-r', release, '--vp', '02000', '-p2', ...options, '-e', script], env);
const systemtap = (script) => () => passTwo('/usr/bin/stap', ['-r', release, '-v', '-p2', '-e', script], {});

// The first run of each kind fills caches that the others find.
stap(one, ['--debuginfo=btf'])();
least('vfs_read, BTF', stap(one, ['--debuginfo=btf']));
const empty = mkdtempSync(join(tmpdir(), 'stapkit-bench-'));
try {
  // A cache of its own but for the guest's kernels: nothing in it is an index.
  mkdirSync(join(empty, 'cache'));
  symlinkSync(join(cache, 'stapkit/guest'), join(empty, 'cache/guest'));
  const env = { SYSTEMTAP_DIR: empty, SYSTEMTAP_DEBUGINFO_PATH: `/usr/lib/debug:${join(cache, 'stapkit/debug')}` };
  // The kernel's BTF is unpacked before the runs that count; an index is made only by what needs one.
  stap(one, ['--debuginfo=btf'], env)();
  least('vfs_read, DWARF, no index', stap(one, ['--debuginfo=dwarf'], env));
} finally {
  rmSync(empty, { recursive: true, force: true });
}
stap(many, [])();
least('vfs_read, DWARF, index', stap(one, ['--debuginfo=dwarf']));
least('*@fs/*.c, index', stap(many, []));
if (existsSync('/usr/bin/stap')) {
  least('SystemTap: vfs_read', systemtap(one));
  least('SystemTap: *@fs/*.c', systemtap(many), 1);
}
