// `$SYSTEMTAP_DIR/rc`: options that stand before those of every command line (stap(1), "OPTIONS").
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemWords } from '@stapkit/pass';
import { parse } from 'shell-quote';
import { usage } from './usage.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the file is: `$SYSTEMTAP_DIR`, by default `$HOME/.systemtap`. */
export function rcFile(env: Environment): string {
  return join(env['SYSTEMTAP_DIR'] || join(env['HOME'] || homedir(), '.systemtap'), 'rc');
}

/**
 * Reads the words of the file as a shell would, line by line: quotes, variables and comments mean what they mean there.
 *
 * @returns no words where there is no file
 * @throws DiagnosticError where it can't be read or asks for more than words
 */
export function readRc(env: Environment): string[] {
  const path = rcFile(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw usage('rc', `${path} can't be read: ${systemWords(error)}`);
  }
  return text.split('\n').flatMap((line, index) => readLine(line, env, `${path}:${index + 1}`));
}

function readLine(line: string, env: Environment, place: string): string[] {
  const words: string[] = [];
  for (const entry of parse(line, { ...env })) {
    if (typeof entry === 'string') words.push(entry);
    else if ('comment' in entry) break;
    else if (entry.op === 'glob') words.push(entry.pattern);
    else throw usage('rc', `${place}: '${entry.op}' is no option`, ['put it in quotes if it is part of one']);
  }
  return words;
}
