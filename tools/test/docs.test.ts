// The documentation's commands that need no kernel to run on, and the examples in TypeScript.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandsOf, documents, outputsOf, patternOf, repeatedLines, scriptOf } from './docs.js';
import { examplesOf, root, runExample, textOf } from './examples.js';

test('patterns take what the page leaves open, and nothing else', () => {
  expect(patternOf('a … b\n…\nend')).toEqual(/^a .* b\n(?:.*\n)*?end\n$/);
  expect(patternOf('')).toEqual(/^$/);
});

test('what a probe of any CPU prints and ends by may come more than once, and nothing else', () => {
  const script = (text: string) => [{ line: 1, text, output: '', place: 'guest' as const }];
  expect(repeatedLines(script(String.raw`stap -e 'probe vfs.read {printf("done\n"); exit()}'`))).toEqual(
    new Set(['done']),
  );
  expect(repeatedLines(script(String.raw`stap -e 'probe begin {printf("done\n"); exit()}'`))).toEqual(new Set());
  expect(patternOf('a\ndone', new Set(['done']))).toEqual(/^a\n(?:done\n)+$/);
});

describe.each(documents())('%s', (document) => {
  const commands = commandsOf(document).filter(({ place }) => place === 'host');
  if (commands.length === 0) return;
  test('its commands print what it says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stapkit-docs-'));
    try {
      const text = execFileSync('sh', ['-c', scriptOf(commands, folder)], { encoding: 'utf8' });
      const outputs = outputsOf(text);
      for (const [index, command] of commands.entries()) {
        expect(outputs.get(index), `${document}:${command.line}: ${command.text}`).toMatch(patternOf(command.output));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe.each(readdirSync(join(root, 'docs')).filter((name) => examplesOf(textOf(`docs/${name}`)).length > 0))(
  '%s',
  (document) => {
    const examples = examplesOf(textOf(`docs/${document}`));
    test.each(examples.map((code, index) => [index + 1, code] as const))('example %i runs', async (_index, code) => {
      expect(await runExample(`docs/${document}`, code)).not.toBe('');
    });
  },
);
