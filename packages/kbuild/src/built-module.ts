// Pass 4's output: a module on disk.

export interface BuiltModule {
  readonly kind: 'built-module';
  /** The kernel's name of it, e.g. `stap_4f0c…_1234`; also the file's name without `.ko`. */
  readonly name: string;
  /** Absolute path of the .ko. */
  readonly path: string;
  readonly release: string;
  readonly architecture: string;
  /** True where it came from the script cache. */
  readonly cached: boolean;
  /** The cache's file, where `path` is a copy of it under another name. */
  readonly cachePath?: string;
}
