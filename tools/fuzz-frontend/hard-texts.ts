// Texts that are deeper or larger than any script should be: passes 1 and 2 answer each with a script or with messages,
// soon and in little memory.

const MANY = 10_000;
const TEN_MEGABYTES = 10 * 2 ** 20;

function repeated(piece: string, size = TEN_MEGABYTES): string {
  return piece.repeat(Math.ceil(size / piece.length));
}

function numbered(count: number, piece: (index: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, index) => piece(index)).join(separator);
}

/**
 * The texts, by what they are, each with what makes it: one at a time, so that a measurement has no others in memory.
 *
 * @returns each text's maker; those named `10,000` are as deep, those named `10 MB` as large
 */
export function hardTexts(): Readonly<Record<string, () => string>> {
  return {
    '10,000 parentheses': () => `probe begin { println(${'('.repeat(MANY)}1${')'.repeat(MANY)}) }`,
    '10,000 sums': () => `probe begin { println(${'1 + '.repeat(MANY)}1) }`,
    '10,000 blocks': () => `probe begin ${'{'.repeat(MANY)} println(1) ${'}'.repeat(MANY)}`,
    '10,000 ifs': () => `global x probe begin { ${'if (x) '.repeat(MANY)} println(1) }`,
    '10,000 foreach': () => `global a probe begin { ${'foreach (k in a) '.repeat(MANY)} println(1) }`,
    '10,000 calls': () =>
      `function f(x) { return x } probe begin { println(${'f('.repeat(MANY)}1${')'.repeat(MANY)}) }`,
    '10,000 indexes': () => `global a probe begin { println(${'a['.repeat(MANY)}1${']'.repeat(MANY)}) }`,
    '10,000 members': () => `probe kernel.function("vfs_read") { println($file${'->next'.repeat(MANY)}) }`,
    '10,000 aliases of one another':
      () => `${Array.from({ length: MANY }, (_, i) => `probe a${i} = a${i + 1} { }`).join('\n')}
      probe a${MANY} = begin { } probe a0 { println(1) }`,
    '10,000 functions of one another': () => `${numbered(MANY, (i) => `function f${i}(x) { return f${i + 1}(x) }`)}
      function f${MANY}(x) { return x } probe begin { println(f0(1)) }`,
    'as many functions of one another as are read':
      () => `${numbered(4_500, (i) => `function f${i}(x) { return f${i + 1}(x) }`)}
      function f4500(x) { return x } probe begin { println(f0(1)) }`,
    '10,000 preprocessor conditionals': () =>
      `${'%( 1 == 1 %? '.repeat(MANY)} probe begin { println(1) } ${'%)'.repeat(MANY)}`,
    '10,000 levels of a regular expression': () =>
      `probe begin { println("a" =~ "${'('.repeat(MANY)}a${')'.repeat(MANY)}") }`,
    'the greatest depth that is read': () => `probe begin { println(${'1 + '.repeat(480)}1) }`,
    'as many tokens as are read': () => `global x probe begin { ${'x = x + 1\n'.repeat(9_990)} }`,
    'as many probes as are read': () => 'probe begin { println(1) }\n'.repeat(6_240),
    'as many globals as are read': () => `${numbered(24_980, (i) => `global g${i}`)} probe begin { println(1) }`,
    'as many locals as are read': () => `probe begin { ${numbered(7_000, (i) => `v${i} = 1 println(v${i})`)} }`,
    'as many locals that nothing reads': () => `probe begin { ${numbered(16_600, (i) => `v${i} = 1`)} }`,
    'as many functions as are read': () => `${numbered(3_100, (i) => `function f${i}(x) { return x }`)}
      probe begin { ${numbered(3_100, (i) => `println(f${i}(1))`)} }`,
    'as many overloads of one function': () =>
      `${numbered(5_500, () => 'function f(x) { next }')} probe begin { println(f(1)) }`,
    'as many aliases as are read': () => `${numbered(8_300, (i) => `probe a${i} = begin { }`)} probe a* { println(1) }`,
    'as many points of one probe': () =>
      `probe ${numbered(7_000, () => 'kernel.function("vfs_read")', ', ')} { println(1) }`,
    'as many empty probes as are read': () => numbered(12_490, () => 'probe begin { }'),
    'as many probes with variables': () =>
      numbered(3_800, () => 'probe kernel.function("vfs_read") { println($count) }'),
    'as many unknown functions': () => `probe begin { ${numbered(12_000, (i) => `f${i}(1)`)} }`,
    'as many unknown points': () => numbered(12_490, (i) => `probe nosuch${i} { }`),
    'as many unknown optional points': () =>
      `${numbered(9_900, (i) => `probe nosuch${i} ? { }`)} probe begin { println(1) }`,
    'as many unknown variables': () =>
      `probe kernel.function("vfs_read") { ${numbered(9_900, (i) => `println($nosuch${i})`)} }`,
    'as many type errors': () => `global s = "x" probe begin { ${numbered(16_600, () => 's = 1')} }`,
    'as many regular expressions': () => `probe begin { ${numbered(8_000, (i) => `println("a" =~ "a${i}(b|c)*")`)} }`,
    'a regular expression of 1000 classes': () => `probe begin { println("a" =~ "${'[a-z]*x'.repeat(1000)}") }`,
    'a regular expression with many states': () => 'probe begin { println("a" =~ "(a|b)*a(a|b){20}") }',
    'as many macros as are read': () => `${numbered(5_500, (i) => `@define m${i} %( 1 %)`)}
      probe begin { ${numbered(5_500, (i) => `println(@m${i})`)} }`,
    'as many conditionals': () => `probe begin { ${numbered(4_900, () => '%( 1 == 2 %? x %: y %) = 1')} println(1) }`,
    'as many loops': () => `global a probe begin { a[1] = 1 ${numbered(4_100, () => 'foreach (k in a) println(k)')} }`,
    '10 MB of statements': () => `global x probe begin { ${repeated('x = x + 1\n')} }`,
    '10 MB of probes': () => repeated('probe begin { printf("%d\\n", pid()) }\n'),
    '10 MB of long names': () => `probe begin { ${repeated(`${'n'.repeat(400)}++\n`)} }`,
    '10 MB of long strings': () => `probe begin { ${repeated(`println("${'text '.repeat(100)}")\n`)} }`,
    '10 MB of errors': () => repeated('probe begin { x = } \n'),
    '10 MB of escapes': () => `probe begin { println("${repeated('\\n\\x41')}") }`,
    '10 MB of a format': () => `probe begin { printf("${repeated('%d ')}", 1) }`,
    '10 MB of strings in other letters': () => `probe begin { ${repeated(`println("${'ä€'.repeat(200)}")\n`)} }`,
    '10 MB of a pattern': () => `probe kernel.function("${repeated('*a')}") { println(1) }`,
    '10 MB of embedded C': () => `%{ ${repeated('int x;\n')} %} probe begin { println(1) }`,
    '10 MB of blank lines': () => `${repeated('\n')} probe begin { println(1) }`,
    '10 MB of a branch that is skipped': () => `%( 1 == 2 %? ${repeated('x y z ')} %) probe begin { println(1) }`,
    '10 MB of a comment': () => `/* ${repeated('x')} */ probe begin { println(1) }`,
    '10 MB of a string': () => `probe begin { println("${repeated('x')}") }`,
    '10 MB of brackets that are not closed': () => `probe begin { ${repeated('(')}`,
    '10 MB without a line end': () => repeated('probe begin { } '),
    '10 MB of bytes that mean nothing': () => repeated('\u0000\u00ff\u0001 '),
  };
}
