// What the translator knows of a probe family: the C of its point, and which runtime member it needs. One file a family;
// `table.ts` lists them.
import type { ResolvedPoint, ResolvedProbe } from '@stapkit/elaborator';
import type { ScriptEmission } from '../emit/script.js';

export interface FamilyEmitter<Point extends ResolvedPoint = ResolvedPoint> {
  /** Name of the runtime's `struct stapkit_family`. */
  runtimeFamily(point: Point): string;
  /**
   * Prints the declarations of one probe's point.
   *
   * @param name the C name that the point's structure must get
   * @returns C at file scope
   */
  printPoint(point: Point, name: string, probe: ResolvedProbe, index: number, module: ScriptEmission): string;
}

/** Prints `static const struct TYPE NAME = { .field = value, … };`, leaving out what is undefined. */
export function printStruct(type: string, name: string, fields: Readonly<Record<string, string | undefined>>): string {
  const rows = Object.entries(fields).flatMap(([field, value]) =>
    value === undefined ? [] : [`\t.${field} = ${value},`],
  );
  return `static const struct ${type} ${name} = {\n${rows.join('\n')}\n};`;
}
