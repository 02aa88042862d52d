// What the comparison of -p2 texts takes for the same, and what not.
import { expect, test } from 'vitest';
import { compareAnswers, summarizeText } from '../conformance/pass2-answers.js';

const SCRIPT = `global hits, other
function double(n) { return n * 2 }
probe kernel.function("vfs_*").call, timer.profile, tapset.alias { hits[double(pid())]++ }
probe kernel.statement("do_exit@$1:*") { other++ }`;
const WORDS = ['sample.stp', 'kernel/exit.c'];

const THEIRS = `# global embedded code
# globals
hits:long [long]
other:long
__global_of_the_tapset:long
# functions
__clone_probe_12_of___global_double__overload_0:long (n:long)
__clone_probe_13_of___global_double__overload_0:long (n:long)
%{
  not:long (a:long)
%}
pid:long ()
# probes
kernel.function("vfs_read@/build/x/linux-6.1.1/fs/read_write.c:451").call /* pc=_stext+0x36 */ /* <- kernel.function("vfs_*").call */
perf.type(1).config(0).sample(1000000) /* <- perf.type(1).config(0).sample(1000000) */
kernel.function("far") /* <- tapset.alias <- tapset.alias = kernel.function("far") */
kernel.statement("do_exit@/build/x/linux-6.1.1/kernel/exit.c:810") /* pc=_stext+0x40 */ /* <- kernel.statement("do_exit@kernel/exit.c:*") */
  # locals
  n:long
`;

const OURS = `# globals
hits:long [long]
other:long
# functions
double:long (n:long)
# probes
kernel.function("vfs_read@fs/read_write.c:451").call /* <- kernel.function("vfs_*").call */
timer.profile /* <- timer.profile */
kernel.trace("near") /* <- tapset.alias <- tapset.alias = kernel.trace("near") */
kernel.statement("do_exit@kernel/exit.c:810") /* <- kernel.statement("do_exit@kernel/exit.c:*") */
`;

test('a text of pass 2 is read by its sections, and code is none of them', () => {
  expect(summarizeText(THEIRS)).toMatchObject({
    globals: ['hits:long [long]', 'other:long', '__global_of_the_tapset:long'],
    functions: ['double:long (n:long)', 'pid:long ()'],
    points: [
      { name: 'kernel.function("vfs_read@fs/read_write.c:451").call', chain: ['kernel.function("vfs_*").call'] },
      { name: 'timer.profile' },
      { name: 'kernel.function("far")', chain: ['tapset.alias = kernel.function("far")', 'tapset.alias'] },
      { name: 'kernel.statement("do_exit@kernel/exit.c:810")' },
    ],
  });
});

test("the tapset, the sources' folder and names of copies may differ", () => {
  expect(compareAnswers(SCRIPT, WORDS, OURS, THEIRS)).toBeUndefined();
});

test.each([
  ['a point', (text: string) => text.replace('vfs_read@', 'vfs_write@'), 'points (2)'],
  ['a line', (text: string) => text.replace('exit.c:810', 'exit.c:811'), 'points (2)'],
  ['a point that is there twice', (text: string) => text.replace(/^timer.profile.*\n/m, '$&$&'), 'points (1)'],
  ['a type', (text: string) => text.replace('hits:long', 'hits:stat'), 'globals (2)'],
  ['a function', (text: string) => text.replace(/^double.*\n/m, ''), 'functions (1)'],
])('%s of the script may not', (_, change, reason) => {
  expect(compareAnswers(SCRIPT, WORDS, change(OURS), THEIRS)?.reason).toBe(reason);
});
