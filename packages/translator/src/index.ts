// @stapkit/translator: pass 3, an elaborated script to C against the thin ABI of packages/runtime. It runs no compiler.

export type { Backend, TranslateOptions } from './backend.js';
export type { CModule, EmbeddedUnit } from './c-module.js';
export {
  type GlobalDescription,
  type ModuleDescription,
  type PackedArgument,
  PROTOCOL_VERSION,
  type PrintSite,
  type ProbeDescription,
} from './description.js';
export { describeScript } from './emit/module.js';
export { kernelBackend, translatePass } from './translate.js';
