// Probe points: dotted parts with literal arguments, wildcards, `{a,b}` alternatives, `?`, `!` and `if (…)`. Braces are
// expanded here, in product order as stapprobes(3stap) says, so that the AST holds plain points only.
import { apply, type Parser } from 'typescript-parsec';
import type { Expression, NumberLiteral, ProbePart, ProbePoint, StringLiteral } from '../ast.js';
import { MAXIMUM_BRACES } from '../diagnostics.js';
import type { Place, ScriptToken, TokenKind } from '../lexical/token.js';
import { readExpression, readNumber, readString } from './expressions.js';
import type { Reader } from './reader.js';
import { reading, separated } from './reader.js';

/** What may stand behind a point. */
interface Suffix {
  readonly optional: boolean;
  readonly sufficient: boolean;
  readonly condition?: Expression;
}

/** A point under construction: its parts, and a suffix where one was written. */
interface Draft {
  readonly parts: readonly ProbePart[];
  readonly suffix?: Suffix;
  /** Where the part that was read last begins. */
  readonly at?: ScriptToken;
}

const PLAIN: Suffix = { optional: false, sufficient: false };

const EXPECTED_PART = "expected identifier or '*' or '{'";

/** How deep `{ }` of a probe point may nest. */
const MAXIMUM_NESTING = 32;

/** Reads one written point, which may stand for several. */
export const probePoint: Parser<TokenKind, readonly ProbePoint[]> = reading(readPoint);

/** `POINT, POINT, …` */
export const probePoints: Parser<TokenKind, ProbePoint[]> = apply(separated(probePoint, ','), (lists) =>
  lists.length === 1 ? [...lists[0]!] : lists.flat(),
);

function readPoint(reader: Reader): readonly ProbePoint[] {
  const first = reader.token;
  const drafts = readAlternative(reader, 0);
  const place = reader.place(first);
  return drafts.map(({ parts, suffix }) =>
    suffix || place.origin
      ? { kind: 'probe-point', ...place, parts, ...(suffix ?? PLAIN) }
      : // The common one, spelt out: copying properties takes longer than all the rest of a point.
        { kind: 'probe-point', span: place.span, parts, optional: false, sufficient: false },
  );
}

/** A dotted sequence and its suffix: one alternative of a pair of braces, or a whole point. */
function readAlternative(reader: Reader, nesting: number): Draft[] {
  const first = reader.token;
  let drafts: Draft[] = [{ parts: [] }];
  for (;;) {
    const component = readComponent(reader, nesting);
    if (drafts.length * component.length > MAXIMUM_BRACES) {
      reader.fail('braces', `the braces stand for more than ${MAXIMUM_BRACES} probe points`, {}, first);
    }
    drafts = joinDrafts(drafts, component);
    if (reader.token.symbol !== '.') break;
    const early = drafts.find((draft) => draft.suffix);
    if (early) {
      const message = "'?', '!' or condition must only be specified in suffix";
      reader.fail('suffix', message, { verb: 'at' }, early.at ?? first);
    }
    reader.take();
  }
  const mark = reader.token;
  const suffix = readSuffix(reader);
  if (!suffix) return drafts;
  if (
    (suffix.optional || suffix.sufficient) &&
    drafts.some((draft) => draft.suffix?.optional || draft.suffix?.sufficient)
  ) {
    reader.fail('suffix', "'?' or '!' respecified", {}, mark);
  }
  if (suffix.condition && drafts.some((draft) => draft.suffix?.condition)) {
    reader.fail('suffix', 'condition respecified', {}, reader.previous);
  }
  // What stands behind the braces goes with a suffix inside them.
  return drafts.map((draft) => ({
    ...draft,
    suffix: draft.suffix ? bothSuffixes(draft.suffix, suffix) : suffix,
  }));
}

/** Each of the one followed by each of the other. */
function joinDrafts(left: readonly Draft[], right: readonly Draft[]): Draft[] {
  const [one] = left;
  if (left.length === 1 && one!.parts.length === 0) return [...right];
  return left.flatMap((before) => right.map((after) => ({ ...after, parts: [...before.parts, ...after.parts] })));
}

function bothSuffixes(inner: Suffix, outer: Suffix): Suffix {
  const condition = inner.condition ?? outer.condition;
  return {
    optional: inner.optional || outer.optional,
    sufficient: inner.sufficient || outer.sufficient,
    ...(condition ? { condition } : {}),
  };
}

function readSuffix(reader: Reader): Suffix | undefined {
  let optional = false;
  let sufficient = false;
  let condition: Expression | undefined;
  const first = reader.token;
  if (reader.accept('?')) optional = true;
  else if (reader.accept('!')) sufficient = true;
  if (reader.accept('if')) {
    reader.expect('(');
    condition = readExpression(reader);
    reader.expect(')');
  }
  if (reader.token === first) return undefined;
  return { optional, sufficient, ...(condition ? { condition } : {}) };
}

/** One component: `name`, `name("x")`, `sys*`, or `{…}`. */
function readComponent(reader: Reader, nesting: number): Draft[] {
  const first = reader.token;
  if (first.symbol === '{') {
    if (nesting === MAXIMUM_NESTING) reader.fail('too-deep', 'nested too deeply');
    reader.take();
    const drafts: Draft[] = [];
    for (;;) {
      drafts.push(...readAlternative(reader, nesting + 1));
      if (drafts.length > MAXIMUM_BRACES) {
        reader.fail('braces', `the braces stand for more than ${MAXIMUM_BRACES} probe points`, {}, first);
      }
      if (reader.accept('}')) break;
      if (!reader.accept(',')) reader.fail('expected', "expected ',' or '}'");
    }
    return drafts;
  }
  const name = readPartName(reader);
  if (reader.token.symbol !== '(') return [{ parts: [makePart(reader.place(first), name)], at: first }];
  reader.take();
  const argument = readLiteral(reader);
  reader.expect(')');
  return [{ parts: [makePart(reader.place(first), name, argument)], at: first }];
}

function makePart({ span, origin }: Place, name: string, argument?: NumberLiteral | StringLiteral): ProbePart {
  if (!origin && !argument) return { kind: 'probe-part', span, name };
  if (!origin && argument) return { kind: 'probe-part', span, name, argument };
  return { kind: 'probe-part', span, ...(origin ? { origin } : {}), name, ...(argument ? { argument } : {}) };
}

/** A literal argument or initial value: a string, or a number that may have a sign. */
export function readLiteral(reader: Reader): NumberLiteral | StringLiteral {
  const { token } = reader;
  if (token.kind === 'string') return readString(reader, '');
  if (token.kind === 'number' || token.symbol === '-') return readNumber(reader, 'expected literal string or number');
  return reader.fail('expected-value', 'expected literal string or number', {
    ...(token.kind === 'identifier' ? { hints: ['strings are written in double quotes'] } : {}),
  });
}

/** A part's name is made of words and stars that touch one another; keywords are as good as other words. */
function readPartName(reader: Reader): string {
  if (!isNamePiece(reader.token)) reader.fail('expected', EXPECTED_PART);
  let name = reader.take().text;
  while (isNamePiece(reader.token) && touches(reader.previous, reader.token)) {
    if (reader.token.symbol !== '*' && reader.previous.symbol !== '*') break;
    name += reader.take().text;
  }
  return name;
}

function isNamePiece(token: ScriptToken): boolean {
  return token.kind === 'identifier' || token.kind === 'keyword' || token.symbol === '*';
}

function touches(left: ScriptToken, right: ScriptToken): boolean {
  return left.source === right.source && left.end === right.start && left.origin === right.origin;
}
