// Patterns of names: `*`, `?` and `[…]`, as fnmatch(3) and glob(7) have them.

/**
 * The source of a regular expression that a pattern stands for. No wildcard fits the end of a line, so that it may be used
 * on text with a name a line, and no pattern is an error: a bracket that nothing closes stands for itself, a range
 * backwards for nothing.
 */
export function globSource(pattern: string): string {
  return pattern.replace(
    /\[([!^]?)([^\]\n]+)\]|[*?]|[\\^$.|+(){}[\]/]/g,
    (part, not: string | undefined, set?: string) => {
      if (part === '*') return '[^\\n]*';
      if (part === '?') return '[^\\n]';
      if (set !== undefined) return `[${not ? '^\\n' : ''}${setSource(set)}]`;
      return `\\${part}`;
    },
  );
}

/** What stands between brackets: characters and ranges. */
function setSource(set: string): string {
  let source = '';
  for (let at = 0; at < set.length; at++) {
    const from = set[at]!;
    const to = set[at + 1] === '-' ? set[at + 2] : undefined;
    if (to === undefined) source += literal(from);
    else {
      if (from <= to) source += `${literal(from)}-${literal(to)}`;
      at += 2;
    }
  }
  return source;
}

function literal(character: string): string {
  return /[\\\]^[-]/.test(character) ? `\\${character}` : character;
}
