// Modules on a machine with only the runtime: a root folder with Node and staprun's one file, or with the executable that
// has Node in it; no tapset, no compiler, no headers, no node_modules. And whom that machine lets load them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, type Guest, startGuest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

let guest: Guest;
let folder: string;

beforeAll(async () => {
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  folder = mkdtempSync(join(tmpdir(), 'staprun-machine-'));
  execFileSync('pnpm', ['nx', 'run', 'staprun:executable'], { cwd: root, stdio: 'pipe' });
  build('spm_hello', 'global name = "World" probe begin { printf("Hello %s!\\n", name) exit() }');
  build('spm_idle', 'probe begin { printf("begin %d\\n", target()) warn("careful") } probe end { printf("end\\n") }');
  build(
    'spm_names',
    `probe kernel.function("__do_sys_getppid") { if (execname() == "perl") { printf("process %d\\n", ns_pid()) exit() } }
     probe begin { printf("remote %d %s\\n", remote_id(), remote_uri()) }`,
  );
  change('spm_build', 'kernel_build_id=', (at, bytes) => {
    bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
  });
  change('spm_release', 'vermagic=6.', (at, bytes) => bytes.write('9', at, 'latin1'));
});

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

function build(name: string, script: string, options: readonly string[] = []): void {
  execFileSync(join(root, 'stap'), ['-r', guest.release, '-p4', ...options, '-m', name, '-e', script], {
    cwd: folder,
    stdio: 'pipe',
  });
}

/** Builds a module and changes what lies behind some text in it. */
function change(name: string, text: string, act: (at: number, bytes: Buffer) => void): void {
  build(name, 'probe begin { printf("never\\n") exit() }');
  const path = join(folder, `${name}.ko`);
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  act(at + text.length, bytes);
  writeFileSync(path, bytes);
}

/** `machine FOLDER PROGRAM…` makes a root folder with programs and their libraries; `there` runs a command in it. */
const PRELUDE = `cd "$(mktemp -d)" || exit
until_() { until eval "$1"; do sleep 0.1; done; }
gone() { until_ '! grep -q "^spm_" /proc/modules'; echo gone; }
add() { for F in "$@"; do cp -L --parents "$F" $R; ldd "$F" 2> /dev/null | grep -o '/[^ ]*' | while read -r L; do cp -L --parents "$L" $R; done; done; }
machine() { R=$PWD/$1; shift; mkdir -p $R/proc $R/sys $R/dev $R/opt $R/tmp; chmod 1777 $R/tmp; add /bin/sh /sbin/insmod /sbin/rmmod "$@"
  mount -t proc proc $R/proc; mount -t sysfs sys $R/sys; mount --bind /dev $R/dev; }
there() { chroot $R /usr/bin/env -i "$@"; }
`;

/** Runs a shell script in a guest; `$B` is the folder of staprun's bundle, `$D` the folder of the modules. */
async function shell(script: string, where: Guest = guest) {
  let output = '';
  let errors = '';
  const { code } = await where.exec({
    argv: ['bash', '-c', PRELUDE + script],
    env: { ...process.env, B: `${root}packages/staprun/bundle`, D: folder } as Record<string, string>,
    onStdout: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
    onStderr: (chunk) => {
      errors += Buffer.from(chunk).toString('latin1');
    },
  });
  return { output, errors, status: code };
}

test('one file and Node are enough, with every option', async () => {
  const ran = await shell(`
    machine target /usr/bin/env $(readlink -f "$(command -v node)") /bin/sleep
    cp $B/staprun.cjs $D/*.ko $R/opt; N=$(readlink -f "$(command -v node)")
    S() { there $N /opt/staprun.cjs "$@"; }
    S /opt/spm_hello.ko; S -w -R -u -b 2 -T 100 -C never /opt/spm_hello.ko name=there; S -v -G name=setting /opt/spm_hello.ko
    S -o /tmp/out -S 1,2 -c 'exit 0' /opt/spm_hello.ko; cat $R/tmp/out.0
    sleep 1000 & T=$!; S -w -L -x $T /opt/spm_idle.ko; S -d spm_idle; echo $?; kill $T
    S -L /opt/spm_idle.ko; (S -A spm_idle > $R/tmp/held 2> $R/tmp/warned; echo $?) & until_ 'grep -qs begin $R/tmp/held'
    kill -INT $(pgrep -f '^/.*staprun.cjs -A spm_idle'); wait %%; cat $R/tmp/held $R/tmp/warned
    P=$(S -D -o /tmp/log /opt/spm_idle.ko); until_ 'grep -qs begin $R/tmp/log'; kill $P; gone; cat $R/tmp/log`);
  expect(ran.output).toMatch(
    /^Hello World!\nHello there!\nHello setting!\nHello World!\n0\n0\nbegin 0\nend\nWARNING: careful\ngone\nbegin 0\nend\n$/,
  );
  expect(ran.errors).toContain('To reconnect, type "staprun -A spm_idle"');
});

test('-N says whose namespaces count, -r which run of --remote it is', async () => {
  const ran = await shell(`
    unshare -fp perl -e '$SIG{USR1} = sub { getppid; exit }; open F, ">", "ready"; select undef, undef, undef, 0.1 while 1' & U=$!
    until_ '[ -e ready ]'; T=$(pgrep -P $U)
    node $B/staprun.cjs -N $T -r 3:ssh://there $D/spm_names.ko > out & P=$!; until_ 'grep -qs remote out'
    kill -USR1 $T; wait $P; echo $?; cat out; node $B/staprun.cjs -N 4194303 $D/spm_names.ko; echo $?`);
  expect(ran.output).toBe('0\nremote 3 ssh://there\nprocess 1\n1\n');
  expect(ran.errors).toContain('there is no process 4194303 (-N)');
});

test('the executable needs no Node', async () => {
  const ran = await shell(`
    machine target /usr/bin/env $B/staprun; ln $R$B/staprun $R/opt/staprun; cp $D/*.ko $R/opt
    there /opt/staprun -V; there /opt/staprun /opt/spm_hello.ko name=all; P=$(there /opt/staprun -D -o /tmp/log /opt/spm_idle.ko)
    until_ 'grep -qs begin $R/tmp/log'; kill $P; gone; cat $R/tmp/log`);
  expect(ran.output).toMatch(/^stapkit module loader[^\n]*\n[^\n]*\nHello all!\ngone\nbegin 0\nend\n$/);
});

test('a module for another kernel is refused: another release, or another build of the same', async () => {
  const ran = await shell('for M in spm_release spm_build; do node $B/staprun.cjs $D/$M.ko; echo $?; done; gone');
  expect(ran.output).toBe('1\n1\ngone\n');
  const other = guest.release.replace(/^6\../, '6.9');
  expect(ran.errors).toContain(
    `couldn't insert module 'spm_release': it was built for the kernel ${other}, this one is ${guest.release}`,
  );
  expect(ran.errors).toContain(
    `couldn't insert module 'spm_build': it was built for another build of the kernel ${guest.release}`,
  );
  expect(ran.errors).toMatch(
    /build id of the module's kernel: [0-9a-f]{40}\n\s*build id of this kernel: {9}[0-9a-f]{40}/,
  );
  expect(ran.errors).toContain(`hint: build it for this kernel: stap -r ${guest.release} -m spm_build -p4 SCRIPT`);
});

test('only members of the groups may load modules, and stapusr alone only those of the administrator', async () => {
  const ran = await shell(`
    for G in stapusr stapsys stapdev; do getent group $G > /dev/null || groupadd -r $G; done
    useradd -M -G stapusr ann; useradd -M -G stapusr,stapdev bob; useradd -M eve
    cp $B/staprun /opt/set-uid; chown root:root /opt/set-uid; chmod 4755 /opt/set-uid; chmod 755 .
    mkdir -p /lib/modules/$(uname -r)/systemtap; cp $D/spm_hello.ko $D/spm_idle.ko .; chmod 644 *.ko
    as() { U=$1; shift; setpriv --reuid=$U --regid=$U --init-groups --inh-caps=-all "$@" 2>&1; echo "$U $?"; }
    as eve /opt/set-uid spm_hello.ko
    as bob /opt/set-uid spm_hello.ko name=bob
    as bob /opt/set-uid -R -c 'id -un; id -Gn' spm_idle.ko
    as bob /opt/set-uid -o /etc/bobs-file spm_hello.ko; ls /etc/bobs-file
    as ann /opt/set-uid spm_hello.ko
    cp spm_hello.ko spm_idle.ko /lib/modules/$(uname -r)/systemtap/
    as ann /opt/set-uid spm_hello name=ann
    as ann /opt/set-uid -L spm_idle; as ann /opt/set-uid -d spm_idle
    $B/staprun -L -R spm_idle.ko 2> /dev/null; OTHER=$(ls /proc/stapkit); as ann /opt/set-uid -d $OTHER; $B/staprun -d $OTHER
    ln -s $PWD/spm_hello.ko /lib/modules/$(uname -r)/systemtap/linked.ko; as ann /opt/set-uid linked
    chmod o+w /lib/modules/$(uname -r)/systemtap/spm_hello.ko; as ann /opt/set-uid spm_hello
    mkdir hostile; chown ann hostile; printf '#!/bin/sh\\nid -u > /tmp/hijacked\\n' > hostile/insmod; chmod 755 hostile/insmod
    chmod o-w /lib/modules/$(uname -r)/systemtap/spm_hello.ko; PATH=$PWD/hostile:$PATH as ann env PATH=$PWD/hostile:$PATH /opt/set-uid spm_hello; ls /tmp/hijacked
    SUDO_USER=ann SUDO_UID=$(id -u ann) SUDO_GID=$(id -g ann) SUDO_COMMAND="/usr/bin/staprun x" node $B/staprun.cjs spm_hello.ko; echo "sudo $?"
    SUDO_USER=ann SUDO_UID=$(id -u ann) SUDO_GID=$(id -g ann) SUDO_COMMAND="/usr/bin/staprun x" node $B/staprun.cjs -o /etc/anns-file spm_hello; echo "sudo $?"; ls /etc/anns-file
    setpriv --reuid=ann --regid=ann --init-groups --inh-caps=-all node $B/staprun.cjs spm_hello; echo "plain $?"
    gone`);
  const text = ran.output + ran.errors;
  const part = (from: string, to: string): string => text.slice(text.indexOf(from), text.indexOf(to) + to.length);
  expect(text).toContain('you must be root or a member of the group stapdev, stapsys or stapusr');
  expect(text).toContain('eve 1\nHello bob!\nbob 0\n');
  expect(part('bob 0', 'bob 0\nERROR')).toMatch(
    /begin \d+\nWARNING: careful\nbob\nbob (stapusr stapdev|stapdev stapusr)\nend\n/,
  );
  expect(text).toContain('writing to /etc/bobs-file failed: permission denied');
  expect(text).toMatch(
    /members of stapusr may only load modules from (\/usr)?\/lib\/modules\/\S+, not "\S+spm_hello.ko"/,
  );
  expect(text).toContain('Hello ann!\nann 0\n');
  expect(text).toContain('To reconnect, type "staprun -A spm_idle"\nann 0\nann 0\n');
  expect(text).toMatch(/members of stapusr may only load modules from \S+, not "spm_idle_\d+"/);
  expect(text.match(/members of stapusr may only load modules/g)).toHaveLength(4);
  expect(text).toMatch(/spm_hello.ko" must belong to root and must not be writable by others/);
  expect(text).toContain('Hello World!\nann 0\n');
  expect(text).toContain("cannot access '/tmp/hijacked'");
  expect(text).toContain("cannot access '/etc/bobs-file'");
  expect(text).toContain("cannot access '/etc/anns-file'");
  expect(text).toContain('you must be root to load kernel modules');
  expect(text).toMatch(/plain 1\ngone\n/);
});

test('a module made for stapusr sees nothing but the processes of whoever runs it', async () => {
  const atLowest = ['--privilege=stapusr'];
  // The program names itself by what it opens: reading that is reading its memory.
  const watch = `
    probe process.begin { if (execname() =~ "^own-") println(execname(), " of ", uid()) }
    probe process.end { if (execname() =~ "^own-") println(execname(), " ends") }
    probe process.syscall {
      if (execname() !~ "^own-" || $syscall != 257) next
      // A name in a page that nobody has touched yet can't be read.
      try { name = user_string($arg2) } catch { next }
      if (isinstr(name, "none-")) println(execname(), " opens ", name)
    }`;
  build('spm_own', watch, atLowest);
  const begin = (body: string): string =>
    `probe begin { try { ${body} } catch (text) { println("caught ", text) } println("after") } probe error { println("error") }`;
  build('spm_foreign', begin('println(user_string(1))'), atLowest);
  build('spm_function', begin('println(env_var("HOME"))'), atLowest);
  build('spm_kernel', begin('println(@cast(0xffff888000000000, "task_struct", "kernel")->pid)'), atLowest);
  // Harmless everywhere; whose processes are whose is asked of the same place.
  build('spm_mine', 'probe begin { println("mine ", is_myproc()) exit() }', atLowest);
  const ran = await shell(`
    getent group stapusr > /dev/null || groupadd -r stapusr
    for U in dot flo; do useradd -M -G stapusr $U; done; I=$(id -u dot)
    cp $B/staprun /opt/set-uid-own; chmod 4755 /opt/set-uid-own; chmod 777 .
    M=/lib/modules/$(uname -r)/systemtap; mkdir -p $M; chmod 755 $M
    cp $D/spm_own.ko $D/spm_foreign.ko $D/spm_function.ko $D/spm_kernel.ko $D/spm_mine.ko $M; chmod 644 $M/*.ko
    for P in plain set-uid closed; do cp /bin/cat /opt/own-$P; done; chmod 755 /opt/own-plain; chmod 4755 /opt/own-set-uid; chmod 711 /opt/own-closed
    as() { U=$1; shift; setpriv --reuid=$U --regid=$U --init-groups --inh-caps=-all "$@"; }
    printf 'touch ready; until [ -e go ]; do sleep 0.1; done; for P in plain set-uid closed; do /opt/own-$P none-$P; done; exit 0\n' > commands
    as dot /opt/set-uid-own -c 'sh commands 2> /dev/null' spm_own > seen & W=$!
    until_ '[ -e ready ]'; /opt/own-plain none-root 2> /dev/null; as flo /opt/own-plain none-flo 2> /dev/null; touch go; wait $W
    echo "status $?"; sed "s/ of $I$/ of dot/" seen
    for N in foreign function kernel; do as dot /opt/set-uid-own spm_$N; echo "$N $?"; done
    SUDO_USER=dot SUDO_UID=$I SUDO_GID=$(id -g dot) SUDO_COMMAND="/usr/bin/staprun x" node $B/staprun.cjs spm_own -c '/opt/own-plain none-sudo 2> /dev/null; true' > seen; sed "s/ of $I$/ of dot/" seen
    $B/staprun $M/spm_own.ko -c 'setpriv --reuid=dot /opt/own-plain none-dot; /opt/own-plain none-root; true' 2> /dev/null
    $B/staprun $M/spm_mine.ko
    as dot /opt/set-uid-own -L spm_own; as flo /opt/set-uid-own -A spm_own; echo "attach $?"; grep -c '^spm_own ' /proc/modules
    as dot /opt/own-plain none-later 2> /dev/null; as dot /opt/set-uid-own -A spm_own > seen & W=$!; until_ 'grep -q later seen'; kill -INT $(pgrep -u dot -f 'set-uid-own -A'); wait $W
    sed "s/ of $I$/ of dot/" seen; gone`);
  const plain = (name: string): string => `own-plain of dot\nown-plain opens none-${name}\nown-plain ends\n`;
  expect(ran.output).toBe(
    `status 0\n${plain('plain')}error\nforeign 1\nerror\nfunction 1\nerror\nkernel 1\n${plain('sudo')}` +
      `${plain('root').replace('dot', '0')}mine 1\nattach 1\n1\n${plain('later')}gone\n`,
  );
  const level = '--privilege=stapusr near';
  expect(ran.errors).toContain(`function user_string is only for the user's own processes at ${level}`);
  expect(ran.errors).toContain(
    `function env_var is only for the user's own processes at ${level} identifier 'env_var'`,
  );
  expect(ran.errors).toContain(`kernel memory may not be read at ${level}`);
  expect(ran.errors).toContain("the module 'spm_own' runs for another user, and sees only their processes");
});

test('a locked-down kernel says what it wants: a signature, by a key that it knows', async () => {
  const keys = ['req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=stapkit test/'];
  execFileSync('openssl', [...keys, '-keyout', 'key.pem', '-out', 'cert.pem'], { cwd: folder, stdio: 'pipe' });
  build('spm_signed', 'probe begin { printf("signed\\n") exit() }', ['--sign-module=key.pem,cert.pem']);
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  const locked = await startGuest({
    cacheFolder,
    bootSeconds: 600,
    heartbeatSeconds: 300,
    append: 'lockdown=integrity',
  });
  try {
    const ran = await shell(
      'for M in spm_hello spm_signed; do node $B/staprun.cjs $D/$M.ko; echo $?; done; gone; echo 1 > /proc/sys/kernel/modules_disabled; node $B/staprun.cjs $D/spm_hello.ko; echo $?',
      locked,
    );
    expect(ran.output).toBe('1\n1\ngone\n1\n');
    const [unsigned, signed, off] = ran.errors.split(/^ERROR: /m).slice(1);
    expect(unsigned).toContain(
      'hint: the kernel is locked down (integrity): it takes only modules signed with a key that it knows',
    );
    expect(unsigned).toContain('stap --sign-module=KEY,CERTIFICATE -m spm_hello -p4 SCRIPT');
    expect(signed).toContain('the kernel is locked down (integrity)');
    expect(signed).toContain('the module is signed, but not with such a key');
    expect(signed).toContain('mokutil --import CERTIFICATE');
    expect(off).toContain('until it is booted anew: /proc/sys/kernel/modules_disabled is 1');
  } finally {
    await locked.stop();
  }
});
