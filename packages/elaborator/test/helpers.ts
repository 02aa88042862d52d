// One way in for the tests: text to elaborated script, over a made-up kernel.
import { type Ast, type LibraryFile, parse, type ReferencedNames, type ScriptLibrary } from '@stapkit/parser';
import { type Diagnostic, hasErrors, renderDiagnostic } from '@stapkit/pass';
import type { SymbolSource, TypeFacts } from '../src/index.js';
import { type Elaborated, type ElaborateOptions, elaborate, formatElaborated } from '../src/index.js';

const LONG = 1;
const INT = 2;
const CHAR = 3;
const UNSIGNED = 4;
const STRUCT_FILE = 5;
const FILE_POINTER = 6;
const STRUCT_PATH = 7;
const CHAR_ARRAY = 8;
const CHAR_POINTER = 9;
const TYPEDEF_SIZE = 10;
const ANONYMOUS = 11;
const VOID_POINTER = 12;
const INT_ARRAY = 13;

const integer = (name: string, size: number, signed: boolean, char = false): TypeFacts => ({
  kind: 'integer',
  name,
  size,
  signed,
  char,
  bool: false,
});

const TYPES: Readonly<Record<number, TypeFacts>> = {
  [LONG]: integer('long', 8, true),
  [INT]: integer('int', 4, true),
  [CHAR]: integer('char', 1, true, true),
  [UNSIGNED]: integer('unsigned int', 4, false),
  [STRUCT_FILE]: {
    kind: 'struct',
    name: 'file',
    size: 80,
    members: [
      { name: 'path', type: STRUCT_PATH, bitOffset: 0 },
      { name: 'flags', type: UNSIGNED, bitOffset: 128 },
      { name: 'low', type: UNSIGNED, bitOffset: 160, bitSize: 3 },
      { name: 'high', type: INT, bitOffset: 163, bitSize: 5 },
      { name: 'next', type: FILE_POINTER, bitOffset: 192 },
      { name: 'comm', type: CHAR_ARRAY, bitOffset: 256 },
      { name: '', type: ANONYMOUS, bitOffset: 384 },
      { name: 'slots', type: INT_ARRAY, bitOffset: 448 },
    ],
  },
  [FILE_POINTER]: { kind: 'pointer', target: STRUCT_FILE, size: 8 },
  [STRUCT_PATH]: {
    kind: 'struct',
    name: 'path',
    size: 16,
    members: [
      { name: 'mnt', type: VOID_POINTER, bitOffset: 0 },
      { name: 'name', type: CHAR_POINTER, bitOffset: 64 },
    ],
  },
  [CHAR_ARRAY]: { kind: 'array', element: CHAR, length: 16 },
  [CHAR_POINTER]: { kind: 'pointer', target: CHAR, size: 8 },
  [TYPEDEF_SIZE]: { kind: 'typedef', name: 'size_t', target: LONG },
  [ANONYMOUS]: {
    kind: 'union',
    name: '',
    size: 8,
    members: [
      { name: 'inner', type: LONG, bitOffset: 0 },
      { name: 'other', type: INT, bitOffset: 32 },
    ],
  },
  [VOID_POINTER]: { kind: 'pointer', target: 0, size: 8 },
  [INT_ARRAY]: { kind: 'array', element: INT, length: 4 },
};

const FUNCTIONS = [
  {
    name: 'vfs_read',
    parameters: [
      { name: 'file', type: FILE_POINTER },
      { name: 'buf', type: CHAR_POINTER },
      { name: 'count', type: TYPEDEF_SIZE },
    ],
    result: LONG,
  },
  { name: 'vfs_write', parameters: [{ name: 'file', type: FILE_POINTER }], result: LONG },
  { name: 'do_nothing', parameters: [] },
];

export function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replace(/[.+]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`).test(name);
}

/** A kernel of three functions, one tracepoint and a few types. */
export const kernel: SymbolSource = {
  kernel: { release: '6.1.0', architecture: 'x86_64' },
  functions: (pattern, module) =>
    module === undefined ? FUNCTIONS.filter((facts) => matches(pattern, facts.name)) : [],
  nearestFunctions: (name) => FUNCTIONS.map((facts) => facts.name).filter((one) => one.startsWith(name.slice(0, 3))),
  tracepoints: (pattern) =>
    [
      {
        name: 'sched_switch',
        system: 'sched',
        arguments: [
          { name: 'prev', type: FILE_POINTER },
          { name: 'state', type: INT },
        ],
      },
    ].filter((facts) => matches(pattern.includes(':') ? pattern : `*:${pattern}`, `${facts.system}:${facts.name}`)),
  type: (name) => (/^(?:struct )?file$/.test(name) ? STRUCT_FILE : name === 'long' ? LONG : undefined),
  typeFacts: (id) => TYPES[id] ?? { kind: 'void' },
  enumerator: (name) => (name === 'ANSWER' ? '42' : undefined),
};

export interface Elaboration {
  readonly ast: Ast;
  readonly script: Elaborated;
  readonly diagnostics: readonly Diagnostic[];
  /** Each diagnostic's first line, without its place. */
  readonly messages: readonly string[];
}

/** A library of literal files that hands out every one of them. */
export function libraryOf(text: string): ScriptLibrary {
  const file: LibraryFile = { name: 'library.stp', text };
  return { filesFor: (_names: ReferencedNames) => [file], macro: () => undefined, nearest: () => [] };
}

/** Parses and elaborates; parse errors throw, since they are not what these tests are about. */
export function elaborateText(
  text: string,
  options: Partial<ElaborateOptions> & { library?: string } = {},
): Elaboration {
  const { library, ...rest } = options;
  const parsed = parse({
    scripts: [{ name: 'test.stp', text }],
    facts: {
      kernelRelease: '6.1.0',
      architecture: 'x86_64',
      guru: rest.guru ?? false,
      runtime: 'kernel',
      config: () => undefined,
    },
    ...(library === undefined ? {} : { library: libraryOf(library) }),
  });
  if (hasErrors(parsed.diagnostics)) {
    throw new Error(
      parsed.diagnostics.map((one) => renderDiagnostic(one, { sources: parsed.value.sources })).join('\n'),
    );
  }
  const { value, diagnostics } = elaborate(parsed.value, { symbols: kernel, ...rest });
  return { ast: parsed.value, script: value, diagnostics, messages: diagnostics.map((one) => one.message) };
}

/** Elaborates what must be free of errors and warnings. */
export function cleanly(text: string, options: Parameters<typeof elaborateText>[1] = {}): Elaborated {
  const { script, diagnostics, ast } = elaborateText(text, options);
  if (diagnostics.length > 0) {
    throw new Error(diagnostics.map((one) => renderDiagnostic(one, { sources: ast.sources })).join('\n'));
  }
  return script;
}

/** The `-p2` text, without the embedded C and the lists of locals. */
export function printed(text: string, options: Parameters<typeof elaborateText>[1] = {}): string {
  return formatElaborated(cleanly(text, options));
}
