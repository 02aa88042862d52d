// The commands of SystemTap's own introductions, as typed, on a machine that has been prepared.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { READ_PERFORMED } from './harness.js';
import { type Machine, openMachine } from './prepared-machine.js';

let machine: Machine;
beforeAll(async () => {
  machine = await openMachine();
});
afterAll(() => machine?.close());

const MODULES = "sed -n 's/ .*//; /^stap_\\|^test$/p' /proc/modules";

test('stap-prep', async () => {
  const { status, stdout } = await machine.shell('stap-prep');
  expect(stdout).toContain('Everything required is there.');
  expect(status).toBe(0);
});

test(`stap -v -e 'probe vfs.read {printf("read performed\\n"); exit()}'`, async () => {
  const ran = await machine.shell(String.raw`stap -v -e 'probe vfs.read {printf("read performed\n"); exit()}'`);
  expect(ran.stdout).toMatch(READ_PERFORMED);
  expect(ran.stderr).toMatch(/^Pass 1: parsed user script and /m);
  expect(ran.stderr).toMatch(/^Pass 5: run completed in \d+usr\/\d+sys\/\d+real ms\.$/m);
  expect(ran.status).toBe(0);
});

test('stap -r `uname -r` … -m test leaves test.ko, which staprun runs', async () => {
  const ran = await machine.shell(
    String.raw`stap -r ${'`uname -r`'} -e 'probe vfs.read {printf("read performance\n"); exit()}' -m test; echo $? *
    staprun test.ko; echo $?; ${MODULES}`,
  );
  expect(ran).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^(?:read performance\n)+0 test\.ko\n(?:read performance\n)+0\n$/),
    stderr: '',
  });
});

test('stap -F iotime.stp, staprun -A NAME: what was read and written is told of, held and as it comes', async () => {
  const ran = await machine.shell(String.raw`cp $E/io/iotime.stp .
    use() { perl -e 'open F, ">", $ARGV[0]; syswrite F, "x" x 1000 for 1..$ARGV[1]; close F;
      open G, "<", $ARGV[0]; 1 while sysread G, $b, 512; close G;' $PWD/$1 $2; }
    stap -F iotime.stp 2> said; echo $?; NAME=$(sed -n 's/.*staprun -A \(\w*\)".*/\1/p' said); sed "s/$NAME/NAME/" said
    use held 7
    staprun -A $NAME > out 2> err & P=$!; until_ 'grep -q "held. read: 7000" out'
    use followed 3; until_ 'grep -q "followed. read: 3000" out'
    kill -QUIT $P; wait $P; echo $?; cat err | sed "s/$NAME/NAME/"; ${MODULES} | sed "s/$NAME/NAME/"
    staprun -d $NAME; echo $?; ${MODULES}; grep '(perl)' out | sed "s,$PWD/,,"`);
  const disconnecting = 'Disconnecting from systemtap module. To reconnect, type "staprun -A NAME"\n';
  expect(ran.stdout.startsWith(`0\n${disconnecting}0\n${disconnecting}NAME\n0\n`)).toBe(true);
  expect(ran.stderr).toBe('');
  for (const [name, bytes] of [
    ['held', 7000],
    ['followed', 3000],
  ]) {
    expect(ran.stdout).toMatch(new RegExp(`^\\d+ \\d+ \\(perl\\) access "${name}" read: 0 write: ${bytes}$`, 'm'));
    expect(ran.stdout).toMatch(new RegExp(`^\\d+ \\d+ \\(perl\\) access "${name}" read: ${bytes} write: 0$`, 'm'));
    expect(ran.stdout).toMatch(new RegExp(`^\\d+ \\d+ \\(perl\\) iotime "${name}" time: [1-9]\\d*$`, 'm'));
  }
});

/** A program that touches as many pages as it is told, each for the first time, and says where. */
const TOUCH = String.raw`
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	size_t pages = strtoul(argv[1], 0, 0), bytes = pages << 12;
	for (int times = atoi(argv[2]); times > 0; times--) {
		char *at = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(at, bytes, MADV_NOHUGEPAGE);
		for (size_t page = 0; page < pages; page++)
			at[page << 12] = 1;
		if (times == 1)
			printf("%d %lu\n", getpid(), (unsigned long)at);
		munmap(at, bytes);
	}
	return 0;
}`;

test('stap -F -o /tmp/pfaults.log -S 1,2 pfaults.stp: every fault of a known program, in files of a megabyte', async () => {
  const ran = await machine.shell(String.raw`cp $E/memory/pfaults.stp .; rm -f /tmp/pfaults.log*
    cat > touch.c <<'END'${TOUCH}
END
    gcc -O1 -o touch touch.c || exit
    PID=$(stap -F -o /tmp/pfaults.log -S 1,2 pfaults.stp); echo "status $?"; [ -d /proc/$PID ] && echo running
    ./touch 1000 1 > known; read -r TID AT < known
    until_ "grep -q '^[0-9]*:$TID:$((AT + 999 * 4096))d:' /tmp/pfaults.log.0"
    awk -F: -v tid=$TID -v from=$AT '$2 == tid && $3 + 0 >= from && $3 + 0 < from + 1000 * 4096 { print ($3 - from) / 4096, $4, $5, ($6 > 0) }' \
      /tmp/pfaults.log.0 | sort -n > faults
    awk '$0 == NR - 1 " w minor 1" { n++ } END { print "faults", n, NR }' faults
    kill -s USR2 $PID; until_ '[ -e /tmp/pfaults.log.1 ]'
    ./touch 1000 70 > /dev/null; until_ '[ -e /tmp/pfaults.log.3 ]'
    kill -s SIGTERM $PID; until_ '! [ -d /proc/$PID ]'
    cd /tmp; ls pfaults.log* | wc -l; wc -c < pfaults.log.3
    for F in pfaults.log.*; do [ $(wc -c < $F) -le 1048576 ] && grep -vcE '^[0-9]+:[0-9]+:[0-9]+d:[rw]:(minor|major):[0-9]+$' $F; done
    ${MODULES}`);
  expect(ran.stdout).toMatch(/^status 0\nrunning\nfaults 1000 1000\n2\n\d+\n0\n0\n$/);
  expect(ran.stderr).toBe('');
});
