// Property tests: whatever the text, the parser answers with diagnostics, in little time. A few thousand cases run in
// the suite, with a fixed seed; STAPKIT_PROPERTY_RUNS=200000 makes the long run.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkSpans, formatParse, printAst, tokenize } from '../src/index.js';
import { Ast as AstSchema } from '../src/schema.js';
import { expression, SNIPPETS, script } from './arbitraries.js';
import { exampleLibrary, findExamples, parseText, withoutPlaces } from './support.js';

const runs = Number(process.env.STAPKIT_PROPERTY_RUNS ?? 2000);
const seed = Number(process.env.STAPKIT_PROPERTY_SEED ?? 20240607);
const time = Math.max(600_000, runs * 100);
const library = exampleLibrary();

/** Scripts to mutate where the examples are not installed. */
const OWN = [
  'probe vfs.read {printf("read performed\\n"); exit()}',
  'global a, b%[10], c = 3\nprobe a.b = kernel.function("x").call ?, {m, n("q")}.z! { x = $y->z[3]$ }, { y = 2 }\n',
  '@define add(a, b) %( ((@a) + (@b)) %)\nprobe begin { x = @add(1, 2); foreach ([k+, v] in b[*, 3] limit 4) println(k) }\n',
  '%( kernel_v >= "3.2" && arch == "x86*" %? function f:long(a:string):2 { return a =~ "x" } %: global z %)\n',
  'function g() %{ /* pure */ STAP_RETURN(1); %} probe end { try { s <<< 1 } catch (e) { print(@hist_log(s)) } }\n',
];
const texts = [...OWN, ...findExamples().map((example) => example.text)].filter((text) => text.length < 6000);

const mutated: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        drop: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200)),
        put: fc.oneof(fc.constant(''), fc.constantFrom(...SNIPPETS), fc.string({ maxLength: 3 })),
        repeat: fc.oneof(fc.constant(1), fc.constant(1), fc.constant(1), fc.nat(40)),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([text, edits]) => {
    let out = text;
    for (const { at, drop, put, repeat } of edits) {
      const offset = Math.floor(at * out.length);
      out = out.slice(0, offset) + put.repeat(repeat) + out.slice(offset + drop);
    }
    return out;
  });

/** As `toEqual`, but quick where nothing is wrong. */
function expectSame(actual: unknown, expected: unknown, what = ''): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).toEqual(expected);
}

/** Parses a text of any kind and checks what must hold of every answer. */
function checkText(text: string): void {
  const { ast, codes, messages } = parseText(text, { arguments: ['5', 'begin'], library });
  expect(codes.length).toBeLessThan(110);
  expect(messages.filter((message) => /undefined|stapkit bug|\[object/.test(message.split('\n')[0]!))).toEqual([]);
  for (const file of ast.user) expect(checkSpans(file)).toEqual([]);
  if (!messages.some((message) => !message.startsWith('WARNING'))) {
    const again = parseText(printAst(ast));
    expect(again.messages).toEqual([]);
    expectSame(withoutPlaces(again.ast.user[0]!.declarations), withoutPlaces(ast.user[0]!.declarations));
  }
}

test('a mutated script gives diagnostics, never an exception or a hang', { timeout: time }, () => {
  fc.assert(fc.property(mutated, checkText), { numRuns: Math.ceil(runs / 2), seed });
});

test('a heap of grammar pieces gives diagnostics, never an exception or a hang', { timeout: time }, () => {
  const heap = fc.array(fc.constantFrom(...SNIPPETS), { maxLength: 60 }).map((pieces) => pieces.join(' '));
  fc.assert(fc.property(heap, checkText), { numRuns: Math.ceil(runs / 4), seed });
});

test('a generated script reads back from its print as the same tree', { timeout: time }, () => {
  fc.assert(
    fc.property(script, (file) => {
      const text = printAst(file);
      const { ast, messages } = parseText(text);
      expect(messages, text).toEqual([]);
      expectSame(withoutPlaces(ast.user[0]!.declarations), withoutPlaces(file.declarations), text);
      expect(checkSpans(ast.user[0]!)).toEqual([]);
      expect(formatParse(ast)).toContain('# file <input>');
    }),
    { numRuns: Math.ceil(runs / 4), seed },
  );
});

test('a generated tree goes through JSON and the schema unchanged', { timeout: time }, () => {
  fc.assert(
    fc.property(script, (file) => {
      const ast = { kind: 'ast', user: [file], library: [], sources: [], arguments: [] };
      expectSame(AstSchema.parse(JSON.parse(JSON.stringify(ast))), ast);
    }),
    { numRuns: Math.ceil(runs / 20), seed },
  );
});

test('a generated expression reads back in every place that takes one', { timeout: time }, () => {
  fc.assert(
    fc.property(expression, (node) => {
      const text = `probe x if (${printAst(node)}) { y = (${printAst(node)}); }`;
      const { ast, messages } = parseText(text);
      expect(messages, text).toEqual([]);
      const probe = ast.user[0]!.declarations[0];
      expect(probe?.kind === 'probe' && withoutPlaces(probe.points[0]?.condition), text).toEqual(withoutPlaces(node));
    }),
    { numRuns: Math.ceil(runs / 4), seed },
  );
});

test('tokens and comments cover every text but its white space, in order', { timeout: time }, () => {
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string()), (text) => {
      let at = text.startsWith('\ufeff') ? 1 : 0;
      let faults = 0;
      for (const { span, text: token } of tokenize({ name: 't', text })) {
        if (!/^[ \t\r\n\f\v]*$/.test(text.slice(at, span.start))) faults += 1;
        if (span.end <= span.start || text.slice(span.start, span.end) !== token) faults += 1;
        at = span.end;
      }
      expect(faults).toBe(0);
      expect(text.slice(at)).toMatch(/^[ \t\r\n\f\v]*$/);
    }),
    { numRuns: Math.ceil(runs / 4), seed },
  );
});
