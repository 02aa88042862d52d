// Finds the names that a tapset file defines without parsing it: a token scan at brace depth zero. Both branches of a
// `%( … %? … %: … %)` count, because the index serves every kernel; taking in a file too many does no harm.

/** The names that one file defines at its top level. */
export interface DefinedNames {
  readonly functions: readonly string[];
  readonly globals: readonly string[];
  /** Alias names, dotted, arguments dropped: `vfs.read`, `syscall.open`. */
  readonly probes: readonly string[];
  readonly macros: readonly string[];
}

type Token = string;

/**
 * Lists the names that a script file's declarations define.
 *
 * @param text the file's whole text; malformed text gives what can be seen, never an error
 * @returns each name once, in order of appearance; `private` functions and globals are left out, as no other file may
 *   use them
 */
export function scanNames(text: string): DefinedNames {
  const functions = new Set<string>();
  const globals = new Set<string>();
  const probes = new Set<string>();
  const macros = new Set<string>();
  const tokens = tokenize(text);
  let depth = 0;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token === '{') depth++;
    else if (token === '}') depth = Math.max(0, depth - 1);
    if (depth > 0) continue;
    if (token === '@define') {
      const name = tokens[index + 1];
      if (name) macros.add(name);
    } else if (token === 'function') {
      const name = tokens[index + 1];
      if (name && isName(name) && tokens[index - 1] !== 'private') functions.add(name);
    } else if (token === 'global') {
      const isPrivate = tokens[index - 1] === 'private';
      for (let at = index + 1; at < tokens.length; at++) {
        const name = tokens[at]!;
        if (!isName(name) || name === 'probe' || name === 'function' || name === 'global' || name === 'private') break;
        if (!isPrivate) globals.add(name);
        // Skips sizes, wrap marks, types and initialisers up to the next name of the list.
        do at++;
        while (at < tokens.length && tokens[at] !== ',' && !/^[A-Za-z_;@{}]/.test(tokens[at]!));
        if (tokens[at] !== ',') {
          index = at - 1;
          break;
        }
      }
    } else if (token === 'probe') {
      let at = index + 1;
      for (;;) {
        let name = '';
        while (at < tokens.length && (isName(tokens[at]!) || tokens[at] === '.')) {
          name += tokens[at++];
          if (tokens[at] === '(') while (at < tokens.length && tokens[at++] !== ')');
        }
        // `=` or `+=` makes it an alias; a comma, the next of its names.
        if (name && (tokens[at] === '=' || tokens[at] === '+=')) {
          probes.add(name);
          at++;
          continue;
        }
        break;
      }
    }
  }
  return { functions: [...functions], globals: [...globals], probes: [...probes], macros: [...macros] };
}

function isName(token: string): boolean {
  return /^[A-Za-z_]/.test(token);
}

const TOKEN =
  /\/\*[\s\S]*?(?:\*\/|$)|\/\/[^\n]*|#[^\n]*|"(?:[^"\\]|\\[\s\S])*(?:"|$)|%\{[\s\S]*?(?:%\}|$)|%[(?:)]|@define\b|@[A-Za-z_]\w*|[A-Za-z_]\w*|\d\w*|\+=|==|[^\s]/g;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    if (token.startsWith('/*') || token.startsWith('//') || token.startsWith('#') || token.startsWith('%{')) continue;
    if (token === '%(' || token === '%?' || token === '%:' || token === '%)') continue;
    if (token.startsWith('"')) {
      tokens.push('""');
      continue;
    }
    tokens.push(token);
  }
  return tokens;
}
