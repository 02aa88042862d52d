// One measurement of `frontend.mjs`, in a process of its own: prints JSON.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { elaborate, noSymbols } from '@stapkit/elaborator';
import { parse, parseMacros, type ScriptLibrary } from '@stapkit/parser';
import { openTapset } from '@stapkit/tapset';

const root = process.env.STAPKIT_ROOT ?? '.';
const EXAMPLES = '/usr/share/systemtap/examples';
const kernel = { release: '6.1.0-56-amd64', architecture: 'x86_64' };
const facts = { kernelRelease: kernel.release, architecture: kernel.architecture, guru: true, config: () => undefined };
const stp = join(root, 'packages/tapset/stp');

async function tapset(): Promise<ScriptLibrary> {
  const shipped = { folder: stp, index: join(root, 'packages/tapset/dist/index.json'), trusted: true };
  const options = { folders: [stp], kernelRelease: kernel.release, architecture: kernel.architecture };
  return (await openTapset({ ...options, shipped })).value;
}

interface Clocks {
  readonly wall: number;
  readonly processor: NodeJS.CpuUsage;
}

function readClocks(): Clocks {
  return { wall: performance.now(), processor: process.cpuUsage() };
}

/** Milliseconds since then: on the wall, and of all this process's threads, which other processes change less. */
function since(begin: Clocks): { readonly wall: number; readonly processor: number } {
  const { user, system } = process.cpuUsage(begin.processor);
  return { wall: performance.now() - begin.wall, processor: (user + system) / 1000 };
}

/** Every example, each with its library files left out: what is measured is the reading of the examples themselves. */
function examples(): object {
  const macros = {
    name: 'macros.stpm',
    text: readFileSync(join(root, 'packages/parser/test/fixtures/macros.stpm'), 'utf8'),
  };
  const names = parseMacros(macros).macros;
  const library: ScriptLibrary = {
    filesFor: () => [],
    macro: (name) => (names.has(name) ? macros : undefined),
    nearest: () => [],
  };
  const texts = existsSync(EXAMPLES)
    ? readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.stp'))
        .map((path) => ({ name: path, text: readFileSync(join(EXAMPLES, path), 'utf8') }))
    : [];
  const begin = readClocks();
  for (const script of texts)
    parse({ scripts: [script], arguments: ['begin', 'begin', '3', '4', '5'], facts, library });
  const examples = since(begin);
  return { count: texts.length, bytes: texts.reduce((sum, { text }) => sum + text.length, 0), examples };
}

/** Passes 1 and 2 of the first one-liner, with the kernel function given: finding it is the dwarf package's part. */
async function oneLiner(): Promise<object> {
  const symbols = {
    ...noSymbols(kernel),
    functions: (pattern: string) => (pattern === 'vfs_read' ? [{ name: 'vfs_read', parameters: [] }] : []),
  };
  const begin = readClocks();
  const library = await tapset();
  const scripts = [{ name: '<input>', text: 'probe vfs.read {printf("read performed\\n"); exit()}' }];
  const { value: ast } = parse({ scripts, facts, library });
  const pass1 = since(begin);
  const between = readClocks();
  elaborate(ast, { symbols, names: library });
  return { pass1, pass2: since(between) };
}

const result = process.argv[2] === 'examples' ? examples() : await oneLiner();
console.log(JSON.stringify({ ...result, peak: Math.round(process.resourceUsage().maxRSS / 1024) }));
