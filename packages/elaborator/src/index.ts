// @stapkit/elaborator: pass 2. A parsed script and a kernel's facts go in; out comes what the script means, fully typed
// and with every name resolved, as plain data. It knows nothing of C and touches no file.
export { coverageText } from './code/coverage.js';
export type * from './code-source.js';
export {
  derive,
  type ElaborateOptions,
  elaborate,
  elaboratePass,
  INNER_PASSES,
  type InnerPassName,
  summarizeElaborated,
} from './elaborate.js';
export type * from './elaborated.js';
export { type ExplainedProbe, type Explanation, explain, formatExplanation } from './explain.js';
export type { BuiltPoint, Family, PointFault, PointPattern, PointRequest, PointVariable } from './families/family.js';
export { FAMILIES } from './families/table.js';
export { type FormatElaboratedOptions, formatElaborated } from './format-elaborated.js';
export { listFunctions, listProbeAliases, listProbes, listProbeTypes } from './listing.js';
export { noSymbols } from './no-symbols.js';
export type * from './program-source.js';
export { compileRegex, type RegexFault } from './regex.js';
export type * from './symbol-source.js';
