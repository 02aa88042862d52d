// What `NAME=VALUE` on the command line becomes: one module parameter, `set`, which the runtime reads when the module is
// loaded (packages/runtime/src/parameter.c).

/**
 * Builds the module parameters.
 *
 * @param settings globals and limits, `name=value` each, as the user wrote them
 * @param bufferBytes the size of each CPU's buffer, or undefined for the module's own
 */
export function loadParameters(settings: readonly string[], bufferBytes?: number): string[] {
  const entries = settings.map((setting) => {
    const equals = setting.indexOf('=');
    return `${escapeSeparators(setting.slice(0, equals))}=${escapeSeparators(setting.slice(equals + 1))}`;
  });
  if (bufferBytes !== undefined) entries.push(`STAPKIT_BUFFER=${bufferBytes}`);
  return entries.length === 0 ? [] : [`set=${entries.join(',')}`];
}

/** Takes away the meaning of what separates settings. */
function escapeSeparators(text: string): string {
  return text.replace(/[\\,=]/g, '\\$&');
}
