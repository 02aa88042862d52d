// What `stap -p1` of SystemTap 4.8 printed of the examples of systemtap-doc, each given the arguments below: ours is the
// same, told by a hash of its lines. Empty lines and the name of the file are left out.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatParse, parse } from '@stapkit/parser';
import { hasErrors } from '@stapkit/pass';
import { openTapset, tapsetFolder } from '@stapkit/tapset';
import { expect, test } from 'vitest';

const EXAMPLES = '/usr/share/systemtap/examples';
const ARGUMENTS = ['begin', '2', '3', '4', '5'];

/** What of the tapset's macros is our own, so that their text is not that of SystemTap. */
const OWN_MACROS =
  /@(?:prometheus_dump_array|json_output_|this\d|container_of|module_container_of|cast_sizeof|cast_module_sizeof)/;

/** What they ask of the kernel's configuration. */
const CONFIGURED = new Set(['CONFIG_64BIT', 'CONFIG_HAVE_HW_BREAKPOINT']);

const recorded = JSON.parse(
  readFileSync(new URL('fixtures/examples-p1-4.8.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, string>>;

test.skipIf(!existsSync(EXAMPLES))('the -p1 text of the examples is that of SystemTap 4.8', async () => {
  const kernel = { kernelRelease: '6.1.0-56-amd64', architecture: 'x86_64' };
  const { value: library } = await openTapset({ folders: [tapsetFolder], ...kernel });
  const facts = { ...kernel, guru: true, config: (name: string) => (CONFIGURED.has(name) ? 'y' : undefined) };
  const differing: string[] = [];
  let compared = 0;
  for (const [path, hash] of Object.entries(recorded)) {
    const text = readFileSync(join(EXAMPLES, path), 'latin1');
    if (OWN_MACROS.test(text)) continue;
    const { value, diagnostics } = parse({
      scripts: [{ name: '<input>', text }],
      arguments: ARGUMENTS,
      facts,
      library,
    });
    const lines = formatParse(value)
      .replace(/\n{2,}/g, '\n')
      .trim();
    const ours = createHash('sha256').update(lines, 'latin1').digest('hex').slice(0, hash.length);
    if (hasErrors(diagnostics) || ours !== hash) differing.push(path);
    compared += 1;
  }
  expect(differing).toEqual([]);
  expect(compared).toBeGreaterThan(170);
});
