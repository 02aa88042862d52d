// Compares what `stap -p2` says of each example of systemtap-doc with what the SystemTap that is installed says:
//
//   npx tsx tools/conformance/examples-pass2.ts RELEASE [ANSWERS]
//
// The texts as wholes differ, as the tapsets do. Compared are the points that the script's probes resolve to, its own
// globals with their types and its own functions with theirs; for each example that differs the reason is printed, and an
// example that differs without a known reason makes the exit status 1.
// In ANSWERS, a folder, SystemTap's answers are kept: it takes seconds for each, and those that are there are not asked anew.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXAMPLES_FOLDER, findExampleScripts } from './example-scripts.js';
import { askBoth, compareAnswers, type Difference } from './pass2-answers.js';

/** The examples that differ, with the reason. */
const KNOWN: Readonly<Record<string, string>> = {
  'general/eventcount.stp': "the tapset's own points: an alias stands for other points there",
  'general/sizeof_interactive.stp': "the tapset's own points: an alias stands for other points there",
  'general/varwatch.stp': 'SystemTap lists lines of the function that was inlined into do_sys_open',
  'general/whythefail.stp': 'SystemTap lists lines of the function that was inlined into do_sys_open',
  'process/also_ran.stp': "the tapset's own points: an alias stands for other points there",
  'process/schedtimes.stp':
    "the tapset's own points: target_set_pid watches exits by a tracepoint that the script has, too",
  'profiling/container_check.stp':
    'SystemTap looks kprobe.function up in the kernel that runs, and takes the optional points only if that one has them',
  'profiling/fntimes.stp': 'a part of a function that is jumped to is no function; see packages/elaborator/README.md',
  'profiling/functioncallcount.stp': "SystemTap bars functions by name, the kernel's own list is another one",
  'profiling/linetimes.stp':
    'a line whose code begins with an earlier one is at its next place, where SystemTap leaves it out',
};

const [release, answers] = process.argv.slice(2);
if (release === undefined) {
  console.error('usage: examples-pass2.ts RELEASE [ANSWERS]');
  process.exit(2);
}
if (answers !== undefined) mkdirSync(answers, { recursive: true });
const examples = findExampleScripts();
if (examples.length === 0) {
  console.error(`no examples in ${EXAMPLES_FOLDER}: install systemtap-doc`);
  process.exit(1);
}

const differences: { readonly name: string; readonly difference: Difference }[] = [];
let both = 0;
const refused = { neither: 0, ours: 0, theirs: 0 };
for await (const { example, ours, theirs } of askBoth(examples, release, answers)) {
  if (ours.text === undefined || theirs.text === undefined) {
    refused[ours.text === undefined ? (theirs.text === undefined ? 'neither' : 'theirs') : 'ours'] += 1;
    continue;
  }
  both += 1;
  const script = readFileSync(join(EXAMPLES_FOLDER, example.name), 'latin1');
  const difference = compareAnswers(script, example.words, ours.text, theirs.text);
  if (difference) differences.push({ name: example.name, difference });
}

console.log(`${examples.length} examples: ${both} taken by both, ${both - differences.length} alike`);
console.log(`taken by SystemTap alone ${refused.theirs}, here alone ${refused.ours}, by neither ${refused.neither}`);
for (const { name, difference } of differences) {
  console.log(`\n${name}: ${difference.reason}\n  ${KNOWN[name] ?? 'NOT KNOWN'}`);
  for (const line of difference.lines) console.log(`  ${line}`);
}
process.exitCode = differences.every(({ name }) => name in KNOWN) ? 0 : 1;
