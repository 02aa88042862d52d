// Signs a module with the kernel's own sign-file, for kernels that load only signed modules (CONFIG_MODULE_SIG_FORCE,
// lockdown under secure boot). The key must be one that the kernel trusts, e.g. a machine owner key.
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticError, systemWords } from '@stapkit/pass';
import { buildError } from './diagnostics.js';
import { type KernelBuild, kernelConfig } from './kernel-build.js';
import { runTool } from './run-tool.js';

/** The key that modules are signed with. */
export interface ModuleSigning {
  /** The private key, PEM, or a PKCS#11 URI. */
  readonly key: string;
  /** The certificate, PEM or DER. */
  readonly certificate: string;
  /** The hash; by default the one that the kernel is configured for. */
  readonly hash?: string;
}

/**
 * Signs a module in place.
 *
 * @throws DiagnosticError with sign-file's words
 */
export async function signModule(
  path: string,
  signing: ModuleSigning,
  kernel: KernelBuild,
  signal: AbortSignal,
): Promise<void> {
  const tool = join(kernel.buildFolder, 'scripts/sign-file');
  if (!existsSync(tool)) {
    throw new DiagnosticError(
      buildError('signing-failed', `the headers of kernel ${kernel.release} have no scripts/sign-file`, {
        hints: [`run: stap-prep ${kernel.release}`],
      }),
    );
  }
  for (const [what, file] of Object.entries({ key: signing.key, certificate: signing.certificate })) {
    if (file.startsWith('pkcs11:')) continue;
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      throw new DiagnosticError(
        buildError(
          'signing-failed',
          `the ${what} "${file}" to sign the module with can't be read: ${systemWords(error)}`,
        ),
      );
    }
  }
  const hash = signing.hash ?? kernelConfig(kernel)('CONFIG_MODULE_SIG_HASH') ?? 'sha256';
  const result = await runTool(tool, [hash, signing.key, signing.certificate, path], { signal });
  if (result.code === 0) return;
  throw new DiagnosticError(
    buildError('signing-failed', `the module cannot be signed with ${signing.key}`, {
      detail: result.stderr.trim().split('\n').slice(0, 8),
    }),
  );
}
