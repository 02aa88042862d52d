// The time zone of whoever runs a script, for tz_gmtoff() and tz_name(). The name comes from the zone's own file: asking
// Intl for it would load all of ICU's names.
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

/** A zone as the module wants it. */
export interface TimeZone {
  /** Seconds west of UTC. */
  readonly offset: number;
  /** The short name, e.g. `CET`. */
  readonly name: string;
}

/**
 * The local time zone now.
 *
 * @param variable the value of TZ, if it is set
 */
export async function localTimeZone(variable: string | undefined, now = new Date()): Promise<TimeZone> {
  const offset = now.getTimezoneOffset() * 60;
  const rule = await zoneRule(variable);
  return { offset, name: ruleName(rule, offset) ?? (offset === 0 ? 'UTC' : 'local') };
}

/** The rule that ends a zone's file (RFC 8536, section 3.3), e.g. `CET-1CEST,M3.5.0,M10.5.0/3`; or TZ's own. */
async function zoneRule(variable: string | undefined): Promise<string> {
  const name = variable?.replace(/^:/, '');
  if (name && /^[A-Za-z]{3,}[-+]?\d/.test(name)) return name;
  const path = !name ? '/etc/localtime' : isAbsolute(name) ? name : join('/usr/share/zoneinfo', name);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes?.toString('latin1', 0, 4) !== 'TZif') return '';
  return bytes.toString('latin1').trimEnd().split('\n').at(-1) ?? '';
}

/**
 * Which of a rule's two names is in force.
 *
 * @param offset seconds west of UTC, now
 */
export function ruleName(rule: string, offset: number): string | undefined {
  const match = /^(<[^>]+>|[A-Za-z]+)([-+]?\d+(?::\d+){0,2})(<[^>]+>|[A-Za-z]+)?/.exec(rule);
  if (!match) return undefined;
  const [, standard, west, summer] = match;
  const [hours = 0, minutes = 0, seconds = 0] = west!.replace(/^[-+]/, '').split(':').map(Number);
  const standardOffset = (hours * 3600 + minutes * 60 + seconds) * (west!.startsWith('-') ? -1 : 1);
  const name = offset === standardOffset || summer === undefined ? standard : summer;
  return name!.replace(/[<>]/g, '');
}
