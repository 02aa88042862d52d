// Completion scripts for shells, from a program's manual. Probe points are asked of the program itself: `stap -l`.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the shells expand these
import type { OptionEntry, ProgramManual } from './program-manual.js';

export type CompletionShell = 'bash' | 'zsh';

/** What the words behind the program's name may be besides options. */
export interface CompletionExtras {
  /** Subcommands, and the words that each takes. */
  readonly subcommands?: Readonly<Record<string, readonly string[]>>;
  /** What operands are. */
  readonly operands: 'script' | 'module' | 'file' | 'release';
}

/** Makes the script. */
export function completionScript(manual: ProgramManual, extras: CompletionExtras, shell: CompletionShell): string {
  return shell === 'bash' ? bash(manual, extras) : zsh(manual, extras);
}

/** The shell's words for a kind of value; `$cur` is what was typed of it. */
const BASH_VALUES: Readonly<Record<string, string>> = {
  file: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))',
  folder: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))',
  script: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -X "!*.stp" -- "$cur") $(compgen -d -- "$cur"))',
  module: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -X "!*.ko" -- "$cur") $(compgen -d -- "$cur"))',
  release: 'COMPREPLY=($(compgen -W "$(command ls /lib/modules 2>/dev/null)" -- "$cur"))',
  pid: 'COMPREPLY=($(compgen -W "$(cd /proc && command ls -d [0-9]* 2>/dev/null)" -- "$cur"))',
  command: 'COMPREPLY=($(compgen -c -- "$cur"))',
  host: 'COMPREPLY=($(compgen -A hostname -- "$cur"))',
};

function bash({ name, options }: ProgramManual, { subcommands = {}, operands }: CompletionExtras): string {
  const id = name.replaceAll('-', '_');
  const words = options.flatMap(({ short, long, alias, value, optional }) => [
    ...(short === undefined ? [] : [`-${short}`]),
    // A long option with a value that must be given ends in `=`: it goes on there.
    ...[long, alias].flatMap((each) =>
      each === undefined ? [] : [`--${each}${value !== undefined && !optional ? '=' : ''}`],
    ),
  ]);
  const cases = options.filter(({ complete }) => complete !== undefined);
  const needValue = options.filter(({ value, optional }) => value !== undefined && !optional);
  const probes = cases.filter(({ complete }) => complete === 'probe');
  const lines = [
    `# bash completion for ${name}(${'1'}); made by stapkit from its table of options.`,
    ...(probes.length > 0
      ? [
          '# Probe points: a part before each dot at a time, as the program itself lists them.',
          `_${id}_probes() {`,
          '\tlocal typed="$1" head="" list part rest',
          '\t[[ $typed == *.* ]] && head="${typed%.*}."',
          `\tlist=$(command ${name} -l "$head*" 2>/dev/null; [[ -z $head ]] && command ${name} --dump-probe-aliases 2>/dev/null | command sed "s/ = .*//")`,
          '\tCOMPREPLY=()',
          '\twhile IFS= read -r part; do',
          '\t\t[[ $part == "$typed"* ]] || continue',
          '\t\trest="${part#"$head"}"',
          '\t\tif [[ $rest == *.* ]]; then COMPREPLY+=("$head${rest%%.*}."); else COMPREPLY+=("$part"); fi',
          '\tdone <<<"$list"',
          '\tif ((${#COMPREPLY[@]})); then',
          '\t\tmapfile -t COMPREPLY < <(printf "%s\\n" "${COMPREPLY[@]}" | command sort -u)',
          '\tfi',
          '\tcompopt -o nospace 2>/dev/null',
          '}',
          '',
        ]
      : []),
    `_${id}_value() {`,
    '\tcase $1 in',
    ...cases.map((option) => `\t${patterns(option)}) ${bashValue(id, option)} ;;`),
    '\t*) COMPREPLY=() ;;',
    '\tesac',
    '}',
    '',
    `_${id}() {`,
    '\tlocal cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD - 1]}"',
    // `=` breaks words in bash: `--color=a` is three of them.
    '\tif [[ $cur == "=" ]]; then cur=""; elif [[ $prev == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD - 2]}"; fi',
    '\tif [[ ${COMP_WORDS[COMP_CWORD]} == "=" || ${COMP_WORDS[COMP_CWORD - 1]} == "=" ]]; then',
    `\t\t_${id}_value "$prev"`,
    '\t\treturn',
    '\tfi',
    `\tcase $prev in`,
    `\t${needValue.map(patterns).join('|')})`,
    `\t\t_${id}_value "$prev"`,
    '\t\treturn',
    '\t\t;;',
    '\tesac',
  ];
  if (Object.keys(subcommands).length > 0) {
    lines.push('\tif ((COMP_CWORD == 2)); then', '\t\tcase ${COMP_WORDS[1]} in');
    for (const [subcommand, words_] of Object.entries(subcommands)) {
      if (words_.length > 0) {
        lines.push(
          `\t\t${subcommand}) COMPREPLY=($(compgen -W "${words_.join(' ')}" -- "$cur")); ((\${#COMPREPLY[@]})) && return ;;`,
        );
      }
    }
    lines.push('\t\tesac', '\tfi');
  }
  lines.push(
    '\tif [[ $cur == -* ]]; then',
    `\t\tCOMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur"))`,
    '\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null',
    '\t\treturn',
    '\tfi',
    `\t${BASH_VALUES[operands]}`,
  );
  if (Object.keys(subcommands).length > 0) {
    lines.push(
      `\t((COMP_CWORD == 1)) && COMPREPLY+=($(compgen -W "${Object.keys(subcommands).join(' ')}" -- "$cur"))`,
      '\treturn 0',
    );
  }
  lines.push('}', `complete -F _${id} ${name}`);
  return `${lines.join('\n')}\n`;
}

function patterns({ short, long, alias }: OptionEntry): string {
  return [
    ...(short === undefined ? [] : [`-${short}`]),
    ...(long === undefined ? [] : [`--${long}`]),
    ...(alias === undefined ? [] : [`--${alias}`]),
  ].join('|');
}

function bashValue(id: string, { complete }: OptionEntry): string {
  if (complete === 'probe') return `_${id}_probes "$cur"`;
  if (typeof complete === 'string') return BASH_VALUES[complete]!;
  return `COMPREPLY=($(compgen -W "${complete!.join(' ')}" -- "$cur"))`;
}

const ZSH_VALUES: Readonly<Record<string, string>> = {
  file: '_files',
  folder: '_files -/',
  script: '_files -g "*.stp(-.)"',
  module: '_files -g "*.ko(-.)"',
  release: '{_values release $(command ls /lib/modules)}',
  pid: '_pids',
  command: '_command_names -e',
  host: '_hosts',
};

function zsh({ name, options }: ProgramManual, { subcommands = {}, operands }: CompletionExtras): string {
  const id = name.replaceAll('-', '_');
  const hasProbes = options.some(({ complete }) => complete === 'probe');
  const specs = options.flatMap((option) => zshSpecs(id, option));
  const names = Object.keys(subcommands);
  const lines = [
    `#compdef ${name}`,
    `# zsh completion for ${name}; made by stapkit from its table of options.`,
    ...(hasProbes
      ? [
          `_${id}_probes() {`,
          '\tlocal head=""',
          '\t[[ $PREFIX == *.* ]] && head="${PREFIX%.*}."',
          '\tlocal -a found',
          `\tfound=(\${(f)"$(command ${name} -l "$head*" 2>/dev/null)"})`,
          `\t[[ -z $head ]] && found+=(\${(f)"$(command ${name} --dump-probe-aliases 2>/dev/null | command sed 's/ = .*//')"})`,
          '\tcompadd -a found',
          '}',
        ]
      : []),
    `_${id}() {`,
    ...(names.length > 0
      ? [
          '\tif ((CURRENT == 3)); then',
          '\t\tcase $words[2] in',
          ...Object.entries(subcommands)
            .filter(([, words]) => words.length > 0)
            .map(([subcommand, words]) => `\t\t${subcommand}) compadd ${words.join(' ')}; return ;;`),
          '\t\tesac',
          '\tfi',
          `\t((CURRENT == 2)) && [[ $PREFIX != -* ]] && compadd ${names.join(' ')}`,
        ]
      : []),
    '\t_arguments -s -S \\',
    ...specs.map((spec) => `\t\t${spec} \\`),
    `\t\t'*:${operands}:${ZSH_VALUES[operands]}'`,
    '}',
    // Autoloaded, the file is the function's body; sourced, it registers itself.
    `if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${id} "$@"; else compdef _${id} ${name}; fi`,
  ];
  return `${lines.join('\n')}\n`;
}

function zshSpecs(id: string, option: OptionEntry): string[] {
  const { value, optional, complete, help } = option;
  const text = help
    .replaceAll("'", '')
    .replaceAll('[', '(')
    .replaceAll(']', ')')
    .replaceAll(':', ' -')
    .replace(/\s+/g, ' ');
  const action =
    complete === undefined
      ? ' '
      : complete === 'probe'
        ? `_${id}_probes`
        : typeof complete === 'string'
          ? ZSH_VALUES[complete]!
          : `(${complete.join(' ')})`;
  const argument =
    value === undefined ? '' : `${optional ? '::' : ':'}${value.replace(/[:'[\]{}+|]/g, ' ').trim()}:${action}`;
  const star = option.repeats ? '*' : '';
  return [
    ...(option.short === undefined
      ? []
      : [`'${star}-${option.short}${value === undefined ? '' : '+'}[${text}]${argument}'`]),
    ...[option.long, option.alias].flatMap((long) =>
      long === undefined
        ? []
        : [`'${star}--${long}${value === undefined ? '' : optional ? '=-' : '='}[${text}]${argument}'`],
    ),
  ];
}
