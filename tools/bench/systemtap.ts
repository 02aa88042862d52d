// The installed SystemTap, to be measured beside stapkit in the same guest.
//
// Version 4.8 does not build its modules for Debian's 6.1 as it is: its runtime takes the address of the kernel's
// task_work_cancel() with the type that this function had before stable updates gave the name to another one. So the
// compiler is shown a prototype of the old form, by a header that it reads first. SystemTap's files and the kernel's are
// left as they are. The function is called only for tasks that are followed (process probes), never by what is measured
// here.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OLD_PROTOTYPE = `#include <linux/kconfig.h>
#include <linux/compiler_types.h>
#define task_work_cancel task_work_cancel_of_today
#include <linux/task_work.h>
#undef task_work_cancel
struct callback_head *task_work_cancel(struct task_struct *, task_work_func_t);
`;

/** A SystemTap whose modules can be built for a kernel. */
export interface SystemTap {
  /** As it calls itself, e.g. `4.8`. */
  readonly version: string;
  /**
   * Builds a script's module.
   *
   * @returns its path, or what the compiler said
   */
  build(name: string, script: string, options?: readonly string[]): { path: string } | { fault: string };
}

/** Finds the installed SystemTap; undefined where there is none. */
export function findSystemTap(release: string, folder: string): SystemTap | undefined {
  const stap = ['/usr/local/bin/stap', '/usr/bin/stap'].find((path) => existsSync(path));
  if (!stap) return undefined;
  const { stdout, stderr } = spawnSync(stap, ['--version'], { encoding: 'utf8' });
  const version = /^Systemtap .*version ([\d.]+)/m.exec(stdout + stderr)?.[1];
  if (version === undefined) return undefined;
  const header = join(folder, 'old-task-work.h');
  writeFileSync(header, OLD_PROTOTYPE);
  const form = isNewForm(release) ? ['-B', `CFLAGS_MODULE=-include ${header}`] : [];
  return {
    version,
    build(name, script, options = []) {
      // By that name its kprobes do not find a function of a module; by the module's file they do.
      const text = script.replaceAll('kprobe.module("bench_target")', `module("${join(folder, 'bench_target.ko')}")`);
      const words = [...form, ...options, '-DSTP_NO_OVERLOAD', '-r', release, '-p4', '-m', name, '-e', text];
      try {
        execFileSync(stap, words, { cwd: folder, stdio: 'pipe' });
        return { path: join(folder, `${name}.ko`) };
      } catch (error) {
        const lines = String((error as { stderr?: Buffer }).stderr).split('\n');
        return { fault: lines.find((line) => /error/.test(line)) ?? String(error) };
      }
    },
  };
}

function isNewForm(release: string): boolean {
  const header = `/lib/modules/${release}/source/include/linux/task_work.h`;
  return existsSync(header) && /bool task_work_cancel\(/.test(readFileSync(header, 'utf8'));
}
