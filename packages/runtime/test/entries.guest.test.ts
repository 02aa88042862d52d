// Scripts with many probes at function entries, which are armed all at once through ftrace: that each is hit as a kprobe
// would be, with its registers; that conditions and modules arm and disarm them; and that nothing of them stays.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Modules } from './run-modules.js';

/** Said by the first function that is hit: all of the kernel's are armed at the same moment. */
const BEGUN = 'global begun probe kernel.function("vfs_read").call { if (!begun) { begun = 1; println("begun") } }';
/** More entries than a script must have for them to be armed together. */
const OTHERS = 'probe kernel.function("vfs_*").call { others++ }';
/** Functions that something is attached to through ftrace. */
const TRACED = '$(grep -c . /sys/kernel/tracing/enabled_functions)';
let modules: Modules;

beforeAll(async () => {
  modules = await Modules.open();
  await modules.shell('mountpoint -q /sys/kernel/tracing || mount -t tracefs t /sys/kernel/tracing');
});

afterAll(() => modules?.close());

test('thousands of functions are probed at once, each hit is one, and all are let go of', async () => {
  modules.build(
    're_many',
    `${BEGUN} global n, calls, returns
     probe kernel.function("a*").call { n++ }
     probe kernel.function("__x64_sys_getppid").call { if (execname() == "perl") calls[1]++ }
     probe kernel.function("__x64_sys_getppid").call { if (execname() == "perl" && calls[1] == calls[2]) calls[2]++ }
     probe kernel.function("__x64_sys_getppid").return { if (execname() == "perl" && $return == ppid()) returns++ }
     probe end { printf("%d %d %d %d\\n", n > 1000, calls[1], calls[2], returns) }`,
  );
  const before = Number(await modules.shell(`echo ${TRACED}`));
  const ran = await modules.run(
    're_many',
    '',
    `echo ${TRACED} > t; perl -e 'getppid for 1..200'`,
    'MAXSKIPPED=1000000',
  );
  expect(ran.output).toBe('begun\n1 200 200 200\n');
  expect(ran.errors.replace(/^WARNING: Number of errors: 0, skipped probes: \d+\n/, '')).toBe('');
  const [during, after] = (await modules.shell(`cat t; echo ${TRACED}`)).trim().split('\n').map(Number);
  expect(during! - before).toBeGreaterThan(2000);
  expect(after).toBe(before);
});

test('parameters, what is returned, the stack and changes of registers are those of a kprobe', async () => {
  modules.build(
    're_registers',
    `${BEGUN} global others, sizes, entries, names, mine
     function perl:long () { return execname() == "perl" }
     ${OTHERS}
     probe kernel.function("vfs_read").call {
       if (perl() && $count > 4096 && $count < 4100) {
         sizes[$count]++
         names[symname(addr()), probefunc(), symname(stack(0)), symname(stack(1))]++
         if ($count == 4099) { $count = 5; mine = tid() }
       }
     }
     probe kernel.function("vfs_read").return { if (perl() && @entry($count) > 4096 && @entry($count) < 4100) entries[@entry($count), $return]++ }
     probe kernel.function("vfs_*").return { others++ }
     probe end {
       foreach (size+ in sizes) printf("%d %d\\n", size, sizes[size])
       foreach ([size+, result] in entries) printf("%d gives %d\\n", size, result)
       foreach ([a, b, c, d] in names) printf("%s %s %s %s\\n", a, b, c, d)
       printf("%d %d\\n", others > 10, mine > 0)
       delete others
     }`,
    ['-g'],
  );
  const ran = await modules.run(
    're_registers',
    '',
    `perl -e 'for (4097, 4098, 4099) { open F, "<", "/dev/zero"; print sysread(F, my $b, $_), "\\n" }' > p`,
  );
  // Of several probes of one function the last is hit first, as kprobes are: the entry is remembered before the change.
  expect(ran).toEqual({
    output:
      'begun\n4097 1\n4098 1\n4099 1\n4097 gives 4097\n4098 gives 4098\nvfs_read vfs_read vfs_read ksys_read\n1 1\n',
    errors: '',
    status: 0,
  });
  expect(await modules.shell('cat p')).toBe('4097\n4098\n5\n');
});

test('conditions arm and disarm them while the script runs', async () => {
  const script = (some: string, one: string): string =>
    `${BEGUN} global on, wrong, right, others
     probe kernel.function("vfs_*").call ${some} { right++ }
     probe kernel.function("vfs_*").return ${some} { others++ }
     probe kernel.function("__x64_sys_getppid").call ${one} { if (on != 1) wrong++; others++ }`;
  modules.build(
    're_conditions',
    `${script('if (on)', 'if (on == 1)')}
     probe procfs("on").write { on = strtol($value, 10) }
     probe procfs("right").read { $value = sprintf("%d\\n", right > 0) }
     probe end { printf("%d %d\\n", right > 10, wrong) delete others }`,
  );
  const traced = (text: string): number[] => text.trim().split('\n').map(Number);
  const before = Number(await modules.shell(`echo ${TRACED}`));
  // As many as without conditions. What says that the run has begun has no condition.
  modules.build('re_always', `${script('', '')} probe end { delete wrong delete right delete others delete on }`);
  await modules.run('re_always', '', `echo ${TRACED} > t`);
  const [whole] = traced(await modules.shell('cat t'));
  const least = before + 1;
  expect(whole! - before).toBeGreaterThanOrEqual(50);
  // Arming goes on beside the handler.
  const set = (value: number, wanted: number): string =>
    `echo ${value} > /proc/systemtap/re_conditions/on
     until perl -e 'getppid for 1..9'; [ ${TRACED} = ${wanted} ]; do sleep 0.1; done; echo ${TRACED}`;
  const ran = await modules.run(
    're_conditions',
    '',
    // The one on getppid() holds for 1 only.
    `{ echo ${TRACED}; ${set(1, whole!)}; cat /proc/systemtap/re_conditions/right
       ${set(0, least)}; ${set(2, whole! - 1)}; ${set(0, least)}; } > t`,
  );
  expect(ran).toEqual({ output: 'begun\n1 0\n', errors: '', status: 0 });
  expect(traced(await modules.shell('cat t'))).toEqual([least, whole, 1, least, whole! - 1, least]);
});

test('functions of a module are probed each time that it comes', async () => {
  const NAMES = ['bond_create_debugfs', 'bond_create_proc_dir', 'return', 'conditional'];
  modules.build(
    're_module',
    `${BEGUN} global n, others, on
     ${OTHERS}
     probe module("bonding").function("*").call { n[probefunc()]++ }
     probe module("bonding").function("*").return { others++ }
     probe module("bonding").function("bond_create_debugfs").return { n["return"]++ }
     probe module("bonding").function("bond_create_proc_dir").call if (others) { n["conditional"]++ }
     probe kernel.function("__x64_sys_getppid").call if (others) { on = 1 }
     probe procfs("on").read { $value = sprintf("%d\\n", on) }
     probe end {
       ${NAMES.map((name) => `printf("${name} %d\\n", n["${name}"])`).join('\n')}
       delete n
       delete others
     }`,
  );
  const before = Number(await modules.shell(`rmmod bonding 2> /dev/null; echo ${TRACED}`));
  const cycle = 'modprobe bonding; rmmod bonding';
  const ran = await modules.run(
    're_module',
    '',
    `until [ "$(cat /proc/systemtap/re_module/on)" = 1 ]; do perl -e getppid; done
     modprobe bonding; echo ${TRACED} > t; rmmod bonding; echo ${TRACED} >> t; ${cycle}; ${cycle}`,
  );
  expect(ran).toEqual({
    output: `begun\n${NAMES.map((name) => `${name} 3\n`).join('')}`,
    errors: '',
    status: 0,
  });
  const [there, gone, after] = (await modules.shell(`cat t; echo ${TRACED}`)).trim().split('\n').map(Number);
  expect(there! - gone!).toBeGreaterThan(100);
  expect(after).toBe(before);
});
