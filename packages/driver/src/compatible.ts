// `--compatible VERSION`: the language and the tapset as they were. What differs is decided where it belongs, by
// `%( systemtap_v … %)` in the tapset and by the version among the parser's facts.
import { compareVersions } from '@stapkit/parser';
import { DiagnosticError } from '@stapkit/pass';
import { LANGUAGE_VERSION } from './version.js';

/**
 * Refuses a version of the future, as SystemTap does. Versions compare as in `%( systemtap_v … %)`, whatever they look
 * like: a word comes after every number.
 *
 * @throws DiagnosticError where the version is later than our language's
 */
export function checkCompatible(version: string | undefined): void {
  if (version === undefined || compareVersions(version, LANGUAGE_VERSION) <= 0) return;
  throw new DiagnosticError({
    code: 'driver/compatible',
    severity: 'error',
    class: 'usage',
    message: `systemtap version ${LANGUAGE_VERSION} cannot be compatible with future version ${version}`,
    hints: ['--compatible takes the last version of SystemTap that the script is known to work with, such as 4.2'],
  });
}
