// One measurement of `frontend.mjs`, in a process of its own: prints JSON.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { elaborate, noSymbols } from '@stapkit/elaborator';
import { parse, parseMacros, type ScriptLibrary } from '@stapkit/parser';
import { type Diagnostic, hasErrors, renderDiagnostic } from '@stapkit/pass';
import { openTapset } from '@stapkit/tapset';
import { MADE_UP_KERNEL } from '../fuzz-frontend/front-end.js';
import { hardTexts } from '../fuzz-frontend/hard-texts.js';

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

/** One text that is deeper or larger than any script should be, through passes 1 and 2, its messages rendered. */
async function hard(name: string): Promise<object> {
  const text = hardTexts()[name]?.() ?? '';
  const library = await tapset();
  const begin = readClocks();
  const parsed = parse({ scripts: [{ name: '<input>', text }], facts, library });
  const diagnostics: Diagnostic[] = [...parsed.diagnostics];
  if (!hasErrors(diagnostics)) {
    diagnostics.push(...elaborate(parsed.value, { symbols: MADE_UP_KERNEL, names: library, guru: true }).diagnostics);
  }
  for (const one of diagnostics) renderDiagnostic(one, { sources: parsed.value.sources });
  const codes = [...new Set(diagnostics.filter((one) => one.severity === 'error').map((one) => one.code))];
  return { codes, passes: since(begin) };
}

function measure(what: string | undefined, name: string | undefined): object | Promise<object> {
  if (what === 'names') return { names: Object.keys(hardTexts()) };
  if (what === 'hard') return hard(name ?? '');
  return what === 'examples' ? examples() : oneLiner();
}

const result = await measure(process.argv[2], process.argv[3]);
console.log(JSON.stringify({ ...result, peak: Math.round(process.resourceUsage().maxRSS / 1024) }));
