// The limits of a handler, with SystemTap's names and defaults (stap(1), "SAFETY AND SECURITY").

/** One `-D` limit. */
export interface Limit {
  readonly name: string;
  readonly default: number;
  readonly meaning: string;
}

/** Every limit that `-D NAME=VALUE` sets, with its documented default. Times are in the unit the name says. */
export const LIMITS = {
  MAXNESTING: { name: 'MAXNESTING', default: 10, meaning: 'nested function call levels' },
  MAXSTRINGLEN: { name: 'MAXSTRINGLEN', default: 512, meaning: 'length of strings, bytes with the final NUL' },
  MAXTRYLOCK: { name: 'MAXTRYLOCK', default: 1000, meaning: 'attempts to take a global variable’s lock' },
  TRYLOCKDELAY: { name: 'TRYLOCKDELAY', default: 10, meaning: 'microseconds between these attempts' },
  MAXACTION: { name: 'MAXACTION', default: 1000, meaning: 'statements in one probe hit (interrupts disabled)' },
  MAXACTION_INTERRUPTIBLE: {
    name: 'MAXACTION_INTERRUPTIBLE',
    default: 10_000,
    meaning: 'statements in one probe hit (interrupts enabled, e.g. begin/end)',
  },
  MAXBACKTRACE: { name: 'MAXBACKTRACE', default: 20, meaning: 'stack frames in a backtrace' },
  MAXMAPENTRIES: { name: 'MAXMAPENTRIES', default: 2048, meaning: 'entries of an array without a declared size' },
  MAXERRORS: { name: 'MAXERRORS', default: 0, meaning: 'soft errors before the run ends' },
  MAXSKIPPED: { name: 'MAXSKIPPED', default: 100, meaning: 'skipped probes before the run ends' },
  INTERRUPTIBLE: {
    name: 'INTERRUPTIBLE',
    default: 1,
    meaning: '0: probes skipped due to reentrancy count towards MAXSKIPPED too',
  },
  MINSTACKSPACE: { name: 'MINSTACKSPACE', default: 1024, meaning: 'free kernel stack to run a handler, bytes' },
  MAXUPROBES: { name: 'MAXUPROBES', default: 100, meaning: 'user-space probes at one time' },
  STP_OVERLOAD_INTERVAL: { name: 'STP_OVERLOAD_INTERVAL', default: 1_000_000_000, meaning: 'cycles of one check' },
  STP_OVERLOAD_THRESHOLD: { name: 'STP_OVERLOAD_THRESHOLD', default: 500_000_000, meaning: 'cycles in handlers' },
  STP_PROCFS_BUFSIZE: { name: 'STP_PROCFS_BUFSIZE', default: 512, meaning: 'bytes of a procfs probe’s buffer' },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;

/** The values in force for a module: name → number, defaults filled in. */
export type LimitValues = Readonly<Record<LimitName, number>>;

/**
 * Fills in the defaults.
 *
 * @param defines the `-D` definitions, NAME → text; names that are no limit are left alone
 * @returns the values; a define that is not a number is left to the C compiler and keeps the default here
 */
export function limitValues(defines: Readonly<Record<string, string>> = {}): LimitValues {
  const values = {} as Record<LimitName, number>;
  for (const name of Object.keys(LIMITS) as LimitName[]) {
    const given = defines[name];
    const number = given === undefined || given === '' ? Number.NaN : Number(given);
    values[name] = Number.isFinite(number) ? number : LIMITS[name].default;
  }
  // stap(1): "default (MAXACTION * 10)", which follows a MAXACTION that was given, and "Defaults to MAXSTRINGLEN".
  if (!defines['MAXACTION_INTERRUPTIBLE']) values.MAXACTION_INTERRUPTIBLE = 10 * values.MAXACTION;
  if (!defines['STP_PROCFS_BUFSIZE']) values.STP_PROCFS_BUFSIZE = values.MAXSTRINGLEN;
  return values;
}
