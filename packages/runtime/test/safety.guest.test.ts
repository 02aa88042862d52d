// That no script can hurt the kernel: reads from any address, staprun killed at any moment, handlers in every context.
// STAPKIT_CYCLES sets how many modules are loaded and unloaded, beside 3 to warm up; 6 by default.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest, KERNEL_FAULT } from '@stapkit/vm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));
const cycles = Number(process.env['STAPKIT_CYCLES'] ?? 6);
/** Kilobytes more after all cycles. A leak of one module's buffers alone would be above that. */
const MOST = 1024 + 2 * cycles;
let guest: Guest;
let folder: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'packages/staprun/scripts/bundle.mjs')]);
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  folder = mkdtempSync(join(tmpdir(), 'runtime-guest-'));
});

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

// The kernel warns of most things only once.
beforeEach(async () => {
  await shell(
    'mountpoint -q /sys/kernel/debug || mount -t debugfs d /sys/kernel/debug; echo 1 > /sys/kernel/debug/clear_warn_once; dmesg -C',
  );
});

const COMPLAINTS = `dmesg | grep -E '${KERNEL_FAULT.source}' || true`;

function build(name: string, script: string, options: readonly string[] = []): void {
  execFileSync(join(root, 'stap'), ['-r', guest.release, '-p4', ...options, '-m', name, join(fixtures, script)], {
    cwd: folder,
    stdio: 'pipe',
  });
}

/** Runs a shell script in the guest; `$S` is staprun, `$D` the folder of the modules. */
async function shell(script: string): Promise<string> {
  let output = '';
  const take = (chunk: Uint8Array): void => {
    output += Buffer.from(chunk).toString('latin1');
  };
  await guest.exec({
    argv: ['bash', '-c', script],
    cwd: '/tmp',
    env: { ...process.env, S: `node ${root}packages/staprun/bundle/staprun.cjs`, D: folder } as Record<string, string>,
    onStdout: take,
    onStderr: take,
  });
  return output;
}

test('a million reads from addresses of every kind fault nothing and leave the kernel log clean', async () => {
  build('rt_reads', 'read-any-address.stp', ['-g', '--suppress-time-limits']);
  const [, good, bad] = /^read 1000000: (\d+) good, (\d+) bad\n$/.exec(await shell('$S $D/rt_reads.ko'))!.map(Number);
  expect(good! + bad!).toBe(1_000_000);
  expect(bad).toBeGreaterThan(500_000);
  expect(good).toBeGreaterThan(0);
  expect(await shell(COMPLAINTS)).toBe('');
});

test('handlers run on both CPUs at once, nested and in interrupts, under load', async () => {
  build('rt_everywhere', 'everywhere.stp', ['-g', '--suppress-time-limits', '-DMAXSKIPPED=100000000']);
  const output = await shell(
    `for i in 1 2 3; do sh -c 'while :; do cat /proc/self/stat > /dev/null; done' & L="$L $!"; done
     $S $D/rt_everywhere.ko > o 2> e; kill $L; wait 2> /dev/null; grep -E '^[a-z]+ ([01]|many)$' o; cat e`,
  );
  expect(output).toContain('hits many\n');
  for (const kind of ['timer', 'switch', 'syscall', 'read', 'profile', 'perf'])
    for (const cpu of [0, 1]) expect(output).toContain(`${kind} ${cpu}\n`);
  expect(output).toMatch(/^irq \d$/m);
  expect(output).not.toContain('ERROR');
  expect(await shell(COMPLAINTS)).toBe('');
  expect(await shell('lsmod | grep ^rt_ || true')).toBe('');
});

test('handlers in non-maskable interrupts come in the middle of others and of what those print', async () => {
  build('rt_nmi', 'nmi.stp', ['-g', '--suppress-time-limits', '-DMAXSKIPPED=100000000']);
  // Each backtrace that is asked for on one CPU is an NMI on the other. The load leaves staprun and the shell their turn.
  const output = await shell(
    `$S -v $D/rt_nmi.ko > o 2> e & P=$!
     until grep -q '^begin' o; do sleep 0.1; done
     for cpu in 0 1; do nice -n 19 taskset -c $cpu perl -e 'getppid while 1' & done
     until grep -q '^busy 0' o && grep -q '^busy 1' o; do sleep 0.1; done
     until [ "$(cat /proc/systemtap/rt_nmi/seen)" = 1 ]; do for cpu in 0 1; do taskset -c $cpu sh -c 'echo l > /proc/sysrq-trigger'; done; done
     kill %2 %3; kill -INT $P; wait
     grep -vE '^(begin|busy [01] [0-9]+|nmi [01] [01]-[^ ].*|known [0-9]+ [0-9]+|end [0-9]+ [0-9]+ [0-9]+)$' o
     echo lines $(grep -c '^nmi' o) $(sed -n 's/^end //p' o) $(sed -n 's/^known //p' o); cat e`,
  );
  const [, lines, nmis, nested, refused, asked, known] = /^lines (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/m
    .exec(output)!
    .map(Number);
  expect(nmis).toBeGreaterThanOrEqual(10);
  // The other handler fills the buffers faster than a slow machine reads them: what does not fit is counted.
  const lost = Number(
    /^WARNING: Lost because the buffer was full, from the print at .*nmi\.stp:15:3: (\d+)$/m.exec(output)?.[1] ?? 0,
  );
  expect(lines! + lost).toBe(nmis);
  expect(nested).toBeGreaterThan(0);
  // The map of a process can be looked at, also where the interrupted handler holds it.
  expect(asked).toBeGreaterThan(0);
  expect(known).toBe(asked);
  // A lock that the interrupted handler holds is not waited for: the hit is skipped, and counted.
  expect(nmis! - refused!).toBeGreaterThan(0);
  expect(output).toMatch(/^WARNING: Skipped due to .*lock timeout in kernel\.trace\("nmi:nmi_handler"\)/m);
  expect(output).toMatch(/^lines/);
  expect(await shell(COMPLAINTS)).toBe('');
});

test('staprun killed at any moment leaves no module, and the kernel keeps no memory', async () => {
  const lanes = [0, 1, 2];
  for (const lane of lanes)
    build(`rt_cycle${lane}`, 'everywhere.stp', ['-g', '--suppress-time-limits', '-DMAXSKIPPED=100000000']);
  // Three at a time, so that one is loaded while others go; in every third cycle staprun is killed.
  const output = await shell(
    `# Slabs that are empty, and what is given back late, are no leak.
       used() { sync; echo 3 > /proc/sys/vm/drop_caches; for F in /sys/kernel/slab/*/shrink; do echo 1 > $F; done 2> /dev/null; sleep 1
         awk '/^SUnreclaim|^VmallocUsed|^Percpu/ { n += $2 } END { print n }' /proc/meminfo; }
       slab() { N=$((N + 1)); M=$(used); for i in $(seq $2); do [ $M -lt $1 ] && break; M=$(used); done; echo memory $M;
         awk 'NR > 2 { print $1, int($3 * $4 / 1024) }' /proc/slabinfo | sort > /tmp/slabs.$N; }
       gone() { while grep -q "^rt_cycle$1 " /proc/modules; do sleep 0.1; done; }
       one() { $S $D/rt_cycle$1.ko > /dev/null 2>&1 & P=$!
         if [ $((($2 + $2 / 3) % 3)) = 0 ]; then sleep 0.$((RANDOM % 90 + 10)); sleep $((RANDOM % 3)); kill -KILL $P
         else sleep 1.$((RANDOM % 90 + 10)); kill -INT $P; fi
         wait $P 2> /dev/null; gone $1; }
       lane() { for n in $(seq $(($1 + $2)) 3 $3); do one $1 $n; done; }
       all() { lane 0 $1 $2 & lane 1 $1 $2 & lane 2 $1 $2 & wait; }
       all 1 3; slab 0 2; all 1 ${cycles}; slab $((M + ${MOST})) 30
       join /tmp/slabs.1 /tmp/slabs.2 | awk '$3 - $2 > 20 || $2 - $3 > 20 { print "slab", $1, $2, $3 }'
       ls /proc/stapkit 2> /dev/null; grep -c rt_cycle /proc/modules`,
  );
  const [before, after] = [...output.matchAll(/^memory (\d+)$/gm)].map((match) => Number(match[1]));
  const slabs = [...output.matchAll(/^slab (\S+) (\d+) (\d+)$/gm)].map(([, name, from, to]) => `${name} ${from} ${to}`);
  console.log(`${cycles} cycles: kernel memory ${before} kB before, ${after} kB after; ${slabs.join(', ')}`);
  expect(output.replace(/^(memory|slab) .*\n/gm, '')).toBe('0\n');
  expect(after! - before!).toBeLessThan(MOST);
  expect(await shell(COMPLAINTS)).toBe('');
});
