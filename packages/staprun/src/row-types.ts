// The types of a script's rows, for `stap types SCRIPT --ts|--json-schema`: what `--json` will print, known before it runs.
import { z } from 'zod';
import type { PrintSite } from './description.js';
import { type Column, siteColumns } from './events.js';
import { RowValueSchema, RunEventSchema } from './schema.js';

/**
 * The schema of one print site's rows.
 *
 * @param site the site as the module describes it
 */
export function rowSchema(site: PrintSite): z.ZodObject {
  return z.object(Object.fromEntries(siteColumns(site).map((column) => [column.name, columnSchema(column)])));
}

function columnSchema({ type }: Column): z.ZodType {
  switch (type) {
    case 'long':
      return RowValueSchema.meta({ description: 'a decimal string beyond 2^53' });
    case 'string':
      return z.string();
    case 'memory':
      return z.string().meta({ description: 'bytes in hexadecimal' });
  }
}

/**
 * The JSON schema of one line of a script's `--json` output.
 *
 * @param sites the script's print sites
 */
export function eventJsonSchema(sites: readonly PrintSite[]): object {
  const others = RunEventSchema.options.filter((option) => option.unwrap().shape.event.value !== 'print');
  const prints = sites.map((site) =>
    z.object({
      event: z.literal('print'),
      time: z.string(),
      cpu: z.number().int(),
      place: z.literal(site.place),
      text: z.string(),
      row: rowSchema(site),
    }),
  );
  const branches: z.ZodType[] = [...prints, ...others];
  return z.toJSONSchema(z.union(branches));
}

/**
 * TypeScript for one line of a script's `--json` output: a union `ScriptEvent`, told apart by `event` and `place`.
 *
 * @param sites the script's print sites
 */
export function eventTypeScript(sites: readonly PrintSite[]): string {
  const prints = sites.map((site) => {
    const columns = siteColumns(site).map(
      ({ name, type }) => `    readonly ${name}: ${type === 'long' ? 'number | string' : 'string'};\n`,
    );
    const row = columns.length === 0 ? 'Readonly<Record<string, never>>' : `{\n${columns.join('')}  }`;
    return `/** Printed at ${site.place}. */
export interface Print${site.id + 1} {
  readonly event: 'print';
  /** Nanoseconds since boot. */
  readonly time: string;
  readonly cpu: number;
  readonly place: ${JSON.stringify(site.place)};
  readonly text: string;
  readonly row: ${row};
}
`;
  });
  const names = sites.map((site) => `Print${site.id + 1}`);
  return `${prints.join('\n')}${prints.length > 0 ? '\n' : ''}${OTHER_EVENTS}
export type ScriptEvent = ${[...names, 'OtherEvent'].join(' | ')};
`;
}

/** The events that are the same for every script; test/row-types.test.ts compares them with RunEvent. */
const OTHER_EVENTS = `/** Everything that a run tells beside its prints. */
export type OtherEvent =
  | {
      readonly event: 'start';
      readonly module: string;
      readonly script: string;
      readonly release: string;
      readonly probes: number;
    }
  | { readonly event: 'text'; readonly time: string; readonly cpu: number; readonly text: string }
  | { readonly event: 'warning' | 'error'; readonly time: string; readonly text: string; readonly probe?: string }
  | {
      readonly event: 'loss';
      readonly owner: string;
      readonly cause:
        | 'nesting'
        | 'lock-timeout'
        | 'ring-full'
        | 'map-full'
        | 'string-cut'
        | 'return-missed'
        | 'overload'
        | 'low-stack';
      /** The global whose lock was waited for in vain. */
      readonly global?: string;
      readonly count: number;
    }
  | { readonly event: 'detach'; readonly module: string }
  | {
      readonly event: 'coverage';
      readonly point: string;
      readonly functions: number;
      readonly symbols: number;
      readonly variants: Readonly<Record<string, number>>;
      /** Absent where only debug information could tell. */
      readonly inlined?: number;
      readonly probed: number;
      readonly withoutCode: number;
    }
  | {
      readonly event: 'end';
      readonly module: string;
      readonly exitStatus: number;
      readonly errors: number;
      readonly warnings: number;
      readonly lost: number;
    };
`;
