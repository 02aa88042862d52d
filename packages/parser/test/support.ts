// What the tests share: one way to parse a text, the examples of systemtap-doc, and trees without places.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { renderDiagnostic } from '@stapkit/pass';
import { type Ast, type LibraryFile, type PreprocessorFacts, parse, type ScriptLibrary } from '../src/index.js';

/** A kernel for `%( … %)`. */
export const FACTS: PreprocessorFacts = {
  kernelRelease: '6.1.0-56-amd64',
  architecture: 'x86_64',
  guru: true,
  config: (name) => ({ CONFIG_X: 'y', CONFIG_M: 'm', CONFIG_UTRACE: undefined })[name],
};

/** A library of macros from a text; it has no files beside. */
export function macroLibrary(text: string, name = 'macros.stpm'): ScriptLibrary {
  const file: LibraryFile = { name, text };
  const names = [...text.matchAll(/@define\s+(\w+)/g)].map((match) => match[1]!);
  return {
    filesFor: () => [],
    macro: (macro) => (names.includes(macro) ? file : undefined),
    nearest: (kind, macro) => (kind === 'macro' ? names.filter((known) => known.startsWith(macro.slice(0, 4))) : []),
  };
}

export interface ParsedText {
  readonly ast: Ast;
  /** Every diagnostic as printed. */
  readonly messages: string[];
  readonly codes: string[];
}

/** Parses one text as `<input>`. */
export function parseText(
  text: string,
  options: { arguments?: readonly string[]; library?: ScriptLibrary; facts?: Partial<PreprocessorFacts> } = {},
): ParsedText {
  const { value, diagnostics } = parse({
    scripts: [{ name: '<input>', text }],
    facts: { ...FACTS, ...options.facts },
    ...(options.arguments ? { arguments: options.arguments } : {}),
    ...(options.library ? { library: options.library } : {}),
  });
  return {
    ast: value,
    messages: diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, { sources: value.sources })),
    codes: diagnostics.map((diagnostic) => diagnostic.code),
  };
}

/** Parses a text that must be right, and returns its declarations. */
export function declarationsOf(text: string, options: Parameters<typeof parseText>[1] = {}) {
  const { ast, messages } = parseText(text, options);
  if (messages.length > 0) throw new Error(`unexpected messages:\n${messages.join('\n')}`);
  return ast.user[0]!.declarations;
}

/** A tree without `span`, `nameSpan` and `origin`: what a printer must keep. */
export function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key !== 'span' && key !== 'nameSpan' && key !== 'origin') out[key] = withoutPlaces(inner);
  }
  return out;
}

/** Where Debian's systemtap-doc has its examples. */
const EXAMPLES = '/usr/share/systemtap/examples';

export interface Example {
  readonly path: string;
  readonly text: string;
  readonly arguments: readonly string[];
}

/** Arguments for examples whose own description gives none, or gives them in a way that only a shell can read. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'callgraph.stp': ['kernel.function("*@mm/*.c")', 'kernel.function("vfs_read")'],
  'eventcount.stp': ['syscall.read', 'syscall.write'],
  'graphcall.stp': ['/bin/ls', 'main'],
  'grapher.stp': [],
  'iostat-scsi.stp': ['1'],
  'pyexample.stp': ['python2'],
  'sizeof.stp': ['task_struct', 'kernel'],
  'varwatch.stp': ['kernel.statement("do_sys_open@*:+1")', '$fd'],
  'whythefail.stp': ['kernel', 'sys_open*', '1'],
};

/** The examples of systemtap-doc, or none where the package is not installed. */
export function findExamples(): Example[] {
  if (!existsSync(EXAMPLES)) return [];
  return readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.stp'))
    .sort()
    .map((path) => ({
      path,
      text: readFileSync(join(EXAMPLES, path), 'utf8'),
      arguments: ARGUMENTS[basename(path)] ?? argumentsFor(join(EXAMPLES, path)),
    }));
}

/** The arguments that the description beside an example tests it with. */
function argumentsFor(path: string): string[] {
  const meta = join(dirname(path), `${basename(path, '.stp')}.meta`);
  if (!existsSync(meta)) return ['1', '2', '3'];
  const check = /^test_check:.*\bstap\b(.*)$/m.exec(readFileSync(meta, 'utf8'))?.[1] ?? '';
  const words = [...check.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    (match) => match[1] ?? match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!.replace('$$', '1'),
  );
  const script = words.findIndex((word) => word.endsWith('.stp'));
  const found: string[] = [];
  for (let at = script + 1; at < words.length; at++) {
    const word = words[at]!;
    if (/^-[cxdDGIm]$/.test(word)) at += 1;
    else if (!word.startsWith('-')) found.push(word);
  }
  return found;
}

/** The library macros that examples use. */
export function exampleLibrary(): ScriptLibrary {
  return macroLibrary(readFileSync(new URL('fixtures/macros.stpm', import.meta.url), 'utf8'));
}
