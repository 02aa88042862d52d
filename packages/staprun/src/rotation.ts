// switch_file() where another than staprun writes its output to files, on another machine: it is told on standard error.

/** Set by whoever wants to be told of SIGUSR2. */
export const ROTATION_VARIABLE = 'STAPRUN_ROTATION';

/** What standard error then carries. */
export const ROTATION_MARK = '\x1estaprun: next file\n';
