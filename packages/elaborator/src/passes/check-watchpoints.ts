// Warns of more kernel.data probes than the processor has debug registers (stapprobes(3stap), HARDWARE BREAKPOINTS: "a
// pass-2 warning is flashed when an input script requests 5 hardware breakpoint probes on an x86 system").
import type { Diagnostic } from '@stapkit/pass';
import { DEBUG_REGISTERS, messages } from '../diagnostics.js';
import type { TokenNamer } from '../tokens.js';
import type { DerivedProbes } from './derive-probes.js';

export function checkWatchpoints(derived: DerivedProbes, tokens: TokenNamer): Diagnostic[] {
  const watching = derived.probes.filter(({ point }) => point.family === 'watchpoint');
  const tooMany = watching[DEBUG_REGISTERS];
  return tooMany ? [messages.manyWatchpoints(watching.length, tokens.token(tooMany.declaration))] : [];
}
