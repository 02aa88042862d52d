// Runs passes 1 to 3 over a text, and compiles what comes out. Kernel facts come from a small literal table.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { elaborate, type FunctionFacts, type SymbolSource, type TypeFacts } from '@stapkit/elaborator';
import { parse } from '@stapkit/parser';
import type { Diagnostic } from '@stapkit/pass';
import type { TranslateOptions } from '../../src/backend.js';
import type { CModule } from '../../src/c-module.js';
import type { ModuleDescription } from '../../src/description.js';
import { kernelBackend } from '../../src/index.js';

const TYPES: readonly TypeFacts[] = [
  { kind: 'void' },
  { kind: 'integer', name: 'long', size: 8, signed: true, char: false, bool: false },
  { kind: 'integer', name: 'unsigned int', size: 4, signed: false, char: false, bool: false },
  { kind: 'pointer', target: 4, size: 8 },
  {
    kind: 'struct',
    name: 'file',
    size: 32,
    members: [
      { name: 'f_flags', type: 2, bitOffset: 64 },
      { name: 'f_next', type: 3, bitOffset: 128 },
      { name: 'f_bits', type: 2, bitOffset: 197, bitSize: 3 },
    ],
  },
];

const READ: FunctionFacts = {
  name: 'vfs_read',
  parameters: [
    { name: 'file', type: 3 },
    { name: 'count', type: 1 },
  ],
  result: 1,
};

const SYMBOLS: SymbolSource = {
  kernel: { release: '6.1.0-test', architecture: 'x86_64' },
  functions: (pattern) => (pattern === 'vfs_read' ? [READ] : []),
  nearestFunctions: () => [],
  tracepoints: (pattern) =>
    pattern === 'sched_switch'
      ? [
          {
            name: 'sched_switch',
            arguments: [
              { name: 'preempt', type: 2 },
              { name: 'prev', type: 3 },
            ],
          },
        ]
      : [],
  type: (name) => (name === 'struct file' || name === 'file' ? 4 : undefined),
  typeFacts: (id) => TYPES[id]!,
  enumerator: () => undefined,
};

/** What tapset functions are to these tests: some that the runtime has. */
const LIBRARY = `
function pid:long () %{ /* pure */ /* runtime: stapkit_fn_pid */ %}
function execname:string () %{ /* pure */ /* runtime: stapkit_fn_execname */ %}
function strlen:long (s:string) %{ /* pure */ /* runtime: stapkit_fn_strlen */ %}
function error (msg:string) %{ /* runtime: stapkit_fn_error */ %}
function exit () %{ /* runtime: stapkit_fn_exit */ %}
`;

/** Translates a script; throws with the messages where it has errors. */
export function translateText(
  text: string,
  options: TranslateOptions = {},
  privilege: 'stapusr' | 'stapdev' = 'stapdev',
): CModule {
  const script = { name: 'test.stp', text };
  const ast = parse({
    scripts: [script],
    facts: { kernelRelease: '6.1.0-test', architecture: 'x86_64', guru: true, config: () => undefined },
    library: {
      filesFor: (names) =>
        ['pid', 'execname', 'strlen', 'error', 'exit'].some((name) => names.functions.has(name))
          ? [{ name: 'library.stp', text: LIBRARY }]
          : [],
      macro: () => undefined,
      nearest: () => [],
    },
  });
  expectNoErrors(ast.diagnostics);
  const elaborated = elaborate(ast.value, { symbols: SYMBOLS, guru: true, privilege });
  expectNoErrors(elaborated.diagnostics);
  return kernelBackend.translate(elaborated.value, options).value;
}

function expectNoErrors(diagnostics: readonly Diagnostic[]): void {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((error) => error.message).join('\n'));
}

const INCLUDE = join(dirname(fileURLToPath(import.meta.url)), '../../../runtime/include');

/** Lets the C compiler check a module's C against the ABI; throws with its words where it warns of anything. */
export function compileText(module: CModule): void {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-translator-'));
  try {
    const file = join(folder, 'script.c');
    writeFileSync(file, module.source);
    const flags = [
      '-std=gnu11',
      '-fsyntax-only',
      '-ffreestanding',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wno-unused-parameter',
    ];
    const defines = Object.entries(module.defines).map(([name, value]) => `-D${name}=${value}`);
    execFileSync('gcc', [...flags, ...defines, `-I${INCLUDE}`, file], { stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    throw new Error((error as { stderr?: string }).stderr ?? String(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The description that travels in the module, read back from its C. */
export function descriptionOf(module: CModule): ModuleDescription {
  const start = module.source.indexOf('static const char description[] =');
  const text = module.source.slice(start, module.source.indexOf(';\n', start));
  const literals = [...text.matchAll(/"((?:\\.|[^"\\])*)"/g)].map((match) => match[1]!);
  return JSON.parse(literals.join('').replace(/\\(["\\?])/g, '$1')) as ModuleDescription;
}

/** The C of one handler or function, without `#line`. */
export function bodyOf(module: CModule, name: string): string {
  const match = new RegExp(`^static [^\\n]*\\b${name}\\w*\\([^;]*?\\)\\n\\{\\n[\\s\\S]*?^\\}`, 'm').exec(module.source);
  if (!match) throw new Error(`no function ${name} in:\n${module.source}`);
  return match[0].replace(/^#line.*\n/gm, '');
}
