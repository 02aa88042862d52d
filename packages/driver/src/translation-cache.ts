// What pass 3 gave, kept beside the modules: the same script for the same kernel is not translated twice (stap(1),
// "CACHING"). An entry is the C as `-p3` shows it, and beside it what else pass 4 needs; each with its checksum.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Elaborated } from '@stapkit/elaborator';
import { readEntry, writeEntry } from '@stapkit/kbuild';
import type { CModule } from '@stapkit/translator';
import { type ChainSettings, translateOptions } from './chain.js';
import { VERSION } from './version.js';

/** One script's entry. */
export interface TranslationEntry {
  /** The C. */
  readonly path: string;
  /** Returns what is kept; undefined where there is nothing, or it is damaged. */
  read(): CModule | undefined;
  /** Keeps a result. A cache that can't be written is pass 4's to tell of. */
  write(module: CModule): void;
}

/** Finds the entry of a script: by all that it means, the options of pass 3, and this very program. */
export function translationCache({ options, cache }: ChainSettings, script: Elaborated): TranslationEntry {
  const text = JSON.stringify(script);
  const hash = createHash('sha256').update(`${programIdentity()}\0${JSON.stringify(translateOptions(options))}\0`);
  const key = hash.update(text).digest('hex').slice(0, 32);
  const path = join(cache, 'sources', key.slice(0, 2), `stap_${key}_${text.length % 10_000_000}.c`);
  const rest = path.replace(/c$/, 'json');
  return {
    path,
    read() {
      const source = readEntry(path);
      const others = source && readEntry(rest);
      if (!others) return undefined;
      return { ...(JSON.parse(others.toString('utf8')) as Omit<CModule, 'source'>), source: source.toString('utf8') };
    },
    write({ source, ...others }) {
      try {
        writeEntry(path, Buffer.from(source, 'utf8'));
        writeEntry(rest, Buffer.from(JSON.stringify(others), 'utf8'));
      } catch {
        // Pass 4 has the same folder to write to, and a warning for it.
      }
    },
  };
}

/** Changes with every new build of stapkit: another translator may give other C. */
function programIdentity(): string {
  try {
    const { size, mtimeMs } = statSync(process.argv[1]!);
    return `${VERSION} ${size} ${mtimeMs}`;
  } catch {
    return VERSION;
  }
}
