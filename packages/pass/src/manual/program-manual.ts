// What a program tells about itself, as plain data: its --help, its manual page and its completion are made from this.

/** What stands in for a value when a shell completes it. */
export type ValueKind = 'file' | 'folder' | 'script' | 'module' | 'release' | 'pid' | 'probe' | 'command' | 'host';

/** One option of a program. */
export interface OptionEntry {
  /** One letter, without the dash. */
  readonly short?: string;
  /** Without the dashes. */
  readonly long?: string;
  /** Another long name of the same. */
  readonly alias?: string;
  /** Long names that it does not have and that people try: who writes one, or nearly so, is told of the option. */
  readonly tried?: readonly string[];
  /** What its value is called; an option without one takes none. */
  readonly value?: string;
  /** The value may be left out; a long option then takes it only behind `=`. */
  readonly optional?: boolean;
  /** May be given several times, and every time counts. */
  readonly repeats?: boolean;
  /** A few words, for --help. */
  readonly help: string;
  /** More, for the manual: paragraphs, in which `…` is set as code. Without it the manual has `help` as a sentence. */
  readonly manual?: readonly string[];
  /** What its value may be, for the shell. */
  readonly complete?: ValueKind | readonly string[];
  /** Options of one kind stand together. */
  readonly group: string;
}

/** One section of a manual page beside OPTIONS: paragraphs, indented examples (lines that begin with a blank). */
export interface ManualSection {
  readonly title: string;
  readonly paragraphs: readonly string[];
}

/** A program's manual. */
export interface ProgramManual {
  readonly name: string;
  readonly section: number;
  /** One line, for whatis(1). */
  readonly summary: string;
  /** What stands behind the program's name, one entry a form. */
  readonly synopsis: readonly { readonly words: string; readonly help: string }[];
  readonly options: readonly OptionEntry[];
  readonly before: readonly ManualSection[];
  readonly after: readonly ManualSection[];
  readonly seeAlso: readonly string[];
}

/** An option as it is written: `-v`, `--vp=ABCDE`, `-I DIR`. */
export function optionForms({ short, long, alias, value, optional }: OptionEntry): string[] {
  const forms: string[] = [];
  if (short !== undefined) forms.push(value === undefined ? `-${short}` : `-${short} ${value}`);
  for (const name of [long, alias]) {
    if (name === undefined) continue;
    forms.push(value === undefined ? `--${name}` : optional ? `--${name}[=${value}]` : `--${name}=${value}`);
  }
  return forms;
}
