// Reads a command line by a table of options, as getopt_long(3) does, because that is what scripts and fingers rely on:
// options anywhere up to `--`, letters in a bunch (`-vg`), values glued on (`-p4`), long names cut short where that is
// unambiguous, optional values only behind `=`. Node's parseArgs does the reading; names cut short and the messages are ours.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Diagnostic, DiagnosticError, nearestNames } from '@stapkit/pass';
import { type OptionEntry, optionForms } from '@stapkit/pass/manual';

/** A command line, taken apart. */
export interface GotOptions {
  /** Each option with its values in order of appearance; `true` stands for one without a value. */
  readonly values: ReadonlyMap<string, readonly (string | true)[]>;
  /** What is no option. */
  readonly operands: readonly string[];
}

/** The name by which an option's values are kept: its letter where it has one. */
export function optionKey(entry: OptionEntry): string {
  return entry.short ?? entry.long!;
}

export interface GetOptionsSettings {
  readonly program: string;
  /** Options of others, and why there is none here. */
  readonly refused?: readonly { readonly name: string; readonly why: string }[];
}

/**
 * Takes a command line apart.
 *
 * @throws DiagnosticError on a word that means nothing, with a suggestion
 */
export function getOptions(
  argv: readonly string[],
  table: readonly OptionEntry[],
  settings: GetOptionsSettings,
): GotOptions {
  const tokens = tokensOf(argv, table, settings);
  const values = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!rawName.startsWith('--')) {
      const entry = table.find(({ short }) => short === name);
      if (!entry) throw unknownLetter(argv[token.index]!, name, table, settings, operands.length > 0);
      if (entry.value !== undefined && value === undefined) {
        throw usage('missing-value', `option requires an argument -- '${name}'`, [form(entry)]);
      }
    } else {
      const entry = findLong(name, table, settings, operands.length > 0);
      if (entry.value === undefined && inlineValue) {
        throw usage('extra-value', `option '--${entry.long}' doesn't allow an argument`);
      }
      if (entry.value !== undefined && !entry.optional && value === undefined) {
        throw usage('missing-value', `option '--${entry.long}' requires an argument`, [form(entry)]);
      }
    }
    const entry = table.find(({ short, long, alias }) => [short, long, alias].includes(name))!;
    const key = optionKey(entry);
    values.set(key, [...(values.get(key) ?? []), value ?? true]);
  }
  return { values, operands };
}

/**
 * Node's own reader takes the words apart. It knows no long names that are cut short: they are written out first, from left
 * to right, since whether the next word is a value depends on the name.
 */
function tokensOf(argv: readonly string[], table: readonly OptionEntry[], settings: GetOptionsSettings) {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const { short, long, alias, value, optional } of table) {
    // An optional value only stands behind `=`, where a boolean's is given too.
    const type = value !== undefined && !optional ? 'string' : 'boolean';
    for (const name of [long, alias]) if (name !== undefined) options[name] = { type };
    // Node files an option under its long name; each of ours that has a letter goes by that.
    if (short !== undefined) options[short] = { type, short };
  }
  const words = [...argv];
  for (;;) {
    const { tokens } = parseArgs({ args: words, options, strict: false, allowPositionals: true, tokens: true });
    const cut = tokens.find(
      (token) => token.kind === 'option' && token.rawName.startsWith('--') && !isLong(token.name, table),
    );
    if (cut?.kind !== 'option') return tokens;
    const behindScript = tokens.some(({ kind, index }) => kind === 'positional' && index < cut.index);
    // One that means nothing is met, and told, in its turn.
    const unknownBefore = tokens.some(
      (token) =>
        token.kind === 'option' &&
        token.index < cut.index &&
        !token.rawName.startsWith('--') &&
        !table.some(({ short }) => short === token.name),
    );
    if (unknownBefore) return tokens;
    const entry = findLong(cut.name, table, settings, behindScript);
    words[cut.index] = `--${entry.long}${words[cut.index]!.slice(cut.rawName.length)}`;
  }
}

function isLong(name: string, table: readonly OptionEntry[]): boolean {
  return table.some(({ long, alias }) => long === name || alias === name);
}

function findLong(
  name: string,
  table: readonly OptionEntry[],
  settings: GetOptionsSettings,
  behindScript: boolean,
): OptionEntry {
  const exact = table.find(({ long, alias }) => long === name || alias === name);
  if (exact) return exact;
  const refused = settings.refused?.find((entry) => entry.name === `--${name}`);
  if (refused) throw refusal(refused);
  const begun = name === '' ? [] : table.filter(({ long, alias }) => long?.startsWith(name) || alias?.startsWith(name));
  if (begun.length === 1) return begun[0]!;
  if (begun.length > 1) {
    throw usage('ambiguous-option', `option '--${name}' is ambiguous`, [
      `it may be ${begun.map(({ long }) => `--${long}`).join(' or ')}`,
    ]);
  }
  const known = table.flatMap(({ long, alias }) => [long, alias]).filter((one) => one !== undefined);
  const near = nearestNames(name, known, 3).map((one) => `--${one}`);
  // A word with one dash too many, `--e`, or a letter that somebody has spelt out.
  if (name.length === 1 && table.some(({ short }) => short === name)) near.unshift(`-${name}`);
  throw unknown(`--${name}`, near, settings, behindScript);
}

function unknownLetter(
  word: string,
  letter: string,
  table: readonly OptionEntry[],
  settings: GetOptionsSettings,
  behindScript: boolean,
): DiagnosticError {
  const refused = settings.refused?.find((entry) => entry.name === `-${letter}`);
  if (refused) return refusal(refused);
  const whole = word.slice(1).replace(/=.*/s, '');
  const near: string[] = [];
  // `-vm`, `-json`: a long option with a dash too few.
  if (table.some(({ long, alias }) => long === whole || alias === whole)) near.push(`--${whole}`);
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  if (near.length === 0 && table.some(({ short }) => short === other)) near.push(`-${other}`);
  return unknown(`-${letter}`, near, settings, behindScript);
}

function unknown(
  written: string,
  near: readonly string[],
  { program }: GetOptionsSettings,
  behindScript: boolean,
): DiagnosticError {
  const hints = near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : [];
  if (behindScript) hints.push("options for the script itself stand behind '--'");
  if (hints.length === 0) hints.push(`Try '${program} --help'`);
  return usage('unknown-option', `unrecognized option '${written}'`, hints);
}

function refusal({ name, why }: { readonly name: string; readonly why: string }): DiagnosticError {
  return usage('refused-option', `option '${name}' of SystemTap is not supported`, [why]);
}

function form(entry: OptionEntry): string {
  return `${optionForms(entry).join(', ')}: ${entry.help}`;
}

/** A fault in a command line. */
export function usage(code: string, message: string, hints: readonly string[] = []): DiagnosticError {
  const diagnostic: Diagnostic = { code: `driver/${code}`, severity: 'error', class: 'usage', message, hints };
  return new DiagnosticError(diagnostic);
}
