// Manual pages in the macros of man(7), from a program's manual or from the reference of a library.
import { type OptionEntry, optionForms, type ProgramManual } from './program-manual.js';

/** A page, and where it belongs: `man1/stap.1`. */
export interface ManualPage {
  readonly path: string;
  readonly text: string;
}

/** What all pages carry at their foot. */
const SOURCE = 'stapkit';

/** Makes the page of a program. */
export function programPage(manual: ProgramManual): ManualPage {
  const { name, section } = manual;
  const lines = [heading(name, String(section), ''), '.SH NAME', `${roffText(name)} \\- ${roffText(manual.summary)}`];
  lines.push('.SH SYNOPSIS', '.nf');
  for (const { words } of manual.synopsis) lines.push(`.B ${name}${words === '' ? '' : ` ${roffText(words)}`}`);
  lines.push('.fi');
  for (const { title, paragraphs } of manual.before) lines.push(...section_(title, paragraphs));
  lines.push('.SH OPTIONS');
  let group = '';
  for (const option of manual.options) {
    if (option.group !== group) lines.push(`.SS ${roffText(option.group)}`);
    group = option.group;
    lines.push(...optionLines(option));
  }
  for (const { title, paragraphs } of manual.after) lines.push(...section_(title, paragraphs));
  if (manual.seeAlso.length > 0) lines.push('.SH SEE ALSO', manual.seeAlso.map(reference).join(',\n'));
  return { path: `man${section}/${name}.${section}`, text: `${lines.join('\n')}\n` };
}

function optionLines(option: OptionEntry): string[] {
  const [first, ...more] = option.manual ?? [`${option.help[0]!.toUpperCase()}${option.help.slice(1)}.`];
  const forms = optionForms(option).map((form) => `\\fB${roffText(form, true)}\\fP`);
  return ['.TP', forms.join(', '), inline(first!), ...more.flatMap((paragraph) => ['.IP', inline(paragraph)])];
}

function section_(title: string, paragraphs: readonly string[]): string[] {
  const lines = [`.SH ${roffText(title)}`];
  let begun = false;
  for (const paragraph of paragraphs) {
    if (paragraph.startsWith(' ')) {
      lines.push('.RS 4', '.nf', ...paragraph.split('\n').map((line) => roffText(line.slice(1))), '.fi', '.RE');
      continue;
    }
    // The first paragraph of a section stands right below its title.
    if (begun) lines.push('.PP');
    begun = true;
    lines.push(inline(paragraph));
  }
  return lines;
}

/** One entry of a library's reference: a probe point, a function, a macro. */
export interface ReferenceEntry {
  readonly kind: 'probe' | 'function' | 'macro' | 'tapset';
  readonly name: string;
  readonly summary: string;
  /** How it is written, one line a form. */
  readonly synopsis: readonly string[];
  /** Arguments of a function, values of a probe. */
  readonly parameters: readonly { readonly name: string; readonly text: string }[];
  readonly paragraphs: readonly string[];
  /** Other pages, `tapset::vfs(3stap)`. */
  readonly seeAlso: readonly string[];
}

/** Pages of the library are in a section of their own, as SystemTap's. */
const REFERENCE_SECTION = '3stap';

/** Makes the page of one entry: `man3/probe::vfs.read.3stap`. */
export function referencePage(entry: ReferenceEntry): ManualPage {
  const name = `${entry.kind}::${entry.name}`;
  const lines = [
    heading(name, REFERENCE_SECTION, 'tapset reference'),
    '.SH NAME',
    `${roffText(name)} \\- ${roffText(entry.summary)}`,
  ];
  if (entry.synopsis.length > 0) {
    lines.push('.SH SYNOPSIS', '.nf', ...entry.synopsis.map((line) => `.B ${roffText(line)}`), '.fi');
  }
  if (entry.parameters.length > 0) {
    lines.push(`.SH ${entry.kind === 'probe' ? 'VALUES' : entry.kind === 'tapset' ? 'CONTENTS' : 'ARGUMENTS'}`);
    for (const { name: parameter, text } of entry.parameters) {
      lines.push('.TP', `\\fB${roffText(parameter)}\\fP`, inline(text));
    }
  }
  if (entry.paragraphs.length > 0) lines.push(...section_('DESCRIPTION', entry.paragraphs));
  if (entry.seeAlso.length > 0) lines.push('.SH SEE ALSO', entry.seeAlso.map(reference).join(',\n'));
  return { path: `man3/${name}.${REFERENCE_SECTION}`, text: `${lines.join('\n')}\n` };
}

function heading(name: string, section: string, manual: string): string {
  return `.TH "${roffText(name.toUpperCase())}" "${section}" "" "${SOURCE}" "${roffText(manual)}"`;
}

/** `stap(1)` with its name bold. */
function reference(page: string): string {
  const match = /^(.*)\((\w+)\)$/.exec(page);
  return match ? `\\fB${roffText(match[1]!)}\\fP(${match[2]})` : roffText(page);
}

/** A paragraph: code in backquotes is bold. */
function inline(text: string): string {
  const parts = text.split('`');
  const joined = parts
    .map((part, index) => (index % 2 === 1 ? `\\fB${roffText(part, true)}\\fP` : roffText(part)))
    .join('');
  return guard(joined);
}

/** Characters beyond ASCII by their names in roff, so that a page needs no encoding. */
const CHARACTERS: Readonly<Record<string, string>> = {
  '’': '\\(cq',
  '…': '\\&...',
  '–': '\\(en',
  '—': '\\(em',
  '“': '\\(lq',
  '”': '\\(rq',
  '→': '\\(->',
};

/**
 * Text that means itself to roff.
 *
 * @param code hyphens are minus signs, to be copied and typed
 */
function roffText(text: string, code = false): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replace(
      /[^\x20-\x7e]/g,
      (character) =>
        CHARACTERS[character] ?? `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga');
  return guard(
    code
      ? escaped.replaceAll('-', '\\-').replaceAll("'", '\\(aq')
      : escaped.replace(/--+|(?<=^|[\s[(|])-(?=\w)/g, (dashes) => '\\-'.repeat(dashes.length)).replaceAll("'", '\\(aq'),
  );
}

/** A line that begins with a dot is a request to roff. */
function guard(text: string): string {
  return /^[.']/.test(text) ? `\\&${text}` : text;
}
