// Runs passes 1 and 2 on every example of systemtap-doc and prints how many pass and why each of the others does not:
//
//   npx tsx tools/conformance/examples.ts [--update] [RELEASE]
//
// `--update` writes the names of those that pass into examples-passing.txt, which a test holds.
import { writeFileSync } from 'node:fs';
import { EXAMPLES_FOLDER, findExampleScripts, PASSING_LIST, runExampleScripts } from './example-scripts.js';

const words = process.argv.slice(2);
const release = words.find((word) => !word.startsWith('-'));
const examples = findExampleScripts();
if (examples.length === 0) {
  console.error(`no examples in ${EXAMPLES_FOLDER}: install systemtap-doc`);
  process.exit(1);
}

const results = await runExampleScripts(examples, release);
const passing = results.filter(({ failed }) => failed === undefined);
console.log(`${results.length} examples: ${results.filter(({ failed }) => failed !== 1).length} through pass 1`);
console.log(`${results.length} examples: ${passing.length} through pass 2`);
for (const pass of [1, 2]) {
  const refused = results.filter(({ failed }) => failed === pass);
  if (refused.length > 0) console.log(`\nrefused in pass ${pass}: ${refused.length}`);
  for (const { name, reason } of refused) console.log(`  ${name}: ${reason}`);
}
if (words.includes('--update')) {
  const head = '# The examples of systemtap-doc that get through passes 1 and 2; written by examples.ts --update.';
  writeFileSync(PASSING_LIST, `${head}\n${passing.map(({ name }) => `${name}\n`).join('')}`);
}
