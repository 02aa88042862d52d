// The program `stap`. Everything is loaded when it is needed: `stap -V` loads the command line's reader and no more.
import { processIo } from './process-io.js';
import { stapCommand } from './stap-command.js';

stapCommand(process.argv.slice(2), processIo()).then(
  (status) => process.exit(status),
  (error: unknown) => {
    // Whatever comes here is a bug of ours. The bundle's stack helps nobody who didn't ask for it.
    const text = error instanceof Error ? (process.env['STAPKIT_DEBUG'] ? error.stack : error.message) : String(error);
    process.stderr.write(
      `stap: internal error: ${text}\nPlease report it with the script; STAPKIT_DEBUG=1 shows more.\n`,
    );
    process.exit(1);
  },
);
