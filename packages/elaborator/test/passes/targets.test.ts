import { expect, test } from 'vitest';
import type { CodeLocation, CodeSource, CodeValue, SymbolSource } from '../../src/index.js';
import { cleanly, elaborateText, kernel, printed } from '../helpers.js';

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
  // A pointer to a pointer is followed as far as it goes.
  ['@cast($count, "struct file**")->flags', '@kderef(4, (@kderef(8, $parameter[2])) + (16))'],
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
    '"{.path={...}, .flags=%u, .low=%u, .high=%i, .next=%p, .comm=[...], <union>={...}, .slots=[...]}"',
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
  ['$count->x', /^invalid access '->x' vs\. long/],
  ['$count[1]', /^invalid access '\[1\]' vs\. long/],
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

/** A kernel with variables outside functions, as debug information tells of them. */
function kernelWith(variables: Readonly<Record<string, { type: number; location: CodeLocation }>>): SymbolSource {
  const code: Partial<CodeSource> = {
    has: () => true,
    variable: (name, file, module) => {
      const key = [name, ...(file === undefined ? [] : [file]), ...(module === undefined ? [] : [module])].join('|');
      const found = variables[key];
      return found && { name, group: 'global', ...found };
    },
  };
  return { ...kernel, code: code as CodeSource };
}

const symbol = (name: string, offset = 0): CodeValue => ({ kind: 'symbol', name, offset });
const LONG = 1;
const INT = 2;
const STRUCT_FILE = 5;
const FILE_POINTER = 6;

const globals = kernelWith({
  jiffies: { type: LONG, location: { kind: 'memory', address: symbol('_stext', 0x10) } },
  'root|fs/open.c': { type: FILE_POINTER, location: { kind: 'memory', address: symbol('root') } },
  'root|ext4': {
    type: STRUCT_FILE,
    location: { kind: 'memory', address: { ...symbol('root'), module: 'ext4' } as CodeValue },
  },
  runs: {
    type: INT,
    location: {
      kind: 'memory',
      address: { kind: 'binary', operator: '+', left: { kind: 'per-cpu-base' }, right: symbol('runs') },
    },
  },
  pair: {
    type: STRUCT_FILE,
    location: {
      kind: 'pieces',
      pieces: [
        { size: 20, location: { kind: 'value', value: { kind: 'register', number: 3 } } },
        { size: 4, location: { kind: 'memory', address: { kind: 'register', number: 6 } } },
        { size: 56, location: { kind: 'absent', reason: 'optimized out' } },
      ],
    },
  },
});

const global = (expression: string): string => {
  const text = printed(`probe begin { println(${expression}) }`, { symbols: globals });
  return /printf\((?:".*?"), (.*)\);?\n? ?\}/s.exec(text)?.[1] ?? text;
};

test.each([
  ['@var("jiffies")', '@kderef(8, (&_stext+0x10))'],
  ['&@var("jiffies", "kernel")', '(&_stext+0x10)'],
  ['@var("root@fs/open.c")->flags', '@kderef(4, (@kderef(8, &root)) + (16))'],
  ['@var("root", "ext4")->flags', '@kderef(4, (&ext4:root) + (16))'],
  ['@var("root", "ext4")->slots[1]', '@kderef(4, (&ext4:root) + (60))'],
  ['@var("runs", "kernel")', '@kderef(4, (@percpu) + (&runs))'],
  ['@var("pair")->low', '@kderef(1, @kregister(6))'],
  ['@defined(@var("nothing"))', '0'],
])('finds %s outside functions', (expression, expected) => {
  expect(global(expression)).toContain(expected);
});

test('says that a part of a value is gone', () => {
  const { messages } = elaborateText('probe begin { println(@var("pair")->slots[0]) }', { symbols: globals });
  expect(messages[0]).toMatch(/^not accessible at this address: optimized out \[man error::dwarf\]/);
  const unknown = elaborateText('probe begin { println(@var("nothing@x.c", "ext4")) }', { symbols: globals });
  expect(unknown.messages[0]).toMatch(/^unable to find global 'nothing' in x\.c in ext4/);
});

test('the address of a cast pointer is the pointer', () => {
  expect(printed('probe begin { p = &@cast(1, "file"); println(p->flags) }')).toContain('@kderef(4, (p) + (16))');
});

test('functions refer to the variables of the probe that calls them', () => {
  const text = printed(`
    function own() { return $file->flags }
    function through(x) { return own() + x }
    probe kernel.function("vfs_read") { println(through($count)) }
    probe kernel.function("vfs_write") { println(own()) }
  `);
  // One copy for each probe, and of the function that calls it.
  expect(text.match(/^own:long/gm)).toHaveLength(2);
  expect(text.match(/^through:long/gm)).toHaveLength(1);
});

test('a function of a return probe reads what was saved for that probe', () => {
  const script = cleanly(`
    function saved() { return $count }
    probe kernel.function("vfs_read").return { println(saved(), $return) }
    probe begin { println(1) }
  `);
  expect(script.functions.map(({ name, probe }) => [name, probe])).toEqual([['saved', 0]]);
  expect(script.probes[0]?.entryValues).toHaveLength(1);
});

test('a function without the variable that it names is in error', () => {
  const { messages } = elaborateText('function f() { return $file } probe timer.s(1) { println(f()) }');
  expect(messages[0]).toBe("unresolved target-symbol expression: identifier '$file'");
});

test('results of functions and globals keep their C types', () => {
  expect(printed('function first() { return @cast(1, "file") } probe begin { println(first()->flags) }')).toContain(
    '@kderef(4, (first()) + (16))',
  );
  const text = printed(`
    global kept
    probe kernel.function("vfs_read") { kept = $file->next; println(kept->flags) }
  `);
  expect(text).toContain('@kderef(4, (kept) + (16))');
});

test('enumerators print by name', () => {
  const colour: SymbolSource = {
    ...kernel,
    type: (name) => (name === 'paint' ? 101 : kernel.type(name)),
    typeFacts: (id) => {
      if (id === 100) {
        const values = ['RED', 'GREEN', 'BLUE'].map((name, value) => ({ name, value: String(value * 2) }));
        return { kind: 'enum', name: 'colour', size: 4, signed: false, values };
      }
      if (id === 101) {
        return { kind: 'struct', name: 'paint', size: 4, members: [{ name: 'colour', type: 100, bitOffset: 0 }] };
      }
      return kernel.typeFacts(id);
    },
  };
  const text = printed('probe begin { println(@cast(1, "paint")$) }', { symbols: colour });
  expect(text).toContain('"{.colour=%s}"');
  expect(text).toMatch(/\(value\) < \(2\)\) \? .*"RED".*"GREEN".*"BLUE"/);
});

test('what a user-space header describes is read from the process', () => {
  const asked: string[] = [];
  const symbols: SymbolSource = {
    ...kernel,
    type: (name, module) => {
      if (module !== undefined) asked.push(module);
      return module === undefined || module.startsWith('kernel') ? undefined : kernel.type(name);
    },
    isUserType: (id) => kernel.typeFacts(id).kind !== 'void',
  };
  const text = printed('probe begin { println(@cast(1, "file", "<a.h><sys/b.h>:other")->next->flags) }', { symbols });
  expect(text).toContain('@uderef(4, (@uderef(8, 25)) + (16))');
  expect(asked).toEqual(['<a.h><sys/b.h>']);
});

test('a kernel header is asked where the kernel itself has no such type', () => {
  const asked: (string | undefined)[] = [];
  const symbols: SymbolSource = {
    ...kernel,
    type: (name, module) => {
      asked.push(module);
      return module === undefined ? undefined : kernel.type(name);
    },
  };
  const text = printed('probe begin { println(@cast(1, "file", "kernel<linux/fs.h>")->flags) }', { symbols });
  expect(text).toContain('@kderef(4, 17)');
  expect(asked).toEqual([undefined, 'kernel<linux/fs.h>']);
});
