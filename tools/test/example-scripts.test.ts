// Every example of systemtap-doc that has got through passes 1 and 2 still does. The package is optional: without it,
// the test is skipped, and says so by its title.
import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  EXAMPLES_FOLDER,
  findExampleScripts,
  passingExamples,
  runExampleScripts,
} from '../conformance/example-scripts.js';

// The list was made with a kernel's type information and event formats at hand.
const kernels = existsSync('/lib/modules') ? readdirSync('/lib/modules') : [];
const release = kernels.find((name) => name.startsWith('6.1.') && name.endsWith('-amd64'));
const examples = findExampleScripts();

test.skipIf(examples.length === 0 || release === undefined)(
  `examples of systemtap-doc that pass do not fall back (needs ${EXAMPLES_FOLDER} and a 6.1 kernel's modules)`,
  async () => {
    const names = new Set(passingExamples());
    const results = await runExampleScripts(
      examples.filter(({ name }) => names.has(name)),
      release,
    );
    expect(results.length).toBe(names.size);
    expect(results.filter(({ failed }) => failed !== undefined)).toEqual([]);
  },
);
