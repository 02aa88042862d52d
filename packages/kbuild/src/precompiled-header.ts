// Most of what compiling a runtime source takes is reading kernel headers: 0.3 s of 0.4 s. So all headers that the
// sources include are compiled once, into gcc's precompiled form, and every source starts from there.
//
// gcc takes a precompiled header only where nothing came before it, so it stands first and holds the headers that
// Kbuild's own `-include` options name too. Where it doesn't fit for any reason, gcc reads the header itself, which is a
// proper header, and only time is lost.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KbuildRecipe } from './kbuild-commands.js';
import { runTool } from './run-tool.js';

/** A header that stands for many. */
export interface PrecompiledHeader {
  /** For sources that can use it. */
  readonly flags: readonly string[];
}

/**
 * Compiles the headers of some sources.
 *
 * @param folder where the header goes; also the folder that the sources are relative to
 * @param sources C files and headers, relative to it
 * @param flags the flags that the sources are compiled with
 * @returns undefined where it can't be made, e.g. with a compiler other than gcc, or headers that exclude each other
 */
export async function precompileHeaders(
  folder: string,
  sources: readonly string[],
  recipe: Pick<KbuildRecipe, 'compiler' | 'folder'>,
  flags: readonly string[],
  signal: AbortSignal,
): Promise<PrecompiledHeader | undefined> {
  if (!basename(recipe.compiler).includes('gcc')) return undefined;
  const first: string[] = [];
  const others: string[] = [];
  for (let at = 0; at < flags.length; at++) {
    if (flags[at] === '-include') first.push(flags[++at] ?? '');
    else others.push(flags[at]!);
  }
  const found = new Set(sources.flatMap((source) => plainIncludes(readFileSync(join(folder, source), 'utf8'))));
  const path = join(folder, 'precompiled.h');
  const lines = first.map((file) => `#include "${file}"`);
  // A header that this kernel doesn't have is the business of the source that asks for it.
  for (const header of found) lines.push(`#if __has_include(${header})`, `#include ${header}`, '#endif');
  writeFileSync(path, `${lines.join('\n')}\n`);
  const result = await runTool(recipe.compiler, [...others, '-x', 'c-header', '-o', `${path}.gch`, path], {
    cwd: recipe.folder,
    env: { LC_ALL: 'C', TMPDIR: folder },
    signal,
  });
  if (result.code !== 0 || !existsSync(`${path}.gch`)) return undefined;
  return { flags: [...others, '-include', path] };
}

/** True for a source that says something before its first header which headers listen to. */
export function setsUpHeaders(text: string): boolean {
  const start = text.search(/^#\s*include\b/m);
  return /^#\s*define\b/m.test(start === -1 ? text : text.slice(0, start));
}

/** The `#include <…>` lines that hold always: those inside a condition depend on what only the compiler knows. */
export function plainIncludes(text: string): string[] {
  const includes: string[] = [];
  // An include guard is a condition that always holds.
  let depth = /^\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\b/m.test(text) ? -1 : 0;
  for (const line of text.split('\n')) {
    if (/^\s*#\s*if/.test(line)) depth += 1;
    else if (/^\s*#\s*endif/.test(line)) depth -= 1;
    const header = /^\s*#\s*include\s+(<[^>]+>)/.exec(line)?.[1];
    if (header !== undefined && depth <= 0) includes.push(header);
  }
  return includes;
}
