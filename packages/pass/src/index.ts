// @stapkit/pass: what every pass shares. It knows no pass, touches no file and writes nothing to the console.
export {
  type Diagnostic,
  type DiagnosticClass,
  DiagnosticError,
  hasErrors,
  invariant,
  type Outcome,
  type RelatedPlace,
  type Severity,
  unreachable,
} from './diagnostics.js';
export { globSource } from './glob.js';
export { LIMITS, type Limit, type LimitName, type LimitValues, limitValues } from './limits.js';
export { definePass, type Pass, type PassContext, type Progress, quietContext, runPass } from './pass.js';
export { DEFAULT_COLORS, type MessageColors, parseColors, type RenderOptions, renderDiagnostic } from './render.js';
export {
  formatScriptGlobals,
  LOADED_LIMITS,
  parseScriptGlobals,
  type ScriptGlobal,
  type SettingFault,
  settingFault,
} from './settings.js';
export { formatPlace, joinSpans, lineAt, type Position, positionAt, type SourceText, type Span } from './source.js';
export { editDistance, nearestNames } from './suggest.js';
export { systemWords } from './system-words.js';
