// Types of headers, for `@cast(p, "type", "<sys/time.h>")`: which headers a script names is noted while pass 2 runs; they
// are compiled afterwards, and pass 2 then runs again.
import { type ObjectTypes, objectTypes, type TypeFacts } from '@stapkit/dwarf';
import type { Outcome, PassContext } from '@stapkit/pass';

/** Compiles headers into an object that describes their types; undefined where they don't compile. */
export type CompileHeaders = (
  headers: readonly string[],
  space: 'kernel' | 'user',
  context: PassContext,
) => Promise<Outcome<string | undefined>>;

export interface HeaderTypes {
  /** The type of a name; undefined where there is none, or the headers are still to be compiled (see `supply`). */
  type(name: string, headers: string): number | undefined;
  owns(type: number): boolean;
  typeFacts(type: number): TypeFacts;
  /** Whether a type is of a header that is not the kernel's. */
  isUserType(type: number): boolean;
  /** Compiles what was asked for since the last time. True where there is more to know than before. */
  supply(context: PassContext): Promise<boolean>;
}

/** True for `<a.h>`, `kernel<a.h>`, `<a.h><b.h>`. */
export function namesHeaders(module: string): boolean {
  return /^(?:kernel)?\s*<[^<>]+>(?:\s*<[^<>]+>)*$/.test(module);
}

/** Makes {@link HeaderTypes}. Nothing is compiled yet. */
export function headerTypes(compile: CompileHeaders): HeaderTypes {
  const objects: ObjectTypes = objectTypes();
  /** By what the script names; null where it can't be had. */
  const files = new Map<string, number | null>();
  const ofUser = new Set<number>();
  const wanted = new Set<string>();
  return {
    type(name, headers) {
      const file = files.get(headers);
      if (file === undefined) wanted.add(headers);
      return file == null ? undefined : objects.type(file, name);
    },
    owns: (type) => objects.fileOf(type) !== undefined,
    typeFacts: (type) => objects.typeFacts(type),
    isUserType(type) {
      const file = objects.fileOf(type);
      return file !== undefined && ofUser.has(file);
    },
    async supply(context) {
      let more = false;
      for (const headers of wanted) {
        const names = [...headers.matchAll(/<([^<>]+)>/g)].map(([, name]) => name!.trim());
        const space = headers.startsWith('kernel') ? 'kernel' : 'user';
        const compiled = await compile(names, space, context);
        const opened = compiled.value === undefined ? undefined : objects.open(compiled.value);
        for (const one of [...compiled.diagnostics, ...(opened?.diagnostics ?? [])]) context.report(one);
        files.set(headers, opened?.value ?? null);
        if (opened?.value === undefined) continue;
        if (space === 'user') ofUser.add(opened.value);
        more = true;
      }
      wanted.clear();
      return more;
    },
  };
}
