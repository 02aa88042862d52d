// What the system says of a file that can't be read or written, in words: "no such file or directory".
import { getSystemErrorMap } from 'node:util';

/** The words of an error of Node's own, less its code, its call and the path, which the message around them tells. */
export function systemWords(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (code === 'EISDIR') return 'it is a directory';
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
}
