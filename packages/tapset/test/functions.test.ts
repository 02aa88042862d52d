// The functions that the man pages document, against those that the tapset has; and those that the tapset takes from
// the runtime, against those that the runtime has.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scanNames } from '../src/scan-names.js';

const packageFolder = join(import.meta.dirname, '..');
const stpFolder = join(packageFolder, 'stp');
const runtimeFolder = join(packageFolder, '..', 'runtime', 'src');

/** How many of the documented functions there are; raise it when more are added. */
const AT_LEAST = 411;

const scripts = readdirSync(stpFolder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.stp'))
  .map((name) => ({ name, text: readFileSync(join(stpFolder, name), 'latin1') }));

/** What a body that names a runtime function says of it. */
interface RuntimeUse {
  readonly file: string;
  readonly name: string;
  readonly signature: string;
}

function runtimeUses(): RuntimeUse[] {
  const pattern = /function (\w+)(?::(\w+))? ?\(([^)]*)\) %\{[^\n]*?runtime: (\w+)/g;
  return scripts.flatMap(({ name: file, text }) =>
    [...text.matchAll(pattern)].map(([, , result, parameters, name]) => {
      const types = parameters!
        .split(',')
        .filter((parameter) => parameter.trim() !== '')
        .map((parameter) => {
          const [word, type] = parameter.split(':').map((part) => part.trim());
          return type === 'string' ? `const char *${word}` : `s64 ${word}`;
        });
      const all = ['struct stapkit_context *c', ...(result === 'string' ? ['char *result'] : []), ...types];
      return { file, name: name!, signature: `${result === 'long' ? 's64' : 'void'} ${name}(${all.join(', ')})` };
    }),
  );
}

/** A signature without its parameters' names. */
const shape = (signature: string): string =>
  signature.replace(/\s+/g, ' ').replace(/(s64|char \*|stapkit_context \*) ?\w+(?=[,)])/g, '$1');

/** The signatures of all functions for the tapset in the runtime, those that its macros make included. */
function runtimeFunctions(): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(runtimeFolder)) {
    if (!/^fn_.*\.c$/.test(name)) continue;
    const text = readFileSync(join(runtimeFolder, name), 'utf8');
    for (const [signature, , symbol] of text.matchAll(/^(s64|void) (stapkit_fn_\w+)\(struct[^)]*\)/gm)) {
      found.set(symbol!, shape(signature));
    }
    for (const [, bits] of text.matchAll(/^SET_NUMBER\((\d+)\)/gm)) {
      for (const space of ['kernel', 'user']) {
        const symbol = `stapkit_fn_set_${space}_${bits}`;
        found.set(symbol, shape(`void ${symbol}(struct stapkit_context *c, s64 a, s64 b)`));
      }
    }
    for (const [, operation] of text.matchAll(/^BINARY\((\w+), /gm)) {
      const symbol = `stapkit_fn_fp_${operation}`;
      found.set(symbol, shape(`s64 ${symbol}(struct stapkit_context *c, s64 a, s64 b)`));
    }
  }
  return found;
}

/** Each documented function with its signatures, as the man pages write them; `?` where they say no type. */
const documented: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(join(packageFolder, 'functions.json'), 'utf8'),
);

test('has the functions that the man pages document', () => {
  const defined = new Set(scripts.flatMap(({ text }) => scanNames(text).functions));
  const missing = Object.keys(documented).filter((name) => !defined.has(name));
  const count = Object.keys(documented).length - missing.length;
  expect(
    count,
    `${count} of ${Object.keys(documented).length} documented functions; missing: ${missing.join(', ')}`,
  ).toBeGreaterThanOrEqual(AT_LEAST);
});

test('they take and give what the man pages say', () => {
  const signatures = new Map<string, string[]>();
  for (const { text } of scripts) {
    for (const [, name, result, parameters] of text.matchAll(/^function (\w+)(?::(\w+))? ?\(([^)]*)\)/gm)) {
      const types = parameters!
        .split(',')
        .filter((parameter) => parameter.trim() !== '')
        .map((parameter) => parameter.split(':')[1]?.trim() ?? '?');
      signatures.set(name!, [...(signatures.get(name!) ?? []), `(${types.join(', ')}): ${result ?? '?'}`]);
    }
  }
  // A page that says no type leaves it to what the function does.
  const fits = (said: string, ours: string): boolean => {
    const [saidWords, ourWords] = [said, ours].map((text) => text.match(/\w+|\?/g) ?? []);
    return (
      saidWords!.length === ourWords!.length && saidWords!.every((word, at) => word === '?' || word === ourWords![at])
    );
  };
  const faults = Object.entries(documented).flatMap(([name, said]) =>
    said
      .filter((one) => !signatures.get(name)?.some((ours) => fits(one, ours)))
      .map((one) => `${name}${one}: the tapset has ${signatures.get(name)?.join('; ')}`),
  );
  expect(faults).toEqual([]);
});

test('calls runtime functions that are there, with the types they have', () => {
  const functions = runtimeFunctions();
  const faults = runtimeUses()
    .filter(({ name, signature }) => functions.get(name) !== shape(signature))
    .map(
      ({ file, name, signature }) => `${file}: ${signature}: the runtime has ${functions.get(name) ?? `no ${name}`}`,
    );
  expect(faults).toEqual([]);
});

test('RUNTIME.md lists the runtime functions that the scripts name', () => {
  const page = readFileSync(join(packageFolder, 'RUNTIME.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(\w+)`\s+\|/gm)].map(([, name]) => name!);
  const used = [...new Set(runtimeUses().map(({ name }) => name))];
  expect(listed.sort()).toEqual(used.sort());
});

test('every public function says what it does', () => {
  const silent = scripts.flatMap(({ name, text }) =>
    [...text.matchAll(/^function (\w+)/gm)]
      .filter(([, word]) => !word!.startsWith('__') && !text.includes(` * sfunction ${word} - `))
      .map(([, word]) => `${name}: ${word}`),
  );
  expect(silent).toEqual([]);
});
