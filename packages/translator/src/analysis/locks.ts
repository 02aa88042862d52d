// Which globals need a lock, and how each handler takes it.
//
// A handler is atomic towards the globals it uses, as the language promises: it holds their locks from the first
// statement that uses one to the last. Locks are left out where nothing can be seen of them: in begin, end and error
// probes, which run alone; for globals that no concurrent handler writes; and for numbers that every concurrent handler
// touches just once, by one machine operation.
import type { Elaborated } from '@stapkit/elaborator';
import type { Effects, GlobalUse, GlobalUses } from './effects.js';

const ALONE = new Set(['begin', 'end', 'error', 'never']);

export interface LockPlan {
  /** Globals that have a lock. */
  readonly locked: ReadonlySet<number>;
  /** Numbers that are accessed by atomic operations without a lock. */
  readonly atomic: ReadonlySet<number>;
  /** How a handler with these uses takes the locks, in the order of the globals' numbers. */
  locksFor(family: string, uses: GlobalUses): readonly { readonly global: number; readonly exclusive: boolean }[];
}

export function planLocks(script: Elaborated, effects: Effects): LockPlan {
  const concurrent: GlobalUses[] = script.probes
    .filter((probe) => !ALONE.has(probe.point.family))
    .map((probe) => effects.ofStatement(probe.body));
  const locked = new Set<number>();
  const atomic = new Set<number>();
  script.globals.forEach((global, index) => {
    const uses = concurrent.map((handler) => handler.get(index)).filter((use) => use !== undefined);
    const added = uses.some((use) => use.adds > 0);
    const exclusive = (use: GlobalUse): boolean =>
      use.writes > 0 || (use.merges > 0 && added) || (use.adds > 0 && global.wrap);
    if (!uses.some(exclusive)) return;
    const isNumber = global.type === 'long' && global.keys.length === 0;
    if (isNumber && uses.every((use) => use.simple && use.reads + use.writes <= 1)) atomic.add(index);
    else locked.add(index);
  });
  return {
    locked,
    atomic,
    locksFor(family, uses) {
      if (ALONE.has(family)) return [];
      return [...uses]
        .filter(([global]) => locked.has(global))
        .sort(([a], [b]) => a - b)
        .map(([global, use]) => ({
          global,
          exclusive: use.writes > 0 || use.merges > 0 || (use.adds > 0 && script.globals[global]!.wrap),
        }));
    },
  };
}
