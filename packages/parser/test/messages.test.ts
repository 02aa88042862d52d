// Messages: SystemTap 4.8's words (checked by running `stap -p1` on the same texts) with what we add.
import { expect, test } from 'vitest';
import { formatParse, parse, printAst } from '../src/index.js';
import { FACTS, macroLibrary, parseText } from './support.js';

/** The first line and the `saw` line of every message. */
function heads(text: string, options: Parameters<typeof parseText>[1] = {}): string[] {
  return parseText(text, options).messages.map((message) =>
    message
      .split('\n')
      .filter((line, index) => index === 0 || /^ *(saw|at): /.test(line))
      .map((line) => line.trim())
      .join(' | '),
  );
}

/** The first message of a text. */
function first(text: string, options: Parameters<typeof parseText>[1] = {}): string {
  return parseText(text, options).messages[0] ?? '';
}

test('an error shows what was expected, what was seen, and the line with a caret', () => {
  expect(parseText('probe begin { x = = 3 }').messages).toEqual([
    [
      'parse error: expected literal string or number',
      "        saw: operator '=' at <input>:1:19",
      '     source: probe begin { x = = 3 }',
      '                               ^',
      '  hint: comparison is written ==',
    ].join('\n'),
  ]);
});

const MESSAGES: readonly (readonly [text: string, message: string, saw: string])[] = [
  ['foo', "expected 'probe', 'global', 'private', 'function', or '%{'", "saw: identifier 'foo' at <input>:1:1"],
  ['probe kernel.function(x) {}', 'expected literal string or number', "saw: identifier 'x' at <input>:1:23"],
  ['probe a.3b {}', "expected identifier or '*' or '{'", "saw: number '3b' at <input>:1:9"],
  ['probe a b {}', "expected one of ', { } = +='", "saw: identifier 'b' at <input>:1:9"],
  ['probe a * b {}', "expected one of ', { } = +='", "saw: operator '*' at <input>:1:9"],
  ['probe a.*=b {}', "expected identifier or '*' or '{'", "saw: operator '*=' at <input>:1:9"],
  ['probe {a?,b}.c {}', "'?', '!' or condition must only be specified in suffix", "at: identifier 'a' at <input>:1:8"],
  ['probe {a,b} = c {}', 'expected probe point specifier', "saw: operator '=' at <input>:1:13"],
  [
    'probe a += b {}, {}',
    "Combined prologue and epilogue cannot be defined with '+='",
    "saw: operator ',' at <input>:1:16",
  ],
  ['global 3', 'expected identifier', "saw: number '3' at <input>:1:8"],
  ['global x, x', 'duplicate global name', "saw: identifier 'x' at <input>:1:11"],
  ['global x[a]', 'expected number', "saw: identifier 'a' at <input>:1:10"],
  ['global x[3] = 4', 'only scalar globals can be initialized', "saw: operator '=' at <input>:1:13"],
  ['global x[0]', 'array size out of range', "saw: number '0' at <input>:1:10"],
  ['global x = y', 'expected literal string or number', "saw: identifier 'y' at <input>:1:12"],
  ['private probe a {}', "expected 'function' or identifier", "saw: keyword 'probe' at <input>:1:9"],
  ['function f:int() {}', "expected 'string' or 'long'", "saw: identifier 'int' at <input>:1:12"],
  ['function f:long {}', "expected '('", "saw: operator '{' at <input>:1:17"],
  ['function f(a, a) {}', 'duplicate parameter names', "saw: identifier 'a' at <input>:1:15"],
  ['function f() 3', "expected '{'", "saw: number '3' at <input>:1:14"],
  ['function f():-3 {}', 'specified priority must be > 0', "saw: operator '-' at <input>:1:14"],
  ['probe begin { return }', "found 'return' not in function context", "saw: keyword 'return' at <input>:1:15"],
  ['probe begin { if x }', "expected '('", "saw: identifier 'x' at <input>:1:18"],
  ['probe begin { x in 3 }', 'expected identifier or statistical operation', "saw: number '3' at <input>:1:20"],
  ['probe begin { (1, 2) }', "expected ')'", "saw: operator ',' at <input>:1:17"],
  ['probe begin { x =~ y }', 'expected literal string', "saw: identifier 'y' at <input>:1:20"],
  ['probe begin { print 3 }', "expected '('", "saw: number '3' at <input>:1:21"],
  ['probe begin { print() }', 'expected literal string or number', "saw: operator ')' at <input>:1:21"],
  ['probe begin { printf(x) }', 'expected literal string', "saw: identifier 'x' at <input>:1:22"],
  ['probe begin { printf("%q", x) }', 'invalid or missing conversion specifier', "saw: string '%q' at <input>:1:22"],
  ['probe begin { x->3 }', 'expected identifier or keyword', "saw: number '3' at <input>:1:18"],
  [
    'probe begin { foreach (a in 3) ; }',
    'expected identifier or statistical operation',
    "saw: number '3' at <input>:1:29",
  ],
  ['probe begin { foreach ([a+, b-] in c) ; }', 'multiple sort directives', "saw: operator '-' at <input>:1:30"],
  ['probe begin { foreach (a in c @sum) ; }', 'expected sort directive', "saw: operator ')' at <input>:1:35"],
  [
    'probe begin { foreach (a in c @foo+) ; }',
    'expected statistical operation',
    "saw: operator '@foo' at <input>:1:31",
  ],
  ['probe begin { try {} }', "expected 'catch'", "saw: operator '}' at <input>:1:22"],
  ['probe begin { @cast(x) }', "expected ','", "saw: operator ')' at <input>:1:22"],
  ['probe begin { @variance(x, y) }', 'expected number', "saw: identifier 'y' at <input>:1:28"],
  ['probe begin { @const("") }', 'expected non-empty string', "saw: operator ')' at <input>:1:24"],
  ['probe begin { @perf("") }', 'expected non-empty string', "saw: operator ')' at <input>:1:23"],
  ['probe begin { @cast(x, "") }', 'expected non-empty string', "saw: operator ')' at <input>:1:26"],
  ['probe begin { &(&$x) }', 'cannot take address more than once', "at: operator '&' at <input>:1:15"],
  ['function f():0 {}', 'specified priority must be > 0', "saw: number '0' at <input>:1:14"],
  ['probe begin { x = @foo }', 'unknown operator @foo', "saw: operator '@foo' at <input>:1:19"],
  ['probe begin', "expected one of ', { } = +='", 'saw: end of file at <input>:1:12'],
];

test.each(MESSAGES)('%s', (text, message, saw) => {
  expect(heads(text)).toEqual([`parse error: ${message} | ${saw}`]);
});

test('a whole histogram stands by itself in a print, and nowhere else as a value', () => {
  expect(heads('probe begin { print(@hist_log(x)); sprintln(@hist_linear(x, 1, 2, 3)); y = @hist_log(x)[3] }')).toEqual(
    [],
  );
  const wrong = [
    'y = @hist_log(x)',
    '@hist_log(x)',
    '(@hist_log(x))[3]',
    'f(@hist_log(x))',
    'print("a", @hist_log(x))',
  ];
  for (const text of [...wrong, 'print(@hist_log(x), 3)', 'print(@hist_log(x) + 1)', 'printd(",", @hist_log(x), 1)']) {
    expect(heads(`probe begin { ${text} }`), text).toEqual([
      expect.stringMatching(
        /^parse error: base histogram operator where expression expected \| at: operator '@hist_log' at/,
      ),
    ]);
  }
});

test('several errors are reported in one run, each where it is', () => {
  expect(heads('probe begin { x = ; y = ) ; z = 1 }\nglobal 3\nfunction f( { }\nprobe end { ok() }')).toEqual([
    "parse error: expected literal string or number | saw: operator ';' at <input>:1:19",
    "parse error: expected literal string or number | saw: operator ')' at <input>:1:25",
    "parse error: expected identifier | saw: number '3' at <input>:2:8",
    "parse error: expected identifier | saw: operator '{' at <input>:3:13",
  ]);
});

test('what is right around an error is in the tree', () => {
  const { ast } = parseText(
    'probe one { a(); x = = 3; b() }\nprobe ??? {}\nfunction f() { return 1 }\nprobe two { c( }',
  );
  expect(ast.user[0]?.declarations).toMatchObject([
    { kind: 'probe', body: { statements: [{ expression: { name: 'a' } }, { expression: { name: 'b' } }] } },
    { kind: 'function', name: 'f' },
    { kind: 'probe', points: [{ parts: [{ name: 'two' }] }] },
  ]);
});

test('a missing brace is noticed at the next declaration, with the place where the block began', () => {
  const { messages } = parseText('probe one {\n  if (a) {\n    b()\n}\nprobe two { c() }');
  expect(messages).toHaveLength(1);
  expect(messages[0]).toContain("parse error: expected statement\n        saw: keyword 'probe' at <input>:5:1");
  expect(messages[0]).toContain('the block begins here at <input>:1:11');
});

test('an error in one line does not spoil the next one', () => {
  expect(heads('probe begin {\n  a = b c d e(\n  f = 1\n  g()\n}')).toHaveLength(1);
  expect(heads('probe begin {\n  a = * 3\n  f = 1\n  g( 3 * )\n  h()\n}')).toHaveLength(2);
});

test('an unexpected end is shown behind the last word', () => {
  expect(parseText('probe begin {\n  x = 1 +\n\n').messages).toEqual([
    [
      'parse error: expected literal string or number',
      '        saw: end of file at <input>:2:10',
      '     source:   x = 1 +',
      '                      ^',
    ].join('\n'),
  ]);
});

test('there is a limit to the errors of one file', () => {
  const { codes } = parseText('probe begin { x = ; }\n'.repeat(200));
  expect(codes.filter((code) => code === 'parser/expected-value')).toHaveLength(50);
  expect(codes.at(-1)).toBe('parser/too-many-errors');
});

test('a misspelt macro gets the names like it', () => {
  const { messages } = parseText('probe begin { x = @contaner_of(1) }', {
    library: macroLibrary('@define container_of(p) %( @p %)'),
  });
  expect(messages[0]).toContain('hint: similar macros: @container_of');
});

test('a size before the wrapping mark is answered with the right order', () => {
  expect(parseText('global a[3]%').messages[0]).toContain('hint: the wrapping mark comes before the size: a%[3]');
});

test('a remainder written as %( is told from a preprocessor conditional', () => {
  expect(parseText('probe begin { x = a %(b + c) }').messages[0]).toContain('hint: put a space between % and (');
});

test('characters that begin no token are reported one by one and passed over', () => {
  expect(heads('probe begin { é = 1; ` x = 2 }')).toEqual([
    "parse error: no token begins with this character | at: junk 'é' at <input>:1:15",
    "parse error: no token begins with this character | at: junk '`' at <input>:1:22",
  ]);
});

// What follows was put to SystemTap 4.8 word for word.

test('an alias has several names where more marks stand before its points', () => {
  for (const marks of [
    ['=', '+='],
    ['+=', '+='],
    ['+=', '='],
  ]) {
    const { ast, messages } = parseText(`probe a ${marks[0]} b.c ${marks[1]} begin { } probe a { }`);
    expect(messages).toEqual([]);
    expect(formatParse(ast)).toContain('probe a = b.c += begin{');
    expect(printAst(ast)).toContain('probe a = b.c += begin {');
  }
  expect(parseText('probe a = b = begin { } probe a { }').ast.user[0]!.declarations[0]).toMatchObject({
    style: 'prologue',
    names: [{ parts: [{ name: 'a' }] }, { parts: [{ name: 'b' }] }],
  });
  expect(first('probe a, c = b = begin { } probe a {}')).toMatch(/^parse error: expected probe point specifier/);
});

test.each([
  ['probe a.{b?,c}! {}', "'?' or '!' respecified"],
  ['probe a.{b?,c}? {}', "'?' or '!' respecified"],
  ['probe a.{b if (x),c} if (y) {}', 'condition respecified'],
  ['probe begin { x = (a, b) }', "expected ')'"],
  ['probe begin { println(@2) }', 'command line argument out of range [1-0]'],
])('%s is refused as SystemTap refuses it', (text, message) => {
  expect(first(text).split('\n')[0]).toBe(`parse error: ${message}`);
});

test('operators that are for the privileged', () => {
  expect(first('probe begin { print(@const("1")) }', { facts: { guru: false } })).toMatch(
    /^parse error: using @const operator not permitted; need stap -g/,
  );
  expect(first('probe begin { print(%{ 1 %}) }', { facts: { guru: false } })).toMatch(
    /^parse error: embedded expression code in unprivileged script; need stap -g/,
  );
  expect(parseText('probe begin { print(@const("1")) }', { facts: { guru: true } }).messages).toEqual([]);
});

test('a text of comments is empty; one whose conditionals leave nothing is so after preprocessing', () => {
  const message = (text: string) => parse({ scripts: [{ name: 'x.stp', text }], facts: FACTS }).diagnostics[0]?.message;
  expect(message('  # nothing\n')).toBe("Input file 'x.stp' is empty");
  expect(message('%( 1 == 2 %? probe begin {} %)')).toBe("Input file 'x.stp' is empty after preprocessing");
});
