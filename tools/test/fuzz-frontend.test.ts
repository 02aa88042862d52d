// A short run of the fuzzer of passes 1 and 2; `tools/fuzz-frontend/fuzz.ts` makes long ones.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openFrontEnd } from '../fuzz-frontend/front-end.js';
import { hardTexts } from '../fuzz-frontend/hard-texts.js';
import { scripts } from '../fuzz-frontend/scripts.js';

const runs = Number(process.env.STAPKIT_PROPERTY_RUNS ?? 300);

test('random scripts get diagnostics from passes 1 and 2, never an exception or a hang', {
  timeout: 600_000 + runs * 100,
}, async () => {
  const run = await openFrontEnd();
  const reached = new Set<string>();
  fc.assert(
    fc.property(scripts(), (text) => {
      // A hang meets the runner's limit; how long each script takes is what `fuzz.ts` looks at.
      reached.add(run(text, ['5', 'begin']).reached);
    }),
    { numRuns: runs, seed: 20240607 },
  );
  // The generator is of use only while it reaches every stage.
  expect([...reached].sort()).toEqual(['done', 'elaborate', 'parse']);
});

// `tools/bench/frontend.mjs hard` tells what time and memory each takes.
const HARD: Readonly<Record<string, readonly string[]>> = {
  '10,000 parentheses': ['parser/too-deep'],
  '10,000 sums': ['parser/too-deep'],
  '10,000 blocks': ['parser/too-deep'],
  '10,000 ifs': ['parser/too-deep'],
  '10,000 foreach': ['parser/too-large'],
  '10,000 calls': ['parser/too-deep'],
  '10,000 indexes': ['parser/too-deep'],
  '10,000 members': ['elaborate/too-deep'],
  '10,000 aliases of one another': ['parser/too-large'],
  '10,000 functions of one another': ['parser/too-large'],
  'as many functions of one another as are read': ['parser/too-large'],
  '10,000 preprocessor conditionals': ['parser/too-large'],
  '10,000 levels of a regular expression': ['elaborate/bad-regex'],
  'the greatest depth that is read': [],
  'as many tokens as are read': [],
  'as many probes as are read': [],
  'as many globals as are read': [],
  'as many locals as are read': [],
  'as many locals that nothing reads': ['elaborate/no-probes'],
  'as many functions as are read': [],
  'as many overloads of one function': ['elaborate/unresolved-type'],
  'as many aliases as are read': [],
  'as many points of one probe': [],
  'as many empty probes as are read': ['elaborate/no-probes'],
  'as many probes with variables': [],
  'as many unknown functions': ['elaborate/unresolved-function'],
  'as many unknown points': ['elaborate/probe-point'],
  'as many unknown optional points': [],
  'as many unknown variables': ['elaborate/target-variable'],
  'as many type errors': ['elaborate/type-mismatch'],
  'as many regular expressions': ['elaborate/bad-regex'],
  'a regular expression of 1000 classes': ['elaborate/bad-regex'],
  'a regular expression with many states': ['elaborate/bad-regex'],
  'as many macros as are read': [],
  'as many conditionals': ['parser/too-large'],
  'as many loops': [],
  '10 MB of statements': ['parser/too-large'],
  '10 MB of probes': ['parser/too-large'],
  '10 MB of long names': ['parser/too-large'],
  '10 MB of long strings': ['parser/too-large'],
  '10 MB of errors': ['parser/too-large'],
  '10 MB of escapes': ['parser/long-string'],
  '10 MB of a format': ['parser/long-string'],
  '10 MB of strings in other letters': ['parser/too-large'],
  '10 MB of a pattern': ['parser/long-string'],
  '10 MB of embedded C': [],
  '10 MB of blank lines': [],
  '10 MB of a branch that is skipped': ['parser/too-large'],
  '10 MB of a comment': [],
  '10 MB of a string': ['parser/long-string'],
  '10 MB of brackets that are not closed': ['parser/too-large'],
  '10 MB without a line end': ['parser/too-large'],
  '10 MB of bytes that mean nothing': ['parser/too-large'],
};

test('deep nesting and ten megabytes get a script or a message from passes 1 and 2', async () => {
  const run = await openFrontEnd();
  const found: Record<string, readonly string[]> = {};
  for (const [name, make] of Object.entries(hardTexts())) {
    const errors = run(make(), []).diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
    found[name] = [...new Set(errors.map((diagnostic) => diagnostic.code))];
  }
  expect(found).toEqual(HARD);
});
