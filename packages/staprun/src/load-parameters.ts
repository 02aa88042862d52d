// What `NAME=VALUE` on the command line becomes: one module parameter, `set`, which the runtime reads when the module is
// loaded (packages/runtime/src/parameter.c).
import { DiagnosticError } from '@stapkit/pass';
import { tooMuchSet } from './diagnostics.js';

/** What the kernel takes of one parameter that is text (param_set_charp() of kernel/params.c). */
const LONGEST = 1024;

/**
 * Builds the module parameters.
 *
 * @param settings globals and limits, `name=value` each, as the user wrote them; `global.name=value` is a global that is
 *   called as a limit is
 * @param bufferBytes the size of each CPU's buffer, or undefined for the module's own
 * @throws DiagnosticError where it is more than the kernel takes
 */
export function loadParameters(settings: readonly string[], bufferBytes?: number): string[] {
  const entries = settings.map((setting) => {
    const equals = setting.indexOf('=');
    return `${escapeSeparators(setting.slice(0, equals))}=${escapeSeparators(setting.slice(equals + 1))}`;
  });
  if (bufferBytes !== undefined) entries.push(`STAPKIT_BUFFER=${bufferBytes}`);
  const set = entries.join(',');
  const length = Buffer.byteLength(set);
  if (length > LONGEST) throw new DiagnosticError(tooMuchSet(length, LONGEST));
  return entries.length === 0 ? [] : [`set=${set}`];
}

/** Takes away the meaning of what separates settings. A double quote would do so for the kernel, which parts parameters. */
function escapeSeparators(text: string): string {
  return text.replace(/[\\,=]/g, '\\$&').replaceAll('"', '\\x22');
}
