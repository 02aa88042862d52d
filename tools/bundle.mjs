// Builds everything that `./stap` needs from a checkout: the bundles of all command lines and the tapset's index, in
// the order in which they need one another. `nx run driver:bundle` does the same with nx's cache.
import { existsSync } from 'node:fs';
import { utimes } from 'node:fs/promises';

const scripts = ['tapset/scripts/bundle.mjs', 'vm/scripts/bundle.mjs', 'staprun/scripts/bundle.mjs', 'driver/scripts/bundle.mjs'];
for (const script of scripts) {
  const url = new URL(`../packages/${script}`, import.meta.url);
  if (existsSync(url)) await import(url.href);
}
// What was bundled is newer than every source from here on, also where a bundler left an equal file alone.
const now = new Date();
await utimes(new URL('../packages/driver/bundle/stap.cjs', import.meta.url), now, now);
