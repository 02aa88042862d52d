// Passes 1 to 4 for conformance cases, composed from the packages as any tool would: one kernel, one tapset, many scripts.
import { join } from 'node:path';
import { openKernel } from '@stapkit/dwarf';
import { elaborate } from '@stapkit/elaborator';
import { buildModule, findKernelBuild } from '@stapkit/kbuild';
import { parse } from '@stapkit/parser';
import { type Diagnostic, hasErrors, quietContext, renderDiagnostic } from '@stapkit/pass';
import { openTapset, tapsetFolder } from '@stapkit/tapset';
import { kernelBackend } from '@stapkit/translator';
import type { GuestKernel } from '@stapkit/vm';
import { root } from '../test/examples.js';
import type { Case } from './cases.js';

/**
 * Limits of time, where a case has none of its own: one that is not about them must not fail because the machine stood
 * still while a handler ran, or held a lock.
 */
const PATIENT = { MAXTRYLOCK: '1000000', STP_OVERLOAD_THRESHOLD: '1000000000000' };

/** Builds one case. */
export type CaseBuilder = (conformanceCase: Case) => Promise<{ readonly path?: string; readonly messages: string }>;

/**
 * Opens what all cases share.
 *
 * @param kernel the kernel of the guest that they will run in
 * @param outputFolder where the modules go
 */
export async function openBuilder(
  kernel: GuestKernel,
  cacheFolder: string,
  outputFolder: string,
): Promise<CaseBuilder> {
  const { release } = kernel;
  const architecture = 'x86_64';
  const symbols = must(
    await openKernel({ release, cacheFolder, image: kernel.image, modulesFolder: kernel.modulesFolder }),
  );
  const library = must(
    await openTapset({ folders: [tapsetFolder], kernelRelease: release, architecture, cacheFolder }),
  );
  const build = must(await findKernelBuild(release));
  const features = {
    functionPrototype: (name: string) => symbols.functionPrototype(name),
    structMembers: (name: string) => symbols.structMembers(name)?.map((member) => member.name),
  };
  let number = 0;
  return async ({ name, text, guru, defines, arguments: words }) => {
    const scripts = [{ name: `${name}.stp`, text }];
    const facts = { kernelRelease: release, architecture, guru, config: () => undefined };
    const messages: string[] = [];
    const take = <T>({ value, diagnostics }: { value: T; diagnostics: readonly Diagnostic[] }): T | undefined => {
      for (const diagnostic of diagnostics) messages.push(renderDiagnostic(diagnostic, { sources: scripts }));
      return hasErrors(diagnostics) ? undefined : value;
    };
    const failed = () => ({ messages: messages.join('\n') });
    const ast = take(parse({ scripts, facts, library, arguments: words }));
    if (!ast) return failed();
    const script = take(elaborate(ast, { symbols, names: library, guru }));
    if (!script) return failed();
    const module = take(kernelBackend.translate(script, { defines: { ...PATIENT, ...defines } }));
    if (!module) return failed();
    number += 1;
    const built = take(
      await buildModule(
        module,
        {
          kernel: build,
          runtimeFolder: join(root, 'packages', 'runtime'),
          cacheFolder,
          features,
          instance: number,
          outputFolder,
        },
        quietContext(),
      ),
    );
    return { ...(built ? { path: built.path } : {}), messages: messages.join('\n') };
  };
}

function must<T>({ value, diagnostics }: { value: T; diagnostics: readonly Diagnostic[] }): NonNullable<T> {
  if (hasErrors(diagnostics) || value === undefined || value === null) {
    throw new Error(diagnostics.map((diagnostic) => renderDiagnostic(diagnostic)).join('\n'));
  }
  return value;
}
