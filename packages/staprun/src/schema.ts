// zod schemas of what crosses staprun's borders as JSON: a module's description, and the events of `--json`. They are an
// entry of their own because a run needs none of them.
import { z } from 'zod';

const Place = z.string().meta({ description: 'file:line:column' });

/** One piece of a print site's format. */
export const FormatPieceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), text: z.string() }).readonly(),
  z
    .object({
      kind: z.literal('directive'),
      conversion: z.enum(['b', 'c', 'd', 'i', 'm', 'M', 'o', 'p', 's', 'u', 'x', 'X', 'n']),
      flags: z.string(),
      width: z.union([z.number(), z.literal('argument')]).optional(),
      precision: z.union([z.number(), z.literal('argument')]).optional(),
      size: z.string().optional(),
    })
    .readonly(),
]);

/** One print site. */
export const PrintSiteSchema = z
  .object({
    id: z.number().int().nonnegative(),
    place: Place,
    pieces: z.array(FormatPieceSchema).readonly(),
    arguments: z.array(z.enum(['long', 'string', 'memory'])).readonly(),
    names: z.array(z.string()).readonly(),
  })
  .readonly();

/** What /proc/stapkit/NAME/sites says. */
export const ModuleDescriptionSchema = z
  .object({
    protocol: z.number().int(),
    script: z.string(),
    release: z.string(),
    architecture: z.string(),
    sites: z.array(PrintSiteSchema).readonly(),
    probes: z
      .array(
        z
          .object({ id: z.number().int(), name: z.string(), written: z.string(), place: Place, family: z.string() })
          .readonly(),
      )
      .readonly(),
    globals: z
      .array(
        z
          .object({
            name: z.string(),
            type: z.enum(['long', 'string', 'statistic']),
            keys: z.array(z.enum(['long', 'string'])).readonly(),
            library: z.boolean(),
          })
          .readonly(),
      )
      .readonly(),
    limits: z.record(z.string(), z.number()).readonly(),
    timing: z.boolean().optional(),
  })
  .readonly();

/** A value of a row: numbers beyond 2^53 are decimal strings. */
export const RowValueSchema = z.union([z.number(), z.string()]);

/** Why something was lost. */
export const LossCauseSchema = z.enum([
  'nesting',
  'lock-timeout',
  'ring-full',
  'map-full',
  'string-cut',
  'return-missed',
  'overload',
  'low-stack',
]);

const Time = z.string().meta({ description: 'nanoseconds since boot (CLOCK_MONOTONIC), decimal' });

/** One line of `--json`. */
export const RunEventSchema = z.discriminatedUnion('event', [
  z
    .object({
      event: z.literal('start'),
      module: z.string(),
      script: z.string(),
      release: z.string(),
      probes: z.number().int(),
    })
    .readonly(),
  z
    .object({
      event: z.literal('print'),
      time: Time,
      cpu: z.number().int(),
      place: Place,
      text: z.string(),
      row: z.record(z.string(), RowValueSchema).readonly(),
    })
    .readonly(),
  z.object({ event: z.literal('text'), time: Time, cpu: z.number().int(), text: z.string() }).readonly(),
  z.object({ event: z.literal('warning'), time: Time, text: z.string(), probe: z.string().optional() }).readonly(),
  z.object({ event: z.literal('error'), time: Time, text: z.string(), probe: z.string().optional() }).readonly(),
  z
    .object({
      event: z.literal('loss'),
      owner: z.string(),
      cause: LossCauseSchema,
      global: z.string().optional(),
      count: z.number().int(),
    })
    .readonly(),
  z.object({ event: z.literal('detach'), module: z.string() }).readonly(),
  z
    .object({
      event: z.literal('coverage'),
      point: z.string(),
      functions: z.number().int(),
      symbols: z.number().int(),
      variants: z.record(z.string(), z.number().int()),
      inlined: z.number().int().optional(),
      probed: z.number().int(),
      withoutCode: z.number().int(),
    })
    .readonly(),
  z
    .object({
      event: z.literal('end'),
      module: z.string(),
      exitStatus: z.number().int(),
      errors: z.number().int(),
      warnings: z.number().int(),
      lost: z.number().int(),
    })
    .readonly(),
]);

/** What a run leaves to say. */
export const SessionSchema = z
  .object({
    kind: z.literal('session'),
    module: z.string(),
    exitStatus: z.number().int(),
    detached: z.boolean().optional(),
    command: z.object({ exitStatus: z.number().int().optional(), signal: z.string().optional() }).readonly().optional(),
    losses: z
      .array(
        z
          .object({ owner: z.string(), cause: LossCauseSchema, global: z.string().optional(), count: z.number().int() })
          .readonly(),
      )
      .readonly(),
    errors: z.number().int(),
    warnings: z.number().int(),
  })
  .readonly();
