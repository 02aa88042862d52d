// The unit of embedded C: the documented API (STAP_ARG_x, STAP_RETVALUE, STAP_GET_x, …) as macros around each text.
// `stapkit_embedded.h` of the runtime has the kernel headers and the macros that are the same for all.

import type { ResolvedFunction, ValueType } from '@stapkit/elaborator';
import type { Span } from '@stapkit/pass';
import { embeddedUses } from '../analysis/effects.js';
import { cName } from './c-text.js';
import type { ScriptEmission } from './script.js';

interface EmbeddedCode {
  readonly code: string;
  readonly pragmas: readonly string[];
  readonly span: Span;
  readonly result: ValueType | 'none';
  /** For a function: its name and parameters. */
  readonly name?: string;
  readonly parameters?: readonly { readonly name: string; readonly type: ValueType }[];
  /** The C function of the overload that STAP_NEXT goes on with. */
  readonly fallback?: string;
}

/** Adds a text to the module's unit and returns the name of the C function that runs it. */
export function embeddedFunction(module: ScriptEmission, text: EmbeddedCode): string {
  const name = text.name ?? `embedded_${module.embedded.length}`;
  const signature = signatureOf(name, text);
  module.externals.set(name, `${signature};`);
  module.embedded.push(printFunction(module, text, signature, text.parameters ?? []));
  return name;
}

function signatureOf(name: string, text: EmbeddedCode): string {
  const parameters = [
    'struct stapkit_context *c',
    ...(text.result === 'string' ? ['char *result'] : []),
    ...(text.parameters ?? []).map((p) =>
      p.type === 'string' ? `const char *a_${cName(p.name)}` : `s64 a_${cName(p.name)}`,
    ),
  ].join(', ');
  return `${text.result === 'long' ? 's64' : 'void'} ${name}(${parameters})`;
}

/** A whole function that a script declares with a body of embedded C. */
export function embeddedDeclaration(module: ScriptEmission, index: number, declared: ResolvedFunction): void {
  if (declared.body.kind !== 'embedded') return;
  const next = declared.fallback === undefined ? undefined : module.script.functions[declared.fallback];
  const fallback = next && (module.runtimeFunction(next) ?? module.functionName(declared.fallback!));
  embeddedFunction(module, {
    ...declared.body,
    result: declared.result,
    name: module.functionName(index),
    parameters: declared.locals.slice(0, declared.parameters),
    ...(fallback === undefined ? {} : { fallback }),
  });
}

/** Embedded C at the top level: definitions for what follows. */
export function embeddedBlock(module: ScriptEmission, code: string, span: Span): void {
  const { line } = module.places.position(span);
  module.embedded.push(`#line ${line} ${JSON.stringify(span.file)}\n${code}\n`);
}

function printFunction(
  module: ScriptEmission,
  text: EmbeddedCode,
  signature: string,
  parameters: readonly { readonly name: string; readonly type: ValueType }[],
): string {
  const lines: string[] = [
    ...(text.fallback === undefined ? [] : [`${signatureOf(text.fallback, text)};`]),
    `${signature};`,
    signature,
    '{',
  ];
  const defined: string[] = [];
  const define = (name: string, value: string): void => {
    lines.push(`#undef ${name.replace(/\(.*/, '')}`, `#define ${name} ${value}`);
    defined.push(name.replace(/\(.*/, ''));
  };
  for (const p of parameters) define(`STAP_ARG_${p.name}`, `(a_${cName(p.name)})`);
  if (text.result === 'long') {
    lines.push('\ts64 stapkit_result = 0;');
    define('STAP_RETVALUE', 'stapkit_result');
    define('STAP_RETURN(v)', 'do { stapkit_result = (s64)(v); goto stapkit_out; } while (0)');
  } else if (text.result === 'string') {
    lines.push('\tresult[0] = 0;');
    define('STAP_RETVALUE', 'result');
    define('STAP_RETURN(v)', 'do { strscpy(result, (v), stapkit_script.string_size); goto stapkit_out; } while (0)');
  } else {
    define('STAP_RETURN()', 'goto stapkit_out');
  }
  if (text.name !== undefined) define('STAP_NEXT', nextOverload(text, parameters));
  for (const [index, how] of embeddedUses(module.script, text)) {
    for (const [name, value] of globalMacros(module, index, how === 'write')) define(name, value);
  }
  if (text.pragmas.includes('unmangled')) lines.push(...printThis(text, parameters));
  const { line } = module.places.position(text.span);
  lines.push('\t{', `#line ${line} ${JSON.stringify(text.span.file)}`);
  const assign = text.result === 'string' ? 'STAP_RETURN(' : 'STAP_RETVALUE = (';
  const code = text.result !== 'none' && isExpression(text) ? `${assign}${text.code});` : text.code;
  lines.push(code, '\t}', '\tgoto stapkit_out;', 'stapkit_out:');
  lines.push(text.result === 'long' ? '\treturn stapkit_result;' : '\treturn;', '}');
  for (const name of defined) lines.push(`#undef ${name}`);
  return `${lines.join('\n')}\n`;
}

/** STAP_NEXT: the next overload takes over, with the arguments of the call. */
function nextOverload(text: EmbeddedCode, parameters: readonly { readonly name: string }[]): string {
  if (text.fallback === undefined) return 'STAP_ERROR("all functions exhausted")';
  const values = ['c', ...(text.result === 'string' ? ['result'] : []), ...parameters.map((p) => `a_${cName(p.name)}`)];
  const call = `${text.result === 'long' ? 'stapkit_result = ' : ''}${text.fallback}(${values.join(', ')})`;
  return `do { ${call}; goto stapkit_out; } while (0)`;
}

/** STAP_GLOBAL_GET_x and STAP_GLOBAL_SET_x, with a parameter for each key and the new value last. */
function globalMacros(module: ScriptEmission, index: number, write: boolean): [string, string][] {
  const global = module.script.globals[index]!;
  const name = module.globalName(index);
  if (global.type === 'statistic') return [];
  const isText = global.type === 'string';
  if (global.keys.length === 0) {
    const macros: [string, string][] = [[`STAP_GLOBAL_GET_${global.name}()`, `(${name})`]];
    if (write)
      macros.push([
        `STAP_GLOBAL_SET_${global.name}(v)`,
        isText ? `stapkit_copy(c, ${name}, (v))` : `(${name} = (s64)(v))`,
      ]);
    return macros;
  }
  const keys = global.keys.map((_, key) => `k${key}`);
  const list = global.keys.map((type, key) => `{ .${type === 'string' ? 'text' : 'number'} = (k${key}) }`).join(', ');
  const declared = `const union stapkit_value keys_[] = { ${list} }`;
  const macros: [string, string][] = [
    [
      `STAP_GLOBAL_GET_${global.name}(${keys.join(', ')})`,
      `({ ${declared}; stapkit_map_get${isText ? '_string' : ''}(c, ${name}, keys_); })`,
    ],
  ];
  if (write)
    macros.push([
      `STAP_GLOBAL_SET_${global.name}(${keys.join(', ')}, v)`,
      isText
        ? `do { ${declared}; char *slot_ = stapkit_map_slot_string(c, ${name}, keys_); if (slot_) stapkit_copy(c, slot_, (v)); } while (0)`
        : `do { ${declared}; s64 value_ = (v); s64 *slot_ = stapkit_map_slot(c, ${name}, keys_); if (slot_) *slot_ = value_; } while (0)`,
    ]);
  return macros;
}

/** `THIS->x` of scripts from before SystemTap 1.8, where the text asks for it by `unmangled`. */
function printThis(
  text: EmbeddedCode,
  parameters: readonly { readonly name: string; readonly type: ValueType }[],
): string[] {
  const members = parameters.map((p) => `${p.type === 'string' ? 'const char *' : 's64 '}${cName(p.name)};`);
  const values = parameters.map((p) => `.${cName(p.name)} = a_${cName(p.name)}`);
  if (text.result === 'long') {
    members.push('s64 *retvalue_;');
    values.push('.retvalue_ = &stapkit_result');
  } else if (text.result === 'string') {
    members.push('char *__retvalue;');
    values.push('.__retvalue = result');
  }
  return [
    `\tstruct { ${members.join(' ') || 'int none;'} } stapkit_this = { ${values.join(', ') || '0'} };`,
    '#undef THIS',
    '#define THIS (&stapkit_this)',
    ...(text.result === 'long' ? ['#undef __retvalue', '#define __retvalue retvalue_[0]'] : ['#undef __retvalue']),
  ];
}

/** Embedded C as an expression gives its value by being one, without a statement. */
function isExpression(text: EmbeddedCode): boolean {
  return text.name === undefined && !/;|STAP_RET/.test(text.code.replace(/\/\*[\s\S]*?\*\//g, ''));
}

/** The unit's C, or undefined where the script has no embedded C of its own. */
export function printUnit(module: ScriptEmission): string | undefined {
  if (module.embedded.length === 0) return undefined;
  const globals = module.script.globals.flatMap((global, index) => {
    const name = module.globalName(index);
    if (global.keys.length > 0) return [`extern struct stapkit_map *${name};`];
    if (global.type === 'statistic') return [];
    return [global.type === 'string' ? `extern char *${name};` : `extern s64 ${name};`];
  });
  return ['#include "stapkit_embedded.h"', '', ...globals, '', ...module.embedded].join('\n');
}
