// Compares what `stap -p2` says of each example of systemtap-doc with what the SystemTap that is installed says:
//
//   npx tsx tools/conformance/examples-pass2.ts RELEASE [ANSWERS]
//
// The texts as wholes differ, as the tapsets do. Compared are the points that the script's probes resolve to, its own
// globals with their types and its own functions with theirs; for each example that differs the reason is printed.
// In ANSWERS, a folder, SystemTap's answers are kept: it takes seconds for each, and those that are there are not asked anew.
import { mkdirSync } from 'node:fs';
import { EXAMPLES_FOLDER, findExampleScripts } from './example-scripts.js';
import { askBoth, compareAnswers, type Difference } from './pass2-answers.js';

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
  const difference = compareAnswers(example, ours.text, theirs.text);
  if (difference) differences.push({ name: example.name, difference });
}

console.log(`${examples.length} examples: ${both} taken by both, ${both - differences.length} alike`);
console.log(`taken by SystemTap alone ${refused.theirs}, here alone ${refused.ours}, by neither ${refused.neither}`);
for (const { name, difference } of differences) {
  console.log(`\n${name}: ${difference.reason}`);
  for (const line of difference.lines) console.log(`  ${line}`);
}
