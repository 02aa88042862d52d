// `stap vm …` and `stap completion`, with what the driver knows of its surroundings.
import { dirname, join } from 'node:path';
import { vmCommand } from '@stapkit/vm';
import { cacheFolder, ensureCacheFolder, packageFolder } from './folders.js';
import { completions } from './install-manuals.js';
import type { CommandIo } from './io.js';
import { usage } from './usage.js';

/**
 * Runs `stap vm`.
 *
 * @param argv the words after `vm`
 * @returns the exit status
 */
export async function runVm(argv: readonly string[], io: CommandIo): Promise<number> {
  const cache = cacheFolder(io.env);
  ensureCacheFolder(cache);
  return await vmCommand(argv, io, {
    cacheFolder: cache,
    agentFolder: join(packageFolder('vm'), 'agent'),
    // Our staprun lies there; the guest's own, or none, may be the one in its PATH.
    commandFolder: io.env['STAPKIT_CHECKOUT'] ?? dirname(process.argv[1] ?? '/usr/bin/stap'),
  });
}

/** Runs `stap completion bash|zsh`: prints what a shell reads at its start. */
export async function runCompletion(argv: readonly string[], io: CommandIo): Promise<number> {
  const [shell] = argv;
  if ((shell !== 'bash' && shell !== 'zsh') || argv.length > 1) {
    throw usage('completion', 'stap completion takes the name of a shell, bash or zsh', [
      'bash: source <(stap completion bash)',
      'zsh: source <(stap completion zsh)',
    ]);
  }
  await io.stdout(
    completions(shell)
      .map(({ text }) => text)
      .join('\n'),
  );
  return 0;
}
