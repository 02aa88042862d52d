// That no script can hurt the kernel: reads from any address, staprun killed at any moment, handlers in every context.
// STAPKIT_CYCLES sets how many modules are loaded and unloaded, 6 by default, so that the file takes under a minute.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));
const cycles = Number(process.env['STAPKIT_CYCLES'] ?? 6);
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

const COMPLAINTS =
  'dmesg | grep -E "WARNING|BUG:|Oops|general protection|General protection|lockdep|locking dependency|stall|soft lockup|atomic" || true';

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
    `for i in 1 2 3; do timeout 12 sh -c 'while :; do cat /proc/self/stat > /dev/null; done' & done
     $S $D/rt_everywhere.ko > o 2> e; wait; grep -E '^[a-z]+ ([01]|many)$' o; cat e`,
  );
  expect(output).toContain('hits many\n');
  for (const kind of ['timer', 'switch', 'syscall', 'read', 'profile', 'perf'])
    for (const cpu of [0, 1]) expect(output).toContain(`${kind} ${cpu}\n`);
  expect(output).toMatch(/^irq \d$/m);
  expect(output).not.toContain('ERROR');
  expect(await shell(COMPLAINTS)).toBe('');
  expect(await shell('lsmod | grep ^rt_ || true')).toBe('');
}, 120_000);

test(
  'staprun killed at any moment leaves no module, and the kernel keeps no memory',
  async () => {
    build('rt_cycle', 'everywhere.stp', ['-g', '--suppress-time-limits', '-DMAXSKIPPED=100000000']);
    const output = await shell(
      `slab() { sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; awk '/^SUnreclaim|^VmallocUsed|^Percpu/ { n += $2 } END { print "memory", n }' /proc/meminfo; }
       gone() { for i in $(seq 100); do lsmod | grep -q ^rt_cycle || return 0; sleep 0.1; done; echo "still loaded"; return 1; }
       one() { $S $D/rt_cycle.ko > /dev/null 2>&1 & P=$!
         if [ $(($1 % 3)) = 0 ]; then sleep 0.$((RANDOM % 90 + 10)); sleep $((RANDOM % 2)); kill -KILL $P; wait $P 2> /dev/null
         else sleep 0.$((RANDOM % 90 + 10)); sleep 1; kill -INT $P; wait $P || true; fi
         gone; }
       one 1; one 3; one 5; slab
       for n in $(seq ${cycles}); do one $n || break; done
       slab; ls /proc/stapkit 2> /dev/null; grep -c rt_cycle /proc/modules`,
    );
    const [before, after] = [...output.matchAll(/^memory (\d+)$/gm)].map((match) => Number(match[1]));
    expect(output.replace(/^memory \d+\n/gm, '')).toBe('0\n');
    // Kilobytes. A leak of one module's buffers alone would be above that.
    expect(after! - before!).toBeLessThan(1024 + 8 * cycles);
    expect(await shell(COMPLAINTS)).toBe('');
  },
  60_000 + cycles * 8_000,
);
