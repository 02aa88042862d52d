// The syntax of printf's format strings (langref, "printf"): a malformed directive is a parse error in SystemTap too.
import { stringValue } from '../lexical/literals.js';
import type { ScriptToken } from '../lexical/token.js';
import type { Reader } from './reader.js';

/** Flags, width, precision, an optional C length that is ignored, and the conversion. */
const DIRECTIVE = /%(?:%|[0\-+ #]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?[lL]?[bcdimMopsuxX])/y;

/**
 * Finds the first malformed directive of a format.
 *
 * @param format the string's value
 * @returns its text up to where it goes wrong, or undefined where all are well-formed
 */
export function malformedDirective(format: string): string | undefined {
  for (let at = format.indexOf('%'); at !== -1; at = format.indexOf('%', at)) {
    DIRECTIVE.lastIndex = at;
    const match = DIRECTIVE.exec(format);
    if (!match) return /^%[0\-+ #\d*.lL]*./s.exec(format.slice(at, at + 40))?.[0] ?? '%';
    at += match[0].length;
  }
  return undefined;
}

/** Reports a malformed directive of the format literal that begins at a token. */
export function checkFormat(reader: Reader, token: ScriptToken): void {
  const bad = malformedDirective(stringValue(token.text));
  if (bad === undefined) return;
  reader.error('format', 'invalid or missing conversion specifier', token, {
    hints: [`"${bad}" is none of %b %c %d %i %m %M %o %p %s %u %x %X %%; write %% for a percent sign`],
  });
}
