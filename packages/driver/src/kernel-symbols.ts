// Puts the two sides together: what dwarf knows of the target kernel, in the shapes that the elaborator and kbuild ask for.
import { openKernel } from '@stapkit/dwarf';
import type { SymbolSource } from '@stapkit/elaborator';
import type { FeatureSource } from '@stapkit/kbuild';
import { DiagnosticError, hasErrors, type PassContext } from '@stapkit/pass';
import type { Place } from './place.js';

/** Facts of one kernel for pass 2, with those for pass 4 beside them. */
export type Symbols = SymbolSource & { readonly features: FeatureSource };

/**
 * Opens the facts of the kernel that a script is for.
 *
 * @param place what was chosen; a guest's kernel image is known, a host's is looked for
 * @param cache stapkit's cache folder
 * @throws DiagnosticError where the kernel has no type information to be found
 */
export async function openSymbols(place: Place, cache: string, context: PassContext): Promise<Symbols> {
  const { value, diagnostics } = await openKernel(
    {
      release: place.release,
      cacheFolder: cache,
      ...(place.where === 'guest' ? { image: place.kernel.image, modulesFolder: place.kernel.modulesFolder } : {}),
    },
    context,
  );
  if (hasErrors(diagnostics)) throw new DiagnosticError(...diagnostics);
  for (const diagnostic of diagnostics) context.report(diagnostic);
  const symbols: SymbolSource = value;
  return Object.assign(symbols, {
    features: {
      functionPrototype: (name: string) => value.functionPrototype(name),
      structMembers: (name: string) => value.structMembers(name)?.map((member) => member.name),
    },
  });
}
