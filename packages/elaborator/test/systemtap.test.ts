// What `stap -p2` of SystemTap 4.8 said of each script of a list, without a kernel's debug information: our first message
// must be the same, or our text. The fixture was written from its output; what differs is in known-differences.md.
import { readFileSync } from 'node:fs';
import { parse } from '@stapkit/parser';
import { hasErrors, renderDiagnostic } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { elaborate, formatElaborated } from '../src/index.js';
import { kernel, libraryOf } from './helpers.js';

interface Recorded {
  readonly script: string;
  readonly options?: string;
  /** The -p2 text, where it was accepted. */
  readonly output?: string;
  /** The first error. */
  readonly error?: string;
  readonly warnings?: readonly string[];
}

/** The tapset that both had. */
const LIBRARY = `
  function exit () %{ /* unprivileged */ %}
  function error (msg:string) %{ /* unprivileged */ %}
  function pid:long () %{ /* pure */ /* unprivileged */ STAP_RETVALUE = 1; %}
  function execname:string () %{ /* pure */ /* unprivileged */ %}
  function matched:string (n:long) %{ /* pure */ /* unprivileged */ %}
`;

const recorded = JSON.parse(
  readFileSync(new URL('fixtures/systemtap-4.8.json', import.meta.url), 'utf8'),
) as readonly Recorded[];

/**
 * Lists of names that are spelt alike differ, and so does the place of the pretended tapset. SystemTap leaves out the
 * file that a warning has named before.
 */
function plain(message: string): string {
  return message
    .replace(/ \(similar: [^)]*\)/, '')
    .replace(/(?:library|\S*mini)\.stp:\d+:\d+/, 'LIBRARY')
    .replace(/ at :(?=\d)/, ' at <input>:');
}

test.each(recorded.map((entry) => [`${entry.options ?? ''} ${entry.script}`.trim(), entry] as const))(
  '%s',
  (_, entry) => {
    const guru = entry.options === '-g';
    const facts = { kernelRelease: '6.1.0-56-amd64', architecture: 'x86_64', guru, config: () => undefined };
    const scripts = [{ name: '<input>', text: entry.script }];
    const parsed = parse({ scripts, facts, library: libraryOf(LIBRARY) });
    let { diagnostics } = parsed;
    let text = '';
    if (!hasErrors(diagnostics)) {
      const { value, diagnostics: more } = elaborate(parsed.value, {
        symbols: kernel,
        guru,
        unoptimized: entry.options === '-u',
        ...(entry.options === '--privilege=stapusr' ? { privilege: 'stapusr' } : {}),
      });
      diagnostics = [...diagnostics, ...more];
      if (!hasErrors(diagnostics)) text = formatElaborated(value, { bodies: false }).trim();
    }
    const messages = diagnostics.map((one) => renderDiagnostic(one, { sources: parsed.value.sources }).split('\n')[0]!);
    const first = messages.find((message) => !message.startsWith('WARNING'));
    if (entry.error === undefined) {
      expect(messages.filter((message) => !message.startsWith('WARNING'))).toEqual([]);
      expect(text).toBe(entry.output ?? '');
    } else expect(plain(first ?? '')).toBe(plain(entry.error.split(' | ')[0]!));
    // SystemTap warns once of several that are alike.
    if (entry.warnings) {
      expect(messages.filter((message) => message.startsWith('WARNING')).map(plain)).toEqual(
        expect.arrayContaining(entry.warnings.map(plain)),
      );
    }
  },
);
