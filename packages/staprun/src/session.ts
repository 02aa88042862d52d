// Pass 5's output: what is left to say when a run has ended.

export interface Session {
  readonly kind: 'session';
  readonly module: string;
  /** 0, or 1 where the script ended by errors or could not start. */
  readonly exitStatus: number;
  /** Exit status or signal of the `-c` command, where there was one. */
  readonly command?: { readonly exitStatus?: number; readonly signal?: string };
  /** Everything that did not arrive, by owner and cause. */
  readonly losses: readonly Loss[];
  /** Warnings and errors that the handlers reported, in order. */
  readonly errors: number;
  readonly warnings: number;
}

export interface Loss {
  /** The probe or print site that lost it. */
  readonly owner: string;
  readonly cause: 'nesting' | 'lock-timeout' | 'ring-full' | 'map-full' | 'string-cut' | 'return-missed' | 'overload';
  readonly count: number;
}
