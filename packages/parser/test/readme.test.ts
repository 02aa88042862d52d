import { readFileSync } from 'node:fs';
import { renderDiagnostic } from '@stapkit/pass';
import { expect, test } from 'vitest';
import * as parser from '../src/index.js';

test('the example of the README prints what the README says', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, code, output] = /```ts\n(.*?)```.*?```\n(.*?)```/s.exec(readme)!;
  const lines: string[] = [];
  const body = code!.replace(/^import .*$/gm, '').replaceAll('console.log', 'print');
  new Function('parseScript', 'printAst', 'renderDiagnostic', 'print', body)(
    parser.parseScript,
    parser.printAst,
    renderDiagnostic,
    (line: string) => lines.push(line),
  );
  expect(`${lines.join('\n')}`.trimEnd()).toBe(output!.trimEnd());
});
