// @stapkit/kbuild: pass 4, from translated C to a kernel module in tens of milliseconds. The runtime is compiled once per
// kernel through the kernel's own Kbuild; a script's C is then compiled alone and linked with it, without make. This
// package knows compilers and kernel build folders; it parses no scripts and loads no modules.
export { type BuildOptions, buildModule, moduleKey } from './build-module.js';
export { buildPass } from './build-pass.js';
export type { BuiltModule } from './built-module.js';
export { type CompileHeadersOptions, compileHeaders } from './compile-headers.js';
export {
  type FeatureAnswer,
  type FeatureInput,
  type FeatureQuestion,
  type FeatureSource,
  featureHeader,
  readQuestions,
  resolveFeatures,
} from './features.js';
export {
  type FindOptions,
  findKernelBuild,
  type KernelBuild,
  type KernelCompiler,
  kernelConfig,
  which,
} from './kernel-build.js';
export { isModuleName, MAX_MODULE_NAME } from './module-name.js';
export { type ChildTimes, childTimes, runTool, type ToolOptions, type ToolResult } from './run-tool.js';
export { openRuntime, type RuntimeArchive, type RuntimeOptions, runtimeKey } from './runtime-archive.js';
export { type CleanResult, cleanCache, readEntry, writeEntry } from './script-cache.js';
export type { ModuleSigning } from './sign-module.js';
