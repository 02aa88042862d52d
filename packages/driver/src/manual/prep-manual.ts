// The manual of `stap-prep`: its help and stap-prep(1) are made from it.
import type { ProgramManual } from '@stapkit/pass/manual';

const WHAT = 'What to prepare';
const HOW = 'How';

export const prepManual: ProgramManual = {
  name: 'stap-prep',
  section: 1,
  summary: 'prepare a machine for running scripts',
  synopsis: [
    { words: '[options] [KERNEL_RELEASE]', help: 'Find what is missing, and install it.' },
    { words: '--check [options] [KERNEL_RELEASE]', help: 'Only tell what is missing.' },
    { words: '--manual DIR', help: 'Write manual pages and completion below DIR.' },
  ],
  options: [
    { long: 'host', help: 'for running scripts on this machine’s kernel', group: WHAT },
    { long: 'vm', help: 'for running scripts in the embedded guest', group: WHAT },
    { long: 'kernel', value: 'RELEASE', help: 'the same as KERNEL_RELEASE', complete: 'release', group: WHAT },
    {
      long: 'suite',
      value: 'SUITE',
      help: 'fetch the kernel’s headers and image from another Debian suite, e.g. bookworm-backports; nothing of it is installed',
      group: WHAT,
    },
    { long: 'debuginfo', help: 'the kernel’s debug information too (large)', group: WHAT },
    { long: 'check', help: 'only report what is there and what is missing', group: HOW },
    { long: 'json', help: 'report as JSON', group: HOW },
    {
      long: 'manual',
      value: 'DIR',
      help: 'only write manual pages and shell completion, below DIR',
      complete: 'folder',
      group: HOW,
    },
    { short: 'v', long: 'verbose', help: 'show what the package manager prints', group: HOW },
    { short: 'V', long: 'version', help: 'print version number and exit', group: HOW },
    { short: 'h', long: 'help', help: 'print this help text and exit', group: HOW },
  ],
  before: [
    {
      title: 'DESCRIPTION',
      paragraphs: [
        '`stap-prep` finds which kernel headers, compiler and tools are missing for a kernel and installs them: by default the running kernel, or, where that cannot load modules, the embedded guest’s. As root it also installs the manual pages of stapkit and of its tapset, and completion for bash and zsh, below /usr/local/share.',
        'Nobody else’s files are changed. Where it may not install something, it prints the commands that do.',
      ],
    },
  ],
  after: [
    { title: 'EXIT STATUS', paragraphs: ['0 where everything required is there, 1 where something is missing.'] },
    {
      title: 'EXAMPLES',
      paragraphs: [
        'Manual pages for one user:',
        ' stap-prep --manual ~/.local/share\n export MANPATH=~/.local/share/man:',
      ],
    },
  ],
  seeAlso: ['stap(1)'],
};
