// Reading statistics: @count … @variance, histogram buckets, printed histograms.
import type { Expression, StatisticSource } from '@stapkit/elaborator';
import type { BodyEmission } from './body.js';
import { emitNumber } from './expression.js';
import { walkAt } from './foreach.js';
import { emitKeys } from './map.js';

const OPERATIONS = { count: 0, sum: 1, min: 2, max: 3, avg: 4, variance: 5 } as const;

/** The number that the runtime gives an operation. */
export function operationNumber(operation: keyof typeof OPERATIONS): number {
  return OPERATIONS[operation];
}

/** Merges a statistic over the CPUs; the result holds until the next merge. */
export function emitMerge(b: BodyEmission, source: StatisticSource): string {
  const name = b.module.globalName(source.global);
  if (source.kind === 'global') return `stapkit_statistic_merge(c, ${name})`;
  const walk = walkAt(b, source.global, source.keys);
  if (walk) return `stapkit_node_merge(c, ${walk.map}, ${walk.index})`;
  const keys = emitKeys(b, source.keys);
  return `stapkit_map_merge(c, ${name}, ${keys.text}, ${keys.fixed})`;
}

export function emitStatistic(b: BodyEmission, e: Extract<Expression, { kind: 'statistic' }>): string {
  const merged = emitMerge(b, e.source);
  const value = b.number(`stapkit_merged_value(c, ${merged}, ${operationNumber(e.operation)})`);
  b.failOnError(e.span);
  return value;
}

export function emitBucket(b: BodyEmission, e: Extract<Expression, { kind: 'bucket' }>): string {
  const index = b.number(emitNumber(b, e.index));
  const value = b.number(`stapkit_merged_bucket(c, ${emitMerge(b, e.source)}, ${index})`);
  b.failOnError(e.span);
  return value;
}

export function emitPrintHistogram(b: BodyEmission, e: Extract<Expression, { kind: 'print-histogram' }>): string {
  b.out.line(`stapkit_print_histogram(c, c->probe->id, ${emitMerge(b, e.source)});`);
  b.failOnError(e.span);
  return '0';
}
