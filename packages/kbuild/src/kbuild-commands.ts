// Reads what Kbuild did, so that it can be done again without make: the compiler's flags, objtool's, the linker's. They
// stand in the `.NAME.cmd` file beside each output; older kernels (5.10) keep objtool out of them, so its command line
// is looked for in what `make V=1` printed as well.
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { TEMPLATE_NAME } from './module-name.js';

/** How to make an object, a linked object and a module as this kernel's Kbuild does. */
export interface KbuildRecipe {
  /** Where relative paths in the flags start. */
  readonly folder: string;
  readonly compiler: string;
  /** Every flag for code that includes kernel headers, without input, output and dependency file. */
  readonly kernelFlags: readonly string[];
  /** Only what governs code generation and warnings, for code that includes no kernel header. */
  readonly plainFlags: readonly string[];
  /** Objtool with its arguments, without the file, where this kernel has one. */
  readonly objtool?: readonly string[];
  /** What Kbuild exports to its tools: Debian's objtool of 6.12 is a program that picks the right one by SRCARCH. */
  readonly environment: Readonly<Record<string, string>>;
  /** True where objtool runs once over the linked module (IBT, LTO), not over each object. */
  readonly objtoolAfterLink: boolean;
  /** The linker of the first step, where objects become one, with its flags. */
  readonly partialLink: readonly string[];
  /** The linker of the last step with its flags and linker script. */
  readonly finalLink: readonly string[];
}

/** What Kbuild left behind. */
export interface KbuildTraces {
  /** The folder that make ran in. */
  readonly folder: string;
  /** Text of `.OBJECT.o.cmd` of an object that was compiled from C. */
  readonly compile: string;
  /** Text of `.MODULE.o.cmd`, where the objects were linked together. */
  readonly link: string;
  /** Text of `.MODULE.ko.cmd`. */
  readonly module: string;
  /** What `make V=1` printed. */
  readonly output: string;
}

/**
 * Puts the recipe together.
 *
 * @throws Error where the traces don't look like Kbuild's
 */
export function readRecipe(traces: KbuildTraces): KbuildRecipe {
  const compile = commandsOf(traces.compile);
  const compileWords = compile[0] ?? [];
  const compiler = compileWords[0];
  const link = commandsOf(traces.link);
  const finalWords = commandsOf(traces.module)[0] ?? [];
  if (compiler === undefined || link[0] === undefined || finalWords.length === 0) {
    throw new Error('stapkit bug: Kbuild left no commands behind');
  }
  const kernelFlags = withoutFiles(compileWords.slice(1));
  const perObject = [...compile.slice(1), ...printedObjtool(traces.output, '.o')].find(isObjtool);
  const afterLink = link.slice(1).find(isObjtool);
  const objtool = afterLink ?? perObject;
  return {
    folder: traces.folder,
    compiler,
    kernelFlags,
    plainFlags: plainFlags(kernelFlags),
    ...(objtool ? { objtool: objtoolCommand(objtool, traces.folder) } : {}),
    environment: Object.fromEntries(
      [...traces.output.matchAll(/^stapkit: (\w+)=(.+)$/gm)].map((match) => [match[1], match[2]]),
    ),
    objtoolAfterLink: afterLink !== undefined,
    partialLink: linkCommand(link[0], traces.folder),
    finalLink: linkCommand(finalWords, traces.folder),
  };
}

/**
 * Finds a compilation in what `make V=1` has printed so far.
 *
 * @param source the C file's name
 * @returns the compiler with its flags, or undefined where its line is not there yet
 */
export function readCompileFlags(
  printed: string,
  source: string,
): { readonly compiler: string; readonly flags: readonly string[] } | undefined {
  for (const line of printed.split('\n').slice(0, -1)) {
    if (!line.includes(' -c ') || !line.includes(source)) continue;
    const words = splitCommands(line).find(
      (command) => command.at(-1)?.endsWith(`/${source}`) || command.at(-1) === source,
    );
    if (words) return { compiler: words[0]!, flags: withoutFiles(words.slice(1)) };
  }
  return undefined;
}

/** The objects of a link command, as they are written in it. */
export function linkedObjects(text: string): string[] {
  return (commandsOf(text)[0] ?? []).filter((word, index, words) => word.endsWith('.o') && words[index - 1] !== '-o');
}

/** Splits `cmd_X := a b; c d` into commands of words. */
function commandsOf(text: string): string[][] {
  const match = /^(?:saved)?cmd_[^\n]*? := ([^\n]*)/m.exec(text);
  return match ? splitCommands(match[1]!) : [];
}

/** Splits a shell line at `;` and `&&` into commands and these into words. Make's `$$` and `$(pound)` are undone. */
export function splitCommands(line: string): string[][] {
  const text = line.replaceAll('$$', '$').replaceAll('$(pound)', '#');
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === "'") {
      const end = text.indexOf("'", at + 1);
      word = (word ?? '') + text.slice(at + 1, end === -1 ? text.length : end);
      at = end === -1 ? text.length : end;
    } else if (char === '"') {
      word ??= '';
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === '\\' && at + 1 < text.length) at++;
        word += text[at];
      }
    } else if (char === '\\' && at + 1 < text.length) {
      word = (word ?? '') + text[++at];
    } else if (char === ';' || char === '\n' || (char === '&' && text[at + 1] === '&')) {
      if (char === '&') at++;
      endCommand();
    } else if (char === ' ' || char === '\t') {
      endWord();
    } else {
      word = (word ?? '') + char;
    }
  }
  endCommand();
  return commands;
}

function isObjtool(words: readonly string[]): boolean {
  return words[0]?.endsWith('/objtool') === true;
}

function printedObjtool(output: string, suffix: string): string[][] {
  return output
    .split('\n')
    .filter((line) => line.includes('/objtool ') || line.includes('/objtool\t'))
    .flatMap(splitCommands)
    .filter((words) => isObjtool(words) && words.at(-1)?.endsWith(suffix));
}

function objtoolCommand(words: readonly string[], folder: string): string[] {
  const [tool, ...args] = words;
  return [resolve(folder, tool!), ...args.filter((word) => !word.endsWith('.o'))];
}

/** Drops input, output, dependency file and what names one object from a compiler's words. */
function withoutFiles(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '-c' || word.startsWith('-Wp,-MMD') || word.startsWith('-Wp,-MD')) continue;
    if (word === '-o') at++;
    else if (word.startsWith('-') || isArgumentOf(words[at - 1])) kept.push(word);
  }
  // The module's name is not known yet where this is compiled: what says KBUILD_MODNAME says "stapkit".
  return kept.map((word) => word.replaceAll(TEMPLATE_NAME, 'stapkit'));
}

const TAKES_ARGUMENT = new Set([
  '-include',
  '-isystem',
  '-idirafter',
  '-imacros',
  '--param',
  '-Xassembler',
  '-x',
  '-I',
]);

function isArgumentOf(word: string | undefined): boolean {
  return word !== undefined && TAKES_ARGUMENT.has(word);
}

/** Keeps what governs code generation and warnings: no include folder, no definition, no debug information, no tracing. */
function plainFlags(flags: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < flags.length; at++) {
    const flag = flags[at]!;
    if (flag === '-include' || flag === '-isystem' || flag === '-idirafter' || flag === '-imacros' || flag === '-I') {
      at++;
    } else if (flag === '--param' || flag === '-Xassembler' || flag === '-x') {
      kept.push(flag, flags[++at] ?? '');
    } else if (
      !/^-(I|D|U|g(?!no-)|Wa,-g|Wp,|fplugin|f(macro|debug|file)-prefix-map|f(canon-prefix-map)|pg$|mfentry$|mrecord-mcount$|mnop-mcount$)/.test(
        flag,
      )
    ) {
      kept.push(flag);
    }
  }
  return kept;
}

/** The linker with its flags; files are dropped, the linker script's path is made absolute. */
function linkCommand(words: readonly string[], folder: string): string[] {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '-o') at++;
    else if (word === '-T') kept.push('-T', absolute(words[++at] ?? '', folder));
    else if (word === '--whole-archive' || word === '--no-whole-archive') continue;
    else if (!word.endsWith('.o') && !word.endsWith('.a') && !word.startsWith('@')) kept.push(word);
  }
  return kept;
}

function absolute(path: string, folder: string): string {
  const full = join(folder, path);
  return isAbsolute(path) || !existsSync(full) ? path : full;
}
