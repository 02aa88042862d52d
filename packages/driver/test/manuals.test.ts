// Manual pages through groff, completion through the shells themselves.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionForms } from '@stapkit/pass/manual';
import { mergeManual, staprunManual } from '@stapkit/staprun/manuals';
import { expect, test } from 'vitest';
import { completions, programPages, tapsetPages } from '../src/install-manuals.js';
import { prepManual } from '../src/manual/prep-manual.js';
import { STAP_OPTIONS } from '../src/manual/stap-options.js';
import { command, root, scratchFolder } from './harness.js';

const stp = join(root, 'packages/tapset/stp');

function written(): string {
  const folder = scratchFolder();
  for (const { path, text } of [...programPages(), ...tapsetPages(stp)]) {
    mkdirSync(join(folder, path.replace(/\/.*/, '')), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test('groff sets every page without a warning', async () => {
  const folder = written();
  const script = 'find "$1" -type f -print0 | xargs -0 -n 200 groff -ww -man -Tascii -z';
  const ended = await command(['sh', '-c', script, 'sh', folder], { env: { LC_ALL: 'C' } });
  expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('man finds the pages of the programs and of the tapset by their names', async () => {
  const env = { MANPATH: join(written()), LC_ALL: 'C.UTF-8', MANWIDTH: '78', MANPAGER: 'cat' };
  const page = async (...words: string[]) => (await command(['man', '--warnings', ...words], { env })).stdout;
  expect(await page('probe::ioblock.request')).toMatch(
    /NAME\n +probe::ioblock\.request - .*\n\nSYNOPSIS\n +ioblock\.request\n\nVALUES\n/,
  );
  expect(await page('function::bio_rw_str')).toContain('bio_rw_str:string(rw:long)');
  expect(await page('tapset::ioblock')).toContain('probe::ioblock.request(3stap)');
  expect(await page('8', 'staprun')).toContain('STAPRUN(8)');
  // The programs read their options by the same tables, so that no page can lack one.
  const tables = [
    ['1', 'stap', STAP_OPTIONS],
    ['8', 'staprun', staprunManual.options],
    ['1', 'stap-prep', prepManual.options],
    ['1', 'stap-merge', mergeManual.options],
  ] as const;
  for (const [section, name, options] of tables) {
    const text = await page(section, name);
    for (const option of options) for (const form of optionForms(option)) expect(text).toContain(form);
  }
});

test('what the pages of the tapset say comes from its comments', () => {
  const pages = new Map(tapsetPages(stp).map(({ path, text }) => [path, text]));
  expect(pages.size).toBeGreaterThan(1000);
  const text = readFileSync(join(stp, 'ioblock.stp'), 'utf8');
  const page = pages.get('man3/probe::ioblock.request.3stap')!;
  for (const [, name = '', words = ''] of text
    .slice(text.indexOf('* probe ioblock.request -'))
    .split('*/')[0]!
    .matchAll(/@(\w+): (.*)/g)) {
    expect(page).toContain(`\\fB${name}\\fP\n${words.replaceAll("'", '\\(aq').slice(0, 10)}`);
  }
});

/** A `stap` that knows a few probe points, in front of PATH. */
function fakeStap(): string {
  const folder = scratchFolder();
  const script = `#!/bin/sh
case "$*" in
"-l vfs.*") printf 'vfs.open\\nvfs.read\\nvfs.read.return\\nvfs.readv\\n' ;;
"-l *") printf 'begin\\nend\\n' ;;
"--dump-probe-aliases") printf 'vfs.open = kernel.function("x")\\nioblock.request = kernel.trace("y")\\n' ;;
esac
`;
  writeFileSync(join(folder, 'stap'), script);
  chmodSync(join(folder, 'stap'), 0o755);
  return folder;
}

async function inBash(words: readonly string[], cwd: string): Promise<string[]> {
  const folder = scratchFolder();
  writeFileSync(
    join(folder, 'completion'),
    completions('bash')
      .map(({ text }) => text)
      .join('\n'),
  );
  const name = words[0]!.replaceAll('-', '_');
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${name} 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ended = await command(['bash', '-c', script, 'bash', join(folder, 'completion'), ...words], {
    cwd,
    env: { PATH: `${fakeStap()}:${process.env['PATH']}` },
  });
  expect(ended.stderr).toBe('');
  return ended.stdout.trim().split('\n').sort();
}

test('bash completes options, their values, subcommands, files and probe points', async () => {
  const cwd = scratchFolder();
  for (const name of ['one.stp', 'two.txt', 'three.ko']) writeFileSync(join(cwd, name), '');
  const complete = (...words: string[]) => inBash(words, cwd);
  expect(await complete('stap', '--su')).toEqual(['--suppress-handler-errors', '--suppress-time-limits']);
  expect(await complete('stap', '--pri')).toEqual(['--privilege=']);
  expect(await complete('stap', '--privilege', '=', '')).toEqual(['stapdev', 'stapsys', 'stapusr']);
  expect(await complete('stap', '--color', '=', 'a')).toEqual(['always', 'auto']);
  expect(await complete('stap', '-p', '')).toEqual(['1', '2', '3', '4', '5']);
  expect(await complete('stap', 'on')).toEqual(['one.stp']);
  expect(await complete('stap', '-v', '')).toEqual(['one.stp']);
  expect(await complete('stap', 'ex')).toEqual(['explain']);
  expect(await complete('stap', 'completion', '')).toEqual(['bash', 'zsh']);
  expect(await complete('stap', '-l', 'vfs.re')).toEqual(['vfs.read', 'vfs.read.', 'vfs.readv']);
  expect(await complete('stap', '-L', 'i')).toEqual(['ioblock.']);
  expect(await complete('staprun', '')).toEqual(['three.ko']);
  expect(await complete('stap-prep', '--ch')).toEqual(['--check']);
});

/**
 * zsh's completion, without the completions of others: compinit reads every file of all folders, which takes seconds. What
 * they share is there, and loaded when it is called.
 */
const COMPINIT = [
  `all=($fpath)`,
  `fpath=(\${(M)fpath:#*/Completion(|/Base|/Zsh)})`,
  `(( $#fpath )) || fpath=($all)`,
  `autoload -U compinit`,
  `compinit -u -D`,
  `fpath=($all)`,
  `autoload -U \${^fpath}/_*(N:t)`,
].join('; ');

test('zsh takes its scripts', async () => {
  const folder = scratchFolder();
  const files = completions('zsh').map(({ text }, index) => {
    const file = join(folder, `_completion${index}`);
    writeFileSync(file, text);
    return file;
  });
  const script = `${COMPINIT}; for file in "$@"; do source "$file" || exit; done; whence -w _stap _staprun _stap_prep _stap_merge`;
  const ended = await command(['zsh', '-f', '-c', script, 'zsh', ...files]);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(ended.stdout.match(/: function$/gm)).toHaveLength(files.length);
});

test('zsh completes options, their values and probe points at its prompt', async () => {
  const file = join(scratchFolder(), 'completion');
  writeFileSync(
    file,
    completions('zsh')
      .map(({ text }) => text)
      .join('\n'),
  );
  // What is typed, and what the Tab behind it makes appear.
  const typed = [
    ['stap --suppress-h', 'handler-errors'],
    ['stap --privilege=stapu', 'stapusr'],
    ['stap -l vfs.op', 'vfs.open'],
    ['stap -L iob', 'ioblock.'],
    ['stap-merge --he', '--help'],
  ];
  const script = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1='' PATH=$2:\\$PATH; ${COMPINIT.replaceAll('$', '\\$')}; source $1; bindkey '^I' complete-word; print REA''DY"
zpty -r z out '*READY*'
shift 2
for line expected in "$@"; do
  zpty -n -w z "$line"$'\\t'
  zpty -r z out "*$expected*" && print -r -- "$expected"
  zpty -n -w z $'\\C-u'
done
zpty -d z`;
  const ended = await command(['zsh', '-f', '-c', script, 'zsh', file, fakeStap(), ...typed.flat()]);
  expect(ended.stdout).toBe(typed.map(([, expected]) => `${expected}\n`).join(''));
});

test('stap completion prints the scripts, stap-prep --manual writes all of it and takes away what is old', async () => {
  const stap = join(root, 'stap');
  expect((await command([stap, 'completion', 'bash'])).stdout).toBe(
    completions('bash')
      .map(({ text }) => text)
      .join('\n'),
  );
  expect(await command([stap, 'completion', 'fish'])).toMatchObject({ status: 1 });
  const share = scratchFolder();
  const prep = ['node', join(root, 'packages/driver/bundle/stap-prep.cjs'), '--manual', share];
  expect(await command(prep)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d{4} manual pages/) });
  for (const path of [
    'man/man1/stap.1',
    'man/man3/probe::ioblock.request.3stap',
    'bash-completion/completions/stap',
    'zsh/site-functions/_stap',
  ]) {
    expect(existsSync(join(share, path))).toBe(true);
  }
  writeFileSync(join(share, 'man/man1/other.1'), 'of somebody else');
  writeFileSync(join(share, 'man/man1/old.1'), 'ours once');
  const list = join(share, 'man/.stapkit-pages');
  writeFileSync(list, `old\n${readFileSync(list, 'utf8')}man/man1/old.1\n`);
  await command(prep);
  expect(existsSync(join(share, 'man/man1/old.1'))).toBe(false);
  expect(existsSync(join(share, 'man/man1/other.1'))).toBe(true);
});
