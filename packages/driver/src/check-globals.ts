// `-G NAME=VALUE`: pass 2 knows what can be set, long before the kernel refuses what can't.
import type { Elaborated } from '@stapkit/elaborator';
import type { Ast } from '@stapkit/parser';
import { type Diagnostic, hasErrors, limitValues, settingFault } from '@stapkit/pass';
import type { StapOptions } from './options.js';

/**
 * Checks what `-G` sets.
 *
 * @param ast the script as written, where it is known: a global that nothing uses is in there alone
 * @returns the globals to set when the module is loaded; an error for each that can't be, a warning for what has no effect
 */
export function checkGlobals(
  options: Pick<StapOptions, 'globals' | 'defines' | 'lastPass' | 'moduleName'>,
  script: Elaborated,
  ast: Ast | undefined,
): { readonly value: StapOptions['globals']; readonly diagnostics: readonly Diagnostic[] } {
  const own = script.globals
    .filter(({ library }) => !library)
    .map(({ name, type, keys }) => ({ name, type, keyed: keys.length > 0 }));
  const declared = new Set(
    ast?.user.flatMap(({ declarations }) => declarations.flatMap((one) => (one.kind === 'global' ? one.name : []))),
  );
  const stringSize = Number(options.globals['MAXSTRINGLEN']) || limitValues(options.defines).MAXSTRINGLEN;
  const diagnostics: Diagnostic[] = [];
  const tell = (severity: 'error' | 'warning', message: string, hints: readonly string[] = []): void =>
    void diagnostics.push({ code: 'driver/bad-setting', severity, class: 'usage', message, hints });

  const value: Record<string, string> = {};
  for (const [name, text] of Object.entries(options.globals)) {
    if (declared.has(name) && !own.some((global) => global.name === name)) {
      tell('warning', `setting "${name}" has no effect: nothing in the script uses it (-G)`);
      continue;
    }
    value[name] = text;
    const fault = settingFault(name, text, own, stringSize);
    if (fault) tell('error', `${fault.message} (-G)`, fault.hints);
  }
  const settings = Object.entries(value).map(([name, text]) => `${name}=${text}`);
  if (options.lastPass === 4 && settings.length > 0 && !hasErrors(diagnostics)) {
    tell('warning', '-G has no effect with -p4: globals are set when the module is loaded', [
      `give them to staprun: staprun ${options.moduleName ?? 'MODULE'}.ko ${settings.join(' ')}`,
    ]);
  }
  return { value, diagnostics };
}
