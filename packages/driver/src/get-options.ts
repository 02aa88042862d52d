// Reads a command line by a table of options, as getopt_long(3) does, because that is what scripts and fingers rely on:
// options anywhere up to `--`, letters in a bunch (`-vg`), values glued on (`-p4`), long names cut short where that is
// unambiguous, optional values only behind `=`. The libraries for command lines each leave some of that out.
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
  const values = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  const take = (entry: OptionEntry, value: string | true): void => {
    const key = optionKey(entry);
    values.set(key, [...(values.get(key) ?? []), value]);
  };
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') {
      operands.push(...argv.slice(index + 1));
      break;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
      const entry = findLong(name, table, settings, operands.length > 0);
      const attached = equals === -1 ? undefined : word.slice(equals + 1);
      if (entry.value === undefined) {
        if (attached !== undefined) throw usage('extra-value', `option '--${entry.long}' doesn't allow an argument`);
        take(entry, true);
      } else if (attached !== undefined) take(entry, attached);
      else if (entry.optional) take(entry, true);
      else if (index + 1 < argv.length) take(entry, argv[++index]!);
      else throw usage('missing-value', `option '--${entry.long}' requires an argument`, [form(entry)]);
      continue;
    }
    if (word === '-' || !word.startsWith('-')) {
      operands.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const entry = table.find(({ short }) => short === letter);
      if (!entry) throw unknownLetter(word, letter, table, settings, operands.length > 0);
      if (entry.value === undefined) {
        take(entry, true);
        continue;
      }
      const attached = word.slice(at + 1);
      if (attached !== '') take(entry, attached);
      else if (index + 1 < argv.length) take(entry, argv[++index]!);
      else throw usage('missing-value', `option requires an argument -- '${letter}'`, [form(entry)]);
      break;
    }
  }
  return { values, operands };
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
