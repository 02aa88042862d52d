// What the system says of a file that can't be read or written, in words: "no such file or directory".
import { getSystemErrorMap } from 'node:util';

/** The words of an error of Node's own, less its code, its call and the path, which the message around them tells. */
export function systemWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (code === 'EISDIR') return 'it is a directory';
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  // Where the number is missing, as in an error that came from elsewhere, the text has the words: "EIO: i/o error, read".
  return words ?? /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
