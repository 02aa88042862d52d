// The manuals of `staprun` and `stap-merge`: their help, staprun(8) and stap-merge(1) are made from these.
import type { OptionEntry, ProgramManual } from '@stapkit/pass/manual';

const RUN = 'The run';
const OUTPUT = 'Output';
const LOADED = 'Modules that stay loaded';
const OTHER = 'Messages and help';

const STAPRUN_OPTIONS: readonly OptionEntry[] = [
  {
    short: 'v',
    tried: ['verbose'],
    repeats: true,
    help: 'increase verbosity: tell of losses by probe and print, and repeat warnings',
    group: OTHER,
  },
  { short: 'w', tried: ['no-warnings', 'suppress-warnings', 'quiet'], help: 'suppress warnings', group: OTHER },
  {
    short: 'C',
    tried: ['color', 'colour'],
    value: 'WHEN',
    help: 'color error messages: auto, never or always',
    complete: ['auto', 'never', 'always'],
    group: OTHER,
  },
  { short: 'V', long: 'version', help: 'print version number and exit', group: OTHER },
  { short: 'h', long: 'help', help: 'print this help text and exit', group: OTHER },

  {
    short: 'c',
    tried: ['command', 'cmd'],
    value: 'CMD',
    help: 'run CMD once the probes are armed, and end when it does; target() is its pid',
    complete: 'command',
    group: RUN,
  },
  {
    short: 'x',
    tried: ['pid', 'target', 'target-pid'],
    value: 'PID',
    help: 'set target() to PID, the pid of a process',
    complete: 'pid',
    group: RUN,
  },
  {
    short: 'G',
    tried: ['global'],
    value: 'NAME=VALUE',
    repeats: true,
    help: 'set a global variable of the script; the same as NAME=VALUE after MODULE',
    group: RUN,
  },
  {
    short: 'R',
    tried: ['rename'],
    help: 'give the module a unique name, so that it can be loaded more than once',
    group: RUN,
  },
  { short: 'u', help: 'accepted and ignored: user-space probes need no module of their own', group: RUN },
  {
    short: 'b',
    tried: ['buffer', 'buffer-size'],
    value: 'MB',
    help: 'size of each CPU’s buffer, 1 to 4095 megabytes',
    group: RUN,
  },
  {
    short: 'T',
    value: 'MS',
    help: 'wait up to MS milliseconds for more output before reading: fewer wake-ups',
    group: RUN,
  },
  {
    short: 'N',
    tried: ['target-namespaces', 'namespaces'],
    value: 'PID',
    help: 'the process whose namespaces ns_pid() and the like go by',
    group: RUN,
  },
  {
    short: 'r',
    tried: ['remote'],
    value: 'N:URI',
    help: 'what the functions remote_id() and remote_uri() give',
    group: RUN,
  },
  { long: 'timeout', value: 'SECS', help: 'end the run after SECS seconds', group: RUN },
  {
    short: 'M',
    tried: ['monitor'],
    value: 'SECS',
    help: 'show probes, hits, cost and globals on the terminal, anew every SECS seconds',
    manual: [
      'Watch a module that was made with `stap --monitor`: show probes, hits, cost and globals on the terminal, anew every SECS seconds. The keys are those of stap(1).',
    ],
    group: RUN,
  },
  { long: 'strict', help: 'exit with 1 where anything was lost', group: RUN },

  {
    short: 'o',
    tried: ['output', 'output-file'],
    value: 'FILE',
    help: 'send output to FILE; strftime(3) formats are expanded',
    complete: 'file',
    group: OUTPUT,
  },
  {
    short: 'S',
    tried: ['size', 'rotate'],
    value: 'SIZE[,N]',
    help: 'go on in the next file at SIZE megabytes; keep the last N files',
    group: OUTPUT,
  },
  {
    short: 'D',
    tried: ['daemon', 'background'],
    help: 'run in the background and print the process id; needs -o',
    group: OUTPUT,
  },
  {
    long: 'bulk',
    help: 'one output file for each CPU, for stap-merge: FILE_0, …; without -o stpd_cpu0, …',
    group: OUTPUT,
  },
  {
    long: 'json',
    help: 'print one JSON object a line: rows with typed values, errors, warnings, losses',
    group: OUTPUT,
  },

  { short: 'L', tried: ['load', 'detach'], help: 'load the module and start its probes, then detach', group: LOADED },
  { short: 'A', tried: ['attach'], help: 'attach to a loaded module', group: LOADED },
  {
    short: 'd',
    tried: ['delete', 'remove', 'unload'],
    help: 'delete a module that is detached or unused; "*" (quoted) deletes all such',
    group: LOADED,
  },
];

export const staprunManual: ProgramManual = {
  name: 'staprun',
  section: 8,
  summary: 'load a module made by stap, and bring its output back',
  synopsis: [
    { words: '[options] MODULE [NAME=VALUE ...]', help: 'Run a module.' },
    { words: '-A [options] MODULE', help: 'Attach to a module that stays loaded.' },
    { words: '-d MODULE', help: 'Remove such a module.' },
  ],
  options: STAPRUN_OPTIONS,
  before: [
    {
      title: 'DESCRIPTION',
      paragraphs: [
        '`staprun` loads a kernel module that `stap -p4` has made, starts its probes, prints what they have to say in the order in which it happened, and removes the module at the end. It needs no part of stapkit but itself: all that it must know of the script travels in the module.',
        'MODULE is a path, or the name of a module in /lib/modules/VERSION/systemtap. NAME=VALUE sets a global variable of the script, a number or a string; `modinfo` shows which there are.',
      ],
    },
  ],
  after: [
    {
      title: 'SIGNALS',
      paragraphs: [
        'SIGINT, SIGTERM and SIGHUP end the run in good order: the end probes run, and their output comes. A second one does not wait for output that nobody takes. SIGQUIT (Ctrl-\\) detaches and leaves the probes running. SIGUSR2 goes on in the next output file.',
      ],
    },
    {
      title: 'WHO MAY RUN IT',
      paragraphs: [
        'Root may load any module. A member of stapdev may too where staprun is installed set-user-ID root or called through sudo. A member of stapusr may run only modules in /lib/modules/VERSION/systemtap, which must belong to root and be writable by nobody else.',
      ],
    },
    {
      title: 'EXIT STATUS',
      paragraphs: [
        '0 where the run came to its end, also by Ctrl-C; 1 where anything failed, where the command of `-c` failed, and with `--strict` where anything was lost.',
      ],
    },
    {
      title: 'ENVIRONMENT',
      paragraphs: [
        '`SYSTEMTAP_VERBOSE` is the verbosity to begin with. `SYSTEMTAP_COLORS` holds the colors, see stap(1).',
      ],
    },
    {
      title: 'EXAMPLES',
      paragraphs: [
        'Make a module on one machine, and run it on another that has only staprun:',
        " stap -r 6.1.0-56-amd64 -m reads -p4 -e 'probe vfs.read { println(execname()) }'\n staprun reads.ko",
      ],
    },
  ],
  seeAlso: ['stap(1)', 'stap-merge(1)'],
};

export const mergeManual: ProgramManual = {
  name: 'stap-merge',
  section: 1,
  summary: 'put the per-CPU files of a bulk run together',
  synopsis: [{ words: '[options] INPUT_FILES ...', help: 'Merge files that stap -b has written.' }],
  options: [
    {
      short: 'v',
      tried: ['verbose'],
      help: 'show CPU, sequence number and length before each piece',
      group: 'Options',
    },
    {
      short: 'o',
      tried: ['output', 'output-file'],
      value: 'FILE',
      help: 'write to FILE instead of standard output',
      complete: 'file',
      group: 'Options',
    },
    { short: 'V', long: 'version', help: 'print version number and exit', group: 'Options' },
    { short: 'h', long: 'help', help: 'print this help text and exit', group: 'Options' },
  ],
  before: [
    {
      title: 'DESCRIPTION',
      paragraphs: [
        '`stap -b` writes one file for each CPU. `stap-merge` puts what they hold together again, in the order in which it happened.',
      ],
    },
  ],
  after: [
    {
      title: 'EXAMPLES',
      paragraphs: [" stap -b -o trace -T 5 -e 'probe vfs.read { println(execname()) }'\n stap-merge trace_*"],
    },
  ],
  seeAlso: ['stap(1)', 'staprun(8)'],
};
