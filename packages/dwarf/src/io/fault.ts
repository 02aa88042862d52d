// The one error that every reader of this package throws on malformed or truncated input: a value that names the file,
// the section and the offset, so that a damaged file and a bug of ours are told apart at a glance.
import { DiagnosticError } from '@stapkit/pass';

/** Where in a binary file something is wrong. */
export interface BinaryPlace {
  /** The file's path, or another name for bytes that are not from a file. */
  readonly file: string;
  /** The section's name, `.debug_info`; undefined where the fault is in the file's own headers. */
  readonly section?: string;
  /** From the start of the section, or of the file where there is no section; in bytes. */
  readonly offset: number;
}

/** Malformed, truncated or unsupported input. It carries a diagnostic, so a driver prints it like any other. */
export class BinaryFault extends DiagnosticError implements BinaryPlace {
  readonly file: string;
  readonly section: string | undefined;
  readonly offset: number;
  readonly problem: string;

  constructor(place: BinaryPlace, problem: string) {
    super({
      code: 'dwarf/malformed',
      severity: 'error',
      class: 'semantic',
      message: `${formatBinaryPlace(place)}: ${problem}`,
    });
    this.name = 'BinaryFault';
    this.file = place.file;
    this.section = place.section;
    this.offset = place.offset;
    this.problem = problem;
  }
}

/** Prints a place as messages show it: `vmlinux: .debug_info+0x1f3c`. */
export function formatBinaryPlace(place: BinaryPlace): string {
  return `${place.file}: ${place.section ?? 'file'}+0x${place.offset.toString(16)}`;
}

/** What {@link attempt} returns: a value, or the fault that stood in the way. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: BinaryFault };

/**
 * Runs a reader and turns its fault into a value.
 *
 * @param read the reader; whatever else it throws goes through
 */
export function attempt<T>(read: () => T): Attempt<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof BinaryFault) return { ok: false, fault: error };
    throw error;
  }
}
