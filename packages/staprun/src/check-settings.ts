// Looks at what is to be set when a module is loaded before the kernel does, which would tell nothing but "invalid argument".
import { DiagnosticError, LOADED_LIMITS, parseScriptGlobals, settingFault } from '@stapkit/pass';
import { usageError } from './diagnostics.js';
import type { ModuleInfo } from './modinfo.js';

/** MAXSTRINGLEN where a module does not tell it. */
const DEFAULT_STRING_SIZE = 512;

/**
 * Checks settings against what a module says that it takes.
 *
 * @param settings `name=value` each
 * @param info the module's information; one that names no globals takes everything here
 * @returns the settings, each global that is called as a limit is told from it
 * @throws DiagnosticError with one error for each that can't be set
 */
export function checkSettings(settings: readonly string[], info: Pick<ModuleInfo, 'entries'>): string[] {
  const entry = (key: string): string | undefined => info.entries.find(([name]) => name === key)?.[1];
  const names = entry('stapkit_globals');
  if (names === undefined) return [...settings];
  const globals = parseScriptGlobals(names);
  const pairs = settings.map((setting): [string, string] => {
    const equals = setting.indexOf('=');
    return [setting.slice(0, equals), setting.slice(equals + 1)];
  });
  // Its own fault is told, too; what it would make room for is told once it is right.
  const given = Number(pairs.findLast(([name]) => name === 'MAXSTRINGLEN')?.[1]);
  const stringSize = given || Number(entry('stapkit_string_size')) || DEFAULT_STRING_SIZE;
  const faults = pairs.flatMap(([name, value]) => settingFault(name, value, globals, stringSize) ?? []);
  if (faults.length > 0) {
    throw new DiagnosticError(...faults.map(({ message, hints }) => usageError('bad-setting', message, hints)));
  }
  const isGlobal = (name: string): boolean => globals.some((global) => global.name === name);
  return pairs.map(
    ([name, value]) => `${LOADED_LIMITS.includes(name) && isGlobal(name) ? 'global.' : ''}${name}=${value}`,
  );
}
