// Every form of a probe point that stapprobes(3stap) documents for perf, kernel.data, kprobe, procfs and netfilter, live;
// and conditions that arm and disarm each family while the script runs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Modules } from './run-modules.js';

const BEGUN = 'probe begin { println("begun") }';
let modules: Modules;

beforeAll(async () => {
  modules = await Modules.open();
});

afterAll(() => modules?.close());

async function addressOf(symbol: string): Promise<string> {
  const address = (await modules.shell(`sed -n 's/ [A-Za-z] ${symbol}$//p' /proc/kallsyms`)).trim();
  expect(address).toMatch(/^[0-9a-f]{16}$/);
  return `0x${address}`;
}

test('kernel.data takes an address and a length, and reads too', async () => {
  const jiffies = await addressOf('jiffies_64');
  // One is armed at a time: where several fit a write, the emulator tells of the first.
  const points = [
    `kernel.data(${jiffies}).write`,
    `kernel.data(${jiffies}).rw`,
    `kernel.data(${jiffies}).length(8).write`,
    `kernel.data(${jiffies}).length(3).rw`,
    'kernel.data("jiffies_64").rw',
  ];
  modules.build(
    'rf_data',
    `${BEGUN} global n, which
     ${points.map((point, index) => `probe ${point} if (which == ${index}) { n[${index}]++ }`).join('\n')}
     probe timer.ms(100) { if (which in n) which++ }
     probe procfs("which").read { $value = sprintf("%d\\n", which) }
     probe end { foreach (i+ in n) printf("%d ", i) println("") }`,
  );
  const until = `until [ "$(cat /proc/systemtap/rf_data/which)" = ${points.length} ]; do sleep 0.1; done`;
  const ran = await modules.run('rf_data', '', until);
  expect(ran).toEqual({ output: 'begun\n0 1 2 3 4 \n', errors: '', status: 0 });
});

test('the fifth of five addresses that are watched at once is refused, and the others go on', async () => {
  const symbols = ['jiffies_64', 'pid_max', 'panic_timeout', 'nr_threads', 'total_forks'];
  modules.build(
    'rf_many_data',
    `${BEGUN} global n
     ${symbols.map((symbol) => `probe kernel.data("${symbol}").write { n++ }`).join('\n')}
     probe procfs("hit").read { $value = sprintf("%d\\n", n > 0) }
     probe end { printf("%d\\n", n > 0) }`,
  );
  const until = 'until [ "$(cat /proc/systemtap/rf_many_data/hit)" = 1 ]; do sleep 0.1; done';
  const ran = await modules.run('rf_many_data', '', until);
  expect(ran).toEqual({
    output: 'begun\n1\n',
    errors: expect.stringMatching(
      /^WARNING: probe kernel\.data\("total_forks"\)\.length\(1\)\.write registration error \(rc -28\)\n$/,
    ),
    status: 0,
  });
});

test('kprobe takes functions of the kernel and of modules, returns, and addresses', async () => {
  const statement = await addressOf('__x64_sys_getppid');
  modules.build(
    'rf_kprobe',
    `${BEGUN} global n
     probe kprobe.function("__x64_sys_getppid") { n["function"]++ }
     probe kprobe.function("__x64_sys_getppid").call { n["call"]++ }
     probe kprobe.function("__x64_sys_getppid").return { n["return"]++ }
     probe kprobe.function("__x64_sys_getppid").return.maxactive(9) { n["maxactive"]++ }
     probe kprobe.module("overlay").function("ovl_permission") { n["module"]++ }
     probe kprobe.module("overlay").function("ovl_permission").call { n["module call"]++ }
     probe kprobe.module("overlay").function("ovl_permission").return { n["module return"]++ }
     probe kprobe.statement(${statement}).absolute { n["statement"]++ }
     probe end { foreach (s+ in n) printf("%s %d\\n", s, n[s] >= 20) delete n }`,
    ['-g'],
  );
  const ran = await modules.run('rf_kprobe', '', `perl -e 'for (1..20) { getppid; stat "/etc/passwd" }'`);
  const names = ['call', 'function', 'maxactive', 'module', 'module call', 'module return', 'return', 'statement'];
  expect(ran).toEqual({ output: `begun\n${names.map((name) => `${name} 1\n`).join('')}`, errors: '', status: 0 });
});

/** A program that computes for a while, under a name of its own. */
function busyProgram(name: string, folder = modules.folder): string {
  const source = join(folder, `${name}.c`);
  const program = join(folder, name);
  writeFileSync(
    source,
    `volatile long n;
     __attribute__((noinline)) void work(void) { for (long i = 0; i < 3000000; i++) n += i; }
     int main(void) { for (int i = 0; i < 12; i++) work(); return 0; }`,
  );
  execFileSync('gcc', ['-O1', '-o', program, source]);
  return program;
}

test('perf samples by count and by frequency, of all processes and of one', async () => {
  const [busy, other] = [busyProgram('busy'), busyProgram('other')];
  modules.build(
    'rf_perf',
    `${BEGUN} global n, of_one, others
     probe perf.type(1).config(0) { n["default"]++ if (execname() == "other") others++ }
     probe perf.type(1).config(0).sample(500000) { n["sample"]++ }
     probe perf.type(1).config(0).hz(500) { n["hz"]++ }
     probe perf.type(1).config(0).process("${busy}") { n["process"]++ of_one[pid()]++ }
     probe perf.type(1).config(0).sample(300000).process("${busy}") { n["sample of process"]++ of_one[pid()]++ }
     probe perf.type(1).config(0).hz(500).process("${busy}") { n["hz of process"]++ of_one[pid()]++ }
     probe end { foreach (s+ in n) printf("%s\\n", s) printf("%d\\n", others > 0) foreach (p in of_one) println(p) delete n }`,
  );
  // On both CPUs there is another program beside it, and it is begun anew on each.
  const load = `rm -f /tmp/pids; for cpu in 0 1; do
      taskset -c 0 ${other} & A=$!; taskset -c 1 ${other} & B=$!
      taskset -c $cpu ${busy} & echo $! >> /tmp/pids; wait $! $A $B; done`;
  const ran = await modules.run('rf_perf', '', load);
  const pids = await modules.shell('cat /tmp/pids');
  const names = ['default', 'hz', 'hz of process', 'process', 'sample', 'sample of process'];
  expect(ran).toEqual({ output: `begun\n${names.join('\n')}\n1\n${pids}`, errors: '', status: 0 });
});

test('perf goes by the command of -c where no process is named, and finds a name without a folder', async () => {
  const busy = busyProgram('busy');
  modules.build(
    'rf_target',
    `${BEGUN} global n, others, perl, named
     probe perf.type(1).config(0).process { n["command"]++ if (pid() != target()) others++ }
     probe perf.type(1).config(0).process("perl") { n["perl"]++ perl[pid()]++ if (execname() == "perl") named++ }
     probe perf.type(1).config(0).process("no such program") { n["none"]++ }
     probe end {
       foreach (s+ in n) println(s)
       println(others)
       foreach (p in perl) printf("%d\\n", named > perl[p] / 2)
       delete n
     }`,
  );
  const ran = await modules.run(
    'rf_target',
    `-c "${busy}; perl -e 'for (1..2000000) { }'"`,
    modules.untilGone('rf_target'),
  );
  // All of one process, in which exec changes the program a moment before the name.
  expect(ran.output).toBe('begun\ncommand\nperl\n0\n1\n');
  expect(ran.errors).toMatch(
    /^WARNING: probe perf\.type\(1\)\.config\(0\)\.process\("no such program"\)\S* registration error \(rc -2\)\n$/,
  );
  expect(ran.status).toBe(0);
});

test('a perf counter is read on demand, and its handler never runs', async () => {
  modules.build(
    'rf_counter',
    `${BEGUN} global first, last, n, back, handled
     probe perf.type(1).config(0).counter("clock") { handled++ }
     probe kernel.function("__do_sys_getppid") {
       if (execname() != "perl") next
       now = @perf("clock")
       if (n++ == 0) first = now
       if (now < last) back++
       last = now
     }
     probe end { printf("%d %d %d %d\\n", n, last > first, back, handled) }`,
  );
  const ran = await modules.run('rf_counter', '', "taskset -c 1 perl -e 'getppid for 1..200'");
  expect(ran).toEqual({ output: 'begun\n200 1 0 0\n', errors: '', status: 0 });
});

test('a perf counter of one program counts what each of its threads does, and nothing else', async () => {
  // Page faults are as many as there are new pages. The other program has as many as it can on the same CPU.
  const source = join(modules.folder, 'touch.c');
  const [program, other] = [join(modules.folder, 'toucher'), join(modules.folder, 'another')];
  writeFileSync(
    source,
    `#define _GNU_SOURCE
     #include <pthread.h>
     #include <sched.h>
     #include <string.h>
     #include <sys/mman.h>
     #include <unistd.h>
     static void touch(int pages) {
       volatile char *memory = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       madvise((void *)memory, pages * 4096, MADV_NOHUGEPAGE);
       for (int i = 0; i < pages; i++) { memory[i * 4096] = 1; sched_yield(); }
       munmap((void *)memory, pages * 4096);
     }
     static void *work(void *pages) { touch(2); getppid(); touch(2); getppid(); touch(*(int *)pages); getppid(); return 0; }
     int main(int argc, char **argv) {
       int few = 7, many = 100;
       pthread_t thread;
       // No page of the program's own is fetched anew in the midst, however short memory is.
       mlockall(MCL_CURRENT);
       while (strstr(argv[0], "another")) touch(64);
       pthread_create(&thread, 0, work, &few);
       pthread_join(thread, 0);
       work(&many);
       return 0;
     }`,
  );
  execFileSync('gcc', ['-O1', '-pthread', '-o', program, source]);
  execFileSync('cp', [program, other]);
  modules.build(
    'rf_threads',
    `${BEGUN} global last, all, handled, refused
     probe perf.type(1).config(2).process("${program}").counter("faults") { handled++ }
     probe perf.type(1).config(2).counter("all") { handled++ }
     probe process("${program}").begin { printf("begins with %d\\n", @perf("faults")) }
     probe process("${program}").syscall {
       if ($syscall != 110) next
       now = @perf("faults")
       if (tid() in last)
         printf("%s %d %d\\n", pid() == tid() ? "main" : "thread", now - last[tid()], @perf("all") - all[tid()] >= now - last[tid()])
       last[tid()] = now
       all[tid()] = @perf("all")
     }
     probe process("${other}").syscall {
       if (refused++ == 0) { try { println(@perf("faults")) } catch (m) { println(m) } }
     }
     probe end { printf("handled %d\\n", handled) }`,
  );
  const load = `taskset -c 1 ${other} & O=$!; until [ "$(ps -o min_flt= -p $O)" -gt 10000 ]; do sleep 0.1; done
    taskset -c 1 ${program}; kill $O`;
  expect(await modules.run('rf_threads', '', load)).toEqual({
    output: [
      'begun',
      "the perf counter can't be read here",
      'begins with 0',
      ...['thread 2 1', 'thread 7 1', 'main 2 1', 'main 100 1'],
      'handled 0\n',
    ].join('\n'),
    errors: '',
    status: 0,
  });
  modules.build(
    'rf_thread_target',
    `${BEGUN} global last
     probe perf.type(1).config(2).process.counter("faults") { }
     probe process("${program}").syscall {
       if ($syscall != 110) next
       now = @perf("faults")
       if (tid() in last) println(now - last[tid()])
       last[tid()] = now
     }`,
  );
  const target = await modules.run('rf_thread_target', `-c ${program}`, modules.untilGone('rf_thread_target'));
  expect(target).toEqual({ output: 'begun\n2\n7\n2\n100\n', errors: '', status: 0 });
});

test('a program is known by its file, on whatever file system and by whatever name', async () => {
  // The guest's root is an overlay: of the host's files, shared over 9p, which makes a new inode for each look-up, and a
  // tmpfs.
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'test-programs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const below = busyProgram('below', folder);
  const programs: Readonly<Record<string, string>> = {
    below,
    copied: busyProgram('copied', folder),
    above: '/opt/rf_above',
    memory: '/run/rf/memory',
  };
  const names = Object.keys(programs);
  // The kernel gives a process its program a moment before its name, but not when it is back in user space.
  modules.build(
    'rf_programs',
    `${BEGUN} global begun, ended, sampled, others
     ${names
       .map(
         (name) => `probe process("${programs[name]}").begin { begun["${name}"]++ }
           probe process("${programs[name]}").end { ended["${name}"]++ }
           probe perf.type(1).config(0).process("${programs[name]}") { sampled["${name}"]++ if (user_mode() && execname() != "linked" && !isinstr(execname(), "${name}")) others++ }`,
       )
       .join('\n')}
     probe end {
       foreach (name+ in begun) printf("%s %d %d %d\\n", name, begun[name], ended[name], sampled[name] > 0)
       printf("%d others\\n", others)
     }`,
  );
  await modules.shell('mkdir -p /run/rf; mount -t tmpfs rf /run/rf');
  const types = await modules.shell(`stat -f -c %T ${folder} /opt /run/rf`);
  expect(types).toBe('overlayfs\noverlayfs\ntmpfs\n');
  await modules.shell(`for program in ${programs['above']} ${programs['memory']}; do cp ${below} $program; done`);
  // Copied up after it was found; looked up anew by all of them; another name of the first.
  const load = `chmod o-r ${programs['copied']}; echo 3 > /proc/sys/vm/drop_caches
    for program in ${names.map((name) => programs[name]).join(' ')}; do $program; done
    ln -s ${below} /run/rf/linked; /run/rf/linked; rm /run/rf/linked ${programs['above']}`;
  expect(await modules.run('rf_programs', '', load)).toEqual({
    output: 'begun\nabove 1 1 1\nbelow 2 2 1\ncopied 1 1 1\nmemory 1 1 1\n0 others\n',
    errors: '',
    status: 0,
  });
  // Nothing of it is held any more, once what was let go of late is gone.
  expect(await modules.shell('until umount /run/rf 2> /dev/null; do sleep 0.1; done; echo gone')).toBe('gone\n');
});

test('procfs files have a default name, a mask and a size', async () => {
  modules.build(
    'rf_procfs',
    `${BEGUN} global got = "nothing"
     probe procfs.read { $value = got . "\\n" }
     probe procfs.write { got = $value }
     probe procfs("open").umask(0040).read { $value = "all\\n" }
     probe procfs("own").read { $value = "own\\n" }
     probe procfs("in").write { got = "in " . $value }
     probe procfs("large").read.maxsize(2000) { for (i = 0; i < 150; i++) $value .= "0123456789" }
     probe procfs("masked").umask(0044).read.maxsize(4) { $value = "abcdef" }`,
    ['-DMAXSTRINGLEN=256'],
  );
  const ran = await modules.run(
    'rf_procfs',
    '',
    `cd /proc/systemtap/rf_procfs; stat -c '%n %a' command open own in masked > /tmp/said
     { cat command; printf first > command; cat command; printf second > in; cat command open; wc -c < large; cat masked
     } >> /tmp/said 2>&1`,
  );
  expect(ran.output).toBe('begun\n');
  expect((await modules.shell('cat /tmp/said')).split('\n')).toEqual([
    'command 600',
    'open 404',
    'own 400',
    'in 200',
    'masked 400',
    'nothing',
    'first',
    'in second',
    'all',
    '1500',
    expect.stringMatching(/^abc/),
  ]);
  expect(ran.status).toBe(0);
});

test('procfs files are read and written in pieces', async () => {
  modules.build(
    'rf_pieces',
    `${BEGUN} global reads, got
     probe procfs("text").read { reads++ $value = "one two three\\n" }
     probe procfs("text").write { got = got . sprintf("%d:%s ", strlen($value), substr($value, 0, 3)) }
     probe end { printf("%d %s\\n", reads, got) }`,
  );
  const ran = await modules.run(
    'rf_pieces',
    '',
    `(cd /proc/systemtap/rf_pieces
     exec 5< text 6< text; { head -c 0 text; dd bs=4 count=2 <&5; dd bs=1 count=3 <&6; dd bs=4 <&5; cat <&6; } > /tmp/pieces 2> /tmp/dd
     { dd bs=2 count=2 <&5 | wc -c; printf 'four' | dd bs=3 > text; printf '%600s' long > text; printf '' > text; } >> /tmp/pieces 2>> /tmp/dd
     exec 5<&- 6<&-)`,
  );
  // Whoever starts at the beginning has the handler run; each write runs it with what was written, as much as a string holds.
  expect(ran).toEqual({ output: 'begun\n2 3:fou 1:r 511:    89:    \n', errors: '', status: 0 });
  expect(await modules.shell('cat /tmp/pieces')).toBe('one two onethree\n two three\n0\n');
});

test('netfilter hooks come in the order of their priorities, for both protocols, and may drop packets', async () => {
  modules.build(
    'rf_netfilter',
    `${BEGUN} global order, six, dropped, arrived
     // Of UDP: at the same place ICMP has a checksum.
     function port:long (skb:long) { if (kernel_char(@cast(skb, "sk_buff")->head + @cast(skb, "sk_buff")->network_header + 9) != 17) return 0 return ntohs(@cast(skb, "sk_buff")->transport_header ? kernel_short(@cast(skb, "sk_buff")->head + @cast(skb, "sk_buff")->transport_header + 2) & 0xffff : 0) }
     probe netfilter.hook("NF_INET_LOCAL_OUT").pf("NFPROTO_IPV4").priority("7") { if (port($skb) == 5009) order .= "c" }
     probe netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_OUT").priority("-7") { if (port($skb) == 5009) order .= "a" }
     probe netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_OUT") { if (port($skb) == 5009) order .= "b" }
     probe netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_OUT").priority("NF_IP_PRI_LAST") { if (port($skb) == 5009) order .= "d" }
     probe netfilter.pf("NFPROTO_IPV6").hook("NF_INET_LOCAL_OUT") { six++ }
     probe netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_OUT") { if (port($skb) == 5010) { dropped++; $verdict = 0 } }
     probe netfilter.pf("NFPROTO_IPV4").hook("NF_INET_LOCAL_IN") { if (port($skb) == 5010) arrived["dropped"]++; if (port($skb) == 5009) arrived["sent"]++ }
     probe procfs("done").read { $value = sprintf("%d\\n", six && dropped && arrived["sent"]) }
     probe end { printf("%s %d %d %d %d\\n", order, six > 0, dropped, arrived["sent"], arrived["dropped"]) }`,
    ['-g'],
  );
  const ran = await modules.run(
    'rf_netfilter',
    '',
    `ip link set lo up; echo x > /dev/udp/127.0.0.1/5009; echo x > /dev/udp/127.0.0.1/5010; echo x > /dev/udp/::1/5009
     until [ "$(cat /proc/systemtap/rf_netfilter/done)" = 1 ]; do sleep 0.1; done`,
  );
  expect(ran).toEqual({ output: 'begun\nabcd 1 1 1 0\n', errors: '', status: 0 });
});

test('conditions arm and disarm every family while the script runs', async () => {
  const families: Readonly<Record<string, string>> = {
    kprobe: 'kernel.function("__do_sys_getppid")',
    return: 'kernel.function("__do_sys_getppid").return',
    tracepoint: 'kernel.trace("sys_enter")',
    timer: 'timer.ms(5)',
    profile: 'timer.profile',
    perf: 'perf.type(1).config(0).sample(1000000)',
    data: 'kernel.data("jiffies_64").write',
    netfilter: 'netfilter.hook("NF_INET_LOCAL_OUT").pf("NFPROTO_IPV4")',
  };
  const names = Object.keys(families);
  modules.build(
    'rf_conditions',
    `${BEGUN} global on, phase, n, late, before
     ${Object.entries(families)
       .map(([name, point]) => `probe ${point} if (on) { n["${name}"]++ if (phase > 2) late["${name}"]++ }`)
       .join('\n')}
     probe procfs("phase").write {
       phase = strtol($value, 10)
       if (phase == 1) foreach (s in n) before++
       on = phase == 1
     }
     probe procfs("hit").read { foreach (s in n) hit++ $value = sprintf("%d\\n", hit) }
     probe end { printf("%d\\n", before) foreach (s+ in n) println(s) foreach (s in late) printf("late %s\\n", s) delete late }`,
  );
  const load = `for i in 1 2 3 4 5; do perl -e 'getppid for 1..100'; echo x > /dev/udp/127.0.0.1/5011; sleep 0.1; done`;
  // Handlers have interrupts off: where another program runs on a CPU, those that began there before have ended.
  const at = (phase: number): string => `echo ${phase} > /proc/systemtap/rf_conditions/phase`;
  const ran = await modules.run(
    'rf_conditions',
    '',
    `ip link set lo up; ${load}; ${at(1)}
     until [ "$(cat /proc/systemtap/rf_conditions/hit)" = ${names.length} ]; do ${load}; done
     ${at(2)}; taskset -c 0 true; taskset -c 1 true; ${at(3)}; ${load}`,
  );
  expect(ran).toEqual({ output: `begun\n0\n${names.sort().join('\n')}\n`, errors: '', status: 0 });
});
