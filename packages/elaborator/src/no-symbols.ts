// A kernel of which nothing is known: for scripts that name no kernel function, and for tests and examples.
import type { TargetKernel } from './elaborated.js';
import type { SymbolSource } from './symbol-source.js';

/**
 * A source that answers every question with nothing.
 *
 * @param kernel the kernel that the script is meant for
 */
export function noSymbols(kernel: TargetKernel): SymbolSource {
  return {
    kernel,
    functions: () => [],
    nearestFunctions: () => [],
    tracepoints: () => [],
    type: () => undefined,
    typeFacts: () => ({ kind: 'void' }),
    enumerator: () => undefined,
  };
}
