// Pass 3: the kernel backend, and the pass that the chain runs.
import type { Elaborated } from '@stapkit/elaborator';
import { definePass, type Pass } from '@stapkit/pass';
import type { Backend, TranslateOptions } from './backend.js';
import type { CModule } from './c-module.js';
import { emitModule } from './emit/module.js';

/** Kernel C against the thin ABI of packages/runtime. */
export const kernelBackend: Backend = {
  name: 'kernel',
  translate: (script, options) => ({ value: emitModule(script, options), diagnostics: [] }),
};

/**
 * The pass of the chain.
 *
 * @param options the command line's part, and the backend where it is not the kernel's
 */
export function translatePass(
  options: TranslateOptions & { readonly backend?: Backend } = {},
): Pass<Elaborated, CModule> {
  const { backend = kernelBackend, ...rest } = options;
  return definePass<Elaborated, CModule>({
    number: 3,
    name: 'translate',
    run: async (script) => backend.translate(script, rest),
    summarize: () => 'translated to C',
  });
}
