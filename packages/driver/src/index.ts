// @stapkit/driver: the command lines as functions, for tests and for tools that embed them. Nothing else imports it.
export { type CommandLine, parseCommandLine } from './command-line.js';
export type { CommandIo } from './io.js';
export { type Intermediate, readIntermediate, writeIntermediate } from './ir-file.js';
export type { StapOptions } from './options.js';
export { processIo } from './process-io.js';
export { stapCommand } from './stap-command.js';
export { LANGUAGE_VERSION, VERSION, versionText } from './version.js';
