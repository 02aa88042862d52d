import { readFileSync } from 'node:fs';
import { parse } from '@stapkit/parser';
import { expect, test } from 'vitest';
import { elaborate, formatElaborated, summarizeElaborated } from '../src/index.js';

test('the example of the README runs and prints what it says', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, code, output] = /```js\n(.*?)```.*?```\n(.*?)```/s.exec(readme)!;
  const lines: string[] = [];
  const body = code!.replace(/^import .*$/gm, '').replaceAll('console.log', 'print');
  new Function('elaborate', 'formatElaborated', 'summarizeElaborated', 'parse', 'print', body)(
    elaborate,
    formatElaborated,
    summarizeElaborated,
    parse,
    (line: string) => lines.push(line),
  );
  expect(lines.join('\n').trim()).toBe(output!.trim());
});
