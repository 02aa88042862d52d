// @stapkit/pass/manual: what a program tells about itself as plain data, and --help, manual pages and completion from it.
export { type CompletionExtras, type CompletionShell, completionScript } from './completion.js';
export { helpText, wrap } from './help-text.js';
export { type ManualPage, programPage, type ReferenceEntry, referencePage } from './manual-page.js';
export {
  type ManualSection,
  type OptionEntry,
  optionForms,
  type ProgramManual,
  type ValueKind,
} from './program-manual.js';
