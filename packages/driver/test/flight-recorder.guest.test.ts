// The flight recorder in memory: what is held and in which order, how much, and that it outlives those who look at it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stap } from './harness.js';
import { type Machine, openMachine } from './prepared-machine.js';

let machine: Machine;
beforeAll(async () => {
  machine = await openMachine();
});
afterAll(() => machine?.close());

/** `fill N` on a CPU makes the script print N numbers; `steps FILE` says how far apart they are, and how many there are. */
const FILL = 'fill() { taskset $1 perl -e "getppid for 1..$2"; }';
const PRELUDE = String.raw`cat > numbers.stp <<'END'
global n
probe kernel.function("__do_sys_getppid") { if (execname() == "perl") printf("%d\n", n++) }
END
${FILL}
steps() { awk 'NR > 1 { d = $1 - last; if (NR == 2 || d < least) least = d; if (d > most) most = d } { last = $1 } END { print least, most }' $1; }
`;

test('the newest megabyte of each CPU is held in order, attaching shows it and follows, detaching leaves it', async () => {
  const ran = await machine.shell(`${PRELUDE}
    stap -F -DSTP_NO_OVERLOAD -m fr_one numbers.stp; echo $?; fill 1 100000
    staprun -A fr_one > first & P=$!; until_ 'grep -q "^99999$" first'; fill 1 10; until_ 'grep -q "^100009$" first'
    kill -QUIT $P; wait $P; echo $?; grep -c '^fr_one ' /proc/modules; fill 1 10
    staprun -A fr_one > second & P=$!; until_ 'grep -q "^100019$" second'; kill -QUIT $P; wait $P; echo $?
    staprun -d fr_one; echo $?; grep -c '^fr_one ' /proc/modules
    steps first; steps second; head -1 second; wc -l < first`);
  const lines = ran.stdout.trim().split('\n');
  const shown = Number(lines.pop());
  expect(lines).toEqual(['0', '0', '1', '0', '0', '0', '1 1', '1 1', '100010']);
  expect(ran.stderr).toBe('Disconnecting from systemtap module. To reconnect, type "staprun -A fr_one"\n'.repeat(3));
  // The older ones have made room; a record of one number takes tens of bytes.
  expect(shown).toBeGreaterThan(1_048_576 / 64);
  expect(shown).toBeLessThan(1_048_576 / 16);
});

test('-s sets how much is held, and what each CPU has held comes out in its order', async () => {
  const ran = await machine.shell(`cat > numbers.stp <<'END'
global n
probe kernel.function("__do_sys_getppid") { if (execname() == "perl") printf("%d %d\\n", cpu(), ++n[cpu()]) }
END
    ${FILL}
    for M in 1 2; do
      stap -F -s $M -DSTP_NO_OVERLOAD -DMAXTRYLOCK=1000000 -m fr_size numbers.stp 2> /dev/null
      fill 1 100000 & A=$!; fill 2 100000 & B=$!; wait $A $B
      staprun -A fr_size > held$M 2> /dev/null & P=$!; until_ 'grep -q "^0 100000$" held'$M' && grep -q "^1 100000$" held'$M
      kill -QUIT $P; wait $P; staprun -d fr_size
      awk '$1 in last && $2 != last[$1] + 1 { gaps++ } { last[$1] = $2 } END { print gaps + 0 }' held$M; wc -l < held$M
    done; grep -c '^fr_size ' /proc/modules`);
  const [first, one, second, two, left] = ran.stdout.trim().split('\n').map(Number);
  expect([first, second, left]).toEqual([0, 0, 0]);
  expect(two! / one!).toBeGreaterThan(1.9);
  expect(two! / one!).toBeLessThan(2.1);
});

test('stap --vm -F leaves the module in the guest and says how to get at it', async () => {
  const ended = await stap([
    '--vm',
    '-F',
    '-m',
    'fr_kept',
    '-e',
    'probe begin { println("held") } probe end { println("end") }',
  ]);
  expect(ended).toMatchObject({ status: 0, stdout: '' });
  expect(ended.stderr).toContain('To reconnect, type "staprun -A fr_kept"\n');
  expect(ended.stderr).toContain('The module is in the guest: stap vm run staprun -A ');
  const ran =
    await machine.shell(`staprun -A fr_kept > out & P=$!; until_ 'grep -q held out'; kill -INT $P; wait $P; echo $?
    cat out; grep -c '^fr_kept ' /proc/modules`);
  expect(ran.stdout).toBe('0\nheld\nend\n0\n');
});

test('Ctrl-\\ leaves what stap --vm has started running in a guest that stays', async () => {
  const script = 'probe begin { println("begun") } probe end { println("ended") }';
  const ran = await stap(['--vm', '-m', 'fr_left', '-e', script], {
    onStdout: (text, child) => {
      if (text === 'begun\n') child.kill('SIGQUIT');
    },
  });
  expect(ran).toEqual({
    status: 0,
    signal: null,
    stdout: 'begun\n',
    stderr:
      'Disconnecting from systemtap module. To reconnect, type "staprun -A fr_left"\n' +
      'The module is in the guest: stap vm run staprun -A NAME\n',
  });
  expect(await machine.shell("grep -c '^fr_left ' /proc/modules")).toMatchObject({ stdout: '1\n' });
  const guest = process.env['STAPKIT_GUEST']!;
  // Whatever staprun the guest has itself: this one is ours.
  const removed = await stap(['vm', 'run', '--folder', guest, 'staprun', '-d', 'fr_left']);
  expect(removed).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect(await machine.shell("grep -c '^fr_left ' /proc/modules")).toMatchObject({ stdout: '0\n' });
});
