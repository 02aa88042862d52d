// protocol.ts against the header that the runtime includes.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BATCH_MAX, LOSS_CAUSES, LOSS_OWNER_SITE, PROTOCOL_VERSION, READ_MAX, RECORD } from '../src/protocol.js';

const header = readFileSync(new URL('../../runtime/include/stapkit_protocol.h', import.meta.url), 'utf8');

/** The members of an enum, by name without their prefix. */
function enumOf(name: string, prefix: string): Record<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(header)![1]!;
  return Object.fromEntries(
    [...body.matchAll(new RegExp(`${prefix}(\\w+)\\s*=\\s*(\\d+)`, 'g'))].map((match) => [match[1]!, Number(match[2])]),
  );
}

test('the kinds of record are those of the header', () => {
  expect(enumOf('stapkit_record_kind', 'STAPKIT_RECORD_')).toEqual(RECORD);
});

test('the causes of loss are those of the header', () => {
  const causes = enumOf('stapkit_loss_cause', 'STAPKIT_LOSS_');
  expect(Object.keys(causes).map((name) => name.toLowerCase().replaceAll('_', '-'))).toEqual([...LOSS_CAUSES]);
  expect(Object.values(causes)).toEqual(LOSS_CAUSES.map((_, index) => index));
});

test('the numbers are those of the header', () => {
  expect(header).toMatch(new RegExp(`STAPKIT_PROTOCOL_VERSION ${PROTOCOL_VERSION}\\b`));
  expect(header).toContain(`STAPKIT_BATCH_MAX (${BATCH_MAX / 1024} * 1024)`);
  expect(header).toContain(`STAPKIT_READ_MAX (${READ_MAX / 1048576} * 1024 * 1024)`);
  expect(header).toContain(`STAPKIT_LOSS_OWNER_SITE 0x${LOSS_OWNER_SITE.toString(16)}u`);
});
