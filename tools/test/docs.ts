// The documentation's commands: fenced blocks marked `console` run on this machine, those marked `console guest` are
// for a prepared machine such as the guest. A line that begins with `$ ` is a command, `> ` goes on with it, and what follows
// is its output, standard error included. In the output `…` stands for anything within a line; a line of its own, for any number of lines.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './examples.js';

/** One command of a document. */
export interface DocumentedCommand {
  readonly line: number;
  readonly text: string;
  readonly output: string;
  readonly place: 'host' | 'guest';
}

/** The documents that have commands, by their paths below the root. */
export function documents(): string[] {
  const pages = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`);
  const readmes = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  return ['README.md', ...pages, ...readmes].filter((path) => commandsOf(path).length > 0);
}

/** The commands of a document, in order. */
export function commandsOf(document: string): DocumentedCommand[] {
  const commands: DocumentedCommand[] = [];
  let place: DocumentedCommand['place'] | undefined;
  let open: { line: number; text: string; output: string[]; place: DocumentedCommand['place'] } | undefined;
  const finish = (): void => {
    if (open) commands.push({ ...open, output: open.output.join('\n') });
    open = undefined;
  };
  const lines = readFileSync(join(root, document), 'utf8').split('\n');
  lines.forEach((line, index) => {
    if (line.startsWith('```')) {
      finish();
      place = line === '```console' ? 'host' : line === '```console guest' ? 'guest' : undefined;
    } else if (place && line.startsWith('$ ')) {
      finish();
      open = { line: index + 1, text: line.slice(2), output: [], place };
    } else if (open && line.startsWith('> ')) open.text += `\n${line.slice(2)}`;
    else open?.output.push(line);
  });
  return commands;
}

/**
 * The shell script that runs commands one after the other in one folder, each one's output behind a mark.
 *
 * @param stap the program that is started as stap; by default this checkout's
 */
export function scriptOf(commands: readonly DocumentedCommand[], folder: string, stap = join(root, 'stap')): string {
  const programs: Readonly<Record<string, string>> = {
    'stap-prep': 'packages/driver/bundle/stap-prep.cjs',
    staprun: 'packages/staprun/bundle/staprun.cjs',
    'stap-merge': 'packages/staprun/bundle/stap-merge.cjs',
  };
  // A README of a checkout says `./stap`.
  const links = ['.bin/stap', 'stap'].map((name) => `ln -sf ${stap} ${folder}/${name}`);
  for (const [name, path] of Object.entries(programs)) links.push(`ln -sf ${join(root, path)} ${folder}/.bin/${name}`);
  const run = commands.map(({ text }, index) => `printf '\\036%d\\n' ${index}\n${text}\n`);
  return `rm -rf ${folder}; mkdir -p ${folder}/.bin && cd ${folder} || exit\n${links.join('\n')}\nPATH=${folder}/.bin:$PATH\nexec 2>&1\n${run.join('')}true\n`;
}

/** What each command printed. */
export function outputsOf(text: string): Map<number, string> {
  const outputs = new Map<number, string>();
  for (const part of text.split('\x1e').slice(1)) {
    const end = part.indexOf('\n');
    outputs.set(Number(part.slice(0, end)), part.slice(end + 1));
  }
  return outputs;
}

/**
 * Lines that scripts print and end by, in probes of what any CPU may come to: exit() does not stop a hit that is under way on
 * another, so each may come once more.
 */
export function repeatedLines(commands: readonly DocumentedCommand[]): Set<string> {
  const oneLiner = /probe (?:vfs|kernel|syscall)\.\S+ *\{ *printf\("([^"%\\]*)\\n"\); *exit\(\) *\}/g;
  return new Set(commands.flatMap(({ text }) => [...text.matchAll(oneLiner)].map(([, line]) => line!)));
}

/** A pattern of an output. */
export function patternOf(output: string, repeated: ReadonlySet<string> = new Set()): RegExp {
  const lines = output === '' ? [] : output.split('\n');
  const parts = lines.map((line) => {
    if (line === '…') return '(?:.*\\n)*?';
    const whole = `${line
      .split('…')
      .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}\\n`;
    return repeated.has(line) ? `(?:${whole})+` : whole;
  });
  return new RegExp(`^${parts.join('')}$`);
}
