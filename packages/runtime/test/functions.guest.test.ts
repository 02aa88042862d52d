// Functions of the tapset that need a run of their own: a guest that does not come back.
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
