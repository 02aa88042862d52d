// Pass 5's output: what is left to say when a run has ended.

/** How a run ended. */
export interface Session {
  readonly kind: 'session';
  readonly module: string;
  /** 0; 1 where the script ended by errors or could not start, its command failed, or it lost something under `strict`. */
  readonly exitStatus: number;
  /** True where the module was left running without a reader: `staprun -A NAME` attaches again. */
  readonly detached?: boolean;
  /** Exit status or signal of the `-c` command, where there was one. */
  readonly command?: CommandStatus;
  /** Everything that did not arrive, by owner and cause. */
  readonly losses: readonly Loss[];
  /** How many errors the handlers reported. */
  readonly errors: number;
  /** How many warnings came, those that were not shown included. */
  readonly warnings: number;
}

/** How the command of `-c` ended: one of the two is there. */
export interface CommandStatus {
  readonly exitStatus?: number;
  readonly signal?: string;
}

/** Why something was lost. */
export type LossCause =
  | 'nesting'
  | 'lock-timeout'
  | 'ring-full'
  | 'map-full'
  | 'string-cut'
  | 'return-missed'
  | 'overload'
  | 'low-stack';

/** What one probe or print site lost for one reason. */
export interface Loss {
  /** The probe or print site that lost it. */
  readonly owner: string;
  readonly cause: LossCause;
  /** The global whose lock was waited for in vain, of a lock-timeout. */
  readonly global?: string;
  readonly count: number;
}
