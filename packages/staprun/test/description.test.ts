// staprun mirrors the translator's description of a module and must not import it; here the two are compared.

import type { ModuleDescription as Theirs } from '@stapkit/translator';
import { PROTOCOL_VERSION as translatorVersion } from '@stapkit/translator';
import { expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { ModuleDescription } from '../src/description.js';
import type { RunEvent } from '../src/events.js';
import { PROTOCOL_VERSION } from '../src/protocol.js';
import type { ModuleDescriptionSchema, RunEventSchema, SessionSchema } from '../src/schema.js';
import type { Session } from '../src/session.js';

test('what the translator writes is what staprun reads', () => {
  expectTypeOf<Theirs>().toExtend<ModuleDescription>();
  expectTypeOf<Theirs['sites']>().toEqualTypeOf<ModuleDescription['sites']>();
  expectTypeOf<Theirs['probes']>().toEqualTypeOf<ModuleDescription['probes']>();
  expectTypeOf<Theirs['globals']>().toEqualTypeOf<ModuleDescription['globals']>();
  expect(PROTOCOL_VERSION).toBe(translatorVersion);
});

test('the schemas describe the types', () => {
  expectTypeOf<z.infer<typeof ModuleDescriptionSchema>>().toEqualTypeOf<ModuleDescription>();
  expectTypeOf<z.infer<typeof RunEventSchema>>().toExtend<RunEvent>();
  expectTypeOf<RunEvent>().toExtend<z.infer<typeof RunEventSchema>>();
  expectTypeOf<z.infer<typeof SessionSchema>>().toEqualTypeOf<Session>();
});
