// The version, where every command line takes it from; test/version.test.ts compares it with package.json.

/** The version of this package. */
export const VERSION = '0.1.0';
