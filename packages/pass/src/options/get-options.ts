// Reads a command line by a program's table of options, as getopt_long(3) does, because that is what scripts and fingers rely
// on: options anywhere up to `--`, letters in a bunch (`-vg`), values glued on (`-p4`), long names cut short where that is
// unambiguous, optional values only behind `=`. Node's parseArgs does the reading; names cut short and the messages are ours.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Diagnostic, DiagnosticError } from '../diagnostics.js';
import { type OptionEntry, optionForms } from '../manual/program-manual.js';
import { nearestNames } from '../suggest.js';

/** A command line, taken apart. */
export interface GotOptions {
  /** Each option with its values in order of appearance; `true` stands for one without a value. */
  readonly values: ReadonlyMap<string, readonly (string | true)[]>;
  /** What is no option. */
  readonly operands: readonly string[];
  /** Both, in order of appearance; an operand has no key. */
  readonly words: readonly { readonly key?: string; readonly value: string | true }[];
}

/** The name by which an option's values are kept: its letter where it has one. */
export function optionKey(entry: OptionEntry): string {
  return entry.short ?? entry.long!;
}

/** What is read, and for whom. */
export interface GetOptionsSettings {
  readonly program: string;
  /** Begins the codes of diagnostics: `driver`. */
  readonly codes: string;
  /** Options of others, and why there is none here. */
  readonly refused?: readonly { readonly name: string; readonly why: string }[];
  /** A hint for an unknown option that stands behind an operand. */
  readonly behindOperand?: string;
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
  const words: { key?: string; value: string | true }[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      operands.push(token.value);
      words.push({ value: token.value });
    }
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!rawName.startsWith('--')) {
      const entry = table.find(({ short }) => short === name);
      if (!entry) throw unknownLetter(argv[token.index]!, name, table, settings, operands.length > 0);
      if (inlineValue) refuseWordWithOneDash(argv[token.index]!, table, settings, operands.length > 0);
      if (entry.value !== undefined && value === undefined) {
        throw usage(settings, 'missing-value', `option requires an argument -- '${name}'`, [form(entry)]);
      }
    } else {
      const entry = findLong(name, table, settings, operands.length > 0);
      if (entry.value === undefined && inlineValue) {
        throw usage(settings, 'extra-value', `option '--${entry.long}' doesn't allow an argument`);
      }
      if (entry.value !== undefined && !entry.optional && value === undefined) {
        throw usage(settings, 'missing-value', `option '--${entry.long}' requires an argument`, [form(entry)]);
      }
    }
    const entry = table.find(({ short, long, alias }) => [short, long, alias].includes(name))!;
    const key = optionKey(entry);
    values.set(key, [...(values.get(key) ?? []), value ?? true]);
    words.push({ key, value: value ?? true });
  }
  return { values, operands, words };
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
    const behindOperand = tokens.some(({ kind, index }) => kind === 'positional' && index < cut.index);
    // One that means nothing is met, and told, in its turn.
    const unknownBefore = tokens.some(
      (token) =>
        token.kind === 'option' &&
        token.index < cut.index &&
        !token.rawName.startsWith('--') &&
        !table.some(({ short }) => short === token.name),
    );
    if (unknownBefore) return tokens;
    const entry = findLong(cut.name, table, settings, behindOperand);
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
  behindOperand: boolean,
): OptionEntry {
  const exact = table.find(({ long, alias }) => long === name || alias === name);
  if (exact) return exact;
  const refused = settings.refused?.find((entry) => entry.name === `--${name}`);
  if (refused) throw refusal(refused, settings);
  const begun = name === '' ? [] : table.filter(({ long, alias }) => long?.startsWith(name) || alias?.startsWith(name));
  if (begun.length === 1) return begun[0]!;
  if (begun.length > 1) {
    throw usage(settings, 'ambiguous-option', `option '--${name}' is ambiguous`, [
      `it may be ${begun.map(({ long }) => `--${long}`).join(' or ')}`,
    ]);
  }
  throw unknown(`--${name}`, nearestOptions(name, table), settings, behindOperand);
}

/** What a long name may have meant, with dashes. */
function nearestOptions(name: string, table: readonly OptionEntry[]): string[] {
  const meant = namesOf(table);
  const known = [...meant.keys()];
  const exact = meant.get(name);
  if (exact !== undefined) return [exact];
  const swapped = known.filter((one) => isSwapped(name, one));
  const begun = name.length < 3 ? [] : known.filter((one) => one.startsWith(name));
  const nearest = swapped.length > 0 ? swapped : begun.length > 0 ? begun : nearestNames(name, known, 3);
  const near = nearest.map((one) => meant.get(one)!);
  // A word with one dash too many, `--e`.
  if (name.length === 1 && table.some(({ short }) => short === name)) near.unshift(`-${name}`);
  return [...new Set(near)];
}

/** All long names, those that people try among them, and how the options are really written. */
function namesOf(table: readonly OptionEntry[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { short, long, tried } of table) {
    for (const name of tried ?? []) names.set(name, long === undefined ? `-${short}` : `--${long}`);
  }
  for (const { long, alias } of table)
    for (const name of [long, alias]) if (name !== undefined) names.set(name, `--${name}`);
  return names;
}

/** `-verbose`, `-color`: letters in a bunch whose last one took the rest for its value. Nobody means that. */
function refuseWordWithOneDash(
  word: string,
  table: readonly OptionEntry[],
  settings: GetOptionsSettings,
  behindOperand: boolean,
): void {
  const whole = word.slice(1).replace(/=.*/s, '');
  const meant = whole.length > 3 ? namesOf(table).get(whole) : undefined;
  if (meant !== undefined) throw unknown(`-${whole}`, [meant], settings, behindOperand);
}

/** Two neighbouring letters the wrong way round: the commonest slip, also in short names, where two changes are many. */
function isSwapped(written: string, meant: string): boolean {
  const at = [...written].findIndex((letter, index) => letter !== meant[index]);
  return at !== -1 && written.slice(0, at) + written[at + 1] + written[at] + written.slice(at + 2) === meant;
}

function unknownLetter(
  word: string,
  letter: string,
  table: readonly OptionEntry[],
  settings: GetOptionsSettings,
  behindOperand: boolean,
): DiagnosticError {
  const refused = settings.refused?.find((entry) => entry.name === `-${letter}`);
  if (refused) return refusal(refused, settings);
  const whole = word.slice(1).replace(/=.*/s, '');
  const near: string[] = [];
  // `-vm`, `-json`: a long option with a dash too few.
  const meant = namesOf(table).get(whole);
  if (meant !== undefined) near.push(meant);
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  if (near.length === 0 && table.some(({ short }) => short === other)) near.push(`-${other}`);
  return unknown(meant === undefined ? `-${letter}` : `-${whole}`, near, settings, behindOperand);
}

function unknown(
  written: string,
  near: readonly string[],
  settings: GetOptionsSettings,
  behindOperand: boolean,
): DiagnosticError {
  const hints = near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : [];
  if (behindOperand && settings.behindOperand) hints.push(settings.behindOperand);
  if (hints.length === 0) hints.push(`Try '${settings.program} --help'`);
  return usage(settings, 'unknown-option', `unrecognized option '${written}'`, hints);
}

function refusal(
  { name, why }: { readonly name: string; readonly why: string },
  settings: GetOptionsSettings,
): DiagnosticError {
  return usage(settings, 'refused-option', `option '${name}' of SystemTap is not supported`, [why]);
}

function form(entry: OptionEntry): string {
  return `${optionForms(entry).join(', ')}: ${entry.help}`;
}

function usage(
  { codes }: GetOptionsSettings,
  code: string,
  message: string,
  hints: readonly string[] = [],
): DiagnosticError {
  const diagnostic: Diagnostic = { code: `${codes}/${code}`, severity: 'error', class: 'usage', message, hints };
  return new DiagnosticError(diagnostic);
}
