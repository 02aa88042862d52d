// Counts what was lost, by owner and cause, and words it as SystemTap does.
import type { ModuleDescription } from './description.js';
import { LOSS_CAUSES, LOSS_OWNER_SITE, NO_SITE } from './protocol.js';
import type { Loss, LossCause } from './session.js';

/** Causes that make a handler not run: SystemTap's "skipped probes". */
const SKIPS: ReadonlySet<LossCause> = new Set(['nesting', 'lock-timeout', 'return-missed', 'overload', 'low-stack']);

/** Collects the LOSS records of a run. */
export class LossCounter {
  readonly #description: ModuleDescription;
  readonly #counts = new Map<string, { site: number; cause: LossCause; global: string; count: number }>();

  constructor(description: ModuleDescription) {
    this.#description = description;
  }

  /**
   * Adds one LOSS record.
   *
   * @param site its owner: a probe, or with LOSS_OWNER_SITE a print site
   * @param causeNumber `enum stapkit_loss_cause`
   * @param count how many since the last record of the same owner and cause
   * @param global the global's name, of a lock time-out; empty where it is not known
   */
  add(site: number, causeNumber: number, count: number, global = ''): void {
    const cause = LOSS_CAUSES[causeNumber];
    if (cause === undefined || count <= 0) return;
    const key = `${cause} ${site} ${global}`;
    const entry = this.#counts.get(key);
    if (entry) entry.count += count;
    else this.#counts.set(key, { site, cause, global, count });
  }

  /** Everything lost, the largest count first. */
  losses(): Loss[] {
    return [...this.#counts.values()]
      .sort((a, b) => b.count - a.count)
      .map(({ site, cause, global, count }) => ({
        owner: this.#ownerOf(site),
        cause,
        ...(global === '' ? {} : { global }),
        count,
      }));
  }

  /** The sum over some causes. */
  total(causes: (cause: LossCause) => boolean): number {
    let sum = 0;
    for (const entry of this.#counts.values()) if (causes(entry.cause)) sum += entry.count;
    return sum;
  }

  #ownerOf(site: number): string {
    if (site === NO_SITE) return 'the module';
    if (site >= LOSS_OWNER_SITE) {
      const place = this.#description.sites[site - LOSS_OWNER_SITE]?.place;
      return place === undefined ? `print site ${site - LOSS_OWNER_SITE}` : `the print at ${place}`;
    }
    const probe = this.#description.probes[site];
    return probe ? `${probe.name} at ${probe.place}` : `probe ${site}`;
  }
}

/**
 * The lines that end a run: first SystemTap's own, then, with `-v` or `-t`, one line an owner and cause.
 *
 * @param errors how many errors the handlers reported
 * @param inDetail whether to say whose each loss was
 */
export function lossReport(losses: LossCounter, errors: number, inDetail: boolean): string[] {
  const lines: string[] = [];
  const skipped = losses.total((cause) => SKIPS.has(cause));
  if (errors > 0 || skipped > 0) lines.push(`WARNING: Number of errors: ${errors}, skipped probes: ${skipped}`);
  const failures = losses.total((cause) => cause === 'ring-full');
  if (failures > 0) lines.push(`WARNING: There were ${failures} transport failures.`);
  if (inDetail) {
    for (const loss of losses.losses()) lines.push(`WARNING: ${wordLoss(loss)}`);
  }
  return lines;
}

/** One loss in words. */
function wordLoss({ owner, cause, global, count }: Loss): string {
  switch (cause) {
    case 'nesting':
      return `Skipped due to reentrancy in ${owner}: ${count}`;
    case 'lock-timeout':
      return `Skipped due to ${global === undefined ? "a global's" : `global '${global}'`} lock timeout in ${owner}: ${count}`;
    case 'overload':
      return `Skipped due to overload in ${owner}: ${count}`;
    case 'low-stack':
      return `Skipped due to low stack in ${owner}: ${count}`;
    case 'return-missed':
      return `Skipped due to missed returns in ${owner}: ${count}`;
    case 'ring-full':
      return `Lost because the buffer was full, from ${owner}: ${count}`;
    case 'map-full':
      return `Lost because an array was full, in ${owner}: ${count}`;
    case 'string-cut':
      return `Strings cut at MAXSTRINGLEN in ${owner}: ${count}`;
  }
}
