// Makes `bundle/staprun`: the bundled command and Node in one executable file, for machines without Node. It uses Node's
// own support for single executable applications; the file runs on machines with the same architecture and a C library
// no older than this Node needs.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const { inject } = createRequire(import.meta.url)('postject');

/** The mark in Node's binary that says whether a program is in it (Node's manual, "Single executable applications"). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const folder = mkdtempSync(join(tmpdir(), 'staprun-executable-'));
try {
  const config = join(folder, 'config.json');
  const blob = join(folder, 'program.blob');
  const program = join(folder, 'staprun');
  writeFileSync(
    config,
    JSON.stringify({ main: join(root, 'bundle/staprun.cjs'), output: blob, disableExperimentalSEAWarning: true }),
  );
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: 'pipe' });
  copyFileSync(process.execPath, program);
  chmodSync(program, 0o755);
  await inject(program, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE });
  // Finished first, then in place: nobody sees half of it.
  const target = join(root, 'bundle/staprun');
  copyFileSync(program, `${target}.new`);
  renameSync(`${target}.new`, target);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
