// `staprun -d`: removes modules that are detached or unused.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { DiagnosticError } from '@stapkit/pass';
import { inUse, noStapkitModule, notLoaded } from './diagnostics.js';
import { PROC_FOLDER } from './kernel-port.js';
import { expectModuleName } from './locate-module.js';
import type { ModulePort } from './module-port.js';
import { moduleUsers } from './module-users.js';

/**
 * Removes a module, or all that nobody uses.
 *
 * @param given the module's name, its file, or `*`
 * @param say takes a line for each module that `*` removed
 * @throws DiagnosticError where it isn't loaded, isn't one of ours, or is in use
 */
export async function deleteModules(given: string, port: ModulePort, say: (line: string) => void): Promise<void> {
  const loaded = await readdir(PROC_FOLDER).catch(() => [] as string[]);
  if (given === '*') {
    for (const name of loaded) {
      if (moduleUsers(name).length > 0) continue;
      await port.unload(name);
      say(`removed ${name}`);
    }
    return;
  }
  const name = expectModuleName(given);
  if (!loaded.includes(name)) {
    throw new DiagnosticError(existsSync(`/sys/module/${name}`) ? noStapkitModule(name) : notLoaded(name));
  }
  if (moduleUsers(name).length > 0) throw new DiagnosticError(inUse(name));
  await port.unload(name);
}
