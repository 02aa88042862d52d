// Manual pages and shell completion: made from the programs' manuals and from the tapset's comments, and put where man(1)
// and the shells look.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type CompletionExtras,
  type CompletionShell,
  completionScript,
  type ManualPage,
  type ProgramManual,
  programPage,
  referencePage,
} from '@stapkit/pass/manual';
import { mergeManual, staprunManual } from '@stapkit/staprun/manuals';
import { readReference } from '@stapkit/tapset/reference';
import { packageFolder } from './folders.js';
import { prepManual } from './manual/prep-manual.js';
import { stapManual } from './manual/stap-manual.js';

/** The programs, and what the words behind their names are. */
const PROGRAMS: readonly { readonly manual: ProgramManual; readonly extras: CompletionExtras }[] = [
  {
    manual: stapManual,
    extras: {
      operands: 'script',
      subcommands: {
        explain: [],
        types: ['--ts', '--json-schema'],
        completion: ['bash', 'zsh'],
        vm: ['start', 'run', 'stop', 'status', 'console'],
      },
    },
  },
  { manual: staprunManual, extras: { operands: 'module' } },
  { manual: prepManual, extras: { operands: 'release' } },
  { manual: mergeManual, extras: { operands: 'file' } },
];

/** The manual pages of the programs. */
export function programPages(): ManualPage[] {
  return PROGRAMS.map(({ manual }) => programPage(manual));
}

/** The manual pages of the tapset, from its files below `folder`. */
export function tapsetPages(folder: string): ManualPage[] {
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /\.stpm?$/.test(name))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const pages = new Map<string, ManualPage>();
  for (const entry of readReference(files)) {
    // An entry's name becomes a file's; a wildcard's or a path's can't.
    if (!/^[\w.@+-]+$/.test(entry.name)) continue;
    const page = referencePage(entry);
    if (!pages.has(page.path)) pages.set(page.path, page);
  }
  return [...pages.values()];
}

/** One script that completes all programs of stapkit. */
export function completions(shell: CompletionShell): { readonly program: string; readonly text: string }[] {
  return PROGRAMS.map(({ manual, extras }) => ({
    program: manual.name,
    text: completionScript(manual, extras, shell),
  }));
}

/** In the folder of pages: which ones are ours, and whether they are up to date. */
const LIST = join('man', '.stapkit-pages');

/**
 * Writes manual pages below `man` and completion below `bash-completion` and `zsh` of a folder such as /usr/local/share.
 * Pages of an older version that are no more go; what is up to date is left alone.
 *
 * @returns how many pages there are
 */
export function installManuals(share: string): number {
  const pages = [...programPages(), ...tapsetPages(join(packageFolder('tapset'), 'stp'))];
  const files = [
    ...pages.map(({ path, text }) => ({ path: join('man', path), text })),
    ...completions('bash').map(({ program, text }) => ({
      path: join('bash-completion', 'completions', program),
      text,
    })),
    ...completions('zsh').map(({ program, text }) => ({ path: join('zsh', 'site-functions', `_${program}`), text })),
  ];
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(`${path}\0${text}\0`);
  const list = `${hash.digest('hex')}\n${files.map(({ path }) => path).join('\n')}\n`;
  const before = readList(join(share, LIST));
  if (before === list) return pages.length;
  for (const { path, text } of files) {
    const file = join(share, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const now = new Set(files.map(({ path }) => path));
  for (const path of before.split('\n').slice(1)) {
    if (path !== '' && !now.has(path) && !path.includes('..')) rmSync(join(share, path), { force: true });
  }
  writeFileSync(join(share, LIST), list);
  return pages.length;
}

function readList(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
