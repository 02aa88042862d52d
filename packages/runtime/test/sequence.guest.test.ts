// What begin, end and error probes run in: the first thread of staprun, which is in the kernel's list of tasks, and whose
// output comes whole although that thread is the one that reads it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Modules } from './run-modules.js';

let modules: Modules;

beforeAll(async () => {
  modules = await Modules.open();
});

afterAll(() => modules?.close());

/** Walks the list of all tasks from `current`, as SystemTap's plimit.stp does: without end where that is no leader. */
const WALK = `%{
  #include <linux/list.h>
  #include <linux/sched.h>
  #include <linux/sched/signal.h>
  %}
  function is_leader:long() %{ STAP_RETVALUE = thread_group_leader(current); %}
  function name_of:string(pid:long) %{
    struct list_head *at, *next;
    list_for_each_safe(at, next, &current->tasks) {
      struct task_struct *task = list_entry(at, struct task_struct, tasks);
      if (task->pid == STAP_ARG_pid) strscpy(STAP_RETVALUE, task->comm, MAXSTRINGLEN);
    }
  %}
  function show(name:string) {
    if (is_leader())
      printf("%s: %d %d %s\\n", name, tid() == pid(), pid() == stp_pid(), name_of(1))
  }`;

test('begin, end and error probes run in the leader of their thread group', async () => {
  modules.build('rq_walk', `${WALK} probe begin { show("begun") } probe end { show("end") }`, ['-g']);
  const first = (await modules.shell('cat /proc/1/comm')).trim();
  const ran = await modules.run('rq_walk', '');
  expect(ran).toEqual({ output: `begun: 1 1 ${first}\nend: 1 1 ${first}\n`, errors: '', status: 0 });
  modules.build('rq_error', `${WALK} probe begin { show("begun") error("enough") } probe error { show("error") }`, [
    '-g',
  ]);
  const failed = await modules.run('rq_error', '');
  expect(failed.output).toBe(`begun: 1 1 ${first}\nerror: 1 1 ${first}\n`);
  expect(failed.status).toBe(1);
});

test('what begin and end probes print is not lost, however much it is', async () => {
  // The buffers hold a twentieth of it.
  modules.build(
    'rq_much',
    `probe begin { for (i = 0; i < 20000; i++) printf("begin %d\\n", i) println("begun") }
     probe end { for (i = 0; i < 20000; i++) printf("end %d\\n", i) }`,
    ['-DMAXACTION_INTERRUPTIBLE=1000000'],
  );
  const lines = (name: string): string => Array.from({ length: 20_000 }, (_, i) => `${name} ${i}\n`).join('');
  const ran = await modules.run('rq_much', '--strict', ':', 'STAPKIT_BUFFER=65536');
  expect(ran).toEqual({ output: `${lines('begin')}begun\n${lines('end')}`, errors: '', status: 0 });
});
