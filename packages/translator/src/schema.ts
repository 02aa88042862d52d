// The zod schema of CModule: it checks JSON from outside (`--from FILE.json`). An entry of its own,
// `@stapkit/translator/schema`, so that an ordinary run does not load zod.
import { z } from 'zod';
import type { CModule } from './c-module.js';
import type { ModuleDescription } from './description.js';

const SourceText = z.strictObject({ name: z.string(), text: z.string() });

export const CModuleSchema: z.ZodType<CModule> = z.strictObject({
  kind: z.literal('c-module'),
  release: z.string(),
  architecture: z.string(),
  buildId: z.string().optional(),
  source: z.string(),
  units: z.array(z.strictObject({ name: z.string().regex(/^\w+$/), source: z.string() })),
  defines: z.record(z.string(), z.string()),
  sources: z.array(SourceText),
  modules: z.array(z.string()).optional(),
  counts: z.strictObject({
    probes: z.int().nonnegative(),
    functions: z.int().nonnegative(),
    globals: z.int().nonnegative(),
  }),
});

const FormatPiece = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  z.strictObject({
    kind: z.literal('directive'),
    conversion: z.enum(['b', 'c', 'd', 'i', 'm', 'M', 'o', 'p', 's', 'u', 'x', 'X', 'n']),
    flags: z.string(),
    width: z.union([z.int(), z.literal('argument')]).optional(),
    precision: z.union([z.int(), z.literal('argument')]).optional(),
    size: z.string().optional(),
  }),
]);

/** What /proc/stapkit/NAME/sites holds. */
export const ModuleDescriptionSchema: z.ZodType<ModuleDescription> = z.strictObject({
  protocol: z.int(),
  script: z.string(),
  release: z.string(),
  architecture: z.string(),
  sites: z.array(
    z.strictObject({
      id: z.int(),
      place: z.string(),
      pieces: z.array(FormatPiece),
      arguments: z.array(z.enum(['long', 'string', 'memory'])),
      names: z.array(z.string()),
    }),
  ),
  probes: z.array(
    z.strictObject({ id: z.int(), name: z.string(), written: z.string(), place: z.string(), family: z.string() }),
  ),
  globals: z.array(
    z.strictObject({
      name: z.string(),
      type: z.enum(['long', 'string', 'statistic']),
      keys: z.array(z.enum(['long', 'string'])),
      library: z.boolean(),
    }),
  ),
  limits: z.record(z.string(), z.number()) as unknown as z.ZodType<ModuleDescription['limits']>,
  timing: z.boolean().optional(),
});
