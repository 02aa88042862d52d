// Bundles the commands `staprun` and `stap-merge` into one file each, which need Node and nothing else.
import { chmod } from 'node:fs/promises';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;

for (const [entry, name] of [
  ['src/main.ts', 'staprun'],
  ['src/merge-main.ts', 'stap-merge'],
]) {
  const outfile = `${root}bundle/${name}.cjs`;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    conditions: ['source'],
    minifySyntax: true,
    banner: { js: '#!/usr/bin/env node' },
    legalComments: 'none',
  });
  await chmod(outfile, 0o755);
}
