// Pass 4 as an object of the chain.
import { DiagnosticError, definePass, type Pass } from '@stapkit/pass';
import type { CModule } from '@stapkit/translator';
import { type BuildOptions, buildModule } from './build-module.js';
import type { BuiltModule } from './built-module.js';

/** Makes pass 4 with its options. */
export function buildPass(options: BuildOptions): Pass<CModule, BuiltModule> {
  return definePass({
    number: 4,
    name: 'build',
    async run(module, ctx) {
      const { value, diagnostics } = await buildModule(module, options, ctx);
      // Without a module there is nothing to hand on: the errors say why.
      if (value === undefined) throw new DiagnosticError(...diagnostics);
      return { value, diagnostics };
    },
    summarize: (built) =>
      built.cached ? `using cached ${built.cachePath ?? built.path}` : `compiled C into "${built.name}.ko"`,
  });
}
