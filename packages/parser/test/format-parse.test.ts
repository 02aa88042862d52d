// The `-p1` text against what SystemTap 4.8 prints for the same scripts: `stap -g -p1 -e "$(cat x.stp)" > x.expected`.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatParse, printAst } from '../src/index.js';
import { parseText, withoutPlaces } from './support.js';

const folder = new URL('fixtures/dump/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.stp'))) {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const expected = readFileSync(new URL(file.replace('.stp', '.expected'), folder), 'utf8');

  test(`${file} is shown as SystemTap shows it`, () => {
    const { ast, messages } = parseText(text);
    expect(messages).toEqual([]);
    expect(`${formatParse(ast).trimEnd()}\n`).toBe(`${expected.trimEnd()}\n`);
  });

  test(`${file} reads back from its print`, () => {
    const { ast } = parseText(text);
    const again = parseText(printAst(ast));
    expect(again.messages).toEqual([]);
    expect(withoutPlaces(again.ast.user[0]!.declarations)).toEqual(withoutPlaces(ast.user[0]!.declarations));
  });
}
