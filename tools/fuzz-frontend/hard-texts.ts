// Texts that are deeper or larger than any script should be: passes 1 and 2 answer each with a script or with messages,
// soon and in little memory.

const MANY = 10_000;
const TEN_MEGABYTES = 10 * 2 ** 20;

function repeated(piece: string, size = TEN_MEGABYTES): string {
  return piece.repeat(Math.ceil(size / piece.length));
}

/**
 * Makes the texts, by what they are.
 *
 * @returns each text; those named `10,000` are as deep, those named `10 MB` as large
 */
export function hardTexts(): Readonly<Record<string, string>> {
  return {
    '10,000 parentheses': `probe begin { println(${'('.repeat(MANY)}1${')'.repeat(MANY)}) }`,
    '10,000 sums': `probe begin { println(${'1 + '.repeat(MANY)}1) }`,
    '10,000 blocks': `probe begin ${'{'.repeat(MANY)} println(1) ${'}'.repeat(MANY)}`,
    '10,000 ifs': `global x probe begin { ${'if (x) '.repeat(MANY)} println(1) }`,
    '10,000 foreach': `global a probe begin { ${'foreach (k in a) '.repeat(MANY)} println(1) }`,
    '10,000 calls': `function f(x) { return x } probe begin { println(${'f('.repeat(MANY)}1${')'.repeat(MANY)}) }`,
    '10,000 indexes': `global a probe begin { println(${'a['.repeat(MANY)}1${']'.repeat(MANY)}) }`,
    '10,000 members': `probe kernel.function("vfs_read") { println($file${'->next'.repeat(MANY)}) }`,
    '10,000 aliases of one another': `${Array.from({ length: MANY }, (_, i) => `probe a${i} = a${i + 1} { }`).join('\n')}
      probe a${MANY} = begin { } probe a0 { println(1) }`,
    '10,000 functions of one another': `${Array.from({ length: MANY }, (_, i) => `function f${i}(x) { return f${i + 1}(x) }`).join('\n')}
      function f${MANY}(x) { return x } probe begin { println(f0(1)) }`,
    '10,000 preprocessor conditionals': `${'%( 1 == 1 %? '.repeat(MANY)} probe begin { println(1) } ${'%)'.repeat(MANY)}`,
    '10,000 levels of a regular expression': `probe begin { println("a" =~ "${'('.repeat(MANY)}a${')'.repeat(MANY)}") }`,
    'the greatest depth that is read': `probe begin { println(${'1 + '.repeat(480)}1) }`,
    'as many tokens as are read': `global x probe begin { ${'x = x + 1\n'.repeat(49_990)} }`,
    'as many probes as are read': 'probe begin { println(1) }\n'.repeat(31_240),
    '10 MB of statements': `global x probe begin { ${repeated('x = x + 1\n')} }`,
    '10 MB of probes': repeated('probe begin { printf("%d\\n", pid()) }\n'),
    '10 MB of long names': `probe begin { ${repeated(`${'n'.repeat(400)}++\n`)} }`,
    '10 MB of long strings': `probe begin { ${repeated(`println("${'text '.repeat(100)}")\n`)} }`,
    '10 MB of errors': repeated('probe begin { x = } \n'),
    '10 MB of a comment': `/* ${repeated('x')} */ probe begin { println(1) }`,
    '10 MB of a string': `probe begin { println("${repeated('x')}") }`,
    '10 MB of brackets that are not closed': `probe begin { ${repeated('(')}`,
    '10 MB without a line end': repeated('probe begin { } '),
    '10 MB of bytes that mean nothing': repeated('\u0000\u00ff\u0001 '),
  };
}
