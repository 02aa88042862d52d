// The program `stap-merge`.
import { mergeCommand } from './merge-cli.js';
import { writeErrors, writeOutput } from './streams.js';

void mergeCommand(process.argv.slice(2), { output: writeOutput, errors: writeErrors }).then((exitStatus) =>
  process.exit(exitStatus),
);
