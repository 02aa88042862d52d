// Runs in the guest: takes module paths, one a line, from standard input and answers each with one line of JSON, what it
// printed and how it ended, in the file that it is given: what system() commands print goes to our own standard output. One process for all of them, since starting Node in the guest takes as long as many runs.

import { appendFileSync, closeSync, constants, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { quietContext, renderDiagnostic } from '@stapkit/pass';
import { runModule } from '@stapkit/staprun';
import { KERNEL_FAULT } from '@stapkit/vm';

/** What the runner says of one module. */
export interface RunAnswer {
  readonly path: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** What the kernel complained of meanwhile. */
  readonly kernelFaults: readonly string[];
}

/**
 * A script that does not end by itself is ended after this long. Milliseconds. It only keeps the others going: no script
 * takes a part of it, and none has a limit of its own.
 */
const TIME_LIMIT = 180_000;

const COMMAND_OUTPUT = '/tmp/conformance-commands';

const kernelLog = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);

/** The complaints since the last call. Each read gives one record, and EPIPE where older ones have been overwritten. */
function kernelFaults(): string[] {
  const record = Buffer.alloc(8192);
  const faults: string[] = [];
  for (;;) {
    try {
      const text = record.toString('utf8', 0, readSync(kernelLog, record));
      if (KERNEL_FAULT.test(text)) faults.push(text.slice(text.indexOf(';') + 1).split('\n')[0]!);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return faults;
    }
  }
}

async function run(path: string): Promise<RunAnswer> {
  const output: Buffer[] = [];
  const errors: string[] = [];
  const context = quietContext();
  // What system() commands print counts as the script's output, behind its own. The file is a new one each time: a command
  // of the last script may not have ended yet.
  rmSync(COMMAND_OUTPUT, { force: true });
  const commands = openSync(COMMAND_OUTPUT, 'w');
  const { value, diagnostics } = await runModule(
    { path, name: basename(path, '.ko') },
    {
      output: (chunk) => {
        output.push(Buffer.from(chunk));
      },
      errors: (line) => {
        errors.push(line);
      },
      timeLimit: TIME_LIMIT,
      commandStdio: () => ['ignore', commands, 'inherit'],
    },
    context,
  );
  closeSync(commands);
  output.push(readFileSync(COMMAND_OUTPUT));
  for (const diagnostic of [...context.diagnostics, ...diagnostics]) errors.push(renderDiagnostic(diagnostic));
  return {
    path,
    stdout: Buffer.concat(output).toString('latin1'),
    stderr: errors.join('\n'),
    status: value?.exitStatus ?? 1,
    kernelFaults: kernelFaults(),
  };
}

async function main(): Promise<void> {
  kernelFaults();
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: RunAnswer;
    try {
      answer = await run(line);
    } catch (error) {
      answer = { path: line, stdout: '', stderr: `runner: ${String(error)}`, status: -1, kernelFaults: kernelFaults() };
    }
    appendFileSync(process.argv[2]!, `${JSON.stringify(answer)}\n`);
  }
}

void main();
