// Bundles the command lines `stap` and `stap-prep` into one file each. Nothing but Node's own modules stays outside.
//
// A program's text lies in its file as a string, below a small loader that compiles it with V8's code cache: reading a
// megabyte of JavaScript anew takes V8 longer than starting Node, with the cache it takes a few milliseconds. The cache
// is written by the first run that goes through the passes, below the cache folder, one file a program and V8 version;
// where it is missing, stale or can't be written, the text is compiled as usual.
import { createHash } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const programs = { stap: 'src/main.ts', 'stap-prep': 'src/prep/main.ts' };

/** zod brings its messages in forty languages along; English is enough. */
const englishOnly = {
  name: 'english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /zod\/v4\/locales\/index\.(c?js)$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

async function bundle(name, entry) {
  const { outputFiles } = await build({
    entryPoints: [folder(entry)],
    outfile: folder(`bundle/${name}.cjs`),
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    conditions: ['source'],
    // A CommonJS file has no import.meta: what packages find beside themselves, they find beside the bundle.
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    // A text compiled by node:vm has no loader for import(); all but Node's own modules are in the bundle anyway.
    supported: { 'dynamic-import': false },
    plugins: [englishOnly],
    minify: true,
    keepNames: false,
    // One byte a character: V8 scans and hashes such a string fastest.
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const text = outputFiles[0].text;
  const key = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const loader = `#!/usr/bin/env node
'use strict';
const fs = require('node:fs'), path = require('node:path'), env = process.env;
const folder = env.SYSTEMTAP_DIR ? path.join(env.SYSTEMTAP_DIR, 'cache') : path.join(env.XDG_CACHE_HOME || path.join(env.HOME || '/', '.cache'), 'stapkit');
const file = path.join(folder, 'code', '${name}-${key}-' + process.versions.v8 + '.bin');
let cachedData;
try { cachedData = fs.readFileSync(file); } catch {}
const script = new (require('node:vm').Script)('(function (exports, require, module, __filename, __dirname) {' + source() + '\\n})', { filename: __filename, cachedData });
if (cachedData === undefined || script.cachedDataRejected) {
  process.stapkitKeepCode = () => {
    const temporary = file + '.' + process.pid;
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      for (const old of fs.readdirSync(path.dirname(file))) if (old.startsWith('${name}-')) fs.rmSync(path.join(path.dirname(file), old), { force: true });
      fs.writeFileSync(temporary, script.createCachedData());
      fs.renameSync(temporary, file);
    } catch { try { fs.rmSync(temporary, { force: true }); } catch {} }
  };
}
script.runInThisContext().call(this, exports, require, module, __filename, __dirname);
function source() { return ${JSON.stringify(text)}; }
`;
  await mkdir(folder('bundle'), { recursive: true });
  await writeFile(folder(`bundle/${name}.cjs`), loader);
  await chmod(folder(`bundle/${name}.cjs`), 0o755);
}

await Promise.all(Object.entries(programs).map(([name, entry]) => bundle(name, entry)));
