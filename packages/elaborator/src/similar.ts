// Spelling help as SystemTap gives it: the five nearest names, however far off by a letter or two they are.
import { editDistance } from '@stapkit/pass';

/**
 * The names most like one that was not found, best first.
 *
 * @param name what was written
 * @param candidates what there is
 * @param most how many to return
 */
export function similarNames(name: string, candidates: Iterable<string>, most = 5): string[] {
  // Two swapped letters are a distance of 2, so even short names get that much.
  const limit = Math.max(2, Math.floor(name.length / 2));
  const scored: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name, candidate, limit);
    if (distance <= limit) scored.push({ candidate, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, most).map((entry) => entry.candidate);
}

/** All names, those most like one first. */
export function byLikeness(name: string, candidates: Iterable<string>): string[] {
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate, 1000) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .map((entry) => entry.candidate);
}
