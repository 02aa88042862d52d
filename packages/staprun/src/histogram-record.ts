// The payload of a HISTOGRAM record: `struct stapkit_histogram` of stapkit_protocol.h and the counts behind it.
import { DiagnosticError } from '@stapkit/pass';
import type { RecordBytes } from './format-site.js';
import { type HistogramData, linearBuckets, logBuckets } from './histogram.js';

/** Bytes of `struct stapkit_histogram`. */
const HEADER = 24;

/**
 * Reads a histogram.
 *
 * @param records the batch
 * @param payload where the record's payload begins
 * @param length the payload's length in bytes
 */
export function readHistogram(records: RecordBytes, payload: number, length: number): HistogramData {
  const kind = records.words[payload >> 2]!;
  const elision = records.words[(payload >> 2) + 1]!;
  const numbers = new BigInt64Array(records.bytes.buffer, records.bytes.byteOffset + payload + 8, (length - 8) >> 3);
  const counts = [...numbers.subarray((HEADER - 8) >> 3)];
  if (length < HEADER || (kind !== 1 && kind !== 2)) {
    throw new DiagnosticError({
      code: 'staprun/damaged-histogram',
      severity: 'error',
      class: 'run',
      message: `the module sent a damaged histogram: kind ${kind}, ${length} bytes`,
      hints: ['the module and staprun may be of different versions: build the module again'],
    });
  }
  return { elision, buckets: kind === 1 ? linearBuckets(counts, numbers[0]!, numbers[1]!) : logBuckets(counts) };
}
