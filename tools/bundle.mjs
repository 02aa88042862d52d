// Builds everything that `./stap` needs from a checkout: the bundles of the command lines and the tapset's index, straight
// from the sources. `nx run-many -t build bundle` does the same by way of the compiled packages.
import { writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const indexer = path('.stapkit/folder-index.mjs');
await build({
  entryPoints: [path('packages/tapset/src/folder-index.ts')],
  outfile: indexer,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  logLevel: 'warning',
});
const { buildFolderIndex } = await import(indexer);
await mkdir(path('packages/tapset/dist'), { recursive: true });
writeFileSync(path('packages/tapset/dist/index.json'), JSON.stringify(buildFolderIndex(path('packages/tapset/stp'))));
await rm(indexer);

await import('../packages/staprun/scripts/bundle.mjs');
await import('../packages/driver/scripts/bundle.mjs');
