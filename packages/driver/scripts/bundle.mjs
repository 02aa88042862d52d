// Bundles the command lines `stap` and `stap-prep` into one file each. Nothing but Node's own modules stays outside.
//
// `stap` is in two parts. The light one is the command line; Node reads it at every start. The heavy one holds the passes:
// its text lies in the same file in a comment, which V8 skips faster than anything, and is compiled, when there is something to
// run, with V8's code cache. Compiling it anew would take as long as Node's own start, with the cache a few milliseconds. The cache is written by
// the first run, below the cache folder, one file a program and V8 version; where it is missing, stale or can't be
// written, the text is compiled as usual.
import { createHash } from 'node:crypto';
import { chmod, mkdir, utimes, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** zod brings its messages in forty languages along; English is enough. */
const englishOnly = {
  name: 'english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /zod\/v4\/locales\/index\.(c?js)$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/** Takes some imports out of a part of the bundle: they are asked of the loader, by the given names. */
const leaveOut = (names) => ({
  name: 'leave-out',
  setup(bundler) {
    for (const [filter, name] of names) {
      bundler.onResolve({ filter }, ({ kind }) =>
        kind === 'entry-point' ? undefined : { path: name, external: true },
      );
    }
  },
});

/** The command line's reader asks for child_process at once and uses it only for subcommands that are programs. */
const noSubprograms = {
  name: 'no-subprograms',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:child_process$/ }, () => ({ path: 'none', namespace: 'none' }));
    bundler.onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

async function bundleText(entry, plugins = [], banner = '') {
  const { outputFiles } = await build({
    entryPoints: [folder(entry)],
    outfile: folder('bundle/text.cjs'),
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    conditions: ['source'],
    // A CommonJS file has no import.meta: what packages find beside themselves, they find beside the bundle.
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: `${banner}const bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
    // A text compiled by node:vm has no loader for import(); all but Node's own modules are in the bundle anyway.
    supported: { 'dynamic-import': false },
    plugins: [...plugins, englishOnly],
    minify: true,
    // One byte a character: V8 scans and hashes such a text fastest.
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}

async function writeProgram(name, text) {
  await mkdir(folder('bundle'), { recursive: true });
  await writeFile(folder(`bundle/${name}.cjs`), text);
  await chmod(folder(`bundle/${name}.cjs`), 0o755);
}

async function bundleStap() {
  const [light, heavy] = await Promise.all([
    bundleText('src/parts/light.ts', [leaveOut([[/^\.\/run-(stap|vm)\.js$/, 'stap:heavy']]), noSubprograms]),
    bundleText('src/parts/heavy.ts', [
      leaveOut([
        [/^@stapkit\/pass$/, 'stap:pass'],
        [/\/process-io\.js$/, 'stap:process-io'],
      ]),
    ]),
  ]);
  const key = createHash('sha256').update(heavy).digest('hex').slice(0, 16);
  await writeProgram(
    'stap',
    `#!/usr/bin/env node
'use strict';
const light = {};
let heavy;
function load(id) {
  if (id === 'stap:heavy') return (heavy ??= loadHeavy());
  if (id === 'stap:pass') return light.exports.pass;
  if (id === 'stap:process-io') return light.exports.processIo;
  return require(id);
}
function loadHeavy() {
  const fs = require('node:fs'), path = require('node:path'), env = process.env;
  const folder = env.SYSTEMTAP_DIR ? path.join(env.SYSTEMTAP_DIR, 'cache') : path.join(env.XDG_CACHE_HOME || path.join(env.HOME || '/', '.cache'), 'stapkit');
  const file = path.join(folder, 'code', 'stap-${key}-' + process.versions.v8 + '.bin');
  let cachedData;
  try { cachedData = fs.readFileSync(file); } catch {}
  const script = new (require('node:vm').Script)('(function (exports, require, module, __filename, __dirname) {' + heavyText() + '\\n})', { filename: __filename, cachedData });
  if (cachedData === undefined || script.cachedDataRejected) {
    process.stapkitKeepCode = () => {
      const temporary = file + '.' + process.pid;
      try {
        fs.mkdirSync(path.dirname(file), { recursive: true });
        for (const old of fs.readdirSync(path.dirname(file))) if (old.startsWith('stap-')) fs.rmSync(path.join(path.dirname(file), old), { force: true });
        fs.writeFileSync(temporary, script.createCachedData());
        fs.renameSync(temporary, file);
      } catch { try { fs.rmSync(temporary, { force: true }); } catch {} }
    };
  }
  const module = { exports: {} };
  script.runInThisContext().call(this, module.exports, load, module, __filename, __dirname);
  return module.exports;
}
(function (exports, require, module) {${light}
})((light.exports = {}), load, light);
function heavyText() {
  const text = require('node:fs').readFileSync(__filename, 'latin1');
  return text.slice(text.lastIndexOf('/*HEAVY') + 7, -3).replaceAll('*\\x01/', '*/');
}
/*HEAVY${heavy.replaceAll('*/', '*\x01/')}*/
`,
  );
}

await Promise.all([
  bundleStap(),
  bundleText('../dwarf/src/debug-index/worker.ts').then((text) => writeProgram('index-worker', text)),
  bundleText('src/prep/main.ts', [], '#!/usr/bin/env node\n').then((text) => writeProgram('stap-prep', text)),
]);
// What was bundled is newer than every source from here on, also where a bundler left an equal file alone. For the same
// reason nx.json keeps no bundle in nx's cache: clones share it, and a bundle from there is older than a new clone's files.
const now = new Date();
await utimes(new URL('../bundle/stap.cjs', import.meta.url), now, now);
