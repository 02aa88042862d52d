// Runs the kernel's own Kbuild over a folder.
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { KernelBuild } from './kernel-build.js';
import { runTool, type ToolResult } from './run-tool.js';

/** Variables that would change what Kbuild does; a user's shell or an outer make may have set them. */
const CLEAN_ENVIRONMENT = Object.fromEntries(
  ['ARCH', 'CROSS_COMPILE', 'CC', 'LD', 'LLVM', 'MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'V', 'W', 'C', 'M', 'O'].map(
    (name) => [name, undefined],
  ),
);

/** Runs Kbuild in a folder. Symbols that only the script will bring are reported by modpost as warnings. */
export function runMake(
  kernel: KernelBuild,
  folder: string,
  signal: AbortSignal,
  onOutput?: (text: string) => void,
  extra: readonly string[] = [],
): Promise<ToolResult> {
  const compiler = basename(kernel.compiler.path).includes('clang') ? ['LLVM=1'] : [];
  return runTool(
    'make',
    [
      `-j${availableParallelism()}`,
      '-C',
      kernel.buildFolder,
      `M=${folder}`,
      'V=1',
      'KBUILD_MODPOST_WARN=1',
      // Nobody reads a script's BTF, and making it takes pahole, which need not be installed.
      'CONFIG_DEBUG_INFO_BTF_MODULES=',
      `CC=${kernel.compiler.path}`,
      ...compiler,
      ...extra,
      'modules',
    ],
    // The compiler's temporary files go where ours go: a killed one leaves them.
    { env: { ...CLEAN_ENVIRONMENT, LC_ALL: 'C', TMPDIR: folder }, signal, ...(onOutput ? { onOutput } : {}) },
  );
}
