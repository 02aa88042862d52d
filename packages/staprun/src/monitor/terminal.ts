// The process's own terminal for the monitor. Where this process has none because its streams come from another machine's
// terminal, STAPRUN_TERMINAL holds that one's size as `COLUMNSxROWS`.
import { emitKeypressEvents, type Key } from 'node:readline';
import { ReadStream } from 'node:tty';
import type { MonitorTerminal } from './monitor.js';

/** Says how large a terminal at the other end of the streams is. */
export const TERMINAL_VARIABLE = 'STAPRUN_TERMINAL';

/** For terminals that do not know their size. */
const USUAL = { columns: 80, rows: 24 };

/** The terminal; undefined where there is none. */
export function processTerminal(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  input: NodeJS.ReadStream = process.stdin,
  output: NodeJS.WriteStream = process.stdout,
): MonitorTerminal | undefined {
  const far = /^(\d+)x(\d+)$/.exec(environment[TERMINAL_VARIABLE] ?? '');
  if (!far && !(input.isTTY && output.isTTY)) return undefined;
  const raw = !far && input instanceof ReadStream ? input : undefined;
  const listeners: (() => void)[] = [];
  return {
    get columns() {
      return (far ? Number(far[1]) : output.columns) || USUAL.columns;
    },
    get rows() {
      return (far ? Number(far[2]) : output.rows) || USUAL.rows;
    },
    write: (text) => void output.write(text),
    onKey(act) {
      emitKeypressEvents(input);
      raw?.setRawMode(true);
      const listener = (text: string | undefined, key: Key): void => act(keyName(text, key));
      input.on('keypress', listener);
      input.resume();
      listeners.push(() => input.off('keypress', listener));
    },
    onResize(act) {
      if (far) return;
      output.on('resize', act);
      listeners.push(() => output.off('resize', act));
    },
    close() {
      for (const stop of listeners) stop();
      raw?.setRawMode(false);
      input.pause();
    },
  };
}

function keyName(text: string | undefined, { name, ctrl }: Key): string {
  if (ctrl && name) return `ctrl+${name}`;
  return name && (name.length > 1 || text === undefined) ? name : (text ?? '');
}
