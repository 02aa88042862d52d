// The TypeScript side of packages/runtime/include/stapkit_protocol.h; test/protocol.test.ts compares the two.

/** `STAPKIT_PROTOCOL_VERSION`. */
export const PROTOCOL_VERSION = 1;

/** `STAPKIT_BATCH_MAX`: a read of the trace file needs a buffer of at least this many bytes. */
export const BATCH_MAX = 256 * 1024;

/**
 * `STAPKIT_READ_MAX`: what a read gives at most, many batches. Memory that nothing is read into is not there but in name:
 * it takes none of the machine's.
 */
export const READ_MAX = 64 * 1024 * 1024;

/** Bytes of `struct stapkit_record`, the header of every record. */
export const RECORD_HEADER = 24;

/** Where the stamp lies in a record. */
export const STAMP_OFFSET = 16;

/** `enum stapkit_record_kind`. */
export const RECORD = {
  PAD: 0,
  PRINT: 1,
  TEXT: 2,
  WARNING: 3,
  ERROR: 4,
  START: 5,
  EXIT: 6,
  END: 7,
  LOSS: 8,
  WATERMARK: 9,
  HISTOGRAM: 10,
  SYSTEM: 11,
} as const;

/** `enum stapkit_loss_cause`: the index is the number in the record. */
export const LOSS_CAUSES = [
  'nesting',
  'lock-timeout',
  'ring-full',
  'map-full',
  'string-cut',
  'return-missed',
  'overload',
  'low-stack',
] as const;

/** `STAPKIT_LOSS_OWNER_SITE`: set in a LOSS's owner where that is a print site and not a probe. */
export const LOSS_OWNER_SITE = 0x80000000;

/** `site` of a record that belongs to no probe or print site. */
export const NO_SITE = 0xffffffff;
