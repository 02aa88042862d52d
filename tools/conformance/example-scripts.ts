// The example scripts of the package systemtap-doc, where it is installed, and what becomes of each in passes 1 and 2.
// The scripts stay where they are: the repository holds no more than their names.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where Debian's systemtap-doc puts them. */
export const EXAMPLES_FOLDER = '/usr/share/systemtap/examples';

/** The bundled command line. */
export const STAP = fileURLToPath(new URL('../../packages/driver/bundle/stap.cjs', import.meta.url));

/** The file of the names that pass both passes: none of them may fall back. */
export const PASSING_LIST = fileURLToPath(new URL('examples-passing.txt', import.meta.url));

/** An example as its own `.meta` file says that it is to be checked. */
export interface ExampleScript {
  /** Below the folder of examples, e.g. `io/iotime.stp`. */
  readonly name: string;
  /** Options and arguments that its check gives, apart from the pass to end after. */
  readonly words: readonly string[];
}

/** How far an example came. */
export interface ExampleResult {
  readonly name: string;
  /** The pass that refused it; absent where both passed. */
  readonly failed?: 1 | 2;
  /** The first error, without its place. */
  readonly reason?: string;
}

/** Every example that has a `.meta` file, by name; empty where the package is not installed. */
export function findExampleScripts(folder = EXAMPLES_FOLDER): ExampleScript[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.meta') && existsSync(join(folder, path.replace(/\.meta$/, '.stp'))))
    .map((path) => {
      const name = path.replace(/\.meta$/, '.stp');
      return { name, words: checkWords(readFileSync(join(folder, path), 'utf8'), name) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The words after `stap` of a `.meta` file's check, its pass taken out. */
function checkWords(meta: string, name: string): string[] {
  const file = name.split('/').at(-1)!;
  const line = /^test_check:.*?\bstap\b(.*)$/m.exec(meta)?.[1] ?? '';
  // Quotes, as a shell reads them; what follows `;`, `|` or `&` is another command.
  const words = [...line.matchAll(/'([^']*)'|"((?:\\.|[^"])*)"|(\|\||&&|[;|&])|([^\s'";|&]+)/g)].map((match) => ({
    text: match[1] ?? match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? match[4]!,
    ends: match[3] !== undefined,
  }));
  const end = words.findIndex(({ ends }) => ends);
  const own = (end < 0 ? words : words.slice(0, end)).map(({ text }) => text);
  // Options may be written together with the pass: `-gp4`.
  const kept = own.flatMap((word) => {
    const together = /^-([a-zA-Z]*)p[1-5]$/.exec(word);
    if (!together) return [word];
    return together[1] ? [`-${together[1]}`] : [];
  });
  // The shell's own process number: any will do.
  const known = kept.map((word) => (word === '$$' ? '1' : word));
  return known.some((word) => word.endsWith(file)) ? known : [...known, file];
}

/**
 * Runs passes 1 and 2 on an example through the bundled command line.
 *
 * @param release the kernel to elaborate for; the machine's choice where absent
 */
export function runExampleScript(
  example: ExampleScript,
  release?: string,
  folder = EXAMPLES_FOLDER,
): Promise<ExampleResult> {
  const { name, words } = example;
  const argv = [STAP, '-p2', '--vp', '11', ...(release === undefined ? [] : ['-r', release]), ...words];
  const options = { cwd: dirname(join(folder, name)), maxBuffer: 64 * 2 ** 20, timeout: 60_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, argv, options, (error, _stdout, stderr) => {
      if (!error) {
        resolve({ name });
        return;
      }
      const failed = /^Pass 1: parsed/m.test(stderr) ? 2 : 1;
      resolve({ name, failed, reason: reasonOf(stderr) || error.message.split('\n')[0]! });
    });
  });
}

/** The first error in short; of a probe point that does not resolve, the cause, which stands below it. */
function reasonOf(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const first = lines.findIndex((line) => /^(?:\S+ error|ERROR|error): /.test(line));
  if (first < 0) return lines.at(-1) ?? '';
  const message = lines[first]!.replace(/^(?:\S+ error|ERROR|error): /, '');
  if (!message.startsWith('while resolving probe point')) return message;
  const rest = lines.slice(first + 1);
  const next = rest.findIndex((line) => /^(?:\S+ error|ERROR|error|Pass \d): ?/.test(line));
  const causes = (next < 0 ? rest : rest.slice(0, next)).filter(
    (line) =>
      /^ {8}\S/.test(line) && !/^ *(?:source|in|\^)\b/.test(line) && !line.includes('resolution failed in alias'),
  );
  return (causes[0] ?? message).trim();
}

/** Runs several at a time and gives the results in the examples' order. */
export async function runExampleScripts(
  examples: readonly ExampleScript[],
  release?: string,
): Promise<ExampleResult[]> {
  const results: ExampleResult[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < examples.length; index = next++) {
      results[index] = await runExampleScript(examples[index]!, release);
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}

/** The names of the list of examples that pass. */
export function passingExamples(): string[] {
  return readFileSync(PASSING_LIST, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}
