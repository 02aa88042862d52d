// One file to its AST. Errors are reported and reading goes on at the next declaration, so that the tree of a broken
// script holds everything that could be understood.
import type { Diagnostic, Outcome, SourceText } from '@stapkit/pass';
import { invariant } from '@stapkit/pass';
import type { Declaration, ScriptFile } from './ast.js';
import { declaration } from './grammar/declarations.js';
import { isBuiltinOperator } from './grammar/expressions.js';
import { failureOf, reportFailure } from './grammar/reader.js';
import { beginsDeclaration } from './grammar/statements.js';
import type { Macro, PreprocessorFacts } from './lexical/preprocessor.js';
import type { Comment } from './lexical/scanner.js';
import type { ScriptToken } from './lexical/token.js';
import { TokenStream } from './lexical/token-stream.js';

/** How one file is read. */
export interface ParseScriptOptions {
  /** What `%( … %)` asks for; where it is not given, an x86_64 kernel of no version and without configuration. */
  readonly facts?: PreprocessorFacts;
  /** What stands for `$1 … @1`. */
  readonly arguments?: readonly string[];
  /** True for a tapset file: embedded C is allowed, and the file's node says so. */
  readonly privileged?: boolean;
  /** Whether embedded C is allowed; where it is not given, in tapset files and wherever no facts are given. */
  readonly embeddedCode?: boolean;
  /** Finds a macro of the library; see `parseMacros`. */
  readonly libraryMacro?: (name: string) => Macro | undefined;
  /** Names of macros like one, for help with spelling. */
  readonly nearestMacros?: (name: string) => readonly string[];
  /** Collects the file's comments. */
  readonly comments?: boolean;
}

/** What `parseScript` gives: an outcome with the comments, where they were asked for, and pasted arguments' texts. */
export interface ScriptOutcome extends Outcome<ScriptFile> {
  /** Every comment in order; empty where they were not asked for. Those in a branch not taken are there too. */
  readonly comments: readonly Comment[];
  /** The pseudo files of command line arguments that were pasted: spans may point into them. */
  readonly argumentSources: readonly SourceText[];
}

/** The facts for tools that read scripts without a kernel in mind. */
export const NO_FACTS: PreprocessorFacts = { kernelRelease: '0', architecture: 'x86_64', config: () => undefined };

/**
 * Reads one script or tapset file.
 *
 * @param source the file's name and text
 * @param options facts, arguments, macros; everything has a default
 * @returns the tree, with whatever could be understood where there are errors, and the diagnostics
 */
export function parseScript(source: SourceText, options: ParseScriptOptions = {}): ScriptOutcome {
  const comments: Comment[] = [];
  const argumentSources = new Map<string, SourceText>();
  const stream = new TokenStream(source, {
    facts: options.facts ?? NO_FACTS,
    arguments: options.arguments ?? [],
    embeddedCode: options.embeddedCode ?? (options.privileged === true || options.facts === undefined),
    isBuiltin: isBuiltinOperator,
    argumentSource: (argument) => argumentSources.set(argument.name, argument),
    ...(options.libraryMacro ? { libraryMacro: options.libraryMacro } : {}),
    ...(options.nearestMacros ? { nearestMacros: options.nearestMacros } : {}),
    ...(options.comments ? { comment: (comment) => comments.push(comment) } : {}),
  });
  const declarations = readDeclarations(stream);
  return {
    value: {
      kind: 'script-file',
      span: { file: source.name, start: 0, end: source.text.length },
      name: source.name,
      privileged: options.privileged === true,
      declarations,
    },
    diagnostics: stream.diagnostics,
    comments,
    argumentSources: [...argumentSources.values()],
  };
}

/** The macros of one library macro file. */
export interface MacroFile {
  readonly macros: ReadonlyMap<string, Macro>;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a `.stpm` file, which holds `@define` constructs only.
 *
 * @param source the file's name and text
 * @param options facts and arguments; `libraryMacro` finds macros of other files
 */
export function parseMacros(source: SourceText, options: ParseScriptOptions = {}): MacroFile {
  const stream = new TokenStream(source, {
    facts: options.facts ?? NO_FACTS,
    arguments: options.arguments ?? [],
    embeddedCode: true,
    isBuiltin: isBuiltinOperator,
    definitionsOnly: true,
    ...(options.libraryMacro ? { libraryMacro: options.libraryMacro } : {}),
  });
  stream.pull();
  return { macros: stream.preprocessor.macros, diagnostics: stream.diagnostics };
}

function readDeclarations(stream: TokenStream): Declaration[] {
  const declarations: Declaration[] = [];
  for (let token = stream.pull(); token.kind !== 'end' && !stream.exhausted; ) {
    const output = declaration.parse(token);
    if (output.successful) {
      const candidate = output.candidates[0];
      invariant(candidate?.nextToken, 'a declaration was read from nothing');
      for (const node of candidate.result) declarations.push(node);
      token = candidate.nextToken as ScriptToken;
      continue;
    }
    const failure = failureOf(output.error, token);
    reportFailure(stream, failure);
    const reached = stream.last ?? token;
    token = nextDeclaration(reached, reached === token);
  }
  return declarations;
}

/** Moves to the next word that begins a declaration, outside of braces where that can be told. */
function nextDeclaration(from: ScriptToken, passFirst: boolean): ScriptToken {
  let token = from;
  if (passFirst && !(token.kind === 'end')) token = token.advance();
  let previous = from;
  for (; token.kind !== 'end'; previous = token, token = token.advance()) {
    // `->probe` and `.function` are names.
    if (beginsDeclaration(token) && previous.symbol !== '->' && previous.symbol !== '.') return token;
    if (token.kind === 'embedded-code' && previous.symbol === '}') return token;
  }
  return token;
}
