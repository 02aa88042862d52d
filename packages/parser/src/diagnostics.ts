// Every message of the parser: codes, SystemTap's wording, and what we add to it. A message ends in the token that was
// seen, as SystemTap prints it on a line of its own.
import type { Diagnostic, RelatedPlace } from '@stapkit/pass';
import type { Origin } from './ast.js';
import { describeToken, type ScriptToken } from './lexical/token.js';

/** The most errors that are reported of one file; what follows that many is rarely about the script any more. */
export const MAXIMUM_ERRORS = 50;

/** How deep expressions and statements may nest, counted in nodes of the tree. Real scripts stay below 60. */
export const MAXIMUM_DEPTH = 500;

/**
 * How many tokens one file may have: some 250 kB of dense script, 8,000 lines. The tree takes about 300 bytes a token, so that this
 * bounds the memory and time of every pass; the largest tapset file has 20,000.
 */
export const MAXIMUM_TOKENS = 50_000;

/** Characters of one string. MAXSTRINGLEN, which cuts strings when a script runs, is 512 where nothing else is said. */
export const MAXIMUM_STRING = 1 << 20;

/** How many tokens the macros of one file may expand to. */
export const MAXIMUM_EXPANSION = 50_000;

/** How many tokens the definitions and arguments of macros of one file may hold. */
export const MAXIMUM_KEPT = 250_000;

/** How many macros may be within one another. */
export const MAXIMUM_MACRO_DEPTH = 100;

/** How many probe points one written point with braces may stand for. */
export const MAXIMUM_BRACES = 4096;

/** What a diagnostic may carry beside its message. */
export interface Extra {
  readonly hints?: readonly string[];
  readonly related?: readonly RelatedPlace[];
  readonly severity?: Diagnostic['severity'];
  /** `saw` (the grammar) or `at` (the lexer and the preprocessor), as SystemTap tells them apart. */
  readonly verb?: 'saw' | 'at';
}

/**
 * Makes a parse error at a token.
 *
 * @param code the slug behind `parser/`
 * @param message what is wrong, in SystemTap's words where it has some
 * @param token where, and what is named as seen
 */
export function parseError(code: string, message: string, token: ScriptToken, extra: Extra = {}): Diagnostic {
  const related = [...expansionChain(token.origin), ...(extra.related ?? [])];
  return {
    code: `parser/${code}`,
    severity: extra.severity ?? 'error',
    class: 'parse',
    message,
    saw: `${extra.verb ?? 'saw'}: ${describeToken(token)}`,
    span: token.span,
    ...(related.length > 0 ? { related } : {}),
    ...(extra.hints?.length ? { hints: extra.hints } : {}),
  };
}

/** The chain of expansions that led to a place, innermost first, cut where it is very long. */
export function expansionChain(origin: Origin | undefined): RelatedPlace[] {
  const chain: RelatedPlace[] = [];
  for (let at = origin; at; at = at.outer) {
    if (chain.length === 10) {
      chain.push({ message: 'and so on' });
      break;
    }
    chain.push(
      at.kind === 'macro'
        ? { message: `in expansion of macro: operator '@${at.name}'`, span: at.use }
        : { message: `in command line argument: '${at.name}'`, span: at.use },
    );
  }
  return chain;
}
