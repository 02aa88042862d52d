import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRegex, type RegexAutomaton, type RegexTag } from '../src/index.js';

/** Runs an automaton as the IR says; the bounds of each group, or undefined where nothing matches. */
function run(automaton: RegexAutomaton, subject: string): number[] | undefined {
  const registers = new Array<number>(automaton.registers).fill(-1);
  const apply = (tags: readonly RegexTag[], position: number): void => {
    for (const tag of tags) {
      registers[tag.register] = tag.unset ? -1 : tag.copyOf === undefined ? position : registers[tag.copyOf]!;
    }
  };
  let state = 0;
  let matched: number[] | undefined;
  for (let at = 0; ; at++) {
    const here = automaton.states[state]!;
    if (here.accepting) {
      apply(here.finish, Math.min(at, subject.length));
      matched = registers.slice(0, 2 * (automaton.groups + 1));
    }
    if (at > subject.length) return matched;
    const byte = at === subject.length ? 0 : subject.charCodeAt(at);
    const edge = here.transitions.find((one) => one.from <= byte && byte <= one.to);
    if (!edge) return matched;
    apply(edge.tags, at);
    state = edge.target;
  }
}

function compile(pattern: string, tagged = true): RegexAutomaton {
  const compiled = compileRegex(pattern, tagged);
  if ('fault' in compiled) throw new Error(`${pattern}: ${compiled.fault}`);
  return compiled;
}

test.each([
  ['a(b|c*)c$', 'xxabc'],
  ['^a[b-d]+$', 'abcd'],
  ['^a[b-d]+$', 'xabcd'],
  ['(a|ab)(c|bcd)(d*)', 'abcd'],
  ['x*', 'aaa'],
  ['[[:digit:]]+', 'ab123c'],
  ['[^a-c]d', 'adbdcdxd'],
  ['a{2,3}', 'xaaaax'],
  ['(foo|bar)?baz', 'foobaz'],
  ['\\.stp$', 'a.stp'],
  ['[]x]+', 'a]x]'],
  ['a|b|', 'c'],
  ['(a*)(b*)$', 'xaab'],
])('finds %s in %s where JavaScript does', (pattern, subject) => {
  const native = new RegExp(pattern.replace('[[:digit:]]', '[0-9]').replace('[]x]', '[\\]x]'), 'd').exec(subject);
  const expected = native?.indices?.flatMap((pair) => pair ?? [-1, -1]);
  expect(run(compile(pattern), subject)).toEqual(expected);
  expect(run(compile(pattern, false), subject) !== undefined).toBe(native !== null);
});

test('agrees with JavaScript on generated patterns', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '.', '[^b]', '(a|b)', '(ab)', '(b)');
  const piece = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}')).map(([one, mark]) => one + mark);
  const pattern = fc
    .tuple(fc.constantFrom('', '^'), fc.array(piece, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '$'))
    .map(([head, pieces, tail]) => head + pieces.join('') + tail);
  const subject = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 }).map((letters) => letters.join(''));
  fc.assert(
    fc.property(pattern, subject, (text, letters) => {
      const native = new RegExp(text, 'd').exec(letters);
      const found = run(compile(text), letters);
      expect(found?.slice(0, 2)).toEqual(native?.indices?.[0] ?? undefined);
      expect(run(compile(text, false), letters) !== undefined).toBe(native !== null);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['a(b', ' (at position 2): expected ), found end of regex'],
  ['[a', ' (at position 1): unclosed character class'],
  ['[]', ' (at position 1): unclosed character class'],
  ['[^]', ' (at position 2): unclosed character class'],
  ['*a', " (at position 0): unexpected '*'"],
  ['{2}', " (at position 0): unexpected '{'"],
  ['a{2', ' (at position 3): unexpected end of regex'],
  ['a{,3}', ' (at position 3): expected number'],
  ['[[:foo:]]', ": unknown character class 'foo'"],
  ['[z-a]', ' (at position 4): Inverted character range z-a'],
])('says what is wrong with %s in the words of SystemTap', (pattern, fault) => {
  expect(compileRegex(pattern)).toEqual({ fault });
});

test.each([
  ['a)', /unbalanced '\)'/],
  ['a{3,2}', /invalid repetition range \{3,2\}/],
  ['(((a{200}){200}){200})', /too large/],
  ['('.repeat(300), /nested groups/],
])('says what is wrong with %s, which SystemTap takes or falls over', (pattern, message) => {
  expect(compileRegex(pattern)).toMatchObject({ fault: expect.stringMatching(message) });
});

test('stops at the first match where no groups are asked for', () => {
  const { states } = compile('ab+', false);
  expect(states.filter((state) => state.accepting).every((state) => state.transitions.length === 0)).toBe(true);
});
