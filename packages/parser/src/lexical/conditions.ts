// The comparisons of the preprocessor's conditions (stap(1), "PREPROCESSING"): versions as glibc's strverscmp(3) orders
// them, and wildcards as fnmatch(3) takes them.

/** The comparison operators of a condition. */
export type Comparison = '<' | '<=' | '==' | '!=' | '>' | '>=';

/** True for the text of a comparison operator. */
export function isComparison(text: string): text is Comparison {
  return text === '<' || text === '<=' || text === '==' || text === '!=' || text === '>' || text === '>=';
}

/** Turns the outcome of a three-way comparison into the operator's. */
export function holds(order: number, operator: Comparison): boolean {
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Compares two byte strings as strcmp(3) does. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Compares two version strings as strverscmp(3) documents it: runs of digits compare as numbers, and runs with leading
 * zeros as fractions ("000" < "00" < "01" < "010" < "09" < "0" < "1" < "9" < "10").
 */
export function compareVersions(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === a.length && at === b.length) return 0;
  // The run of digits that holds, or ends at, the first difference; both strings share its beginning.
  let start = at;
  while (start > 0 && isDigit(a, start - 1)) start -= 1;
  const runA = digitRun(a, start);
  const runB = digitRun(b, start);
  const plain = (a.charCodeAt(at) || 0) - (b.charCodeAt(at) || 0);
  if (runA === '' || runB === '' || at > start + Math.max(runA.length, runB.length)) return plain;
  const zerosA = /^0*/.exec(runA)![0].length;
  const zerosB = /^0*/.exec(runB)![0].length;
  if (zerosA === 0 && zerosB === 0) {
    if (runA.length !== runB.length) return runA.length - runB.length;
    return plain;
  }
  // A fractional part: more leading zeros is less; one that is only zeros is less than one with digits behind them,
  // except that a lone integral zero comes after every fraction.
  const fractionA = isFraction(runA);
  const fractionB = isFraction(runB);
  if (fractionA !== fractionB) return fractionA ? -1 : 1;
  if (!fractionA) return runA.length === runB.length ? plain : runA.length - runB.length;
  if (zerosA !== zerosB) return zerosB - zerosA;
  if (runA.length === zerosA || runB.length === zerosB) return runB.length - runA.length || plain;
  return plain;
}

function isFraction(run: string): boolean {
  return run.length > 1 && run.startsWith('0');
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function digitRun(text: string, start: number): string {
  let end = start;
  while (end < text.length && isDigit(text, end)) end += 1;
  return text.slice(start, end);
}

/** True where a text holds a wildcard character of a condition: `*`, `?` or `[`. */
export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * Matches a text against a pattern of fnmatch(3) without flags: `*`, `?`, `[a-z]`, `[!a]`, and a backslash that takes
 * the next character as it is. It takes time in the product of both lengths at worst.
 */
export function matchesWildcard(text: string, pattern: string): boolean {
  let at = 0;
  let inPattern = 0;
  let starAt = -1;
  let starPattern = -1;
  while (at < text.length) {
    if (pattern[inPattern] === '*') {
      starPattern = inPattern;
      starAt = at;
      inPattern += 1;
      continue;
    }
    const length = matchOne(text.charAt(at), pattern, inPattern);
    if (length > 0) {
      at += 1;
      inPattern += length;
    } else if (starPattern !== -1) {
      starAt += 1;
      at = starAt;
      inPattern = starPattern + 1;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern += 1;
  return inPattern >= pattern.length;
}

/** How much of the pattern matches one character: 0 for none. */
function matchOne(character: string, pattern: string, at: number): number {
  if (at >= pattern.length) return 0;
  const first = pattern[at];
  if (first === '?') return 1;
  if (first === '\\' && at + 1 < pattern.length) return pattern[at + 1] === character ? 2 : 0;
  if (first === '[') {
    const negated = pattern[at + 1] === '!' || pattern[at + 1] === '^';
    const begin = at + (negated ? 2 : 1);
    const close = pattern.indexOf(']', begin + 1);
    if (close !== -1) {
      let found = false;
      for (let i = begin; i < close; i++) {
        const low = pattern.charAt(i);
        if (pattern[i + 1] === '-' && i + 2 < close) {
          const high = pattern.charAt(i + 2);
          if (low <= character && character <= high) found = true;
          i += 2;
        } else if (low === character) found = true;
      }
      return found !== negated ? close + 1 - at : 0;
    }
  }
  return first === character ? 1 : 0;
}
