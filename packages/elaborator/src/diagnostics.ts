// Every message of pass 2, in SystemTap's wording where it has one. Codes are `elaborate/…`.
import type { Diagnostic, RelatedPlace } from '@stapkit/pass';
import type { DraftType, Token } from './draft.js';

function named(message: string, token: Token | undefined): string {
  return token ? `${message}: ${token.text}` : message;
}

function place(message: string, token: Token): RelatedPlace {
  return { message: named(message, token), span: token.span };
}

/** The macros and arguments that a token came through, innermost first. */
function originChain(token: Token | undefined): RelatedPlace[] {
  const chain: RelatedPlace[] = [];
  for (let origin = token?.origin; origin && chain.length < 50; origin = origin.outer) {
    chain.push({
      message: origin.kind === 'macro' ? `in expansion of macro '@${origin.name}'` : `in argument '${origin.name}'`,
      span: origin.use,
    });
  }
  return chain;
}

interface Extra {
  readonly related?: readonly RelatedPlace[];
  readonly hints?: readonly string[];
}

function error(code: string, message: string, token: Token | undefined, extra: Extra = {}): Diagnostic {
  return make('error', code, message, token, extra);
}

/** How many addresses an x86 processor watches. */
export const DEBUG_REGISTERS = 4;

function warning(code: string, message: string, token: Token | undefined, extra: Extra = {}): Diagnostic {
  return make('warning', code, message, token, extra);
}

function make(severity: 'error' | 'warning', code: string, message: string, token: Token | undefined, extra: Extra) {
  const related = [...(extra.related ?? []), ...originChain(token)];
  return {
    code: `elaborate/${code}`,
    severity,
    class: 'semantic',
    message: named(message, token),
    ...(token ? { span: token.span } : {}),
    ...(related.length > 0 ? { related } : {}),
    ...(extra.hints && extra.hints.length > 0 ? { hints: extra.hints } : {}),
  } satisfies Diagnostic;
}

function similar(names: readonly string[]): string {
  return names.length > 0 ? ` (similar: ${names.join(', ')})` : '';
}

/** The most errors that are told of one script, as of one file by the parser; the rest of it is then not looked at. */
export const MOST_ERRORS = 50;

/** The most warnings that are told. */
export const MOST_WARNINGS = 1000;

/** Whether so many errors stand in a growing list that it is of no use to look for more. */
export function errorLimit(diagnostics: readonly Diagnostic[]): () => boolean {
  let counted = 0;
  let errors = 0;
  return () => {
    // What was counted may have been moved elsewhere since.
    counted = Math.min(counted, diagnostics.length);
    for (; counted < diagnostics.length; counted++) if (diagnostics[counted]!.severity === 'error') errors++;
    return errors >= MOST_ERRORS;
  };
}

/** Keeps the first errors and warnings, and says so where there were more. */
export function limitDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (diagnostics.length < MOST_ERRORS) return diagnostics;
  const left = { error: MOST_ERRORS, warning: MOST_WARNINGS, note: Number.POSITIVE_INFINITY };
  const kept = diagnostics.filter(({ severity }) => left[severity]-- > 0);
  if (left.error <= 0) kept.push(note('too-many-errors', `more than ${MOST_ERRORS - 1} errors; the rest is not shown`));
  if (left.warning < 0) kept.push(note('too-many-warnings', `${-left.warning} more warnings are not shown`));
  return kept;
}

function note(code: string, message: string): Diagnostic {
  return { code: `elaborate/${code}`, severity: 'note', class: 'semantic', message };
}

/** The messages, one function each. */
export const messages = {
  // ------------------------------------------------------------------------------------------------ names
  unresolvedFunction: (name: string, near: readonly string[], token: Token) =>
    error('unresolved-function', `unresolved function ${name}${similar(near)}`, token),
  arityMismatch: (name: string, takes: readonly number[], token: Token, declared: readonly Token[]) =>
    error('function-arity', `arity mismatch found (function '${name}' takes ${takes.join(', ')} args)`, token, {
      related: declared.slice(0, 10).map((at) => ({ message: at.text, span: at.span })),
    }),
  unresolvedArray: (name: string, arity: number, token: Token) =>
    error('unresolved-array', `unresolved arity-${arity} global array ${name}, missing global declaration?`, token),
  unresolvedDelete: (token: Token) => error('unresolved-array', 'unresolved array in delete statement', token),
  inconsistentArity: (first: number, now: number, token: Token, firstPlace: Token | undefined) =>
    error('inconsistent-arity', `inconsistent arity (${first} vs ${now})`, token, {
      related: firstPlace ? [place(`arity ${first} first inferred here`, firstPlace)] : [],
    }),
  tooManyKeys: (token: Token, most: number) => error('too-many-keys', `array has more than ${most} indexes`, token),
  statisticLocal: (token: Token) =>
    error('statistic-local', 'stat locals not supported, missing global declaration? ', token),
  duplicateGlobal: (token: Token, first: Token) =>
    error('duplicate-global', 'duplicate global name', token, { related: [place('first declared here', first)] }),
  duplicateFunction: (token: Token, first: Token) =>
    error('duplicate-function', 'conflicting functions', token, { related: [place('first declared here', first)] }),
  functionGlobalConflict: (name: string, token: Token, first: Token) =>
    error('conflicting-name', `function conflicts with global '${name}'`, token, {
      related: [place('global declared here', first)],
    }),
  duplicateParameter: (name: string, token: Token) =>
    error('duplicate-parameter', `duplicate parameter name '${name}'`, token),

  // ------------------------------------------------------------------------------------------------ types
  typeMismatchSymbol: (now: DraftType, token: Token, first: DraftType, firstPlace: Token | undefined) =>
    error('type-mismatch', `type mismatch (${now})`, token, {
      related: firstPlace ? [place(`type was first inferred here (${first})`, firstPlace)] : [],
    }),
  typeMismatch: (expected: DraftType, found: DraftType, token: Token) =>
    error('type-mismatch', `type mismatch: expected ${expected} but found ${found}`, token),
  indexTypeMismatch: (index: number, now: DraftType, token: Token, first: DraftType, firstPlace: Token | undefined) =>
    error('index-type-mismatch', `index ${index} type mismatch (${now})`, token, {
      related: firstPlace ? [place(`type of index ${index} was first inferred here (${first})`, firstPlace)] : [],
    }),
  invalidType: (type: DraftType, token: Token) => error('invalid-type', `invalid type ${type}`, token),
  unresolvedType: (token: Token) => error('unresolved-type', 'unresolved type ', token),
  valueOfVoid: (name: string, token: Token) => error('void-value', `function '${name}' returns no value`, token),

  // ------------------------------------------------------------------------------------------- expressions
  notAssignable: (token: Token, operand: Token) =>
    error('not-assignable', 'Expecting lvalue for assignment', token, {
      related: [{ message: operand.text, span: operand.span }],
    }),
  sizedScalar: (token: Token) => error('inconsistent-arity', 'inconsistent arity', token),
  wrappedScalar: (token: Token) => error('wrapped-scalar', 'wrapping not supported for scalars', token),
  badVariable: (token: Token) =>
    warning('bad-variable', 'Bad $context variable being substituted with literal 0', token),
  badShift: (shift: string, token: Token) => error('bad-shift', `bit shift (${shift}) out of range <0..62>`, token),
  conflictingShift: (first: number, token: Token) =>
    error('bad-shift', `conflicting bit shifts declared (previously ${first})`, token),
  badDelete: (token: Token) => error('bad-delete', 'invalid operand of delete expression', token),
  wrongArgumentCount: (token: Token) =>
    error('format-arguments', 'Wrong number of args to formatted print operator', token),
  badFormat: (why: string, token: Token) => error('bad-format', why, token),
  badRegex: (why: string, token: Token) => error('bad-regex', `regex compilation error${why}`, token),
  badHistogram: (why: string, token: Token) => error('bad-histogram', why, token),
  conflictingHistogram: (name: string, token: Token) =>
    error('conflicting-histogram', `multiple histogram types declared on '${name}'`, token),
  wrongContext: (what: string, where: string, token: Token) =>
    error('wrong-context', `found '${what}' not in ${where} context`, token),
  conditionNotGlobal: (token: Token) =>
    error('condition-not-global', 'probe condition must not reference undeclared global', token),
  conditionEmbedded: (what: string, token: Token) => error('bad-condition', `probe condition must not ${what}`, token),
  sliceOutside: (token: Token) => error('bad-slice', 'wildcard not allowed in array index', token),
  tooDeep: (token: Token, limit: number) =>
    error('too-deep', `statement or expression nested more than ${limit} levels deep`, token, {
      hints: ['split it with local variables or functions'],
    }),
  tooDeepAnywhere: () =>
    error('too-deep', 'the script is nested too deeply', undefined, {
      hints: ['split it with local variables or functions'],
    }),
  privilege: (level: string, token: Token): RelatedPlace =>
    place(`probe point is not allowed for --privilege=${level}`, token),
  modifiedInForeach: (name: string, token: Token) =>
    error('foreach-change', `variable '${name}' modified during 'foreach' iteration`, token),
  callModifiesForeach: (name: string, token: Token) =>
    error('foreach-change', `function call modifies var '${name}' during 'foreach' iteration`, token),
  guruFunction: (token: Token) => error('guru', 'function may not be used unless -g is specified', token),
  privilegedFunction: (level: string, token: Token) =>
    error('privilege', `function may not be used when --privilege=${level} is specified`, token),
  privilegedExpression: (level: string, token: Token) =>
    error('privilege', `embedded expression may not be used when --privilege=${level} is specified`, token),
  needsGuru: (what: string, token: Token) => error('guru', `${what}; need stap -g`, token),
  outsideLoop: (what: string, token: Token) => error('outside-loop', `cannot '${what}' outside loop`, token),

  // ------------------------------------------------------------------------------------------ probe points
  whileResolving: (token: Token, causes: readonly RelatedPlace[], hints: readonly string[] = []) =>
    error('probe-point', 'while resolving probe point', token, { related: causes, hints }),
  whileRegistering: (token: Token, causes: readonly RelatedPlace[]) =>
    error('probe-alias', 'while registering probe alias', token, { related: causes }),
  pointMismatch: (near: readonly string[], token: Token): RelatedPlace =>
    place(`probe point mismatch${similar(near)}`, token),
  pointTruncated: (next: readonly string[], token: Token): RelatedPlace =>
    place(`probe point truncated (follow: ${next.map((name) => ` ${name}`).join('')})`, token),
  invalidSuffix: (token: Token): RelatedPlace => place('invalid suffix for probe', token),
  aliasCycle: (name: string, token: Token): RelatedPlace => ({
    message: `recursive loop in alias expansion of ${name}`,
    span: token.span,
  }),
  noMatch: (): RelatedPlace => ({ message: 'no match' }),
  cause: (message: string, token?: Token): RelatedPlace => (token ? place(message, token) : { message }),
  stableNotPure: (token: Token) => error('pragma', 'stable function must also be /* pure */', token),
  unresolvedPragma: (what: string, name: string, token: Token) =>
    error('pragma', `unresolved pragma:${what} global ${name}`, token),
  noProbes: (): Diagnostic => error('no-probes', 'no probes found', undefined),
  tooManyProbes: (limit: number, token: Token) =>
    error('too-many-probes', `probe point resolves to more than ${limit} places`, token, {
      hints: ['use a narrower pattern'],
    }),

  // -------------------------------------------------------------------------------------- target variables
  target: (message: string, token: Token, hints: readonly string[] = []) =>
    error('target-variable', message, token, { hints }),

  // ------------------------------------------------------------------------------------------------ warnings
  elidedAssignment: (name: string, token: Token) =>
    warning('elided-assignment', `Eliding assignment to '${name}'`, token),
  elidedExpression: (token: Token) => warning('elided-expression', 'Eliding side-effect-free expression ', token),
  elidedProbe: (name: string, token: Token) => warning('elided-probe', `Probe '${name}' has been elided`, token),
  sideEffectFree: (name: string, token: Token) =>
    warning('side-effect-free', `side-effect-free function '${name}'`, token),
  neverAssigned: (what: 'local' | 'global', name: string, near: readonly string[], token: Token) =>
    warning('never-assigned', `never-assigned ${what} variable '${name}'${similar(near)}`, token),
  manyWatchpoints: (count: number, token: Token) =>
    warning(
      'many-watchpoints',
      `Too many hardware breakpoint probes: ${count}, and the processor has ${DEBUG_REGISTERS}`,
      token,
      { hints: ['those beyond are refused when they are armed; conditions may keep some of them unarmed'] },
    ),
  crossFile: (declared: string, token: Token) =>
    warning('cross-file', `cross-file global variable reference to ${declared} from`, token),
  unusedLocal: (name: string, token: Token) => warning('unused-local', `Eliding unused variable '${name}'`, token),
  unusedFunction: (name: string, token: Token) =>
    warning('unused-function', `Eliding unused function '${name}'`, token),
  note: (message: string, token: Token, hints: readonly string[] = []) => warning('note', message, token, { hints }),
};
