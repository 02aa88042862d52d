// A terminal for input.char: each character is there as soon as it is typed, and the script shows it or does not.
import { spawnSync } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';

/**
 * Lets a terminal give its characters one by one, without showing them; Ctrl-C and the like go on to be signals, which
 * Node's raw mode would take away. What is no terminal is left as it is.
 *
 * @param stream standard input
 * @returns what puts the terminal back; it is put back when the process ends, at the latest
 */
export function readByCharacter(stream: Readable): () => void {
  const { fd } = stream as Partial<ReadStream> & { readonly fd?: number };
  if (!(stream instanceof ReadStream) || fd === undefined) return () => {};
  const stty = (...words: string[]): string =>
    spawnSync('stty', words, { stdio: [fd, 'pipe', 'ignore'], encoding: 'utf8' }).stdout;
  const saved = stty('-g').trim();
  if (saved === '') return () => {};
  const restore = (): void => {
    process.off('exit', restore);
    stty(saved);
  };
  process.on('exit', restore);
  stty('-icanon', '-echo', 'min', '1', 'time', '0');
  return restore;
}
