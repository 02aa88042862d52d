// Pass 2: a parsed script and a kernel's facts in, the Elaborated IR out. The inner passes and their order are here.
import type { Ast, ScriptLibrary } from '@stapkit/parser';
import { type Diagnostic, hasErrors, type Outcome, type Pass } from '@stapkit/pass';
import { countCoverage } from './code/coverage.js';
import { limitDiagnostics, messages } from './diagnostics.js';
import type { Draft } from './draft.js';
import type { Elaborated } from './elaborated.js';
import type { Family } from './families/family.js';
import { FAMILIES } from './families/table.js';
import { formatElaborated } from './format-elaborated.js';
import { bind } from './passes/bind.js';
import { checkAssigned } from './passes/check-assigned.js';
import { checkForeach } from './passes/check-foreach.js';
import { checkFunctions } from './passes/check-functions.js';
import { checkWatchpoints } from './passes/check-watchpoints.js';
import { type DerivedProbes, deriveProbes } from './passes/derive-probes.js';
import { infer } from './passes/infer.js';
import { lower } from './passes/lower.js';
import { cutOverloads, optimize } from './passes/optimize.js';
import { prologuePruner } from './passes/prune-prologues.js';
import { reduceCalls } from './passes/reduce-calls.js';
import { collectUsage } from './passes/usage.js';
import { printDraft } from './print-draft.js';
import type { SymbolSource } from './symbol-source.js';
import { tokenNamer } from './tokens.js';

export interface ElaborateOptions {
  readonly symbols: SymbolSource;
  /** Spelling help from the whole tapset; the AST holds only the files in use. */
  readonly names?: Pick<ScriptLibrary, 'nearest'>;
  /** `-g` */
  readonly guru?: boolean;
  /** `-u`: nothing is elided. */
  readonly unoptimized?: boolean;
  /** `--skip-badvars`: a context variable that can't be found is 0, with a warning. */
  readonly skipBadVariables?: boolean;
  /** `--privilege`: what the user may do; `stapdev` may do all. */
  readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev';
  /** `--compatible`: the version of SystemTap whose language is meant; the latest where it is left out. */
  readonly languageVersion?: string;
  /** `-w`: no warnings. */
  readonly suppressWarnings?: boolean;
  /** `-W`: warnings are errors. */
  readonly warningsAsErrors?: boolean;
  /** Probe families beside the built-in ones. */
  readonly families?: readonly Family[];
  /** Called after each inner pass with its name and a printer of its result, for `--dump-after`. */
  readonly after?: (pass: InnerPassName, print: () => string) => void;
}

/** The inner passes, in order. */
export const INNER_PASSES = ['derive-probes', 'bind', 'optimize', 'infer', 'lower'] as const;
export type InnerPassName = (typeof INNER_PASSES)[number];

/**
 * Elaborates a script.
 *
 * @returns the IR; where an error is reported, the IR is what could be made of the rest and must not be used
 */
export function elaborate(ast: Ast, options: ElaborateOptions): Outcome<Elaborated> {
  try {
    const outcome = run(ast, options);
    return { value: outcome.value, diagnostics: limitDiagnostics(applyWarningOptions(outcome.diagnostics, options)) };
  } catch (error) {
    // Depth is limited before anything recurses; this is for stacks smaller than Node's default.
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      return { value: emptyScript(ast, options), diagnostics: [messages.tooDeepAnywhere()] };
    }
    throw error;
  }
}

/** The IR in words: the -p2 text with its bodies, and the automata of regular expressions. */
function printLowered(script: Elaborated): string {
  const lines = [formatElaborated(script).trimEnd()];
  if (script.automata.length > 0) lines.push('# regular expressions');
  for (const { pattern, states, groups, tagged } of script.automata) {
    lines.push(`"${pattern}": ${states.length} states, ${groups} groups${tagged ? ', tagged' : ''}`);
    for (const [index, { accepting, transitions }] of states.entries()) {
      const ways = transitions.map(({ from, to, target }) => `${byteRange(from, to)} -> ${target}`);
      lines.push(`  ${index}${accepting ? ' accepts' : ''}: ${ways.join(', ')}`);
    }
  }
  return lines.join('\n');
}

function byteRange(from: number, to: number): string {
  const shown = (byte: number): string =>
    byte > 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  return from === to ? shown(from) : `${shown(from)}-${shown(to)}`;
}

/** What the explanation of a script's probes needs; see `explain`. */
export function derive(ast: Ast, options: ElaborateOptions, listing = false): DerivedProbes {
  const texts = new Map(ast.sources.map((source) => [source.name, source.text]));
  const { names } = options;
  return deriveProbes(ast, {
    families: [...FAMILIES, ...(options.families ?? [])],
    symbols: options.symbols,
    guru: options.guru ?? false,
    ...(options.privilege === undefined ? {} : { privilege: options.privilege }),
    ...(options.languageVersion === undefined ? {} : { languageVersion: options.languageVersion }),
    listing,
    tokens: tokenNamer(texts),
    ...(names ? { nearest: (name: string) => names.nearest('probe', name) } : {}),
  });
}

function run(ast: Ast, options: ElaborateOptions): Outcome<Elaborated> {
  const guru = options.guru ?? false;
  const tokens = tokenNamer(new Map(ast.sources.map((source) => [source.name, source.text])));
  const diagnostics: Diagnostic[] = [];
  // Not with `push(...more)`: there may be more than a call takes arguments.
  const add = (more: readonly Diagnostic[]): void => {
    for (const one of more) diagnostics.push(one);
  };
  const { names, after } = options;

  const derived = derive(ast, options);
  // Whoever holds the debug information opens it and asks again.
  if (options.symbols.code?.pending) return { value: emptyScript(ast, options), diagnostics };
  add(derived.diagnostics);
  after?.('derive-probes', () => printDerived(derived));
  add(checkWatchpoints(derived, tokens));

  const coverage = derived.coverage.flatMap((one) => countCoverage(one, options.symbols) ?? []);
  const pruner = options.unoptimized ? undefined : prologuePruner(ast);
  const probes = pruner
    ? derived.probes.map((probe) => ({ ...probe, handler: pruner.prune(probe.handler) }))
    : derived.probes;
  const bound = bind(ast, probes, {
    symbols: options.symbols,
    tokens,
    guru,
    ...(options.languageVersion === undefined ? {} : { languageVersion: options.languageVersion }),
    ...(names ? { nearestFunctions: (name: string) => names.nearest('function', name) } : {}),
  });
  add(bound.diagnostics);
  after?.('bind', () => printDraft(bound.draft));
  if (hasErrors(diagnostics)) return { value: emptyScript(ast, options), diagnostics };

  const userFiles = new Set(ast.user.map((file) => file.name));
  add(checkForeach(bound.draft));
  add(checkAssigned(bound.draft, collectUsage(bound.draft), userFiles));
  let draft = bound.draft;
  if (options.unoptimized) {
    draft = withoutIdleCalls(draft);
  } else {
    const optimized = optimize(draft);
    draft = optimized.draft;
    add(optimized.diagnostics);
    after?.('optimize', () => printDraft(draft));
  }
  let usage = collectUsage(draft);
  if (draft.probes.length === 0) {
    diagnostics.push(messages.noProbes());
    return { value: emptyScript(ast, options), diagnostics };
  }
  const onlyUsed = (): Draft => ({
    ...draft,
    functions: draft.functions
      .filter((symbol) => usage.reached.has(symbol))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    globals: draft.globals.filter((symbol) => usage.globalReads.has(symbol) || usage.globalWrites.has(symbol)),
    embedded: neededEmbedded(ast, draft),
  });
  let used = onlyUsed();
  add(checkFunctions(used.functions, usage, options));
  add(infer(used, options.skipBadVariables));
  // Only now, as overloads agree in their types, also those that are never tried.
  if (!options.unoptimized && cutOverloads(used.functions)) {
    usage = collectUsage(draft);
    used = onlyUsed();
  }
  after?.('infer', () => printDraft(used));

  const lowered = lower(used, {
    kernel: options.symbols.kernel,
    sources: ast.sources,
    guru,
    writeOnly: new Set(
      used.globals.filter(
        (symbol) => !symbol.library && usage.globalWrites.has(symbol) && !usage.globalReads.has(symbol),
      ),
    ),
    probeWritten: usage.globalWrites,
    matchedGroups: used.functions.some((symbol) => /^(?:matched|matched_str|ngroups)$/.test(symbol.name)),
  });
  if (!hasErrors(diagnostics)) add(lowered.diagnostics);
  after?.('lower', () => printLowered(lowered.elaborated));
  const value = {
    ...lowered.elaborated,
    ...(coverage.length > 0 ? { coverage } : {}),
    ...(options.privilege === 'stapusr' ? { ownProcesses: true } : {}),
  };
  return { value, diagnostics };
}

/** The little that is elided with `-u` too. */
function withoutIdleCalls(draft: Draft): Draft {
  const { pure, reached } = collectUsage(draft);
  for (const symbol of reached) if (!symbol.embedded) symbol.body = reduceCalls(symbol.body, pure);
  return { ...draft, probes: draft.probes.map((probe) => ({ ...probe, body: reduceCalls(probe.body, pure) })) };
}

/** The user's own top-level C, and that of tapset files from which a function is used. */
function neededEmbedded(ast: Ast, draft: Draft): Draft['embedded'] {
  const userFiles = new Set(ast.user.map((file) => file.name));
  const usage = collectUsage(draft);
  const libraryFiles = new Set([...usage.reached].filter((symbol) => symbol.library).map((symbol) => symbol.file));
  return draft.embedded.filter(({ span }) => userFiles.has(span.file) || libraryFiles.has(span.file));
}

function applyWarningOptions(diagnostics: readonly Diagnostic[], options: ElaborateOptions): readonly Diagnostic[] {
  if (options.warningsAsErrors) {
    return diagnostics.map((one) => (one.severity === 'warning' ? { ...one, severity: 'error' as const } : one));
  }
  if (options.suppressWarnings) return diagnostics.filter((one) => one.severity !== 'warning');
  return diagnostics;
}

function emptyScript(ast: Ast, options: ElaborateOptions): Elaborated {
  return {
    kind: 'elaborated',
    target: options.symbols.kernel,
    sources: ast.sources,
    globals: [],
    functions: [],
    probes: [],
    embedded: [],
    automata: [],
    guru: options.guru ?? false,
  };
}

function printDerived(derived: DerivedProbes): string {
  return derived.probes
    .map((probe) => `${probe.name}\n${probe.chain.map((step) => `  ${step.how}: ${step.text}\n`).join('')}`)
    .join('');
}

/**
 * The line that SystemTap's `-v` prints: a global that is printed at the end counts as one more probe, as there it is.
 */
export function summarizeElaborated(script: Elaborated): string {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const printed = script.globals.filter((global) => global.printAtEnd).length;
  return `analyzed script: ${count(script.probes.length + printed, 'probe')}, ${count(
    script.functions.length,
    'function',
  )}, ${count(script.embedded.length, 'embed')}, ${count(script.globals.length, 'global')}`;
}

/** Pass 2 as an object for the chain. */
export function elaboratePass(options: ElaborateOptions): Pass<Ast, Elaborated> {
  return {
    number: 2,
    name: 'elaborate',
    run: async (ast, context) => {
      context.signal.throwIfAborted();
      return elaborate(ast, options);
    },
    summarize: summarizeElaborated,
  };
}
