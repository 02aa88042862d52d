// What an editor plugin builds on: trees of broken scripts, comments, tokens, visitors, places.
import { expect, test } from 'vitest';
import { checkSpans, childrenOf, NO_FACTS, parseScript, tokenize, visitNode } from '../src/index.js';
import { declarationsOf } from './support.js';

const source = (text: string) => ({ name: 'a.stp', text });

test('parseScript needs nothing but a text', () => {
  const { value, diagnostics, comments } = parseScript(source('probe begin { x = 1 } %{ c %}'));
  expect(diagnostics).toEqual([]);
  expect(comments).toEqual([]);
  expect(value).toMatchObject({ kind: 'script-file', name: 'a.stp', privileged: false, declarations: { length: 2 } });
});

test('a broken script has a tree as well as diagnostics', () => {
  const { value, diagnostics } = parseScript(source('probe begin { foo(1, ; bar() }'));
  expect(diagnostics).toHaveLength(1);
  expect(value.declarations).toMatchObject([
    { kind: 'probe', body: { statements: [{ expression: { name: 'bar' } }] } },
  ]);
});

test('comments are listed on request, with style and place, also where no branch is taken', () => {
  const text = '# a\nprobe begin { // b\n /* c */ } %( 1 == 2 %? /* d */ %)';
  const { comments } = parseScript(source(text), { comments: true });
  expect(comments.map(({ style, span }) => [style, text.slice(span.start, span.end)])).toEqual([
    ['shell', '# a'],
    ['line', '// b'],
    ['block', '/* c */'],
    ['block', '/* d */'],
  ]);
});

test('tokenize gives kinds for highlighting, and marks what is malformed', () => {
  const kinds = tokenize(source('@define x %( 1 %) probe $1 { $v = @count("s") # c\n "open')).map(
    ({ kind, text, malformed }) => (malformed ? `${kind}! ${text}` : `${kind} ${text}`),
  );
  expect(kinds).toEqual([
    'preprocessor @define',
    'identifier x',
    'preprocessor %(',
    'number 1',
    'preprocessor %)',
    'keyword probe',
    'argument $1',
    'operator {',
    'target-variable $v',
    'operator =',
    'directive @count',
    'operator (',
    'string "s"',
    'operator )',
    'comment # c',
    'string! "open',
  ]);
});

test('a visit comes to every node, parents first, and can skip or stop', () => {
  const { value } = parseScript(source('probe a { if (b) c($d[e]); else f }'));
  const kinds: string[] = [];
  visitNode(value, (node) => {
    kinds.push(node.kind);
    return undefined;
  });
  expect(kinds).toEqual([
    ...[
      'script-file',
      'probe',
      'probe-point',
      'probe-part',
      'block',
      'if',
      'identifier',
      'expression-statement',
      'call',
    ],
    ...['target-variable', 'identifier', 'expression-statement', 'identifier'],
  ]);
  let count = 0;
  visitNode(value, (node) => {
    count += 1;
    return node.kind === 'probe-point' ? 'skip' : node.kind === 'block' ? 'stop' : undefined;
  });
  expect(count).toBe(4);
  expect(childrenOf(value).map((child) => child.kind)).toEqual(['probe']);
});

test('spans cover what they name', () => {
  const text = 'probe kernel.function("x").call ? if (a) { $b->c[d]$ = e . "f" "g" }';
  const { value } = parseScript(source(text));
  const spans: string[] = [];
  visitNode(value, (node) => {
    if (node.kind !== 'ast') spans.push(`${node.kind}: ${text.slice(node.span.start, node.span.end)}`);
    return undefined;
  });
  expect(spans.slice(1)).toEqual([
    `probe: ${text}`,
    'probe-point: kernel.function("x").call ? if (a)',
    'probe-part: kernel',
    'probe-part: function("x")',
    'string: "x"',
    'probe-part: call',
    'identifier: a',
    'block: { $b->c[d]$ = e . "f" "g" }',
    'expression-statement: $b->c[d]$ = e . "f" "g"',
    'assignment: $b->c[d]$ = e . "f" "g"',
    'target-variable: $b->c[d]$',
    'identifier: d',
    'binary: e . "f" "g"',
    'identifier: e',
    'string: "f" "g"',
  ]);
  expect(checkSpans(value)).toEqual([]);
});

test('the span checker finds a node that lies outside its parent', () => {
  const { value } = parseScript(source('probe a { b }'));
  const [probe] = value.declarations;
  const moved = { ...value, declarations: [{ ...probe!, span: { file: 'a.stp', start: 2, end: 5 } }] } as typeof value;
  expect(checkSpans(moved).length).toBeGreaterThan(0);
});

test('up to 3.3 an assignment could stand behind ?: without parentheses', () => {
  const options = { facts: { ...NO_FACTS, systemtapVersion: '3.3' } };
  const old = parseScript(source('probe a { x ? y : z = 1 }'), options).value.declarations[0];
  expect(old).toMatchObject({
    body: { statements: [{ expression: { kind: 'conditional', else: { kind: 'assignment' } } }] },
  });
  expect(declarationsOf('probe a { x ? y : z = 1 }')).toMatchObject([
    { body: { statements: [{ expression: { kind: 'assignment', target: { kind: 'conditional' } } }] } },
  ]);
});

test('globals may have a type, and everything about them is in the tree', () => {
  expect(declarationsOf('global a:long = 3, b:string%[10], c; private global d%; private e = "x"')).toMatchObject([
    { name: 'a', type: 'long', initial: { value: '3' }, private: false, wrap: false },
    { name: 'b', type: 'string', wrap: true, size: 10 },
    { name: 'c', private: false },
    { name: 'd', private: true, wrap: true },
    { name: 'e', private: true, initial: { value: 'x' } },
  ]);
});
