// `stap vm …`, with what the driver knows of its surroundings.
import { join } from 'node:path';
import { vmCommand } from '@stapkit/vm';
import { cacheFolder, ensureCacheFolder, packageFolder } from './folders.js';
import type { CommandIo } from './io.js';

/**
 * Runs `stap vm`.
 *
 * @param argv the words after `vm`
 * @returns the exit status
 */
export async function runVm(argv: readonly string[], io: CommandIo): Promise<number> {
  const cache = cacheFolder(io.env);
  ensureCacheFolder(cache);
  return await vmCommand(argv, io, { cacheFolder: cache, agentFolder: join(packageFolder('vm'), 'agent') });
}
