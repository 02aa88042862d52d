// Passes 1 and 2 on one text, with the shipped tapset and a small made-up kernel: what the fuzzer drives.
import { performance } from 'node:perf_hooks';
import { elaborate, type FunctionFacts, type SymbolSource, type TypeFacts } from '@stapkit/elaborator';
import { ParsedLibrary, type PreprocessorFacts, parse, type ScriptLibrary } from '@stapkit/parser';
import { type Diagnostic, hasErrors, renderDiagnostic } from '@stapkit/pass';
import { openTapset, tapsetFolder } from '@stapkit/tapset';

const RELEASE = '6.1.0-56-amd64';

const FACTS: PreprocessorFacts = {
  kernelRelease: RELEASE,
  architecture: 'x86_64',
  guru: true,
  config: (name) => (name.endsWith('S') ? 'y' : undefined),
};

/** A kernel of three functions, one tracepoint and a few types, one of which refers to itself. */
const TYPES: readonly TypeFacts[] = [
  { kind: 'void' },
  { kind: 'integer', name: 'int', size: 4, signed: true, char: false, bool: false },
  { kind: 'integer', name: 'char', size: 1, signed: true, char: true, bool: false },
  { kind: 'pointer', target: 2, size: 8 },
  {
    kind: 'struct',
    name: 'file',
    size: 64,
    members: [
      { name: 'f_flags', type: 1, bitOffset: 0 },
      { name: 'name', type: 3, bitOffset: 64 },
      { name: 'next', type: 5, bitOffset: 128 },
      { name: 'bits', type: 1, bitOffset: 195, bitSize: 3 },
      { name: 'array', type: 6, bitOffset: 224 },
      { name: '', type: 7, bitOffset: 448 },
    ],
  },
  { kind: 'pointer', target: 4, size: 8 },
  { kind: 'array', element: 1, length: 7 },
  { kind: 'union', name: '', size: 8, members: [{ name: 'inner', type: 8, bitOffset: 0 }] },
  { kind: 'typedef', name: 'loff_t', target: 1 },
  { kind: 'enum', name: 'mode', size: 4, signed: false, values: [{ name: 'MODE_A', value: '1' }] },
];

const FUNCTIONS: readonly FunctionFacts[] = [
  {
    name: 'vfs_read',
    parameters: [
      { name: 'file', type: 5 },
      { name: 'buf', type: 3 },
      { name: 'count', type: 1 },
    ],
    result: 1,
  },
  {
    name: 'vfs_write',
    parameters: [
      { name: 'file', type: 5 },
      { name: 'pos', type: 8 },
    ],
    result: 8,
  },
  { name: 'do_exit', parameters: [{ name: 'mode', type: 9 }] },
];

/** The kernel of the types and functions above. */
export const MADE_UP_KERNEL: SymbolSource = {
  kernel: { release: RELEASE, architecture: 'x86_64' },
  functions: (pattern) => FUNCTIONS.filter((entry) => matches(entry.name, pattern)),
  nearestFunctions: () => FUNCTIONS.map((entry) => entry.name),
  tracepoints: (pattern) =>
    matches('sched_switch', pattern)
      ? [
          {
            name: 'sched_switch',
            system: 'sched',
            arguments: [
              { name: 'prev', type: 5 },
              { name: 'preempt', type: 1 },
            ],
          },
        ]
      : [],
  type: (name) => {
    const found = TYPES.findIndex((type) => 'name' in type && type.name === name);
    return found === -1 ? undefined : found;
  },
  typeFacts: (id) => TYPES[id] ?? { kind: 'void' },
  enumerator: (name) => (name === 'MODE_A' ? '1' : undefined),
};

function matches(name: string, pattern: string): boolean {
  // Escaped but for the two wildcards; a run of stars is one, so that the expression stays simple.
  const source = pattern.replace(/\*+/g, '*').replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${source.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(name);
}

/** What came of one text. */
export interface FrontEndResult {
  /** How far it came. */
  readonly reached: 'parse' | 'elaborate' | 'done';
  readonly diagnostics: readonly Diagnostic[];
  /** On the wall: a busy machine makes any script look slow, see `processorTime`. */
  readonly milliseconds: number;
}

/**
 * Measures a text again by the time that it keeps processors busy, the least of several runs: that is what it takes where
 * nothing else runs.
 */
export function processorTime(run: () => unknown, runs = 5): number {
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < runs; count++) {
    const begin = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(begin);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/**
 * Opens the tapset once; its files are parsed once for each list of arguments.
 *
 * @returns a function that runs passes 1 and 2 on a text and renders every message, as the command line would
 */
export async function openFrontEnd(): Promise<(text: string, args: readonly string[]) => FrontEndResult> {
  const { value: tapset } = await openTapset({
    folders: [tapsetFolder],
    kernelRelease: RELEASE,
    architecture: 'x86_64',
  });
  const library: ScriptLibrary = tapset;
  const parsedBy = new Map<string, ParsedLibrary>();
  return (text, args) => {
    const key = JSON.stringify(args);
    const parsedLibrary = parsedBy.get(key) ?? new ParsedLibrary();
    parsedBy.set(key, parsedLibrary);
    const begin = performance.now();
    const parsed = parse({
      scripts: [{ name: '<input>', text }],
      arguments: args,
      facts: FACTS,
      library,
      parsed: parsedLibrary,
    });
    let reached: FrontEndResult['reached'] = 'parse';
    let { diagnostics } = parsed;
    if (!hasErrors(diagnostics)) {
      const elaborated = elaborate(parsed.value, { symbols: MADE_UP_KERNEL, names: library, guru: true });
      diagnostics = [...diagnostics, ...elaborated.diagnostics];
      reached = hasErrors(diagnostics) ? 'elaborate' : 'done';
      // The IR must go through JSON: plain data, no cycles, nothing too deep.
      if (reached === 'done') JSON.stringify(elaborated.value);
    }
    for (const diagnostic of diagnostics) renderDiagnostic(diagnostic, { sources: parsed.value.sources });
    return { reached, diagnostics, milliseconds: performance.now() - begin };
  };
}
