// What `stap -p2` says of an example, here and in the SystemTap that is installed, and how two such texts differ.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXAMPLES_FOLDER, type ExampleScript, STAP } from './example-scripts.js';

/** SystemTap's own command. */
const SYSTEMTAP = '/usr/bin/stap';

/** An answer of pass 2: its text, or the first error. */
export interface Answer {
  readonly text?: string;
  readonly error?: string;
}

/** What of two texts differs. */
export interface Difference {
  readonly reason: string;
  /** Lines of one text alone: `-` SystemTap's, `+` ours. */
  readonly lines: readonly string[];
}

/** What the text tells of the script itself. */
export interface Summary {
  readonly globals: readonly string[];
  readonly functions: readonly string[];
  readonly points: readonly Point[];
}

/** A resolved point, and what it came from, as written first. */
interface Point {
  readonly name: string;
  readonly chain: readonly string[];
}

function run(command: string, words: readonly string[], example: ExampleScript): Promise<Answer> {
  const cwd = dirname(join(EXAMPLES_FOLDER, example.name));
  const options = { cwd, maxBuffer: 256 * 2 ** 20, timeout: 300_000, encoding: 'latin1' } as const;
  return new Promise((resolve) => {
    execFile(command, [...words, ...example.words], options, (error, stdout, stderr) => {
      if (!error) resolve({ text: stdout });
      else resolve({ error: /^.*\berror: .*$/m.exec(stderr)?.[0] ?? error.message.split('\n')[0]! });
    });
  });
}

/** SystemTap's answer; kept in a folder where one is given. */
export async function askSystemtap(example: ExampleScript, release: string, kept?: string): Promise<Answer> {
  const file = kept === undefined ? undefined : join(kept, `${example.name.replaceAll('/', '-')}.json`);
  if (file !== undefined && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Answer;
  const answer = await run(SYSTEMTAP, ['-w', '-p2', '-r', release], example);
  if (file !== undefined) writeFileSync(file, JSON.stringify(answer));
  return answer;
}

/** Our answer. */
export function askStapkit(example: ExampleScript, release: string): Promise<Answer> {
  return run(process.execPath, [STAP, '-w', '-p2', '-r', release], example);
}

/** Asks both of each example, in turn. */
export async function* askBoth(
  examples: readonly ExampleScript[],
  release: string,
  kept?: string,
): AsyncGenerator<{ readonly example: ExampleScript; readonly ours: Answer; readonly theirs: Answer }> {
  for (const example of examples) {
    const [theirs, ours] = await Promise.all([askSystemtap(example, release, kept), askStapkit(example, release)]);
    yield { example, ours, theirs };
  }
}

/** Reads a text of `stap -p2`. */
export function summarizeText(text: string): Summary {
  const globals: string[] = [];
  const functions: string[] = [];
  const points: Point[] = [];
  let section = '';
  let inCode = false;
  for (const line of text.split('\n')) {
    if (inCode) inCode = line !== '%}';
    else if (line === '%{') inCode = true;
    else if (/^# (?:globals|functions|probes)$/.test(line)) section = line.slice(2);
    else if (line.startsWith('#')) section = '';
    else if (line === '' || line.startsWith(' ')) continue;
    else if (section === 'globals') globals.push(line);
    else if (section === 'functions') functions.push(withoutCopy(line));
    else if (section === 'probes') points.push(pointOf(line));
  }
  return { globals, functions: [...new Set(functions)], points };
}

function pointOf(line: string): Point {
  const [, name, chain] = /^(.*?) \/\* <- (.*) \*\/$/.exec(line) ?? [undefined, line, ''];
  return { name: plainPoint(name!), chain: chain!.split(' <- ').reverse().map(profileTimer) };
}

/** SystemTap names the copies that it makes of a function, one for each type that an argument is known to point to. */
function withoutCopy(line: string): string {
  return line.replace(/^__clone_probe_\d+_of___global_(\w+?)__overload_\d+:/, '$1:');
}

/** SystemTap shows the profiling timer by the perf event that it is made of. */
function profileTimer(point: string): string {
  return point.replace('perf.type(1).config(0).sample(1000000)', 'timer.profile');
}

/** A point without what is told in other words: the sources' folder, the address of the code. */
function plainPoint(point: string): string {
  return profileTimer(point)
    .replace(/ \/\* pc=.*? \*\//g, '')
    .replace(/@(?:\/build\/[^":]*?linux-[^/"]*\/|\/[^":]*?\/linux-[\d.]+\/)?(?:\.\/)?/g, '@');
}

/** The names that a script declares by a keyword. */
function declared(script: string, keyword: 'function' | 'global'): Set<string> {
  const text = script.replace(/"(?:\\.|[^"\\])*"|\/\*[\s\S]*?\*\/|\/\/.*|#.*/g, (match) =>
    match.startsWith('"') ? '""' : ' ',
  );
  const names = new Set<string>();
  if (keyword === 'function') for (const [, name] of text.matchAll(/\bfunction\s+([A-Za-z_]\w*)/g)) names.add(name!);
  // A list of names, each with indexes, a size or an initial value.
  else
    for (const [, list] of text.matchAll(
      /\bglobal\s+((?:[A-Za-z_]\w*\s*(?:\[[^\]]*\])?%?\s*(?:=\s*[^,;\s]+\s*)?,\s*)*[A-Za-z_]\w*)/g,
    ))
      for (const part of list!.split(',')) names.add(/[A-Za-z_]\w*/.exec(part)![0]);
  return names;
}

function nameOf(line: string): string {
  return /^[A-Za-z_]\w*/.exec(line)?.[0] ?? line;
}

/**
 * The points that the script itself names, and not by an alias of the tapset, which each has its own of. SystemTap shows
 * points in code as they were resolved, so they are known by the name that a point of the script asks for.
 */
function ownPoints(points: readonly Point[], script: string, words: readonly string[]): string[] {
  const plain = (text: string): string => text.replace(/[\s?!]/g, '');
  const given = words.slice(words.findIndex((word) => word.endsWith('.stp')) + 1);
  const text = script
    .replace(/@(\d)/g, (_, number: string) => JSON.stringify(given[Number(number) - 1] ?? ''))
    .replace(/\$(\d)/g, (_, number: string) => given[Number(number) - 1] ?? '');
  const patterns = [...text.matchAll(/\b(function|statement|trace)\s*\(\s*"([^"]*)"/g)].map(
    ([, kind, pattern]) => [kind!, matcher(pattern!.replace(/@.*/, '').replace(/^\w+:/, ''))] as const,
  );
  const written = plain(text);
  return points
    .filter(({ name, chain }) => {
      const code = /\b(function|statement|trace)\("(?:\w+:)?([^"@]*)/.exec(name);
      if (!code) return chain.length === 1 && written.includes(plain(chain[0]!));
      // SystemTap makes a point of its own of what a return probe's @entry asks for.
      if (name.endsWith('.call') && chain[0]!.endsWith('.return')) return false;
      return patterns.some(([kind, pattern]) => kind === code[1] && pattern.test(code[2]!));
    })
    .map(({ name }) => name);
}

function matcher(pattern: string): RegExp {
  const source = pattern.replace(/[\\^$.*+?()[\]{}|]/g, (character) => (character === '*' ? '.*' : `\\${character}`));
  return new RegExp(`^${source}$`);
}

/** A function's file and line are left out where one of the two does not tell them: BTF has none. */
function withoutPlaces(points: readonly string[], others: readonly string[]): string[] {
  const bare = new Set([...points, ...others].flatMap((point) => /\.function\("([^"@]*)"\)/.exec(point)?.[1] ?? []));
  return points.map((point) =>
    point.replace(/\.function\("([^"@]*)@[^"]*"\)/, (whole, name: string) =>
      bare.has(name) ? `.function("${name}")` : whole,
    ),
  );
}

/** Functions that SystemTap's own lists bar; see "Where it differs" in packages/elaborator/README.md. */
const BARRED_THERE =
  /^\+ .*\.function\("(?:current_\w*|get_current|\w*_pte_\w*|\w*softirq\w*)?(?:@fs\/(?:seq_file|proc\/softirqs)\.c:\d+|(?<=\w)@[^"]*)?"\)/;

/** Lines of one list alone, as a comparison shows them. */
function differing(theirs: readonly string[], ours: readonly string[]): string[] {
  const count = (list: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const line of list) counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
  };
  const [there, here] = [count(theirs), count(ours)];
  const lines: string[] = [];
  for (const line of new Set([...theirs, ...ours])) {
    const more = (here.get(line) ?? 0) - (there.get(line) ?? 0);
    if (more !== 0)
      lines.push(`${more > 0 ? '+' : '-'} ${line}${Math.abs(more) > 1 ? ` (${Math.abs(more)} times)` : ''}`);
  }
  return lines;
}

/**
 * Compares two texts of pass 2; undefined where they say the same of the script itself.
 *
 * @param script its text
 * @param words its arguments, the script's name among them
 */
export function compareAnswers(
  script: string,
  words: readonly string[],
  ours: string,
  theirs: string,
): Difference | undefined {
  const [here, there] = [summarizeText(ours), summarizeText(theirs)];
  const own = (list: readonly string[], names: ReadonlySet<string>): string[] =>
    list.filter((line) => names.has(nameOf(line)));
  const globals = declared(script, 'global');
  const functions = declared(script, 'function');
  const ourPoints = ownPoints(here.points, script, words);
  const theirPoints = ownPoints(there.points, script, words);
  const parts: readonly (readonly [string, string[]])[] = [
    ['globals', differing(own(there.globals, globals), own(here.globals, globals))],
    ['functions', differing(own(there.functions, functions), own(here.functions, functions))],
    ['points', differing(withoutPlaces(theirPoints, ourPoints), withoutPlaces(ourPoints, theirPoints))],
  ];
  const found = parts
    .map(([what, lines]) => [what, lines.filter((line) => !BARRED_THERE.test(line))] as const)
    .filter(([, lines]) => lines.length > 0);
  if (found.length === 0) return undefined;
  return {
    reason: found.map(([what, lines]) => `${what} (${lines.length})`).join(', '),
    lines: found.flatMap(([, lines]) =>
      lines.length > 12 ? [...lines.slice(0, 12), `… ${lines.length - 12} more`] : lines,
    ),
  };
}
