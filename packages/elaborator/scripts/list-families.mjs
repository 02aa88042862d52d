// Writes src/families/table.ts from the files of that folder: a new family needs no change elsewhere. Each file NAME.ts
// exports `nameFamily`. A test checks that the table is up to date.
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../src/families/', import.meta.url));

/** The table's text for the files that are there now. */
export function familyTable() {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && file !== 'table.ts' && file !== 'family.ts')
    .map((file) => file.slice(0, -3))
    .sort();
  const variable = (name) => `${name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())}Family`;
  const imports = [...names, 'family']
    .sort()
    .map((name) =>
      name === 'family'
        ? "import type { Family } from './family.js';"
        : `import { ${variable(name)} } from './${name}.js';`,
    );
  return `// The table of probe families, made by scripts/list-families.mjs from the files of this folder; do not edit it.
${imports.join('\n')}

export const FAMILIES: readonly Family[] = [
${names.map((name) => `  ${variable(name)},`).join('\n')}
];
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${folder}table.ts`, familyTable());
