// A fault in the command line of `stap`.
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';

/** Makes a fault in a command line. */
export function usage(code: string, message: string, hints: readonly string[] = []): DiagnosticError {
  const diagnostic: Diagnostic = { code: `driver/${code}`, severity: 'error', class: 'usage', message, hints };
  return new DiagnosticError(diagnostic);
}
