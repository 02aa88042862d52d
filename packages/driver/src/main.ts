// The program `stap`. Everything is loaded when it is needed: `stap -V` loads the command line's reader and no more.
import { processIo } from './process-io.js';
import { stapCommand } from './stap-command.js';

stapCommand(process.argv.slice(2), processIo()).then((status) => {
  process.exitCode = status;
});
