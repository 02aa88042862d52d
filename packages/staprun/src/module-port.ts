// How staprun reaches a module: an interface, so that everything above it runs without a kernel, and so that a caller
// can put a module on another machine behind it.

/** A module on disk. */
export interface ModuleFile {
  /** Path of the .ko. */
  readonly path: string;
  /** The kernel's name of it. */
  readonly name: string;
}

/** Loads modules and opens their files. Faults on the machine's side are thrown as DiagnosticError. */
export interface ModulePort {
  /**
   * Loads a module.
   *
   * @param parameters module parameters, `name=value` each
   * @throws DiagnosticError with the kernel's own words where it refuses
   */
  load(module: ModuleFile, parameters: readonly string[]): Promise<void>;
  /** Opens the files of a loaded module. @throws DiagnosticError where it isn't loaded or is in other hands */
  open(name: string): Promise<ModuleChannel>;
  /** Removes a module; one that is gone already is no fault. @throws DiagnosticError where it can't be removed */
  unload(name: string): Promise<void>;
}

/** The open files of one loaded module: see stapkit_protocol.h. */
export interface ModuleChannel {
  /** Returns the module's description as JSON text. */
  readDescription(): Promise<string>;
  /**
   * Sends a command: `start [PID]`, `exit` or `detach`; bytes go as they are. Settles when the module has done it.
   *
   * @throws NodeJS.ErrnoException where the module refuses it
   */
  command(text: string | Uint8Array): Promise<void>;
  /**
   * Reads whole records: one batch, or more of them where begin or end probes run meanwhile and there is room.
   *
   * @param into at least BATCH_MAX bytes
   * @returns how many bytes came; 0 at the end of the run
   */
  read(into: Buffer): Promise<number>;
  /** Closes everything. A module that was neither ended nor detached stops by itself then. */
  close(): Promise<void>;
}
