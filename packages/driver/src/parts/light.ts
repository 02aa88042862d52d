// The part of the bundle that every start reads: the command line, and the classes that both parts must agree on.
export * as pass from '@stapkit/pass';
export * as processIo from '../process-io.js';

import '../main.js';
