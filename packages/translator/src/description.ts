// What a module says about itself: JSON that the translator puts into the module's read-only data and the kernel serves
// as /proc/stapkit/NAME/sites. staprun formats records by it and names losses and errors by it. staprun does not import
// this file (it works with only a .ko); it mirrors the type and a test compares the two.
import type { FormatPiece, GlobalVariable } from '@stapkit/elaborator';
import type { LimitValues } from '@stapkit/pass';

/** The protocol that the module speaks: STAPKIT_PROTOCOL_VERSION of stapkit_protocol.h. */
export const PROTOCOL_VERSION = 1;

export interface ModuleDescription {
  /** STAPKIT_PROTOCOL_VERSION that the module was made for. */
  readonly protocol: number;
  /** The main script's name as messages show it: a path or `<input>`. */
  readonly script: string;
  /** The kernel the module was made for, as `uname -r` prints it. */
  readonly release: string;
  readonly architecture: string;
  /** Print sites; `sites[n].id` is n. */
  readonly sites: readonly PrintSite[];
  /** Probes; `probes[n].id` is n. */
  readonly probes: readonly ProbeDescription[];
  /** The script's own globals and the tapset's, in order. */
  readonly globals: readonly GlobalDescription[];
  /** The limits that the module was translated with; those given at load come on top. */
  readonly limits: LimitValues;
  /** `-t`: the end of the run says of each loss whose it was. */
  readonly timing?: boolean;
}

/**
 * How one argument is packed in a PRINT record. `long` is 8 bytes. `string` is a __u32 length, the bytes, zeros to the
 * next multiple of 8. `memory` is packed like `string`: the bytes that `%m` or `%M` shows, read by the handler.
 */
export type PackedArgument = 'long' | 'string' | 'memory';

/** One printf, println, … of the script. */
export interface PrintSite {
  /** `site` of its PRINT records. */
  readonly id: number;
  /** `file:line:column` of the call. */
  readonly place: string;
  /** Literal text and directives, in order. */
  readonly pieces: readonly FormatPiece[];
  /** How the arguments are packed: `*` widths and precisions included, each before the value it belongs to. */
  readonly arguments: readonly PackedArgument[];
  /**
   * What was written for each argument that is shown (`*` widths and precisions not counted), e.g. `pid()`:
   * names for the columns of typed output.
   */
  readonly names: readonly string[];
}

export interface ProbeDescription {
  readonly id: number;
  /** The point in full, as pp() gives it. */
  readonly name: string;
  /** The point as the script wrote it. */
  readonly written: string;
  /** `file:line:column`. */
  readonly place: string;
  /** `kprobe`, `begin`, `timer`, … */
  readonly family: string;
}

export interface GlobalDescription {
  readonly name: string;
  readonly type: GlobalVariable['type'];
  readonly keys: GlobalVariable['keys'];
  readonly library: boolean;
}
