// Names of C++ (Itanium ABI) and Rust (v0 and legacy) as their sources have them. The work is done by the demanglers of
// gecko-profiler-demangle, which the Firefox profiler uses: the crates cpp_demangle and rustc-demangle, as WebAssembly.
// They are loaded at the first name that needs them. What they write otherwise than the tools that people compare with
// (c++filt, perf, gdb) is put into those tools' words here.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as glue from 'gecko-profiler-demangle/index_bg.js';

/** The library's WebAssembly, for those who bundle this package and keep the file beside their bundle. */
export interface DemangleOptions {
  readonly wasmFile?: string;
}

let loaded: ((name: string) => string) | undefined;

function load(options: DemangleOptions): (name: string) => string {
  if (!loaded) {
    const file = options.wasmFile ?? createRequire(import.meta.url).resolve('gecko-profiler-demangle/index_bg.wasm');
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {
      './index_bg.js': glue,
    });
    glue.__wbg_set_wasm(instance.exports);
    (instance.exports.__wbindgen_start as () => void)();
    loaded = glue.demangle_any;
  }
  return loaded;
}

/** The language of a mangled name; undefined for a plain one. */
export function manglingOf(name: string): 'c++' | 'rust' | undefined {
  if (/^_R[A-Z]/.test(name)) return 'rust';
  if (!/^_{1,4}Z/.test(name)) return undefined;
  // Rust's older names are C++'s, with a hash for their last part.
  return /17h[0-9a-f]{16}E(?:\.|$)/.test(name) ? 'rust' : 'c++';
}

/** No compiler writes longer names; a damaged one may be made to read for ever. */
const LONGEST = 1 << 16;

/** What the library calls the symbols that a compiler makes up, and what everybody else does. */
const SPECIAL: readonly (readonly [RegExp, string])[] = [
  [/^\{vtable\((.*)\)\}$/s, 'vtable for $1'],
  [/^\{vtt\((.*)\)\}$/s, 'VTT for $1'],
  [/^\{typeinfo name\((.*)\)\}$/s, 'typeinfo name for $1'],
  [/^\{typeinfo\((.*)\)\}$/s, 'typeinfo for $1'],
  [/^\{static initialization guard for (.*)\}$/s, 'guard variable for $1'],
  [/^\{virtual override thunk\(\{offset\(-?\d+\)\}, (.*)\)\}$/s, 'non-virtual thunk to $1'],
  [/^\{virtual override thunk\(\{virtual offset\(-?\d+, -?\d+\)\}, (.*)\)\}$/s, 'virtual thunk to $1'],
  [/^\{covariant override thunk\(.*?\}, \{.*?\}, (.*)\)\}$/s, 'covariant return thunk to $1'],
];

/** Literals of these types have a suffix. */
const SUFFIXES: Readonly<Record<string, string>> = {
  'unsigned int': 'u',
  long: 'l',
  'unsigned long': 'ul',
  'long long': 'll',
  'unsigned long long': 'ull',
};

/**
 * The name of a function or variable as its source has it: `_ZNKSt6vectorIiSaIiEE4sizeEv` is
 * `std::vector<int, std::allocator<int> >::size() const`. A suffix that the compiler put behind a copy's name follows in
 * brackets, as in `f(int) [clone .isra.0]`. Function templates are told without the type they return.
 *
 * @returns the name itself where it is not mangled, or not by a scheme that is known
 */
export function demangle(name: string, options: DemangleOptions = {}): string {
  const language = manglingOf(name);
  if (language === undefined || name.length > LONGEST) return name;
  const library = load(options);
  const run = (mangled: string): string | undefined => {
    let text: string;
    try {
      text = library(mangled);
    } catch (error) {
      // A name that makes the library stumble is no name of its schemes; what it left behind is not used again.
      if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw error;
      loaded = undefined;
      return undefined;
    }
    // What it can't read it gives back, less the first underscore.
    return text === mangled || text === mangled.slice(1) ? undefined : text;
  };
  if (language === 'rust') return run(name) ?? name;
  const dot = name.indexOf('.');
  const suffix = dot > 0 ? name.slice(dot) : '';
  const base = suffix === '' ? name : name.slice(0, dot);
  let text = run(base);
  if (text === undefined) return name;
  for (const [pattern, words] of SPECIAL) {
    if (pattern.test(text)) {
      text = text.replace(pattern, words);
      break;
    }
  }
  // A pack of no types leaves its comma behind.
  text = text.replaceAll('_GLOBAL__N_1::', '(anonymous namespace)::').replaceAll(/, (?=>)/g, '');
  text = text.replace(
    /\((unsigned int|(?:unsigned )?long(?: long)?)\)(-?\d+)/g,
    (_, type: string, digits: string) => `${digits}${SUFFIXES[type]!}`,
  );
  return suffix === '' ? text : `${text} ${cloneText(suffix)}`;
}

/** `.part.0.cold` is told as `[clone .part.0] [clone .cold]`. */
function cloneText(suffix: string): string {
  const clones = suffix.match(/\.[A-Za-z_]+(?:\.\d+)*|\.\d+/g) ?? [suffix];
  return clones.map((clone) => `[clone ${clone}]`).join(' ');
}
