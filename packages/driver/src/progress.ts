// Shows on a terminal what a long step is doing; in a pipe nothing is shown.
import type { Progress } from '@stapkit/pass';
import type { CommandIo } from './io.js';

/** A step shorter than this is not shown: a spinner that flashes by tells nothing. Milliseconds. */
const SPINNER_DELAY = 300;

/** What a line has beside the text: the spinner, and room by which its library counts lines too many. */
const BESIDE = 5;

interface Spinner {
  text: string;
  stop(): void;
}

/**
 * Makes a progress that is shown on a command's standard error.
 *
 * @param delay how long a step must last to be shown, in milliseconds
 */
export function createProgress(io: CommandIo, delay = SPINNER_DELAY): Progress {
  if (!io.stderrIsTerminal) return { update() {}, finish() {} };
  let timer: NodeJS.Timeout | undefined;
  let spinner: Spinner | undefined;
  let text = '';
  const columns = (): number => io.stderrColumns?.() ?? 80;
  return {
    update(step, done) {
      text = fit(done === undefined ? step : `${step} ${Math.floor(done * 100)} %`, columns() - BESIDE);
      if (spinner) spinner.text = text;
      else if (!timer) {
        timer = setTimeout(async () => {
          const { default: ora } = await import('ora');
          if (!timer || spinner) return;
          spinner = ora({
            text,
            stream: terminal(io, columns),
            isEnabled: io.env['TERM'] !== 'dumb',
            discardStdin: false,
            hideCursor: false,
          }).start();
        }, delay);
        timer.unref();
      }
    },
    finish() {
      clearTimeout(timer);
      timer = undefined;
      spinner?.stop();
      spinner = undefined;
    },
  };
}

/** One line, however many packages its text names: what a terminal has wrapped can't be wiped away for certain. */
function fit(text: string, room: number): string {
  if (text.length <= room) return text;
  // How far it is stands at the end.
  const end = / \d+ %$/.exec(text)?.[0] ?? '';
  return `${text.slice(0, Math.max(0, room - end.length - 1))}…${end}`;
}

/** The command's standard error as the spinner wants it. */
function terminal(io: CommandIo, columns: () => number): NodeJS.WriteStream {
  const write = (text: string): boolean => {
    io.stderr(text);
    return true;
  };
  const stream = {
    isTTY: true,
    get columns() {
      return columns();
    },
    write,
    cursorTo: (column: number) => write(column === 0 ? '\r' : `\x1b[${column + 1}G`),
    moveCursor: (_columns: number, rows: number) => write(rows < 0 ? `\x1b[${-rows}A` : ''),
    clearLine: () => write('\x1b[K'),
  };
  return stream as unknown as NodeJS.WriteStream;
}
