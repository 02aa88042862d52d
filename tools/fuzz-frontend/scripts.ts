// The texts that the fuzzer tries: examples and own scripts with edits, heaps of grammar pieces, printed random trees,
// and scripts put together from statements that make sense, so that many come through pass 2.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printAst } from '@stapkit/parser';
import fc from 'fast-check';
import { SNIPPETS, script as tree } from '../../packages/parser/test/arbitraries.js';

const EXAMPLES = '/usr/share/systemtap/examples';

/** Declarations that fit together, whatever is chosen of them. */
const DECLARATIONS = [
  'global n, s, t',
  'global arr, stat, many%[10]',
  'global limit_ = 3, text_ = "x"',
  'function f(a, b) { return a + b }',
  'function g:string(a:string) { if (a == "x") return "y"; return a . "z" }',
  'function r(a) { if (a > 0) return r(a - 1); return 0 }',
  'function o(a) { next } function o(a) { return 1 }',
  'function c:long(a:long) %{ /* pure */ STAP_RETVALUE = STAP_ARG_a; %}',
  'probe mine = kernel.function("vfs_read") { name = "mine"; size = $count }',
  'probe mine.two += kernel.function("vfs_*").return { done = 1 }',
  'probe both = begin { v = 0 }, { if (@probewrite(v)) println(v) }',
];

const POINTS = [
  ...[
    'begin',
    'end',
    'error',
    'never',
    'begin(-1)',
    'timer.s(1)',
    'timer.ms(10).randomize(3)',
    'timer.profile',
    'oneshot',
  ],
  ...['kernel.function("vfs_read")', 'kernel.function("vfs_read").return', 'kernel.function("vfs_*").call', 'vfs.read'],
  ...[
    'kernel.function("nothing") ?',
    'kernel.trace("sched_switch")',
    'kprobe.function("do_exit")',
    'mine',
    'mine.two',
    'both',
  ],
  ...[
    '{begin, end}',
    'm*',
    'nothing.at.all',
    'timer.*',
    'perf.sw.cpu_clock',
    'kernel.function("vfs_read") if (n > 1)',
    'vfs.*',
  ],
];

const STATEMENTS = [
  ...[
    'n++',
    'n = 3',
    's .= "x"',
    't = n + 1',
    'arr[pid()] = n',
    'arr[n, "x"]++',
    'stat <<< n',
    'many[execname()] <<< 1',
  ],
  ...[
    'println(n)',
    'printf("%d %s\\n", n, s)',
    'print(@count(stat), @avg(stat))',
    'println(@hist_log(stat))',
    'exit()',
  ],
  ...[
    'foreach (k in arr) println(k)',
    'foreach ([a, b] in arr- limit 3) n += a',
    'foreach (k+ in many) println(@sum(many[k]))',
  ],
  ...[
    'if (n > 1) next',
    'if (s =~ "a(b|c)*d") println(matched(1))',
    'while (n < 10) n++',
    'for (i = 0; i < 3; i++) f(i, n)',
  ],
  ...[
    'try { error("x") } catch (e) { println(e) }',
    'delete arr',
    'delete arr[n, *]',
    'if ([n, *] in arr) break',
    'continue',
  ],
  ...[
    'n = f(1, 2)',
    's = g("x")',
    'n = r(n)',
    'n = o(1)',
    'n = c(3)',
    'n = f(1)',
    's = f("a", 1)',
    'g(1)',
    'unknown(1)',
  ],
  ...[
    'n = $count',
    's = kernel_string($buf)',
    'n = $file->f_flags',
    'n = $file->next->next->bits',
    'n = $return',
    '$count = 1',
  ],
  ...[
    's = $$parms',
    's = $file$',
    's = $file->next$$',
    'n = &$file->array[2]',
    'n = @cast(n, "file")->inner',
    'n = $nothing',
  ],
  ...[
    'n = @entry($count)',
    'if (@defined($file)) n = 1',
    'n = @choose_defined($x, 3)',
    'n = @enum("MODE_A")',
    'n = @const("3")',
  ],
  ...[
    'n = 1 / 0',
    'n = -9223372036854775808 / -1',
    's = n',
    'n = s',
    'arr = 1',
    'stat = 3',
    'n[1] = 2',
    'n = @kderef(8, n)',
  ],
  ...[
    'printf("%s", n)',
    'printf("%d")',
    'printf("%*d %m", 3, n, n)',
    'return 3',
    'n = n ? 1 : 2',
    'n <<< 1',
    's = sprint(1, "x")',
  ],
];

/** Statements that no declaration or point makes wrong, so that whole scripts come through. */
const SOUND = [
  ...['n++', 'n = 3', 's .= "x"', 't = n + 1', 'arr[pid()] = n', 'stat <<< n', 'many[execname()] <<< 1', 'println(n)'],
  ...[
    'printf("%d %s\\n", n, s)',
    'print(@count(stat), @avg(stat))',
    'println(@hist_log(stat))',
    'exit()',
    'n = f(1, 2)',
  ],
  ...[
    'foreach (k in arr) println(k)',
    'foreach (a in arr- limit 3) n += a',
    'foreach (k+ in many) println(@sum(many[k]))',
  ],
  ...['if (n > 1) next', 'if (s =~ "a(b|c)*d") println(matched(1))', 'for (i = 0; i < 3; i++) f(i, n)', 's = g("x")'],
  ...[
    'try { error("x") } catch (e) { println(e) }',
    'delete arr',
    'if (n in arr) n--',
    'n = r(n)',
    'n = c(3)',
    'n = o(1)',
  ],
  ...[
    'n = $count',
    'n = $file->f_flags',
    'n = $file->next->next->bits',
    's = $$parms',
    's = $file$',
    'n = &$file->array[2]',
  ],
  ...['n = @cast(n, "file")->inner', 'if (@defined($nothing)) n = $nothing', 'n = n ? 1 : 2', 's = sprint(1, "x")'],
  ...['n = @cast(n, "file")->array[n]', 'n = @kderef(8, n)', 's = sprintf("%5d", n << 2)', 't = !n && ~t || n >>> 1'],
];

/** A script that should come through whole. */
const sound: fc.Arbitrary<string> = fc
  .array(fc.array(fc.constantFrom(...SOUND), { maxLength: 8 }), { minLength: 1, maxLength: 3 })
  .map((bodies) => {
    const handlers = bodies.map((body) => `probe kernel.function("vfs_read") {\n  ${body.join('\n  ')}\n}`);
    return [...DECLARATIONS, ...handlers].join('\n');
  });

/** A script of parts that make sense. */
const sensible: fc.Arbitrary<string> = fc
  .tuple(
    fc.subarray(DECLARATIONS),
    fc.array(
      fc.tuple(
        fc.array(fc.constantFrom(...POINTS), { minLength: 1, maxLength: 2 }),
        fc.array(fc.constantFrom(...STATEMENTS), { maxLength: 6 }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([declarations, probes]) => {
    const handlers = probes.map(
      ([points, statements]) => `probe ${points.join(', ')} {\n  ${statements.join('\n  ')}\n}`,
    );
    return [...declarations, ...handlers].join('\n');
  });

const OWN = [
  'probe vfs.read {printf("read performed\\n"); exit()}',
  `${DECLARATIONS.join('\n')}\nprobe begin {\n${STATEMENTS.join('\n')}\n}`,
];

function readExamples(): string[] {
  if (!existsSync(EXAMPLES)) return [];
  return readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.stp'))
    .sort()
    .map((path) => readFileSync(join(EXAMPLES, path), 'utf8'))
    .filter((text) => text.length < 6000);
}

/** Every kind of text, the ones that reach far most often. */
export function scripts(): fc.Arbitrary<string> {
  const bases = fc.oneof(fc.constantFrom(...OWN, ...readExamples()), sensible, sound);
  const mutated = fc
    .tuple(
      bases,
      fc.array(
        fc.record({
          at: fc.double({ min: 0, max: 1, noNaN: true }),
          drop: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200)),
          put: fc.oneof(fc.constant(''), fc.constantFrom(...SNIPPETS, ...STATEMENTS), fc.string({ maxLength: 3 })),
          repeat: fc.oneof(fc.constant(1), fc.constant(1), fc.constant(1), fc.nat(40)),
        }),
        { maxLength: 4 },
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
  const heap = fc.array(fc.constantFrom(...SNIPPETS), { maxLength: 60 }).map((pieces) => pieces.join(' '));
  return fc.oneof(
    { weight: 2, arbitrary: sound },
    { weight: 2, arbitrary: sensible },
    { weight: 4, arbitrary: mutated },
    { weight: 1, arbitrary: heap },
    { weight: 1, arbitrary: tree.map((file) => printAst(file)) },
  );
}
