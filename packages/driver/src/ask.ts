// A question at the terminal that is answered by yes or no.
import { createInterface } from 'node:readline/promises';
import type { CommandIo } from './io.js';

/** How to ask; undefined where nobody is there to answer. */
export function askAt(io: CommandIo): ((question: string) => Promise<boolean>) | undefined {
  if (!io.stderrIsTerminal || (io.stdin as { isTTY?: boolean }).isTTY !== true) return undefined;
  return async (question) => {
    io.stderr(`${question} [y/N] `);
    const lines = createInterface({ input: io.stdin });
    try {
      const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
      const answer = await Promise.race([lines.question('', { signal: io.signal }), closed]);
      return /^\s*y(?:es)?\s*$/i.test(answer);
    } finally {
      lines.close();
    }
  };
}
