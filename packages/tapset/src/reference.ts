// The library's reference, read from the comments of its files: `/** probe NAME - SUMMARY`, `@value: text`, paragraphs;
// `function` and `sfunction` the same (an sfunction is SystemTap's word for a function whose page shows its prototype).
import type { ReferenceEntry } from '@stapkit/pass/manual';

const COMMENT = /\/\*\*\n((?: \*.*\n)+?) \*\/\n([^\n]*)/g;
const TITLE = /^(probe|s?function|macro) (\S+)(?: - (.*))?$/;

/**
 * Reads the reference of some files.
 *
 * @param files tapset files; `name` is a path
 * @returns an entry for each documented probe, function and macro, and one for each file that has some
 */
export function readReference(files: readonly { readonly name: string; readonly text: string }[]): ReferenceEntry[] {
  const entries: ReferenceEntry[] = [];
  for (const { name, text } of files) {
    const tapset = name.replace(/^.*\//, '').replace(/\.stpm?$/, '');
    const own: ReferenceEntry[] = [];
    for (const [, comment = '', next = ''] of text.matchAll(COMMENT)) {
      const entry = readComment(comment, next, tapset);
      if (entry && !own.some((other) => other.kind === entry.kind && other.name === entry.name)) own.push(entry);
    }
    // What a file keeps for itself begins with two underscores.
    const shown = own.filter((entry) => !entry.name.startsWith('__'));
    if (shown.length === 0) continue;
    entries.push(...own, {
      kind: 'tapset',
      name: tapset,
      summary: `the ${tapset} tapset`,
      synopsis: [],
      parameters: shown.map((entry) => ({
        name: entry.name,
        text: `${entry.summary}. See \`${entry.kind}::${entry.name}\`(3stap).`,
      })),
      paragraphs: [],
      seeAlso: ['stap(1)'],
    });
  }
  return entries;
}

function readComment(comment: string, next: string, tapset: string): ReferenceEntry | undefined {
  const lines = comment
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^ \* ?/, ''));
  const [, word = '', name = '', summary = ''] = TITLE.exec(lines[0]!) ?? [];
  if (word === '') return undefined;
  const kind = word === 'sfunction' ? 'function' : (word as 'probe' | 'function' | 'macro');
  const parameters: { name: string; text: string }[] = [];
  const paragraphs: string[] = [];
  let open: 'parameter' | 'paragraph' | undefined;
  for (const line of lines.slice(1)) {
    const parameter = /^@(\w+|\.\.\.): *(.*)$/.exec(line);
    if (parameter) {
      parameters.push({ name: parameter[1]!, text: parameter[2]! });
      open = 'parameter';
    } else if (line.trim() === '') open = undefined;
    else if (open === 'parameter') {
      const last = parameters.pop()!;
      parameters.push({ ...last, text: `${last.text} ${line.trim()}` });
    } else if (open === 'paragraph') paragraphs.push(`${paragraphs.pop()} ${line.trim()}`);
    else {
      paragraphs.push(line.trim());
      open = 'paragraph';
    }
  }
  return {
    kind,
    name,
    summary: summary.trim() === '' ? 'not documented yet' : summary.trim().replace(/\.$/, ''),
    synopsis: synopsisOf(kind, name, next, parameters),
    parameters,
    paragraphs,
    seeAlso: [`tapset::${tapset}(3stap)`],
  };
}

/** How it is written: a function's declared types, where they stand in the line below the comment. */
function synopsisOf(
  kind: ReferenceEntry['kind'],
  name: string,
  next: string,
  parameters: readonly { readonly name: string }[],
): string[] {
  if (kind === 'probe') return [name];
  if (kind === 'macro') return [`@${name.replace(/^@/, '')}`];
  const declared = /^(?:private )?function (\w+)(?::(\w+))? *\(([^)]*)\)/.exec(next);
  if (declared?.[1] === name) {
    return [`${name}${declared[2] ? `:${declared[2]}` : ''}(${declared[3]!.replace(/\s+/g, ' ').trim()})`];
  }
  return [`${name}(${parameters.map((parameter) => parameter.name).join(', ')})`];
}
