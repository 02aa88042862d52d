// Pass 1: the user's scripts and, by the names that they use, the library files that go with them.
import { type Diagnostic, definePass, type Outcome, type Pass, type SourceText } from '@stapkit/pass';
import type { Ast, ScriptFile } from './ast.js';
import type { Macro, PreprocessorFacts } from './lexical/preprocessor.js';
import { dottedName, type ReferencedNames } from './names.js';
import {
  type MacroFile,
  type ParseScriptOptions,
  parseMacros,
  parseScript,
  type ScriptOutcome,
} from './parse-script.js';
import { Reach } from './reach.js';
import { tokenize } from './tokenize.js';

/** A file of a library. */
export interface LibraryFile {
  readonly name: string;
  readonly text: string;
  /** What it defines, but another file of the library stands for: such functions and aliases are passed over. */
  readonly overridden?: { readonly functions: readonly string[]; readonly probes: readonly string[] };
}

/** Where pass 1 finds tapset files: the parser itself touches no file system. */
export interface ScriptLibrary {
  /** The files that define any of the names. A file may be handed out again; it is taken once, by its name. */
  filesFor(names: ReferencedNames): readonly LibraryFile[];
  /** The `.stpm` file that defines a macro. */
  macro(name: string): LibraryFile | undefined;
  /** Names like one, best first, for help with spelling. */
  nearest(kind: 'function' | 'variable' | 'probe' | 'macro', name: string): readonly string[];
}

/** What pass 1 works on. */
export interface ParseInput {
  /** The main script first, then those of `-E`. */
  readonly scripts: readonly SourceText[];
  readonly arguments?: readonly string[];
  readonly facts: PreprocessorFacts;
  readonly library?: ScriptLibrary;
  /** What earlier calls read of the same library, for the same facts and arguments; this call adds to it. */
  readonly parsed?: ParsedLibrary;
}

/**
 * Library files that were read already: for programs that parse many scripts, such as an editor. One is good for one
 * library, one set of facts and one list of arguments.
 */
export class ParsedLibrary {
  readonly files = new Map<string, { readonly text: string; readonly outcome: ScriptOutcome }>();
  readonly macroFiles = new Map<string, MacroFile & { readonly source: SourceText }>();
}

/**
 * Parses scripts and every library file whose names they use, directly or through one another. Of a library file, the
 * AST holds the functions and aliases that are reached, and everything else.
 *
 * @param input scripts, arguments, facts and the library
 * @returns the AST; where there are errors, with what could be understood
 */
export function parse(input: ParseInput): Outcome<Ast> {
  const diagnostics: Diagnostic[] = [];
  const sources = new Map<string, SourceText>();
  const macros = new LibraryMacros(input, sources, diagnostics);
  const options: ParseScriptOptions = {
    facts: input.facts,
    arguments: input.arguments ?? [],
    libraryMacro: (name) => macros.find(name),
    nearestMacros: (name) => input.library?.nearest('macro', name) ?? [],
  };
  const { files } = input.parsed ?? new ParsedLibrary();
  const read = (source: SourceText, privileged: boolean): ScriptFile => {
    sources.set(source.name, { name: source.name, text: source.text });
    const known = privileged ? files.get(source.name) : undefined;
    const outcome =
      known?.text === source.text
        ? known.outcome
        : parseScript(source, { ...options, privileged, embeddedCode: privileged || input.facts.guru === true });
    if (privileged) files.set(source.name, { text: source.text, outcome });
    for (const diagnostic of outcome.diagnostics) diagnostics.push(diagnostic);
    for (const argument of outcome.argumentSources) sources.set(argument.name, argument);
    return outcome.value;
  };
  const reach = new Reach();
  const user = input.scripts.map((script) => {
    const file = read(script, false);
    reach.addUser(file);
    return file;
  });
  const taken = new Set<string>();
  if (input.library) {
    for (let fresh = reach.take(); fresh; fresh = reach.take()) {
      for (const found of input.library.filesFor(fresh)) {
        if (taken.has(found.name)) continue;
        taken.add(found.name);
        reach.addLibrary(withoutOverridden(read(found, true), found));
      }
    }
  }
  const library = reach.library();
  // A file that was handed out but is of no use leaves nothing behind.
  const inUse = new Set(library.map((file) => file.name));
  for (const name of taken) if (!inUse.has(name) && diagnostics.length === 0) sources.delete(name);
  const texts = new Map(input.scripts.map(({ name, text }) => [name, text]));
  for (const script of user) {
    if (script.declarations.length > 0 || diagnostics.some((diagnostic) => diagnostic.severity === 'error')) continue;
    diagnostics.push({
      code: 'parser/empty',
      severity: 'error',
      class: 'parse',
      bare: true,
      message: `Input file '${script.name}' is empty${isBlank(texts.get(script.name) ?? '') ? '' : ' after preprocessing'}`,
    });
  }
  return {
    value: { kind: 'ast', user, library, sources: [...sources.values()], arguments: [...(input.arguments ?? [])] },
    diagnostics,
  };
}

/** A library file without the functions and aliases that another one overrides. */
function withoutOverridden(file: ScriptFile, { overridden }: LibraryFile): ScriptFile {
  if (!overridden || overridden.functions.length + overridden.probes.length === 0) return file;
  const functions = new Set(overridden.functions);
  const probes = new Set(overridden.probes);
  const declarations = file.declarations.filter(
    (node) =>
      !(node.kind === 'function' && !node.private && functions.has(node.name)) &&
      !(node.kind === 'probe-alias' && node.names.every((name) => probes.has(dottedName(name)))),
  );
  return { ...file, declarations };
}

/** True where a text holds nothing but comments. */
function isBlank(text: string): boolean {
  return tokenize({ name: '', text }).every(({ kind }) => kind === 'comment');
}

/** The macros of the library, file by file as they are asked for. */
class LibraryMacros {
  private readonly found = new Map<string, Macro | undefined>();
  private readonly files: ParsedLibrary['macroFiles'];

  constructor(
    private readonly input: ParseInput,
    private readonly sources: Map<string, SourceText>,
    private readonly diagnostics: Diagnostic[],
  ) {
    this.files = (input.parsed ?? new ParsedLibrary()).macroFiles;
    // A file that was read before may hold expansions of theirs.
    for (const { source } of this.files.values()) sources.set(source.name, source);
  }

  find(name: string): Macro | undefined {
    if (this.found.has(name)) return this.found.get(name);
    // Noted before the file is read, so that a file which asks for itself ends.
    this.found.set(name, undefined);
    const file = this.input.library?.macro(name);
    if (!file) return undefined;
    const macro = this.read(file).get(name);
    this.found.set(name, macro);
    return macro;
  }

  private read(file: LibraryFile): ReadonlyMap<string, Macro> {
    const known = this.files.get(file.name);
    if (known?.source.text === file.text) return known.macros;
    const source: SourceText = { name: file.name, text: file.text };
    this.files.set(file.name, { source, macros: new Map(), diagnostics: [] });
    this.sources.set(file.name, source);
    const outcome = parseMacros(source, {
      facts: this.input.facts,
      arguments: this.input.arguments ?? [],
      libraryMacro: (name) => this.find(name),
    });
    for (const diagnostic of outcome.diagnostics) this.diagnostics.push(diagnostic);
    this.files.set(file.name, { ...outcome, source });
    return outcome.macros;
  }
}

/** Pass 1 of the chain. */
export const parsePass: Pass<ParseInput, Ast> = definePass({
  number: 1,
  name: 'parse',
  async run(input, context) {
    context.signal.throwIfAborted();
    const outcome = parse(input);
    context.log(2, `parsed ${outcome.value.user.length} scripts, ${outcome.value.library.length} library scripts`);
    return outcome;
  },
  summarize: (ast) =>
    ast.library.length === 1
      ? 'parsed user script and 1 library script'
      : `parsed user script and ${ast.library.length} library scripts`,
});
