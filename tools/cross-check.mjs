// Compares what packages/dwarf reads of large files with what readelf, objdump, addr2line and bpftool print of them:
// sections, symbols, notes, entries, line rows, call-frame rows, addresses with their inlined calls, BTF. Prints a line a
// comparison and the first differences; ends with 1 where there are any.
//
//   node tools/cross-check.mjs [--most N] [--base VMLINUX] FILE…
//   node tools/cross-check.mjs --kernel 6.1.0-56-amd64     its vmlinux, 50 modules of it, libc and Node
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    most: { type: 'string' },
    base: { type: 'string' },
    kernel: { type: 'string' },
    modules: { type: 'string', default: '50' },
    debug: { type: 'string', default: '/usr/lib/debug' },
  },
});

const bundle = join(root, '.stapkit', `cross-check-${process.pid}.mjs`);
await build({
  stdin: {
    contents: `export * from './packages/dwarf/src/index.ts'; export * from './packages/dwarf/test/helpers/cross-check.ts';`,
    resolveDir: root,
  },
  outfile: bundle,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
});
const { crossCheck, openElf, parseBtf } = await import(bundle);
await rm(bundle);

/** Modules spread evenly over all. */
function modulesOf(folder, count) {
  const all = readdirSync(folder, { recursive: true })
    .filter((name) => /\.ko(\.debug)?$/.test(name))
    .sort();
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
}

let vmlinux = values.base;
const files = positionals.map((path) => ({ path, most: values.most }));
if (values.kernel) {
  vmlinux ??= join(values.debug, 'boot', `vmlinux-${values.kernel}`);
  // The tools print gigabytes of a kernel's entries and lines.
  files.push({ path: vmlinux, most: values.most ?? '1000000' });
  const folder = join(values.debug, 'lib/modules', values.kernel);
  for (const name of modulesOf(folder, Number(values.modules))) files.push({ path: join(folder, name) });
  files.push(
    { path: '/usr/lib/x86_64-linux-gnu/libc.so.6' },
    { path: process.execPath, most: values.most ?? '1000000' },
  );
}

function baseBtf() {
  const elf = openElf(vmlinux);
  const section = elf.section('.BTF');
  const btf = section && parseBtf(elf.sectionBytes(section), vmlinux);
  elf.close();
  return btf;
}
const btf = vmlinux === undefined ? undefined : baseBtf();

const totals = new Map();
let differences = 0;
for (const { path, most } of files) {
  const base = btf && path !== vmlinux && path.endsWith('.ko') ? { file: vmlinux, btf } : undefined;
  const limits = { addresses: 2000, ...(most ? { most: Number(most) } : {}), ...(base ? { base } : {}) };
  for (const result of await crossCheck(path, limits, parseBtf)) {
    const total = totals.get(result.what) ?? { compared: 0, differences: 0 };
    total.compared += result.compared;
    total.differences += result.differences;
    totals.set(result.what, total);
    differences += result.differences;
    if (result.differences > 0 || files.length < 5) {
      console.log(`${path}: ${result.what}: ${result.compared} compared, ${result.differences} differ`);
    }
    for (const example of result.examples) console.log(`  ${example}`);
  }
}
console.log(`${files.length} files`);
for (const [what, total] of totals)
  console.log(`${what.padEnd(22)} ${total.compared} compared, ${total.differences} differ`);
process.exitCode = differences > 0 ? 1 : 0;
