// The conformance cases: `conformance/CHAPTER/NAME.stp`, each with what it must print.
//
//   NAME.expected   the output, byte for byte
//   NAME.check      one regular expression a line, each matched against the line of the output with the same number;
//                   a last one that begins with `* ` matches each of any number of further lines
//
// Comments at the head of a script say what else there is to it:
//
//   # options: -g -DMAXACTION=50      options of stap
//   # arguments: one 2                script arguments
//   # status: 1                       staprun's exit status, 0 where not said
//   # stderr: REGEX                   must match standard error; may be repeated
//   # fails: REGEX                    no module comes of it: a message of passes 1 to 4 matches
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const conformanceFolder = fileURLToPath(new URL('../../conformance', import.meta.url));

/** One script with what it must do. */
export interface Case {
  /** `CHAPTER/NAME` */
  readonly name: string;
  readonly text: string;
  readonly expected?: string;
  readonly check?: readonly RegExp[];
  /** What every line behind those of `check` must match; without it there must be none. */
  readonly checkRest?: RegExp;
  readonly guru: boolean;
  readonly defines: Readonly<Record<string, string>>;
  readonly arguments: readonly string[];
  readonly status: number;
  readonly stderr: readonly RegExp[];
  readonly fails?: RegExp;
}

/**
 * Reads the cases, in order.
 *
 * @param only those whose `CHAPTER/NAME` matches
 */
export function readCases(only = /(?:)/, folder = conformanceFolder): Case[] {
  const cases: Case[] = [];
  for (const chapter of readdirSync(folder, { withFileTypes: true })) {
    if (!chapter.isDirectory()) continue;
    for (const file of readdirSync(join(folder, chapter.name)).sort()) {
      const name = `${chapter.name}/${file.slice(0, -4)}`;
      if (file.endsWith('.stp') && only.test(name)) cases.push(readCase(folder, name));
    }
  }
  return cases;
}

function readCase(folder: string, name: string): Case {
  const path = (ending: string): string => join(folder, `${name}.${ending}`);
  const text = readFileSync(path('stp'), 'utf8');
  const said = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map((match) => match[1]!);
  const options = said('options').join(' ').split(/\s+/).filter(Boolean);
  const fails = said('fails')[0];
  const expected = existsSync(path('expected')) ? readFileSync(path('expected'), 'latin1') : undefined;
  const patterns = existsSync(path('check')) ? readFileSync(path('check'), 'latin1').trimEnd().split('\n') : undefined;
  const rest = patterns?.at(-1)?.startsWith('* ') ? patterns.pop()!.slice(2) : undefined;
  const wholeLine = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
  const check = patterns?.map(wholeLine);
  if (expected === undefined && check === undefined && fails === undefined) {
    throw new Error(`${name}.stp says nowhere what it must print`);
  }
  return {
    name,
    text,
    ...(expected === undefined ? {} : { expected }),
    ...(check === undefined ? {} : { check }),
    ...(rest === undefined ? {} : { checkRest: wholeLine(rest) }),
    guru: options.includes('-g'),
    defines: Object.fromEntries(
      options.filter((word) => word.startsWith('-D')).map((word) => word.slice(2).split('=', 2) as [string, string]),
    ),
    arguments: said('arguments').join(' ').split(/\s+/).filter(Boolean),
    status: Number(said('status')[0] ?? 0),
    stderr: said('stderr').map((text) => new RegExp(text)),
    ...(fails === undefined ? {} : { fails: new RegExp(fails) }),
  };
}
