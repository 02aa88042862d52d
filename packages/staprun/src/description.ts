// What a module says about itself, as it comes out of /proc/stapkit/NAME/sites. This mirrors `ModuleDescription` of the
// translator, which staprun must not import: it works with only a .ko. test/description.test.ts compares the two types.

/** A module's description of itself. */
export interface ModuleDescription {
  /** The version of stapkit_protocol.h that the module speaks. */
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
  readonly globals: readonly GlobalDescription[];
  /** Limits by name, as the module was translated with them. */
  readonly limits: Readonly<Record<string, number>>;
  /** `-t`: the end of the run says of each loss whose it was. */
  readonly timing?: boolean;
}

/** How an argument lies in a PRINT record; `memory` (what `%m` and `%M` show) is packed as a string is. */
export type PackedArgument = 'long' | 'string' | 'memory';

/** One printf, println, … of the script. */
export interface PrintSite {
  readonly id: number;
  /** `file:line:column` of the call. */
  readonly place: string;
  readonly pieces: readonly FormatPiece[];
  /** In record order; `*` widths and precisions stand before the value they belong to. */
  readonly arguments: readonly PackedArgument[];
  /** What was written for each argument that is shown: names for the columns of typed output. */
  readonly names: readonly string[];
}

/** Literal text or one directive of a format. */
export type FormatPiece =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'directive';
      readonly conversion: 'b' | 'c' | 'd' | 'i' | 'm' | 'M' | 'o' | 'p' | 's' | 'u' | 'x' | 'X' | 'n';
      /** Any of `-`, `+`, space, `#`, `0`, as written. */
      readonly flags: string;
      readonly width?: number | 'argument';
      readonly precision?: number | 'argument';
      readonly size?: string;
    };

export interface ProbeDescription {
  readonly id: number;
  /** The point in full, as pp() gives it. */
  readonly name: string;
  /** The point as the script wrote it. */
  readonly written: string;
  readonly place: string;
  /** `kprobe`, `begin`, `timer`, … */
  readonly family: string;
}

export interface GlobalDescription {
  readonly name: string;
  readonly type: 'long' | 'string' | 'statistic';
  readonly keys: readonly ('long' | 'string')[];
  readonly library: boolean;
}
