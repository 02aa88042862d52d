// The documentation's commands that run scripts, on a prepared machine. Pages on which stap alone is used are read as
// docs/first-hour.md says for a machine that can't load modules: here, with `--vm` behind stap. The others run in the guest.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectGuest } from '@stapkit/vm';
import { describe, expect, test } from 'vitest';
import {
  commandsOf,
  type DocumentedCommand,
  documents,
  outputsOf,
  patternOf,
  repeatedLines,
  scriptOf,
} from './docs.js';
import { root } from './examples.js';

const guestCommands = (document: string) => commandsOf(document).filter(({ place }) => place === 'guest');

/** True where the commands look at the machine themselves. */
const needsMachine = (commands: readonly DocumentedCommand[]) =>
  commands.some(({ text }) => /\b(?:staprun|kill|uname|stap -F)\b/.test(text));

async function runInGuest(commands: readonly DocumentedCommand[], name: string): Promise<string> {
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  try {
    const argv = ['sh', '-c', scriptOf(commands, `/tmp/docs-${name}`)];
    return (await guest.capture({ argv })).stdout.toString('utf8');
  } finally {
    await guest.close();
  }
}

async function runHere(commands: readonly DocumentedCommand[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-docs-'));
  try {
    const stap = join(folder, 'stap-vm');
    writeFileSync(stap, `#!/bin/sh\nexec ${join(root, 'stap')} --vm "$@"\n`);
    chmodSync(stap, 0o755);
    const argv = ['-c', scriptOf(commands, join(folder, 'work'), stap)];
    return (await promisify(execFile)('sh', argv, { encoding: 'utf8' })).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(documents().filter((name) => guestCommands(name).length > 0))('%s', (document) => {
  const commands = guestCommands(document);
  test('its commands print what it says', async () => {
    const text = needsMachine(commands)
      ? await runInGuest(commands, document.replace(/\W/g, '-'))
      : await runHere(commands);
    const outputs = outputsOf(text);
    const repeated = repeatedLines(commands);
    for (const [index, command] of commands.entries()) {
      expect
        .soft(outputs.get(index), `${document}:${command.line}: ${command.text}`)
        .toMatch(patternOf(command.output, repeated));
    }
  });
});
