// What the tests of this package share: the stand-in runtime, a kernel to build for, small modules, temporary folders.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CModule } from '@stapkit/translator';
import { afterAll } from 'vitest';
import { findKernelBuild, type KernelBuild } from '../src/index.js';

const here = dirname(fileURLToPath(import.meta.url));

/** A runtime of three functions. */
export const standInRuntime = join(here, 'fixtures/runtime');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Makes a folder that is removed after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kbuild-test-'));
  folders.push(folder);
  return folder;
}

/** Finds a kernel whose headers are installed; without one these tests can't say anything, and fail. */
export async function someKernel(): Promise<KernelBuild> {
  for (const release of existsSync('/lib/modules') ? readdirSync('/lib/modules') : []) {
    const { value } = await findKernelBuild(release);
    if (value) return value;
  }
  throw new Error('no kernel headers are installed here: run stap-prep');
}

/** A module against the stand-in runtime. */
export function moduleOf(kernel: KernelBuild, source: string, more: Partial<CModule> = {}): CModule {
  return {
    kind: 'c-module',
    release: kernel.release,
    architecture: kernel.architecture,
    source,
    units: [],
    defines: {},
    sources: [],
    counts: { probes: 1, functions: 0, globals: 0 },
    ...more,
  };
}

/** C that says something when the module is loaded. */
export function greeting(text: string): string {
  return `#include "stapkit_abi.h"\nint script_start(void) { runtime_say("${text}"); return 0; }\n`;
}
