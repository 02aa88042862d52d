// What a run loses is told at its end, by owner and cause, and in --json; the limits can be set when a module is loaded.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Modules, type Ran } from './run-modules.js';

const PLENTY = ['-g', '--suppress-time-limits', '-DMAXACTION=10000000'];
const BEGUN = 'probe begin { printf("begun\\n") } ';
let modules: Modules;

/** Modules by name; they are built one after the other while the tests run. */
const scripts = new Map<string, { readonly script: string; readonly options: readonly string[] }>();
const built = new Map<string, Promise<void>>();

function declare(name: string, script: string, options: readonly string[] = []): void {
  scripts.set(name, { script, options });
}

beforeAll(async () => {
  modules = await Modules.open();
  let last = Promise.resolve();
  for (const [name, { script, options }] of scripts) {
    const one = last.then(() => modules.buildBeside(name, script, options));
    // The tests that wait for it fail by it.
    last = one.catch(() => {});
    built.set(name, one);
    one.catch(() => {});
  }
});

afterAll(async () => {
  await Promise.allSettled(built.values());
  await modules?.close();
});

async function run(...words: Parameters<Modules['run']>): Promise<Ran> {
  await built.get(words[0]);
  return modules.run(...words);
}

/** The events of --json that tell of losses. */
function lossesOf({ output }: Ran): { owner: string; cause: string; count: number }[] {
  const events = output.trim().split('\n');
  return events.map((line) => JSON.parse(line)).filter(({ event }) => event === 'loss');
}

const GETPPIDS = "perl -e 'getppid for 1..50'";
const NESTED = `${BEGUN}global seen, inner
  probe kernel.trace("sys_enter") { if (execname() == "perl") seen <<< kernel_long(task_current()) }
  probe kernel.function("copy_from_kernel_nofault") { inner <<< 1 }
  probe end { printf("%d\\n", @count(seen) >= 50) if (@count(inner) > 1000000) println("many") }`;

declare('rl_nested', NESTED);
test('a probe on what handlers call is skipped: reentrancy', async () => {
  const ran = await run('rl_nested', '-v', GETPPIDS);
  expect(ran.output).toBe('begun\n1\n');
  const skipped = Number(/^WARNING: Number of errors: 0, skipped probes: (\d+)$/m.exec(ran.errors)?.[1]);
  expect(skipped).toBeGreaterThanOrEqual(50);
  expect(ran.errors).toMatch(
    new RegExp(
      `^WARNING: Skipped due to reentrancy in kernel\\.function\\("copy_from_kernel_nofault.*: ${skipped}$`,
      'm',
    ),
  );
  expect(ran.status).toBe(0);
  const strict = await run('rl_nested', '--strict --json', GETPPIDS);
  expect(lossesOf(strict)).toEqual([
    {
      event: 'loss',
      owner: expect.stringMatching(/^kernel\.function.* at .*:\d+:\d+$/),
      cause: 'nesting',
      count: expect.any(Number),
    },
  ]);
  expect(strict.status).toBe(1);
});

test('skips by reentrancy count towards MAXSKIPPED with INTERRUPTIBLE=0 only', async () => {
  expect((await run('rl_nested', '', GETPPIDS, 'MAXSKIPPED=3')).status).toBe(0);
  const ran = await run('rl_nested', '', GETPPIDS, 'MAXSKIPPED=3 INTERRUPTIBLE=0');
  expect(ran.errors).toMatch(
    /^ERROR: Skipped too many probes, check MAXSKIPPED or try again with stap -t for more details\.$/m,
  );
  expect(ran.status).toBe(1);
});

declare(
  'rl_full',
  `${BEGUN}probe procfs("reader").read { $value = sprintf("%d\\n", stp_pid()) }
  probe kernel.function("__do_sys_getppid") { if (execname() == "perl") for (i = 0; i < 50000; i++) printf("%d\\n", i) }`,
  PLENTY,
);
test('a full buffer loses prints, and each is counted for its site', async () => {
  // The reader stands still meanwhile: none of its threads takes anything away.
  const once = `P=$(cat /proc/systemtap/rl_full/reader); kill -STOP $P
    until ! grep -h '^State:' /proc/$P/task/*/status | grep -qv 'T (stopped)'; do sleep 0.1; done
    perl -e getppid; kill -CONT $P`;
  const ran = await run('rl_full', '-v', once, 'STAPKIT_BUFFER=65536');
  const lost = Number(/^WARNING: There were (\d+) transport failures\.$/m.exec(ran.errors)?.[1]);
  expect(lost).toBeGreaterThan(0);
  expect(ran.output.split('\n').length - 2 + lost).toBe(50_000);
  expect(ran.errors).toMatch(
    new RegExp(`^WARNING: Lost because the buffer was full, from the print at .*: ${lost}$`, 'm'),
  );
  expect(ran.status).toBe(0);
  const strict = await run('rl_full', '--strict --json', once, 'STAPKIT_BUFFER=65536');
  expect(lossesOf(strict)).toMatchObject([{ owner: expect.stringMatching(/^the print at /), cause: 'ring-full' }]);
  expect(strict.status).toBe(1);
});

declare(
  'rl_map',
  `${BEGUN}global a, n probe kernel.function("__do_sys_getppid") { if (execname() == "perl") a[n++] = 1 } probe never { println(a[0]) }`,
);
test('a full array is an error and a loss', async () => {
  const ran = await run('rl_map', '--json', GETPPIDS, 'MAXMAPENTRIES=2');
  expect(lossesOf(ran)).toMatchObject([
    { owner: expect.stringContaining('__do_sys_getppid'), cause: 'map-full', count: 1 },
  ]);
  expect(ran.output).toContain('Array overflow, check MAXMAPENTRIES near');
  expect(ran.status).toBe(1);
});

declare('rl_cut', 'probe begin { s = "x" for (i = 0; i < 10; i++) s = s . s printf("begun %d\\n", strlen(s)) }');
test('strings that are cut are counted', async () => {
  const ran = await run('rl_cut', '-v');
  expect(ran.output).toBe('begun 511\n');
  expect(ran.errors).toMatch(/^WARNING: Strings cut at MAXSTRINGLEN in begin at .*: 2$/m);
  expect(ran.status).toBe(0);
  const strict = await run('rl_cut', '--strict --json');
  expect(lossesOf(strict)).toMatchObject([
    { owner: expect.stringMatching(/^begin at /), cause: 'string-cut', count: 2 },
  ]);
  expect(strict.status).toBe(1);
});

declare('rl_return', `${BEGUN}probe kernel.function("hrtimer_nanosleep").return.maxactive(1) { printf("back\\n") }`);
test('returns that no instance was free for are counted', async () => {
  // All four sleep at once before the first returns.
  const load = `L=; for i in 1 2 3 4; do sleep 1000 & L="$L $!"; done
    for P in $L; do until grep -q nanosleep /proc/$P/wchan; do sleep 0.1; done; done; kill $L; wait $L`;
  const ran = await run('rl_return', '-v', load);
  const missed = Number(/^WARNING: Number of errors: 0, skipped probes: (\d+)$/m.exec(ran.errors)?.[1]);
  expect(missed).toBeGreaterThanOrEqual(1);
  expect(ran.errors).toMatch(
    new RegExp(`^WARNING: Skipped due to missed returns in kernel\\.function.*: ${missed}$`, 'm'),
  );
  const strict = await run('rl_return', '--strict --json', load);
  expect(lossesOf(strict)).toMatchObject([
    { owner: expect.stringContaining('hrtimer_nanosleep'), cause: 'return-missed', count: expect.any(Number) },
  ]);
  expect(strict.status).toBe(1);
});

/**
 * `holder`, on CPU 0, keeps the lock of `order` in ustat() (136) until `wanter`, on CPU 1, has come by as often as `times`
 * says, the run has failed or `seconds` are over, and `linger` nanoseconds more; these are set when it is loaded. The
 * seconds matter where `wanter` waits for the lock already: then it does not come by. It comes by in getpgrp() (111),
 * wants the lock in personality() (135), once more when all is over, and says at its end how often that
 * was. Nobody else calls the two that want the lock: whoever came while it is held would be skipped, too.
 */
const LOCKED = `%{
    #include <linux/atomic.h>
    #include <linux/timekeeping.h>
    static atomic_t arrived;
    /* Its first member, the state: another one than now when the run has failed. */
    extern atomic_t stapkit_session;
    %}
    ${BEGUN}
    global held, order, times = 1, linger = 0, seconds = 40
    function arrive() %{ atomic_inc(&arrived); %}
    function keep(times:long, linger:long, seconds:long) %{
      int until = atomic_read(&arrived) + STAP_ARG_times, state = atomic_read(&stapkit_session);
      u64 end = ktime_get_mono_fast_ns() + STAP_ARG_seconds * 1000000000ULL, more;
      while (atomic_read(&arrived) - until < 0 && atomic_read(&stapkit_session) == state &&
             ktime_get_mono_fast_ns() < end) cpu_relax();
      more = ktime_get_mono_fast_ns() + STAP_ARG_linger;
      while (ktime_get_mono_fast_ns() < more) cpu_relax();
    %}
    probe kernel.function("__x64_sys_ustat") { if (execname() == "holder") { held += 1000000 order .= "(" keep(times, linger, seconds) order .= ")" } }
    probe kernel.function("__x64_sys_getpgrp") { if (execname() == "wanter") arrive() }
    probe kernel.function("__x64_sys_personality") { if (execname() == "wanter") { held++ order .= strlen(order) == 2 ? "w" : "" } }
    probe end { printf("%d %s\\n", held, order) }`;
const LONG = 'MAXACTION=10000000 STP_OVERLOAD_THRESHOLD=1000000000000';
/** Both load what they need before the lock is held: a CPU in a handler answers no other. */
const HOLDER_AND_WANTER = `rm -f /tmp/end /tmp/wanted /tmp/came
  taskset -c 1 perl -e '$0 = "wanter"; open(C, ">", "/tmp/came"); close(C);
    until (-e "/tmp/end") { syscall(135, 0xffffffff); syscall(111); $n++ } syscall(135, 0xffffffff); $n++; open(W, ">", "/tmp/wanted"); print W $n' & W=$!
  until [ -e /tmp/came ]; do sleep 0.05; done
  taskset -c 0 perl -e '$0 = "holder"; syscall(136, 0, 0)' ; touch /tmp/end; wait $W`;

/** How often `wanter` wanted the lock. */
const wanted = async (): Promise<number> => Number(await modules.shell('cat /tmp/wanted'));
const came = ({ output }: Ran): number => Number(/^begun\n1(\d{6}) \(\)w$/m.exec(output)?.[1]);

declare('rl_held', LOCKED, ['-g', '-t']);
test('a lock that is not free in time is a skip, and the global is named', async () => {
  const settings = `times=50 MAXTRYLOCK=2 TRYLOCKDELAY=1 MAXSKIPPED=1000000 ${LONG}`;
  const ran = await run('rl_held', '', HOLDER_AND_WANTER, settings);
  const skipped = Number(/^WARNING: Number of errors: 0, skipped probes: (\d+)$/m.exec(ran.errors)?.[1]);
  // While the lock was held, nobody came through: of the 50 that were waited for, one may have been counted before.
  expect(skipped).toBeGreaterThanOrEqual(49);
  expect(came(ran) + skipped).toBe(await wanted());
  // With -t the end of the run says whose the losses were.
  const words = String.raw`Skipped due to global 'order' lock timeout in kernel\.function\("__x64_sys_personality`;
  expect(ran.errors).toMatch(new RegExp(`^WARNING: ${words}.*: ${skipped}$`, 'm'));
  expect(ran.status).toBe(0);
  const strict = await run('rl_held', '--strict --json', HOLDER_AND_WANTER, settings);
  const loss = { event: 'loss', owner: expect.stringContaining('__x64_sys_personality'), cause: 'lock-timeout' };
  expect(lossesOf(strict)).toEqual([{ ...loss, global: 'order', count: expect.any(Number) }]);
  expect(lossesOf(strict)[0]!.count).toBeGreaterThanOrEqual(49);
  expect(strict.status).toBe(1);
});

declare('rl_held_plain', LOCKED, ['-g']);
test('a lock is waited for: MAXTRYLOCK times, TRYLOCKDELAY microseconds apart', async () => {
  // That is a hundred seconds; the lock is held for two milliseconds after the other came by, or for two seconds.
  const patience = `linger=2000000 seconds=2 MAXTRYLOCK=1000000 TRYLOCKDELAY=100 ${LONG}`;
  const patient = await run('rl_held_plain', '', HOLDER_AND_WANTER, patience);
  expect(came(patient)).toBe(await wanted());
  expect(patient).toMatchObject({ errors: '', status: 0 });
});

declare('rl_held_quiet', LOCKED, ['-g', '--suppress-handler-errors']);
test('more skips than MAXSKIPPED end the run; 100 by default', async () => {
  const TOO_MANY = /^ERROR: Skipped too many probes, check MAXSKIPPED or try again with stap -t for more details\.$/m;
  const few = `times=150 MAXTRYLOCK=0 ${LONG}`;
  const ran = await run('rl_held_plain', '', HOLDER_AND_WANTER, few);
  expect(ran.errors).toMatch(TOO_MANY);
  // The one that is too many is counted too.
  expect(ran.errors).toMatch(/^WARNING: Number of errors: 0, skipped probes: 101$/m);
  expect(ran.status).toBe(1);
  const seven = await run('rl_held_plain', '', HOLDER_AND_WANTER, `${few} MAXSKIPPED=7`);
  expect(seven.errors).toMatch(/^WARNING: Number of errors: 0, skipped probes: 8$/m);
  expect(seven.status).toBe(1);
  // stap(1): without -t there is only the number.
  const quiet = await run('rl_held_quiet', '', HOLDER_AND_WANTER, `${few} MAXSKIPPED=0`);
  const skipped = Number(/^WARNING: Number of errors: 0, skipped probes: (\d+)\n$/.exec(quiet.errors)?.[1]);
  expect(skipped).toBeGreaterThanOrEqual(149);
  expect(came(quiet) + skipped).toBe(await wanted());
  expect(quiet.status).toBe(0);
});

declare('rl_held_free', LOCKED, ['-g', '--suppress-time-limits']);
test('with --suppress-time-limits a lock is waited for as long as it takes', async () => {
  // The default, MAXTRYLOCK=1000 and TRYLOCKDELAY=10, would give up after ten milliseconds.
  const ran = await run(
    'rl_held_free',
    '',
    HOLDER_AND_WANTER,
    'linger=300000000 seconds=2 MAXTRYLOCK=0 MAXACTION=1 STP_OVERLOAD_THRESHOLD=1',
  );
  expect(came(ran)).toBe(await wanted());
  expect(ran).toMatchObject({ errors: '', status: 0 });
});

declare(
  'rl_stack',
  `${BEGUN}global n probe kernel.function("__do_sys_getppid") { n++ } probe end { println(n >= 50) }`,
);
test('a handler does not run where less than MINSTACKSPACE is left of the stack', async () => {
  expect(await run('rl_stack', '', GETPPIDS)).toEqual({ output: 'begun\n1\n', errors: '', status: 0 });
  // A stack has 16 KiB.
  // Shells call it too as they start: no limit to how many are skipped.
  const whole = 'MINSTACKSPACE=16384 MAXSKIPPED=1000000';
  const ran = await run('rl_stack', '-v', GETPPIDS, whole);
  expect(ran.output).toBe('begun\n0\n');
  const skipped = Number(/^WARNING: Number of errors: 0, skipped probes: (\d+)$/m.exec(ran.errors)?.[1]);
  expect(skipped).toBeGreaterThanOrEqual(50);
  expect(ran.errors).toMatch(
    new RegExp(`^WARNING: Skipped due to low stack in kernel\\.function.*__do_sys_getppid.*: ${skipped}$`, 'm'),
  );
  const strict = await run('rl_stack', '--strict --json', GETPPIDS, whole);
  expect(lossesOf(strict)).toMatchObject([{ cause: 'low-stack', count: expect.any(Number) }]);
  expect(strict.status).toBe(1);
});

const BUSY = `${BEGUN}global n function f(i) { return i <= 0 ? 0 : f(i - 1) }
  probe kernel.function("__do_sys_getppid") { if (execname() != "perl") next for (i = 0; i < 100; i++) n += i  n += f(3) }
  probe never { println(n) }`;
const MANY = "perl -e 'getppid for 1..100000'";
/** Cycles: many calls of a slow machine fall into it, and it passes many times while there are calls. */
const SOME = 10_000_000;

declare('rl_busy', BUSY);
test('handlers that take too much time end the run', async () => {
  const ran = await run('rl_busy', '--json', MANY, `STP_OVERLOAD_THRESHOLD=1000 STP_OVERLOAD_INTERVAL=${SOME}`);
  expect(ran.output).toMatch(
    /probe overhead \(\d+ cycles\) exceeded threshold \(1000 cycles\) in last 10000000 cycles/,
  );
  expect(lossesOf(ran)).toMatchObject([
    { owner: expect.stringContaining('__do_sys_getppid'), cause: 'overload', count: 1 },
  ]);
  expect(ran.status).toBe(1);
});

declare('rl_slow', BUSY, ['-DSTP_NO_OVERLOAD', `-DSTP_OVERLOAD_INTERVAL=${SOME}`]);
test('the threshold can be high for one script, or overload control be off', async () => {
  expect(await run('rl_slow', '', MANY)).toMatchObject({ errors: '', status: 0 });
  const ran = await run('rl_slow', '', MANY, 'STP_OVERLOAD_THRESHOLD=1000');
  expect(ran.errors).toMatch(/^ERROR: probe overhead \(\d+ cycles\) exceeded threshold \(1000 cycles\)/m);
});

test('limits are changed when the module is loaded', async () => {
  expect(await run('rl_busy', '', GETPPIDS)).toMatchObject({ errors: '', status: 0 });
  const few = await run('rl_busy', '', GETPPIDS, 'MAXACTION=50');
  expect(few.errors).toMatch(/^ERROR: MAXACTION exceeded near /m);
  expect(few.errors).toMatch(/^WARNING: Number of errors: 1, skipped probes: 0$/m);
  const flat = await run('rl_busy', '', GETPPIDS, 'MAXNESTING=2 MAXERRORS=3');
  expect(flat.errors.match(/^ERROR: MAXNESTING exceeded/gm)).toHaveLength(4);
  expect(flat.errors).toMatch(/^WARNING: Number of errors: 4, skipped probes: 0$/m);
  expect(flat.status).toBe(1);
});

declare(
  'rl_sizes',
  `global h, done
   probe begin { h <<< 5 h <<< 85 print(@hist_linear(h, 0, 90, 10)) println("begun") }
   probe procfs("long").read { for (i = 0; i < 100; i++) $value .= "0123456789" }
   probe kernel.function("vfs_read") { if (!done++) { while (tokenize(n++ ? "" : backtrace(), " ") != "") frames++ printf("%d frames\\n", frames) } }`,
  ['-DMAXSTRINGLEN=2000'],
);
test('sizes of what is shown are changed when the module is loaded', async () => {
  const load = 'wc -c < /proc/systemtap/rl_sizes/long > /tmp/size; cat /etc/passwd > /dev/null';
  const shown = async (settings: string): Promise<Readonly<Record<string, unknown>>> => {
    const { output, errors, status } = await run('rl_sizes', '', load, settings);
    const frames = Number(/^(\d+) frames$/m.exec(output)?.[1]);
    const buckets = output.split('\n').filter((line) => /^ *\d+ \|/.test(line)).length;
    return {
      elided: output.includes('~'),
      buckets,
      frames,
      size: await modules.shell('cat /tmp/size'),
      errors,
      status,
    };
  };
  const usual = { elided: true, buckets: 7, size: '1000\n', errors: '', status: 0 };
  const deep = await shown('');
  expect(deep).toMatchObject(usual);
  expect(deep['frames']).toBeGreaterThan(2);
  expect(await shown('MAXBACKTRACE=2 STP_PROCFS_BUFSIZE=101')).toEqual({ ...usual, frames: 2, size: '101\n' });
  expect(await shown('HIST_ELISION=0 MAXBACKTRACE=1')).toMatchObject({ elided: false, buckets: 2, frames: 1 });
  expect(await shown('HIST_ELISION=-1')).toMatchObject({ elided: false, buckets: 10 });
});

declare('rl_begin', 'probe begin { for (i = 0; i < 200; i++) j += i printf("begun %d\\n", j) }');
test('MAXACTION_INTERRUPTIBLE is ten times MAXACTION, or what is said', async () => {
  expect(await run('rl_begin', '', ':', 'MAXACTION=100')).toMatchObject({ output: 'begun 19900\n', status: 0 });
  for (const limit of ['MAXACTION=10', 'MAXACTION_INTERRUPTIBLE=100']) {
    const ran = await run('rl_begin', '', ':', limit);
    expect(ran.errors).toMatch(/^ERROR: MAXACTION exceeded near /m);
    expect(ran.status).toBe(1);
  }
  expect((await run('rl_begin', '', ':', 'MAXACTION=-1')).errors).toContain('can\'t set the limit MAXACTION to "-1"');
});

declare(
  'rl_quiet',
  `${BEGUN}global n, zero probe kernel.function("__do_sys_getppid") { n++ n /= zero } probe end { printf("%d\\n", n >= 50) zero = 0 }`,
  ['--suppress-handler-errors'],
);
test('with --suppress-handler-errors the run goes on', async () => {
  const ran = await run('rl_quiet', '', GETPPIDS, 'MAXERRORS=2');
  expect(ran.output).toBe('begun\n1\n');
  expect(ran.errors).toMatch(/^WARNING: Number of errors: ([5-9]\d|\d{3,}), skipped probes: 0\n$/);
  expect(ran.status).toBe(0);
});
