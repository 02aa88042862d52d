// Deferred printing: the handler packs a site number and the arguments into its CPU's ring, nothing more. The format
// stays behind in the module's description, and staprun does the rest.
import type { Expression, Format } from '@stapkit/elaborator';
import type { PackedArgument, PrintSite } from '../description.js';
import type { BodyEmission } from './body.js';
import { emitOperands } from './expression.js';

type Print = Extract<Expression, { kind: 'print' }>;

export function emitPrint(b: BodyEmission, e: Print): string {
  const { format } = e;
  const packed = packedArguments(format);
  const site = addSite(b, e, packed);
  const values = emitOperands(b, format.arguments);
  const memory = memoryLengths(format, values);
  let fixed = 0;
  const sizes: string[] = [];
  // Lengths first: the record is reserved whole, and nothing may fail between the reserving and the committing.
  const lengths = format.arguments.map((_, index) => {
    if (packed[index] === 'long') {
      fixed += 8;
      return '';
    }
    const length = `n${b.unique()}`;
    if (packed[index] === 'string') {
      b.out.line(`u32 ${length} = stapkit_length(${values[index]});`);
    } else {
      const { count, user } = memory.get(index)!;
      b.out.line(`u32 ${length} = stapkit_memory_length(${count});`);
      b.out.line(`stapkit_check_memory(c, (u64)(${values[index]}), ${length}, ${user});`);
      b.failOnError(e.span);
    }
    sizes.push(`stapkit_string_room(${length})`);
    return length;
  });
  const at = `at${b.unique()}`;
  b.out.line(`u8 *${at} = stapkit_reserve(c, ${site}, ${[String(fixed), ...sizes].join(' + ')});`);
  b.out.open(`if (likely(${at})) {`);
  format.arguments.forEach((_, index) => {
    const value = values[index]!;
    if (packed[index] === 'long') b.out.line(`${at} = stapkit_put_long(${at}, ${value});`);
    else if (packed[index] === 'string') b.out.line(`${at} = stapkit_put_string(${at}, ${value}, ${lengths[index]});`);
    else
      b.out.line(`${at} = stapkit_put_memory(${at}, (u64)(${value}), ${lengths[index]}, ${memory.get(index)!.user});`);
  });
  b.out.line('stapkit_commit(c);');
  b.out.close();
  return '0';
}

/** How each argument of a format travels. */
export function packedArguments(format: Format): PackedArgument[] {
  const packed: PackedArgument[] = [];
  for (const piece of format.pieces) {
    if (piece.kind !== 'directive') continue;
    if (piece.width === 'argument') packed.push('long');
    if (piece.precision === 'argument') packed.push('long');
    if (piece.conversion === 'm' || piece.conversion === 'M') packed.push('memory');
    else packed.push(piece.conversion === 's' ? 'string' : 'long');
  }
  // What an argument is decides, where the format was made by hand.
  return format.arguments.map((argument, index) =>
    argument.type === 'string' ? 'string' : packed[index] === 'memory' ? 'memory' : 'long',
  );
}

/** Of each %m and %M: how many bytes it reads (its precision, 1 by default), and whether from user memory (`#`). */
function memoryLengths(
  format: Format,
  values: readonly string[],
): ReadonlyMap<number, { readonly count: string; readonly user: boolean }> {
  const found = new Map<number, { count: string; user: boolean }>();
  let index = 0;
  for (const piece of format.pieces) {
    if (piece.kind !== 'directive') continue;
    if (piece.width === 'argument') index += 1;
    let count = String(piece.precision ?? 1);
    if (piece.precision === 'argument') {
      count = values[index]!;
      index += 1;
    }
    if (piece.conversion === 'm' || piece.conversion === 'M')
      found.set(index, { count, user: piece.flags.includes('#') });
    index += 1;
  }
  return found;
}

function addSite(b: BodyEmission, e: Print, packed: readonly PackedArgument[]): number {
  const { sites, places } = b.module;
  const site: PrintSite = {
    id: sites.length,
    place: places.place(e.span),
    pieces: e.format.pieces,
    arguments: packed,
    names: argumentNames(places.text(e.span), e.format),
  };
  sites.push(site);
  return site.id;
}

/** What was written for each shown argument, for the columns of typed output. */
export function argumentNames(text: string, format: Format): string[] {
  const shown = format.pieces.filter((piece) => piece.kind === 'directive').length;
  const stars = format.pieces.flatMap((piece) =>
    piece.kind === 'directive'
      ? [...(piece.width === 'argument' ? [true] : []), ...(piece.precision === 'argument' ? [true] : []), false]
      : [],
  );
  const open = text.indexOf('(');
  const parts = open < 0 ? [] : splitArguments(text.slice(open + 1, text.lastIndexOf(')')));
  const given = parts.slice(Math.max(0, parts.length - stars.length)).filter((_, index) => !stars[index]);
  return Array.from({ length: shown }, (_, index) => (given.length === shown ? given[index]! : `argument${index + 1}`));
}

function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      for (at += 1; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at += 1;
    } else if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  if (text.trim() !== '') parts.push(text.slice(start).trim());
  return parts;
}
