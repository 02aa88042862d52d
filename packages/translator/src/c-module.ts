// Pass 3's output: C for one module, and what pass 4 must know to build it.
import type { SourceText } from '@stapkit/pass';

export interface CModule {
  readonly kind: 'c-module';
  /** The kernel it was written for. */
  readonly release: string;
  readonly architecture: string;
  readonly buildId?: string;
  /** C that includes only `stapkit_abi.h`; every statement carries its script's `#line`. */
  readonly source: string;
  /** The user's embedded C: units that need kernel headers, compiled with them and cached by their text. */
  readonly units: readonly EmbeddedUnit[];
  /** `-D` definitions that the C compiler gets, NAME → text. */
  readonly defines: Readonly<Record<string, string>>;
  /** The scripts' texts, so that a compiler's message can be shown against the script's line. */
  readonly sources: readonly SourceText[];
  /** The modules whose code is probed. */
  readonly modules?: readonly string[];
  /** Counts for the `-v` line. */
  readonly counts: { readonly probes: number; readonly functions: number; readonly globals: number };
}

export interface EmbeddedUnit {
  /** Unique in the module; becomes the object's file name. */
  readonly name: string;
  readonly source: string;
}
