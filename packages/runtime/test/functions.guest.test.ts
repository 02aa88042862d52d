// Functions of the tapset that need a run of their own: a target process, or a guest that does not come back.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { startGuest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Modules } from './run-modules.js';

let modules: Modules;

beforeAll(async () => {
  modules = await Modules.open();
});

afterAll(() => modules?.close());

test('the target set is the command of -c and all that descends from it', async () => {
  modules.build(
    'rn_target_set',
    `probe begin { println("begun") }
     global done
     probe kernel.function("__do_sys_getppid") {
       if (execname() == "perl" && target_set_pid(pid()) && !done++) {
         printf("%d %d %d\\n", stp_pid(), target(), pid())
         target_set_report()
       }
     }
     probe end { printf("%d\\n", target_set_pid(1)) }`,
  );
  const ran = await modules.run(
    'rn_target_set',
    `-c "bash -c 'perl -e getppid; true'; true"`,
    modules.untilGone('rn_target_set'),
  );
  const [, reader, target, perl] = /^begun\n(\d+) (\d+) (\d+)\n/.exec(ran.output)!;
  const lines = ran.output.split('\n').slice(2, -1);
  const bash = / begat (\d+)$/.exec(lines[2]!)![1];
  expect(lines).toEqual([
    'target set:',
    `${reader} begat ${target}`,
    `${target} begat ${bash}`,
    `${bash} begat ${perl}`,
    '0',
  ]);
  expect(ran).toMatchObject({ errors: '', status: 0 });
});

test('panic() stops the machine, with what the script says', async () => {
  modules.build('rn_panic', 'probe begin { panic("the script has seen enough") }', ['-g']);
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  const guest = await startGuest({ cacheFolder, memoryMb: 512, warmNode: false });
  try {
    const start = `insmod ${modules.folder}/rn_panic.ko && exec 3<> /proc/stapkit/rn_panic/control && echo start >&3`;
    const error = await guest.exec({ argv: ['sh', '-c', start] }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DiagnosticError);
    const console = (error as DiagnosticError).diagnostics[0]?.detail?.join('\n');
    expect(console).toContain('Kernel panic - not syncing: the script has seen enough');
  } finally {
    await guest.stop();
  }
});
