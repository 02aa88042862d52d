// Bundles the fuzzer of passes 1 and 2 and runs it: `node tools/fuzz-frontend/run.mjs [CASES] [SEED]`. Compiled once and
// without a loader's additions, it gets through many times more scripts a second than under tsx.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Beside the package's own sources: the tapset finds its files beside itself.
const folder = mkdtempSync(join(root, 'packages/tapset/.fuzz-'));
try {
  const program = join(folder, 'fuzz.mjs');
  await build({
    entryPoints: [join(root, 'tools/fuzz-frontend/fuzz.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
