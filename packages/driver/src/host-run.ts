// Pass 5 on this machine: staprun in this very process, which spares the start of another.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type CommandIo as StaprunIo, staprunCommand } from '@stapkit/staprun/cli';
import { packageFolder } from './folders.js';
import type { CommandIo } from './io.js';
import { Interrupted } from './process-io.js';

/**
 * Runs staprun.
 *
 * @param words staprun's command line
 * @returns its exit status
 */
export async function runStaprunOnHost(io: CommandIo, words: readonly string[]): Promise<number> {
  // A run that goes to the background must be a process of its own.
  if (words.includes('-D')) return await spawnStaprun(words);
  return await staprunCommand(words, staprunIo(io));
}

function spawnStaprun(words: readonly string[]): Promise<number> {
  const program = join(packageFolder('staprun'), 'bundle', 'staprun.cjs');
  const child = spawn(process.execPath, [program, ...words], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

/** The driver's surroundings in the shape that staprun asks for. */
function staprunIo(io: CommandIo): StaprunIo {
  return {
    async output(chunk) {
      await io.stdout(chunk);
      const reason: unknown = io.signal.aborted ? io.signal.reason : undefined;
      if (reason instanceof Interrupted && reason.signalName === 'SIGPIPE') {
        throw Object.assign(new Error('the reader of standard output has gone'), { code: 'EPIPE' });
      }
    },
    errors: (text) => io.stderr(text),
    environment: io.env,
    errorsAreTerminal: io.stderrIsTerminal,
    onSignal(name, act) {
      // The signals that end a run come in through the driver, which counts them; others are nobody's but staprun's.
      if (name !== 'SIGINT' && name !== 'SIGTERM' && name !== 'SIGHUP') {
        process.on(name, act);
        return () => void process.off(name, act);
      }
      const listeners = [io.signal, io.forceSignal].map((signal) => {
        const listener = (): void => {
          const reason: unknown = signal.reason;
          if (reason instanceof Interrupted && reason.signalName === name) act();
        };
        signal.addEventListener('abort', listener);
        return () => signal.removeEventListener('abort', listener);
      });
      return () => {
        for (const remove of listeners) remove();
      };
    },
  };
}
