import { expect, test } from 'vitest';
import { type Expression, printAst } from '../../src/index.js';
import { declarationsOf, macroLibrary, parseText } from '../support.js';

/** The assigned values of a script's only probe, as source. */
function values(text: string, options: Parameters<typeof parseText>[1] = {}): string[] {
  return declarationsOf(text, options).flatMap((node) =>
    node.kind === 'probe'
      ? node.body.statements.map((statement) =>
          statement.kind === 'expression-statement' && statement.expression.kind === 'assignment'
            ? printAst(statement.expression.value)
            : printAst(statement),
        )
      : [],
  );
}

/** Whether a condition holds. */
function holds(condition: string, options: Parameters<typeof parseText>[1] = {}): boolean {
  const [first] = declarationsOf(`%( ${condition} %? probe yes {} %: probe no {} %)`, options);
  return first?.kind === 'probe' && first.points[0]?.parts[0]?.name === 'yes';
}

function first(text: string, options: Parameters<typeof parseText>[1] = {}): string {
  return (
    parseText(text, options)
      .messages[0]?.split('\n')
      .slice(0, 2)
      .map((line) => line.trim())
      .join(' | ') ?? ''
  );
}

test('arguments are pasted as tokens with $, and as one string with @', () => {
  const script = 'probe begin { x = $1; y = @1; n = $#; s = @#; z = $2 3 }';
  expect(values(script, { arguments: ['5+5', '1 +'] })).toEqual(['5 + 5', '"5+5"', '2', '"2"', '1 + 3']);
});

test('an argument may be anything that a token may begin, also a probe point and a condition', () => {
  expect(declarationsOf('probe $1 { $2 }', { arguments: ['kernel.function("x").call', 'a(); b()'] })).toMatchObject([
    {
      points: [{ parts: [{ name: 'kernel' }, { name: 'function' }, { name: 'call' }] }],
      body: { statements: { length: 2 } },
    },
  ]);
  expect(holds('$# == 1 && $1 > 3 && @1 == "4"', { arguments: ['4'] })).toBe(true);
});

test('quotes and backslashes of an argument are kept in its string', () => {
  const [probe] = declarationsOf('probe begin { x = @1 "b" }', { arguments: ['a"\\n\n'] });
  expect(JSON.stringify(probe)).toContain(JSON.stringify('a"\\n\nb'));
});

test('every fault of arguments is reported', () => {
  expect(first('probe begin { x = $3 }', { arguments: ['a'] })).toBe(
    "parse error: command line argument out of range [1-1] | at: argument '$3' at <input>:1:19",
  );
  expect(first('probe begin { x = @0 }', { arguments: ['a'] })).toContain('command line argument out of range [1-1]');
  expect(first('probe begin { x = @1 }')).toContain('command line argument out of range');
  expect(first('probe begin { x = $1 }', { arguments: ['a $2', 'b'] })).toContain(
    'invalid nested substitution of command line arguments',
  );
  expect(first('probe begin { x = $1 }', { arguments: ['"abc'] })).toContain('Could not find matching closing quote');
});

test('a place in a pasted argument leads back to where it was used', () => {
  const { messages } = parseText('probe begin { x = $1 }', { arguments: ['3 +'] });
  expect(messages).toEqual([
    [
      'parse error: expected literal string or number',
      "        saw: operator '}' at <input>:1:22",
      '     source: probe begin { x = $1 }',
      '                                  ^',
    ].join('\n'),
  ]);
  expect(parseText('probe begin { x = $1 }', { arguments: ['3 + *'] }).messages[0]).toBe(
    [
      'parse error: expected literal string or number',
      "        saw: operator '*' at <argument 1>:1:5",
      '     source: 3 + *',
      '                 ^',
      "        in command line argument: '$1' at <input>:1:19",
      '     source: probe begin { x = $1 }',
      '                               ^',
    ].join('\n'),
  );
});

test('conditions know every documented name', () => {
  expect(holds('kernel_v >= "2.6.13"')).toBe(true);
  expect(holds('kernel_v == "6.1.0"')).toBe(true);
  expect(holds('kernel_v == "6.1.*"')).toBe(true);
  expect(holds('kernel_v != "6.*"')).toBe(false);
  expect(holds('kernel_v < "10.0"')).toBe(true);
  expect(holds('kernel_vr == "6.1.0-56-amd64"')).toBe(true);
  expect(holds('kernel_vr == "6.1.0-5?-*"')).toBe(true);
  expect(holds('arch == "x86_64"')).toBe(true);
  expect(holds('arch != "x86*"')).toBe(false);
  expect(holds('CONFIG_X == "y"')).toBe(true);
  expect(holds('CONFIG_M == "[ym]"')).toBe(true);
  expect(holds('CONFIG_NONE == ""')).toBe(true);
  expect(holds('CONFIG_NONE == 3')).toBe(false);
  expect(holds('CONFIG_X != CONFIG_M')).toBe(true);
  expect(holds('systemtap_v >= "4.8"')).toBe(true);
  expect(holds('systemtap_v <= "1.8"', { facts: { systemtapVersion: '1.8' } })).toBe(true);
  expect(holds('systemtap_privilege == "stapdev"')).toBe(true);
  expect(holds('systemtap_privilege == "stapusr"', { facts: { privilege: 'stapusr' } })).toBe(true);
  expect(holds('guru_mode == 1')).toBe(true);
  expect(holds('guru_mode != 0', { facts: { guru: false } })).toBe(false);
  expect(holds('runtime == "kernel"')).toBe(true);
  expect(holds('runtime != "bpf"')).toBe(true);
});

test('strings and numbers compare with all operators, without wildcards', () => {
  expect(holds('"abc" == "a*"')).toBe(false);
  expect(holds('"abc" < "abd"')).toBe(true);
  expect(holds('"a" "b" == "ab"')).toBe(true);
  expect(holds('10 > 9')).toBe(true);
  expect(holds('0x10 == 16')).toBe(true);
  expect(holds('-1 < 0')).toBe(true);
  expect(holds('1 != 1')).toBe(false);
});

test('&& binds tighter than ||', () => {
  expect(holds('1 == 2 && 1 == 2 || 1 == 1')).toBe(true);
  expect(holds('1 == 1 || 1 == 2 && 1 == 2')).toBe(true);
  expect(holds('1 == 2 || 1 == 1 && 1 == 2')).toBe(false);
});

test('conditionals nest, stand anywhere, and what is not taken is not read', () => {
  expect(values('probe begin { x = %( 1 == 1 %? %( 1 == 2 %? 1 %: 2 %) %: 3 %) + 4 }')).toEqual(['2 + 4']);
  expect(
    declarationsOf('%( 0 == 1 %? $9 @nothing "%)" %( 1 == %? %) 08 @define x %( y %) %{ %} é %: probe end {} %)'),
  ).toHaveLength(1);
});

test('every fault of a conditional is reported once', () => {
  const names =
    "expected 'arch', 'kernel_v', 'kernel_vr', 'systemtap_v', 'runtime', 'systemtap_privilege', 'guru_mode', 'CONFIG_...', or comparison between strings or integers";
  const cases: readonly (readonly [string, string])[] = [
    ['%( 1 == 1 %? probe begin {} ', "incomplete conditional at end of file | at: operator '%(' at <input>:1:1"],
    ['%( 1 == 2 %? probe begin {} ', "incomplete conditional at end of file | at: operator '%(' at <input>:1:1"],
    [
      '%( 1 == 1 probe begin {} %) probe end {}',
      "expected '%?' marker for conditional | at: operator '%(' at <input>:1:1",
    ],
    ['%( "a" == 1 %? %) probe end {}', "expected string literal as right value | at: number '1' at <input>:1:11"],
    ['%( 1 == "a" %? %) probe end {}', "expected number literal as right value | at: string 'a' at <input>:1:9"],
    ['%( foo == "x" %? %) probe end {}', `${names} | at: identifier 'foo' at <input>:1:4`],
    ['%( kernel_v == 3 %? %: %) probe end {}', "expected string literal | at: number '3' at <input>:1:16"],
    ['%( kernel_v + "3" %? %) probe end {}', "expected comparison operator | at: operator '+' at <input>:1:13"],
    [
      '%( kernel_v >= "[3]" %? %) probe end {}',
      "wildcard not allowed with order comparison operators | at: operator '>=' at <input>:1:13",
    ],
    ['%( arch < "x" %? %) probe end {}', "expected '==' or '!=' | at: operator '<' at <input>:1:9"],
    ['%( guru_mode == "1" %? %) probe end {}', "expected number | at: string '1' at <input>:1:17"],
    ['%) probe end {}', "incomplete conditional - missing '%(' | at: operator '%)' at <input>:1:1"],
    [
      '%( 1 == 1 %? probe a {} %: b %: c %)',
      "invalid conditional - duplicate '%:' | at: operator '%:' at <input>:1:30",
    ],
    ['%( 1 == 2 %? a %: %( 1 == 1 %? probe b {} %: c %) %)', ''],
    [
      '%( 1 == 2 %? a %: probe a {} %: c %)',
      "invalid conditional - duplicate '%:' | at: operator '%:' at <input>:1:30",
    ],
  ];
  for (const [text, message] of cases) {
    const { messages } = parseText(text);
    expect(messages.length, text).toBe(message === '' ? 0 : 1);
    if (message !== '') expect(first(text)).toBe(`parse error: ${message}`);
  }
});

test('macros take parameters, use one another, and expand anywhere', () => {
  expect(values('@define add(a, b) %( ((@a) + (@b)) %) probe begin { x = @add(1, 2) * @add(f(3, 4), (5)) }')).toEqual([
    '(1 + 2) * (f(3, 4) + 5)',
  ]);
  expect(values('@define one %( 1 %) @define two %( @one + @one %) probe begin { x = @two }')).toEqual(['1 + 1']);
  expect(values('@define m(x) %( @x @x %) probe begin { print(@m("a")) }')).toEqual(['print("aa");']);
  expect(values('@define e(a) %( 7 %) probe begin { x = @e() }')).toEqual(['7']);
  expect(values('@define c %( %( arch == "x86_64" %? 1 %: 2 %) %) probe begin { x = @c }')).toEqual(['1']);
  expect(values('probe begin { @define late %( 7 %) x = @late }')).toEqual(['7']);
});

test('a parameter is expanded where it was written, and hides macros of its name', () => {
  expect(
    values('@define a %( 1 %) @define f(a) %( @a %) @define g(x) %( @f(@x + @a) %) probe begin { x = @g(2) }'),
  ).toEqual(['2 + 1']);
  expect(values('@define id(x) %( @x %) probe begin { x = @id(@id(@id(3))) }')).toEqual(['3']);
});

test('library macros are seen by all, local ones come first, and their bodies see the library only', () => {
  const library = macroLibrary(
    '@define inner %( 1 %)\n@define outer %( @inner %)\n%( 1 == 1 %? @define q %( 77 %) %: @define q %( 78 %) %)',
  );
  expect(values('probe begin { x = @outer; y = @q }', { library })).toEqual(['1', '77']);
  expect(values('@define inner %( 2 %) probe begin { x = @outer; y = @inner }', { library })).toEqual(['1', '2']);
});

test('every fault of macros is reported', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['probe begin { x = @foo } @define foo %( 1 %)', 'unknown operator @foo'],
    ['@define f(a) %( 3 %) probe begin { x = @f }', "expected '(' in invocation of macro '@f' taking 1 parameter"],
    ['@define f(a) %( 3 %) probe begin { x = @f(1, 2) }', "too many parameters for macro '@f' (expected 1)"],
    ['@define f(a, b) %( 3 %) probe begin { x = @f(1) }', "too few parameters for macro '@f' (expected 2)"],
    ['@define f(a) %( 3 %) probe begin { x = @f(1 }', 'could not find end of macro invocation'],
    ['@define f %( @f %) probe begin { x = @f }', "macro '@f' expands to itself"],
    ['@define f %( @g %) @define g %( @f %) probe begin { x = @f }', "macro '@f' expands to itself"],
    ['@define f(x) %( @f(@x) %) probe begin { x = @f(1) }', "macro '@f' expands to itself"],
    ['@define f %( 1 %) @define f %( 2 %) probe begin {}', "attempt to redefine macro '@f' in the same file"],
    ['@define f %( 1 probe begin {}', "incomplete macro definition - missing '%)'"],
    ['@define %( 1 %) probe begin {}', 'expected identifier'],
    ['@define f 3', "expected '%(' or '('"],
    ['@define f(3) %( %) probe begin {}', 'expected identifier'],
    ['@define f() %( %) probe begin {}', 'expected identifier'],
    ['@define f(a, a) %( %) probe begin {}', "duplicate parameter 'a' of macro '@f'"],
  ];
  for (const [text, message] of cases) {
    const found = parseText(text).messages;
    expect(found[0]?.split('\n')[0], text).toBe(`parse error: ${message}`);
  }
});

test('a macro that hides an operator draws a warning', () => {
  const { messages, codes } = parseText('@define count %( 7 %) probe begin { x = @count }');
  expect(codes).toEqual(['parser/define-builtin']);
  expect(messages[0]).toMatch(/^WARNING: macro redefines built-in operator '@count'/);
});

test('a file of library macros may hold definitions only', () => {
  const library = macroLibrary('@define a %( 1 %) probe begin {} @define b %( 2 %)', 'bad.stpm');
  const { messages } = parseText('probe begin { x = @a; y = @b }', { library });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toContain("unexpected token in library macro file 'bad.stpm'");
});

test('an error in an expansion shows the chain that led there', () => {
  const library = macroLibrary('@define inner(a) %( (@a %)', 'm.stpm');
  const { messages } = parseText('@define outer(v) %( @inner(@v) ; %)\nprobe begin { x = @outer(3) }', { library });
  expect(messages[0]?.split('\n').filter((line) => !/^ *(\^|source)/.test(line))).toEqual([
    "parse error: expected ')'",
    "        saw: operator ';' at <input>:1:32",
    "        in expansion of macro: operator '@outer' at <input>:2:19",
  ]);
});

test('nodes of an expansion point into the macro, and carry the chain to its use', () => {
  const [probe] = declarationsOf('@define add(a, b) %( @a + @b %)\nprobe begin { x = @add(yy, 2) }');
  const statement = probe?.kind === 'probe' ? probe.body.statements[0] : undefined;
  const assignment = (statement as { expression: Extract<Expression, { kind: 'assignment' }> }).expression;
  // The sum comes from the macro's body, its operands from where the macro was used.
  expect(assignment.origin).toBeUndefined();
  expect(assignment.span).toEqual({ file: '<input>', start: 46, end: 61 });
  expect(assignment.value).toMatchObject({
    kind: 'binary',
    span: { start: 21, end: 28 },
    origin: { kind: 'macro', name: 'add', use: { start: 50, end: 61 } },
    left: {
      name: 'yy',
      span: { start: 55, end: 57 },
      origin: { name: 'a', use: { start: 21, end: 23 }, outer: { name: 'add' } },
    },
  });
});

test('expansions that explode are stopped', () => {
  const laughs = `@define a0 %( 1 + %)${Array.from({ length: 60 }, (_, i) => `@define a${i + 1} %( @a${i} @a${i} %)`).join('\n')}`;
  expect(parseText(`${laughs} probe begin { x = @a60 1 }`).codes).toContain('parser/macro-size');
});
