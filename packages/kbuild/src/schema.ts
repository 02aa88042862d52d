// The zod schema of this package's IR, for data that comes from outside.
import { z } from 'zod';
import type { BuiltModule } from './built-module.js';

/** Checks a BuiltModule that was read from JSON. */
export const builtModuleSchema: z.ZodType<BuiltModule> = z.strictObject({
  kind: z.literal('built-module'),
  name: z.string().regex(/^[A-Za-z_]\w{0,54}$/),
  path: z.string().startsWith('/'),
  release: z.string().min(1),
  architecture: z.string().min(1),
  cached: z.boolean(),
  cachePath: z.string().startsWith('/').optional(),
});
