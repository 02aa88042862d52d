// The program `stap-prep`.
import { processIo } from '../process-io.js';
import { prepCommand } from './prep-command.js';

prepCommand(process.argv.slice(2), processIo()).then((status) => {
  process.exitCode = status;
});
