import { expect, test } from 'vitest';
import { cleanly, elaborateText, printed } from '../helpers.js';

const entry = (expression: string): string => {
  const text = printed(`probe kernel.function("vfs_read") { println(${expression}) }`);
  return /printf\((?:".*?"), (.*)\);?\n? ?\}/s.exec(text)?.[1] ?? text;
};

const failure = (expression: string): string | undefined =>
  elaborateText(`probe kernel.function("vfs_read") { println(${expression}) }`).messages[0];

test.each([
  ['$count', '$parameter[2]'],
  ['$file->flags', '@kderef(4, ($parameter[0]) + (16))'],
  ['$file->path->name', '@kderef(8, ($parameter[0]) + (8))'],
  ['$file->next->flags', '@kderef(4, (@kderef(8, ($parameter[0]) + (24))) + (16))'],
  ['$file->low', '@kderef(4:0:3, ($parameter[0]) + (20))'],
  ['$file->high', '@kderef(4:3:5, ($parameter[0]) + (20))'],
  ['$file->inner', '@kderef(8, ($parameter[0]) + (48))'],
  ['$file->other', '@kderef(4, ($parameter[0]) + (52))'],
  ['$file->comm', '($parameter[0]) + (32)'],
  ['$file->slots[2]', '@kderef(4, ($parameter[0]) + (64))'],
  ['$buf[3]', '@kderef(1, ($parameter[1]) + (3))'],
  ['&$file->flags', '($parameter[0]) + (16)'],
  ['@cast($count, "file")->flags', '@kderef(4, ($parameter[2]) + (16))'],
  ['@cast($count, "struct file*")->flags', '@kderef(4, ($parameter[2]) + (16))'],
  ['@enum("ANSWER")', '42'],
  ['@defined($nothing)', '0'],
  ['@defined($file->flags) ? $file->flags : 7', '@kderef(4, ($parameter[0]) + (16))'],
  ['@choose_defined($nothing, $count)', '$parameter[2]'],
])('lowers %s', (expression, expected) => {
  expect(entry(expression)).toBe(expected);
});

test('takes an index that is worked out in the handler', () => {
  expect(printed('probe kernel.function("vfs_read") { i = $count; println($file->slots[i]) }')).toContain(
    '@kderef(4, (($parameter[0]) + (56)) + ((i) * (4)))',
  );
});

test('goes on from a local by the type that was assigned to it', () => {
  expect(printed('probe kernel.function("vfs_read") { p = $file->next; println(p->flags) }')).toContain(
    '@kderef(4, (p) + (16))',
  );
});

test('prints parameters as $$parms does, and one of them as $x$ does', () => {
  const text = printed('probe kernel.function("vfs_read") { println($$parms, $file$, $file$$) }');
  expect(text).toContain('sprintf("file=%#x buf=%#x count=%#x", $parameter[0], $parameter[1], $parameter[2])');
  expect(text).toContain(
    '"{.path={...}, .flags=%u, .low=%u, .high=%i, .next=%p, .comm=[...], <class>={...}, .slots=[...]}"',
  );
  expect(text).toContain('.path={.mnt=%p, .name=%s}');
  expect(text).toContain('.slots=[%i, ...]}"');
  expect(text).toContain('return "ERROR"');
});

test('saves at entry what a return probe asks of the parameters, once each', () => {
  const script = cleanly(`
    probe kernel.function("vfs_read").return {
      println($return, $count, $count, $file->flags, @entry($count + 1), $$return, $$parms)
    }
  `);
  expect(script.probes[0]?.entryValues.map((value) => value.kind)).toEqual([
    'context',
    'load',
    'arithmetic',
    'context',
    'context',
  ]);
  expect(JSON.stringify(script.probes[0]?.body)).toContain('"return-value"');
});

test('gives tracepoint arguments by name, and the name of the tracepoint', () => {
  const text = printed('probe kernel.trace("sched_switch") { println($prev->flags, $state, $$name, $$vars) }');
  expect(text).toContain('@kderef(4, ($argument[0]) + (16))');
  expect(text).toContain('"sched_switch"');
  expect(text).toContain('"prev=%#x state=%#x"');
});

test.each([
  ['$fil', /^unable to find local 'fil' in vfs_read \(alternatives: \$file/],
  ['$file->flgs', /^unable to find member 'flgs' for struct file \(alternatives: flags/],
  ['$file->path', /^'struct path' is being accessed instead of a member such as '->mnt'/],
  ['$count->x', /^invalid access '->x' vs\. size_t/],
  ['$count[1]', /^invalid access '\[1\]' vs\. size_t/],
  ['@cast($count, "nothing")->x', /^type definition 'nothing' not found in 'kernel'/],
  ['@enum("NOTHING")', /^unable to find enumerator 'NOTHING'/],
  ['@entry($count)', /^@entry is only valid in \.return probes/],
])('says what is wrong with %s', (expression, message) => {
  expect(failure(expression)).toMatch(message);
});

test('writes memory only in guru mode', () => {
  const text = 'probe kernel.function("vfs_read") { $file->flags |= 2 }';
  expect(elaborateText(text).messages[0]).toBe(
    "write to target variable not permitted; need stap -g: identifier '$file'",
  );
  expect(printed(text, { guru: true })).toContain('(@kderef(4, __address)) = ((@kderef(4, __address)) | (2))');
});

test('sets and appends to what a procfs file gives', () => {
  const text = printed(
    'probe procfs("x").read { $value = "a"; $value .= "b" } probe procfs("x").write { print($value) }',
  );
  expect(text).toContain('($value) = ("a")');
  expect(text).toContain('($value) .= ("b")');
});
