// Writes the table of RUNTIME.md from the `.stp` files: each runtime function that they name, with its C signature. Run
// it after a change of a function with a runtime pragma. Meanings that were written by hand stay as long as the signature
// does.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../stp/', import.meta.url));
const page = fileURLToPath(new URL('../RUNTIME.md', import.meta.url));

const FUNCTION =
  /((?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/|\/\/[^\n]*)\s*)?(?:private )?function (\w+)(?::(\w+))?\s*\(([^)]*)\)\s*%\{[^%]*?\/\* runtime: (\w+) \*\//g;

const text = readFileSync(page, 'utf8');
const written = new Map();
for (const [, name, signature, meaning] of text.matchAll(/^\| `(\w+)`\s*\| `([^`]*)`\s*\| (.*?)\s*\|$/gm)) {
  written.set(name, { signature, meaning });
}
const rows = new Map();
for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!file.endsWith('.stp')) continue;
  const source = readFileSync(folder + file, 'latin1');
  for (const [, comment = '', , result, list, name] of source.matchAll(FUNCTION)) {
    const parameters = list
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .map((one) => {
        const [parameter, type = 'string'] = one.split(':').map((part) => part.trim());
        return `${type === 'long' ? 's64 ' : 'const char *'}${parameter}`;
      });
    const all = ['struct stapkit_context *c', ...(result === 'string' ? ['char *result'] : []), ...parameters];
    const signature = `${result === 'long' ? 's64' : 'void'} ${name}(${all.join(', ')})`;
    const known = written.get(name);
    const said = /sfunction \w+ - (.*)/.exec(comment)?.[1] ?? comment.replace(/^\/\/\s*/, '').trim();
    const meaning = known?.signature === signature ? known.meaning : said.replace(/\.$/, '').replaceAll('|', '\\|');
    rows.set(name, { signature, meaning });
  }
}
const cells = [
  ['name', 'C signature', 'meaning'],
  ...[...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { signature, meaning }]) => [`\`${name}\``, `\`${signature}\``, meaning]),
];
// Columns are aligned, as the formatter has it.
const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column].length)));
const print = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
const [heading, ...body] = cells;
const rule = print(widths.map((width) => '-'.repeat(width)));
const head = text.slice(0, text.search(/^\| name/m));
writeFileSync(page, `${head}${[print(heading), rule, ...body.map(print)].join('\n')}\n`);
