// What `stap -p1` of SystemTap 4.8 said of each script of a list, which goes through the language construct by construct:
// our text must be the same, and our first message. The fixture was written from its output.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatParse } from '../src/index.js';
import { parseText } from './support.js';

interface Recorded {
  readonly script: string;
  readonly options?: string;
  readonly arguments?: readonly string[];
  /** The -p1 text, where it was accepted. */
  readonly output?: string;
  /** The first message and what it saw. */
  readonly error?: string;
}

const recorded = JSON.parse(
  readFileSync(new URL('fixtures/systemtap-4.8.json', import.meta.url), 'utf8'),
) as readonly Recorded[];

/** What the fixture's scripts ask of the configuration of Debian's 6.1, as its file has it. */
const CONFIG: Readonly<Record<string, string>> = {
  CONFIG_SMP: 'y',
  CONFIG_HZ: '250',
  CONFIG_PGTABLE_LEVELS: '5',
  CONFIG_PHYSICAL_START: '0x1000000',
  CONFIG_DEFAULT_HOSTNAME: '"(none)"',
};

/** SystemTap names a token that its scanner has given up "junk ''", and the end of the file "EOF". */
function plain(message: string): string {
  return message
    .replace(/at: (?:junk '[^']*'|string '[^']*'|argument '[^']*') at/, 'at: junk at')
    .replace(/ at:? <input>/, ' <input>')
    .replace(/saw: end of file.*|saw: <input> EOF/, 'saw: EOF')
    .replace(/saw: keyword(?: '\w+')?/, 'saw: keyword');
}

test.each(recorded.map((entry) => [entry.script, entry] as const))('%s', (_, entry) => {
  const { ast, messages } = parseText(entry.script, {
    arguments: entry.arguments ?? [],
    facts: { guru: entry.options === '-g', config: (name) => CONFIG[name] },
  });
  const [first] = messages.filter((message) => !message.startsWith('WARNING'));
  const lines = first?.split('\n') ?? [];
  const saw = /^ *(?:saw|at):/.test(lines[1] ?? '') ? ` | ${lines[1]!.trim()}` : '';
  if (entry.error !== undefined) expect(plain(lines[0] + saw)).toBe(plain(entry.error));
  else if (entry.output !== undefined) {
    expect(messages).toEqual([]);
    expect(
      formatParse(ast)
        .replace(/\n{2,}/g, '\n')
        .trim(),
    ).toBe(entry.output.replace(/^# file $/m, '# file <input>'));
  } else expect(first).toContain('is empty');
});
