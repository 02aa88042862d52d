// Which form an in-kernel interface has is asked of the kernel itself, never of its version number: stable updates and
// distributions change interfaces without changing the version that a check would look at. The runtime lists its
// questions in features.json; the answers become `kernel_features.h`.
//
//   { "name": "STAPKIT_HAVE_X", "symbol": "f" }                      is f exported?           Module.symvers
//   { "name": …, "config": "CONFIG_X" }                              is it y or m?            .config
//   { "name": …, "prototype": "f", "parameters": 3 }                 takes f that many?       BTF
//   { "name": …, "prototype": "f", "parameter": 1, "type": "…" }     has one that type?       BTF
//   { "name": …, "prototype": "f", "result": "void" }                does it return that?     BTF
//   { "name": …, "struct": "s" }   { "name": …, "member": "s.m" }    is there such a thing?   BTF
//
// Where there is no BTF, each question of the last kinds is put to the compiler instead: a few lines of C with the
// headers that the question names (`"headers": ["linux/uprobes.h"]`), which compile only if the answer is yes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { invariant, type PassContext } from '@stapkit/pass';
import { type KernelBuild, kernelConfig } from './kernel-build.js';
import { runMake } from './make.js';
import { openExports } from './symbol-versions.js';

/** What kbuild asks of a kernel's type information; the driver fills it from BTF. Type names are as in C. */
export interface FeatureSource {
  /** A function's parameter and result types, e.g. `struct file *`; undefined where there is no such function. */
  functionPrototype(name: string): { readonly parameters: readonly string[]; readonly result: string } | undefined;
  /** The names of a structure's members; undefined where there is no such structure. */
  structMembers(name: string): readonly string[] | undefined;
}

/** A source, or how to open one: it is asked for only when a runtime has to be compiled. */
export type FeatureInput = FeatureSource | (() => Promise<FeatureSource | undefined>);

/** One question of features.json. */
export interface FeatureQuestion {
  readonly name: string;
  readonly symbol?: string;
  readonly config?: string;
  readonly prototype?: string;
  /** How many parameters it has, or their types in order. */
  readonly parameters?: number | readonly string[];
  /** Number of one parameter, from 0, whose type is `type`. */
  readonly parameter?: number;
  readonly type?: string;
  readonly result?: string;
  readonly struct?: string;
  readonly member?: string;
  /** Headers that declare it, for asking the compiler. */
  readonly headers?: readonly string[];
  /** Why the question is there: the commit and release that made the difference. */
  readonly since?: string;
  readonly comment?: string;
}

/** A question with its answer. */
export interface FeatureAnswer {
  readonly name: string;
  readonly value: boolean;
}

interface ResolveInput {
  readonly kernel: KernelBuild;
  readonly runtimeFolder: string;
  readonly source: FeatureInput | undefined;
  /** A folder for the compile probes. */
  readonly work: string;
  /** Aborts the compile probes; the context's by default. */
  readonly signal?: AbortSignal;
}

/** Reads a runtime's questions; a runtime without the file has none. */
export function readQuestions(runtimeFolder: string): readonly FeatureQuestion[] {
  const path = join(runtimeFolder, 'features.json');
  if (!existsSync(path)) return [];
  const parsed = JSON.parse(readFileSync(path, 'utf8')) as FeatureQuestion[] | { readonly features: FeatureQuestion[] };
  const questions = Array.isArray(parsed) ? parsed : parsed.features;
  for (const question of questions) {
    invariant(/^[A-Za-z_]\w*$/.test(question.name ?? ''), `features.json: "${question.name}" is no macro name`);
  }
  return questions;
}

/** Answers every question of a runtime for a kernel, in the order of the file. */
export async function resolveFeatures(input: ResolveInput, ctx: PassContext): Promise<readonly FeatureAnswer[]> {
  const questions = readQuestions(input.runtimeFolder);
  if (questions.length === 0) return [];
  const config = kernelConfig(input.kernel);
  const exports = input.kernel.symversFile === undefined ? undefined : openExports(input.kernel.symversFile);
  let source: FeatureSource | undefined;
  if (questions.some(asksForTypes)) source = typeof input.source === 'function' ? await input.source() : input.source;

  const answers = new Map<string, boolean>();
  const open: FeatureQuestion[] = [];
  for (const question of questions) {
    const answer = askKernel(question, { config, exports, source });
    if (answer === undefined) open.push(question);
    else answers.set(question.name, answer);
  }
  if (open.length > 0) {
    const compiled = await askCompiler(open, input, ctx);
    for (const question of open) answers.set(question.name, compiled.has(question.name));
  }
  return questions.map(({ name }) => ({ name, value: answers.get(name) ?? false }));
}

function asksForTypes(question: FeatureQuestion): boolean {
  return question.prototype !== undefined || question.struct !== undefined || question.member !== undefined;
}

interface Sources {
  readonly config: (name: string) => string | undefined;
  readonly exports: ReturnType<typeof openExports> | undefined;
  readonly source: FeatureSource | undefined;
}

/** @returns the answer, or undefined where only the compiler can tell */
export function askKernel(question: FeatureQuestion, from: Sources): boolean | undefined {
  if (question.symbol !== undefined) return from.exports?.has(question.symbol);
  if (question.config !== undefined) {
    const value = from.config(question.config);
    return value === 'y' || value === 'm';
  }
  if (from.source === undefined) return undefined;
  if (question.prototype !== undefined) {
    const prototype = from.source.functionPrototype(question.prototype);
    // Only functions that were emitted are in BTF: an inline one is the compiler's to tell.
    return prototype === undefined ? (question.headers ? undefined : false) : matchesPrototype(question, prototype);
  }
  if (question.struct !== undefined) return from.source.structMembers(question.struct) !== undefined;
  if (question.member !== undefined) {
    const { structure, member } = splitMember(question.member);
    return from.source.structMembers(structure)?.includes(member) ?? false;
  }
  throw new Error(`stapkit bug: features.json: ${question.name} asks nothing`);
}

function splitMember(text: string): { structure: string; member: string } {
  const dot = text.indexOf('.');
  invariant(dot > 0, `features.json: "${text}" is no member: write structure.member`);
  return { structure: text.slice(0, dot).replace(/^struct /, ''), member: text.slice(dot + 1) };
}

function matchesPrototype(
  question: FeatureQuestion,
  prototype: { readonly parameters: readonly string[]; readonly result: string },
): boolean {
  const { parameters } = question;
  if (typeof parameters === 'number' && prototype.parameters.length !== parameters) return false;
  if (typeof parameters === 'object') {
    if (parameters.length !== prototype.parameters.length) return false;
    if (parameters.some((type, index) => !isSameType(type, prototype.parameters[index]!))) return false;
  }
  if (question.type !== undefined) {
    const actual = prototype.parameters[question.parameter ?? 0];
    if (actual === undefined || !isSameType(question.type, actual)) return false;
  }
  return question.result === undefined || isSameType(question.result, prototype.result);
}

/** Compares two spellings of a type: blanks and `const` don't count. */
function isSameType(first: string, second: string): boolean {
  const plain = (type: string): string =>
    type
      .replace(/\bconst\b/g, '')
      .replace(/\s*\*\s*/g, '*')
      .replace(/\s+/g, ' ')
      .trim();
  return plain(first) === plain(second);
}

/** Compiles one small file a question, all in one run of Kbuild; those that compile are answered with yes. */
async function askCompiler(
  questions: readonly FeatureQuestion[],
  input: ResolveInput,
  ctx: PassContext,
): Promise<ReadonlySet<string>> {
  const folder = join(input.work, 'probes');
  mkdirSync(folder);
  for (const question of questions) writeFileSync(join(folder, `${question.name}.c`), probeSource(question));
  writeFileSync(
    join(folder, 'Kbuild'),
    `obj-m := ${questions.map(({ name }) => `${name}.o`).join(' ')}\nccflags-y := -g0 -Werror\nccflags-remove-y := $(CC_FLAGS_FTRACE)\n`,
  );
  const result = await runMake(input.kernel, folder, input.signal ?? ctx.signal, undefined, ['-k']);
  ctx.log(3, result.stderr);
  return new Set(questions.map(({ name }) => name).filter((name) => existsSync(join(folder, `${name}.o`))));
}

/** The C that compiles only if a question's answer is yes. */
export function probeSource(question: FeatureQuestion): string {
  const lines = [
    '#include <linux/module.h>',
    '#include <linux/sched.h>',
    ...(question.headers ?? []).map((header) => `#include <${header}>`),
    'MODULE_LICENSE("Dual MIT/GPL");',
  ];
  if (question.symbol !== undefined) lines.push(`void *probe(void) { return (void *)&${question.symbol}; }`);
  else if (question.struct !== undefined) lines.push(`unsigned long probe = sizeof(struct ${question.struct});`);
  else if (question.member !== undefined) {
    const { structure, member } = splitMember(question.member);
    lines.push(`unsigned long probe = __builtin_offsetof(struct ${structure}, ${member});`);
  } else if (question.prototype !== undefined) {
    const name = question.prototype;
    if (typeof question.parameters === 'number') {
      // A wrong number of arguments is an error; their types don't matter to a call that is never evaluated.
      const args = Array.from({ length: question.parameters }, () => '*(int *)0');
      lines.push(
        '#pragma GCC diagnostic ignored "-Wint-conversion"',
        '#pragma GCC diagnostic ignored "-Wincompatible-pointer-types"',
      );
      lines.push(`typedef __typeof__(${name}(${args.join(', ')})) probe_t;`);
    } else if (question.parameters !== undefined) {
      const result =
        question.result ?? `__typeof__(${name}(${question.parameters.map((type) => `*(${type} *)0`).join(', ')}))`;
      lines.push(`${result} (*probe)(${question.parameters.join(', ') || 'void'}) = ${name};`);
    } else if (question.result !== undefined) {
      // Empty parentheses leave the parameters open (C11, 6.7.6.3), so only the result is compared.
      lines.push('#pragma GCC diagnostic ignored "-Wstrict-prototypes"');
      lines.push(`${question.result} (*probe)() = ${name};`);
    } else {
      lines.push('#error the type of one parameter cannot be asked of the compiler: give all parameters');
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Writes `kernel_features.h`: a macro is defined as 1 where the answer is yes, and not at all where it is no. */
export function featureHeader(answers: readonly FeatureAnswer[], release: string): string {
  const lines = answers.map(({ name, value }) => (value ? `#define ${name} 1` : `/* #undef ${name} */`));
  return [
    `/* What kernel ${release} offers, as its exports, configuration and type information tell. */`,
    '#ifndef STAPKIT_KERNEL_FEATURES_H',
    '#define STAPKIT_KERNEL_FEATURES_H',
    ...lines,
    '#endif',
    '',
  ].join('\n');
}
