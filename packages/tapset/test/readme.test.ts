import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTapset, tapsetFolder } from '../src/index.js';

test('the example of the README prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, code, output] = /```js\n(.*?)```.*?```\n(.*?)```/s.exec(readme)!;
  const lines: string[] = [];
  const body = code!.replace(/^import .*$/gm, '').replaceAll('console.log', 'print');
  await new Function('openTapset', 'tapsetFolder', 'print', `return (async () => { ${body} })();`)(
    openTapset,
    tapsetFolder,
    (line: string) => lines.push(line),
  );
  expect(lines.join('\n')).toBe(output!.trim());
});
