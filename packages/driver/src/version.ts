// The version that `stap -V` prints; one place for the whole monorepo, since all packages are released together.

/** The release of stapkit. */
export const VERSION = '0.1.0';

/** The version of SystemTap whose language `%( systemtap_v … %)` tells scripts of. */
export const LANGUAGE_VERSION = '5.2';

/** What `-V` prints. */
export function versionText(): string {
  return `stapkit: SystemTap translator/driver (version ${VERSION}, language of SystemTap ${LANGUAGE_VERSION})`;
}
