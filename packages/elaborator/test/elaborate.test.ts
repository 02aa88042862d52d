import { expect, test } from 'vitest';
import { elaborate, formatElaborated, INNER_PASSES, summarizeElaborated } from '../src/index.js';
import { Elaborated } from '../src/schema.js';
import { cleanly, elaborateText, kernel, printed } from './helpers.js';

test('elaborates the one-liner through its alias', () => {
  const script = cleanly('probe vfs.read { printf("read performed\\n"); exit() }', {
    library:
      'probe vfs.read = kernel.function("vfs_read") { name = "vfs.read" }\nfunction exit() %{ /* runtime: stapkit_fn_exit */ %}',
  });
  expect(script.probes).toHaveLength(1);
  expect(script.probes[0]).toMatchObject({
    name: 'kernel.function("vfs_read")',
    written: 'vfs.read',
    point: { family: 'kprobe', symbol: 'vfs_read', return: false },
    locals: [],
  });
  expect(script.probes[0]?.chain.map((step) => step.text)).toEqual(['vfs.read', 'kernel.function("vfs_read")']);
  expect(script.functions[0]?.body).toMatchObject({ kind: 'embedded', pragmas: ['runtime: stapkit_fn_exit'] });
  expect(summarizeElaborated(script)).toBe('analyzed script: 1 probe, 1 function, 0 embeds, 0 globals');
});

test('counts a global that is printed at the end as a probe, as SystemTap does', () => {
  const script = cleanly('global n probe begin { n++ }');
  expect(script.globals[0]).toMatchObject({ type: 'long', printAtEnd: true });
  expect(summarizeElaborated(script)).toBe('analyzed script: 2 probes, 0 functions, 0 embeds, 1 global');
});

test('infers types over functions, globals, arrays and locals', () => {
  expect(
    printed(`
      global a, s
      function f(x, y) { s[x] <<< y; return x . "!" }
      probe begin { a[f("k", 2), 4] = 3; foreach ([k, n] in a) printf("%s %d %d\\n", k, n, @count(s[k])) }
    `),
  ).toMatchInlineSnapshot(`
    "# globals
    a:long [string, long]
    s:stats [string]
    # functions
    f:string (x:string, y:long)
    { {
    (s[x]) <<< (y);
    return (x) . ("!");
    } }
    # probes
    begin /* <- begin */
      # locals
      k:string
      n:long
    { {
    (a[f("k", 2), 4]) = (3);
    foreach ([k, n] in a) printf("%s %d %d\\n", k, n, @count(s[k]));
    } }
    "
  `);
});

test.each([
  ['global x probe begin { x = 1 } probe end { x = "a" }', "type mismatch (string): identifier 'x'"],
  ['global a probe begin { a[1] = 2; a["x"] = 3 }', "index 0 type mismatch (string): string 'x'"],
  ['global a probe begin { a[1] = 2; a[1, 2] = 3 }', "inconsistent arity (1 vs 2): identifier 'a'"],
  ['probe begin { printf("%d", "a") }', "type mismatch: expected long but found string: string 'a'"],
  ['probe begin { print(@count(x)) }', "stat locals not supported, missing global declaration? : identifier 'x'"],
  ['probe begin { if ("a") print(1) }', "type mismatch: expected long but found string: string 'a'"],
  ['probe begin { delete 5 }', "invalid operand of delete expression: number '5'"],
  ['probe begin { 5 = 6 }', "Expecting lvalue for assignment: operator '='"],
  [
    'probe begin { foreach (k in x) print(k) }',
    "unresolved arity-1 global array x, missing global declaration?: identifier 'x'",
  ],
  ['global x probe begin { x <<< 1; y = x; print(y) }', "invalid type stats: identifier 'x'"],
  ['probe begin { print(foo()) }', "unresolved function foo: identifier 'foo'"],
  [
    'function f(a) { return a } probe begin { print(f(1, 2)) }',
    "arity mismatch found (function 'f' takes 1 args): identifier 'f'",
  ],
  ['probe begin { break }', "cannot 'break' outside loop: keyword"],
  [
    'global a probe begin { a[1] = 2; foreach (k in a) { a[k] = 3 } }',
    "variable 'a' modified during 'foreach' iteration: identifier 'a'",
  ],
  [
    'global a function f() { delete a } probe begin { a[1] = 2; foreach (k in a) f() }',
    "function call modifies var 'a' during 'foreach' iteration: identifier 'f'",
  ],
  ['probe begin if (x) { print(1) }', "probe condition must not reference undeclared global: identifier 'x'"],
  [
    'function f() { return 1 } probe begin if (f()) { print(1) }',
    "probe condition must not reference function: identifier 'f'",
  ],
  ['global x probe begin if (x = 1) { print(1) }', "probe condition must not modify any variables: operator '='"],
  [
    'global x probe begin { x <<< 1; print(@hist_linear(x, 1, 20, 3)); print(@hist_log(x)) }',
    "multiple histogram types declared on 'x': operator '@hist_log'",
  ],
  ['probe begin { print($x) }', "unresolved target-symbol expression: identifier '$x'"],
])('words the error of %s as SystemTap does', (text, message) => {
  expect(elaborateText(text).messages).toContain(message);
});

test("knows what a probe's own body writes, whatever its aliases write", () => {
  const { script } = elaborateText(`
    probe mine = begin { x = 0 }, { if (@probewrite(x)) print("written") else print("untouched") }
    probe mine { x = 1 }
    probe mine { print("second") }`);
  const texts = script.probes.map((probe) => JSON.stringify(probe.body));
  expect(texts.map((text) => [text.includes('written'), text.includes('untouched')])).toEqual([
    [true, false],
    [false, true],
  ]);
});

test('shows where a type was first inferred', () => {
  const { diagnostics } = elaborateText('global x probe begin { x = 1 } probe end { x = "a" }');
  expect(diagnostics[0]?.related?.[0]).toMatchObject({
    message: "type was first inferred here (long): identifier 'x'",
    span: { start: 23 },
  });
});

test('reports nothing about what is elided', () => {
  const { messages } = elaborateText('probe begin { x = 1; x = "a"; print(1) }');
  expect(messages).toEqual([
    "Eliding assignment to 'x': operator '='",
    "Eliding side-effect-free expression : identifier 'x'",
    "Eliding assignment to 'x': operator '='",
    "Eliding side-effect-free expression : identifier 'x'",
  ]);
});

test('links overloads by priority and arity', () => {
  const script = cleanly(`
    function f() : 2 { print("second") }
    function f() : 1 { next }
    function f(x) { print(x + 1) }
    probe begin { f(); f(3) }
  `);
  const first = script.functions.find((symbol) => symbol.parameters === 0 && symbol.fallback !== undefined);
  expect(first?.body).toMatchObject({ statements: [{ kind: 'next' }] });
  expect(script.functions[first!.fallback!]).toMatchObject({ parameters: 0 });
  expect(script.functions.find((symbol) => symbol.parameters === 1)?.fallback).toBeUndefined();
});

test('lets guru functions be called only in guru mode, and others by their privilege', () => {
  const library = 'function raise (n:long) %{ /* guru */ %}\nfunction regs () %{ /* x */ %}';
  const text = 'probe begin { raise(9) }';
  expect(elaborateText(text, { library }).messages).toEqual([
    "function may not be used unless -g is specified: identifier 'raise'",
  ]);
  expect(elaborateText(text, { library, guru: true }).diagnostics).toEqual([]);
  expect(elaborateText('probe begin { regs() }', { library, privilege: 'stapusr' }).messages).toEqual([
    "function may not be used when --privilege=stapusr is specified: identifier 'regs'",
  ]);
});

test('marks what may look at nothing but its user’s own processes', () => {
  expect(cleanly('probe process.begin { print(1) }', { privilege: 'stapusr' }).ownProcesses).toBe(true);
  expect(cleanly('probe process.begin { print(1) }', { privilege: 'stapsys' }).ownProcesses).toBeUndefined();
});

test('holds embedded expressions to the privilege level too', () => {
  const library =
    'function raw () { return %{ /* pure */ 1 %} }\nfunction mine () { return %{ /* myproc-unprivileged */ 1 %} }';
  expect(elaborateText('probe begin { print(mine()) }', { library, privilege: 'stapusr' }).messages).toEqual([]);
  const { messages } = elaborateText('probe begin { print(raw()) }', { library, privilege: 'stapusr' });
  expect(messages[0]).toMatch(
    /^embedded expression may not be used when --privilege=stapusr is specified: embedded-code/,
  );
});

test("holds what is known to be the kernel's memory to the privilege level", () => {
  const library = 'function kernel_byte (at) { return @kderef(1, at) }\nfunction reads (at) { return kernel_byte(at) }';
  const refused = (text: string) => elaborateText(text, { library, privilege: 'stapusr' }).messages;
  expect(refused('probe begin { print(reads(1)) }')).toEqual([
    "function may not be used when --privilege=stapusr is specified: identifier 'kernel_byte'",
  ]);
  expect(refused('function unused () { return kernel_byte(1) } probe begin { print(1) }')).toEqual([]);
  // Where a pointer points to is seen when the handler runs.
  expect(refused('probe begin { print(@cast(1, "file", "kernel")->flags) }')).toEqual([]);
  expect(elaborateText('probe begin { print(reads(1)) }', { library, privilege: 'stapsys' }).messages).toEqual([]);
});

test('takes && and || and ?: as statements for branches, whose calls need give no value', () => {
  const rest = 'function f() { print(1) } function g() { print(2) } probe end { i++ }';
  for (const unoptimized of [false, true]) {
    const of = (text: string) => cleanly(`global i probe begin { ${text} } ${rest}`, { unoptimized });
    for (const text of ['!i && f()', 'i || f()', 'i ? f() : g()']) {
      const script = of(text);
      expect(script.functions.map(({ result }) => result)).toEqual(script.functions.map(() => 'none'));
      expect(JSON.stringify(script.probes[0]?.body)).toContain('"kind":"if"');
    }
  }
  // A value that is taken is one.
  expect(cleanly(`global i probe begin { if (i && f()) print(3) } ${rest}`).functions[0]?.result).toBe('long');
});

test('keeps everything with -u', () => {
  expect(cleanly('global unused probe begin { x = 1 }', { unoptimized: true }).probes[0]?.locals).toHaveLength(1);
});

test('turns warnings into errors with -W and drops them with -w', () => {
  const text = 'probe begin { x = 1; print(2) }';
  expect(elaborateText(text, { warningsAsErrors: true }).diagnostics[0]?.severity).toBe('error');
  expect(elaborateText(text, { suppressWarnings: true }).diagnostics).toEqual([]);
});

test('--skip-badvars makes a context variable that is not there 0, with a warning, and @defined still tells', () => {
  const text = 'probe kernel.function("vfs_read") { printf("%d", $nosuch); if (@defined($nosuch)) print(1) }';
  expect(elaborateText(text).diagnostics[0]?.severity).toBe('error');
  const { script: value, diagnostics } = elaborateText(text, { skipBadVariables: true });
  expect(diagnostics.map(({ severity, message }) => [severity, message.slice(0, 28)])).toEqual([
    ['warning', 'Bad $context variable being '],
  ]);
  expect(diagnostics[0]?.related?.[0]?.message).toMatch(/^unable to find local 'nosuch'/);
  expect(JSON.stringify(value.probes[0]?.body)).toContain('"arguments":[{"kind":"number","type":"long","value":"0"}]');
  expect(JSON.stringify(value.probes[0]?.body)).not.toContain('"print","type":"long","value":"1"');
});

test('warns of names that nothing assigns, with what they may have meant', () => {
  const { messages } = elaborateText('global count probe begin { count = 1; printf("%d", cuont); print(count) }');
  expect(messages).toContain("never-assigned local variable 'cuont' (similar: count): identifier 'cuont'");
});

test('survives a JSON round trip and its schema', () => {
  const script = cleanly(`
    global a, s
    probe kernel.function("vfs_read").return { a[$return] = @entry($file->flags); s <<< $count }
    probe end { foreach (k- in a limit 3) println(k, a[k]); print(@hist_log(s)); if ("x" =~ "(a)b*") print("y") }
  `);
  const text = JSON.stringify(script);
  expect(Elaborated.parse(JSON.parse(text))).toEqual(script);
  expect(JSON.stringify(JSON.parse(text))).toBe(text);
});

test('limits nesting with a message, however deep it is', () => {
  const deep = `${'('.repeat(300)}1${')'.repeat(300)}`;
  expect(formatElaborated(cleanly(`probe begin { print(${deep}) }`))).toContain('printf("%d", 1)');
  // The parser has a limit of its own, but an AST may come from elsewhere.
  const { ast } = elaborateText('probe begin { print(!1) }');
  const text = JSON.stringify(ast);
  const not = /\{"kind":"unary".*?\}\}/.exec(text)?.[0] ?? '';
  const [before, after] = text.split(not) as [string, string];
  const head = not.slice(0, not.indexOf('{"kind":"number"'));
  const tail = not.slice(not.indexOf('}', not.indexOf('"value"')) + 1);
  const core = not.slice(head.length, not.length - tail.length);
  const nested = before + head.repeat(3000) + core + tail.repeat(3000) + after;
  const { diagnostics } = elaborate(JSON.parse(nested), { symbols: kernel });
  expect(diagnostics[0]?.message).toMatch(/nested more than \d+ levels deep/);
});

test('without bodies a script is printed as -p2 prints it, the probes that print write-only globals included', () => {
  const script = cleanly('global a, b, s probe begin { a[1, "k"] = 1; b <<< 3; s = "x" }');
  expect(formatElaborated(script, { bodies: false })).toBe(
    `# globals
a:long [long, string]
b:stats
s:string
# probes
begin /* <- begin */
end /* <- end */
  # locals
  __idx0:long
  __idx1:string
  __val:long
end /* <- end */
end /* <- end */
`,
  );
  const text = formatElaborated(script);
  expect(text).toContain(
    String.raw`foreach (__val = [__idx0, __idx1] in a-) printf("a[%#d,\"%#s\"]=%d\n", __idx0, __idx1, __val);`,
  );
  expect(text).toContain(String.raw`if ((@count(b)) == (0)) printf("b @count=0x0\n")`);
  expect(text).toContain(String.raw`printf("s=\"%#s\"\n", s);`);
});

test('every inner pass prints its result with types as far as they are known', () => {
  const dumps = new Map<string, string>();
  elaborateText('global a probe begin { x = 2 * 3; a["k"] = x; foreach (k in a) println(k, a[k]) }', {
    after: (pass, print) => dumps.set(pass, print()),
  });
  expect([...dumps.keys()]).toEqual(['derive-probes', 'bind', 'optimize', 'infer', 'lower']);
  expect(dumps.get('bind')).toContain('arithmetic operator="*"');
  expect(dumps.get('optimize')).toMatch(/number value=6/);
  expect(dumps.get('infer')).toMatch(/^global a\[string\]: long$/m);
});

test('guru mode writes parameters at entry and $return, not a parameter in a return probe', () => {
  const text =
    'probe kernel.function("vfs_read") { $count = 2 } probe kernel.function("vfs_read").return { $return = -5 }';
  const script = cleanly(text, { guru: true });
  const bodies = JSON.stringify(
    script.probes.map((probe) => probe.body),
    (_key, value) => (typeof value === 'bigint' ? String(value) : value),
  );
  expect(bodies.match(/"kind":"context-store"/g)).toHaveLength(2);
  const messages = (guru: boolean, body: string) =>
    elaborateText(`probe kernel.function("vfs_read").return { ${body} }`, { guru }).diagnostics.map(
      ({ message }) => message,
    );
  expect(messages(true, '$count = 1')[0]).toContain('held in a register');
  expect(messages(false, '$return = 1')[0]).toContain('write to target variable not permitted');
});

// What follows was put to SystemTap 4.8 word for word.

test('-p2 shows the aliases that a probe came through, the innermost first', () => {
  const text = printed(
    `
    probe a = begin { x = 1 }
    probe b.c = a { y = x }
    probe d += b.c, end { z = 1 }
    probe d? { print(z) }
  `,
    { suppressWarnings: true },
  );
  expect(text).toContain('begin /* <- a = begin <- b.c = a <- d += b.c, end <- d? */\n');
  expect(text).toContain('end /* <- d += b.c, end <- d? */\n');
  const both = printed('probe a = b = begin { x = 1 } probe a { print(x) } probe b { print(x) }');
  expect(both.split('\n').filter((line) => line.startsWith('begin'))).toEqual([
    'begin /* <- a = b = begin <- a */',
    'begin /* <- a = b = begin <- b */',
  ]);
});

test('a function that only goes on to the next of its name draws no warning', () => {
  cleanly('function f(x) { next } function f(x) { return 2 } probe begin { print(f(1)) }');
  cleanly('function f(x):2 { return 1 } function f(x):1 { next } probe begin { print(f(1)) }');
});

test('delete wants an array that there is, and whoever deletes has a use for a global', () => {
  expect(elaborateText('probe begin { delete x }').messages[0]).toBe(
    "unresolved array in delete statement: identifier 'x'",
  );
  const ends = (text: string) => cleanly(text).globals.map((global) => global.printAtEnd);
  expect(ends('global x probe begin { x[1] = 2; delete x[1] }')).toEqual([false]);
  expect(ends('global x probe begin { x = 2; delete x }')).toEqual([false]);
  expect(ends('global x probe begin { x++ }')).toEqual([true]);
});

test('a literal of the wrong type is told from its own side', () => {
  // Without what it points at.
  const first = (text: string) => elaborateText(text).messages[0]?.replace(/: (?:number|string) '.*$/, '');
  const number = 'type mismatch: expected long but found string';
  expect(first('function f:string() { return 1 } probe begin { println(f()) }')).toBe(number);
  expect(first('function f(x:string) { return x } probe begin { println(f(1)) }')).toBe(number);
  expect(first('function f:long() { return "a" } probe begin { println(f()) }')).toBe(
    'type mismatch: expected string but found long',
  );
  expect(first('probe begin { printf("%s", 1) }')).toBe('type mismatch: expected string but found long');
});

test('each inner pass can be looked at, in order and readably', () => {
  const seen = new Map<string, string>();
  elaborateText('probe a = begin { x = 1 + 2 } probe a { println(x, "ab" =~ "a[bc]$") }', {
    after: (pass, print) => seen.set(pass, print()),
  });
  expect([...seen.keys()]).toEqual([...INNER_PASSES]);
  expect(seen.get('derive-probes')).toBe('begin\n  written: a\n  alias: begin\n');
  expect(seen.get('bind')).toContain('arithmetic operator="+"');
  expect(seen.get('bind')).toContain('local symbol=x: ?');
  expect(seen.get('optimize')).not.toContain('arithmetic');
  expect(seen.get('infer')).toContain('local symbol=x: long');
  expect(seen.get('lower')).toMatch(/^# probes\nbegin \/\* <- a = begin <- a \*\/\n/);
  expect(seen.get('lower')).toContain('(x) = (3)');
  expect(seen.get('lower')).toMatch(/# regular expressions\n"a\[bc\]\$": \d+ states, 0 groups\n {2}0: .*a -> \d/);
});

test('-u keeps what would be elided, -w is silent about it, -W makes it an error', () => {
  const text = 'probe begin { x = 1 } probe end { println(1) }';
  const warnings = elaborateText(text).diagnostics;
  expect(warnings.map((one) => one.severity)).toEqual(['warning', 'warning', 'warning']);
  expect(elaborateText(text).script.probes).toHaveLength(1);
  expect(elaborateText(text, { unoptimized: true }).script.probes).toHaveLength(2);
  expect(elaborateText(text, { unoptimized: true }).diagnostics).toEqual([]);
  expect(elaborateText(text, { suppressWarnings: true }).diagnostics).toEqual([]);
  expect(new Set(elaborateText(text, { warningsAsErrors: true }).diagnostics.map((one) => one.severity))).toEqual(
    new Set(['error']),
  );
});

test('a function of the tapset takes the script’s global of the name of its local, with a warning, as SystemTap has it', () => {
  const library = `
    function counted() { count = 5; return count }
    function taken(count) { return count }
    probe started = begin { count = 3 }
    private global hidden = 3
    function shown() { return hidden }
  `;
  const global = elaborateText('global count probe begin { count = 1; println(counted(), count) }', { library });
  expect(global.messages).toEqual([
    "cross-file global variable reference to identifier 'count' at test.stp:1:8 from: identifier 'count'",
  ]);
  expect(global.script.functions[0]?.locals).toEqual([]);
  expect(
    elaborateText('global count probe begin { count = "a"; println(counted(), count) }', { library }).messages,
  ).toContain("type mismatch (string): identifier 'count'");
  // Parameters, handlers of aliases and private globals of the script are no such thing; neither is a private global.
  for (const text of [
    'global count probe begin { count = 1; println(taken(1), count) }',
    'global count probe started { println(count) }',
    'private global count probe begin { count = "a"; println(counted(), count) }',
    'global hidden probe begin { hidden = 1; println(shown(), hidden) }',
  ]) {
    expect(elaborateText(text, { library }).messages, text).toEqual([]);
  }
});

test('the language is an older one where that is asked for', () => {
  const point = 'probe kernel.trace("sched_switch") { println(pn()) }';
  const library = 'function pn:string () %{ /* pure */ %}';
  expect(elaborateText(point, { library }).script.probes[0]?.name).toBe('kernel.trace("sched:sched_switch")');
  expect(elaborateText(point, { library, languageVersion: '2.6' }).script.probes[0]?.name).toBe(
    'kernel.trace("sched_switch")',
  );
  const embedded = 'function f:long (x:long) %{ THIS->__retvalue = THIS->x; %} probe begin { println(f(1)) }';
  const pragmas = (languageVersion: string): unknown => {
    const [first] = elaborateText(embedded, { guru: true, languageVersion }).script.functions;
    return first?.body.kind === 'embedded' ? first.body.pragmas : undefined;
  };
  expect(pragmas('1.7')).toContain('unmangled');
  expect(pragmas('1.8')).not.toContain('unmangled');
});

test('overloads behind one that never goes on are left out', () => {
  const names = (text: string) => elaborateText(text).script.functions.map((symbol) => symbol.name);
  expect(names('function f() { print(1) } function f() { print(2) } probe begin { f() }')).toEqual(['f']);
  expect(names('function f() { next } function f() { print(2) } probe begin { f() }')).toEqual(['f', 'f']);
});

// As SystemTap 4.8 types each.
test.each([
  ['function f() { if (0) return 1 }', 'long'],
  ['function f() { if (0) return "a" }', 'string'],
  ['function f(x) { if (0) return x; println(x . "") }', 'string', '"a"'],
  ['function f(x) { if (0) return x + 1; println(x) }', 'long', '1'],
])('%s returns a %s though its return is elided', (declaration, type, argument = '') => {
  const { script, messages } = elaborateText(`${declaration} probe begin { println(f(${argument})) }`);
  expect(messages).toEqual([]);
  expect(script.functions[0]?.result).toBe(type);
});
