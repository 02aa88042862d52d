// The options of `stap`, as stap(1) documents them, and the few that are stapkit's own. The command line's reader, --help,
// the manual page and the shells' completion all go by this table.
import type { OptionEntry } from '@stapkit/pass/manual';

const PASSES = 'Passes and messages';
const SCRIPT = 'The script';
const TARGET = 'The kernel and the module';
const RUN = 'The run';
const LIST = 'Listings';
const CACHE = 'Cache and files';
const OWN = 'Beyond SystemTap';
const INFO = 'Help';

export const STAP_OPTIONS = [
  { short: 'h', long: 'help', help: 'show help', group: INFO },
  { short: 'V', long: 'version', help: 'show version', group: INFO },

  {
    short: 'p',
    tried: ['pass', 'last-pass'],
    value: 'NUM',
    help: 'stop after pass NUM 1-5, instead of 5 (parse, elaborate, translate, compile, run)',
    manual: [
      'Stop after pass NUM: 1 parse, 2 elaborate, 3 translate, 4 compile, 5 run. What the last pass gave is printed: the script as it was read, the script as it was understood (with `-v` the bodies of probes too), the C, the path of the module. `--emit` writes it as JSON instead.',
    ],
    complete: ['1', '2', '3', '4', '5'],
    group: PASSES,
  },
  {
    short: 'v',
    tried: ['verbose'],
    repeats: true,
    help: 'add verbosity to all passes',
    manual: ['Tell more, for all passes: once for the time and memory of each pass, more often for what they do.'],
    group: PASSES,
  },
  {
    long: 'vp',
    value: '{N}+',
    repeats: true,
    help: 'add per-pass verbosity [00000]',
    manual: [
      'Tell more, pass by pass: up to five digits. `--vp 002` adds 2 to pass 3; `-v --vp 00004` adds 1 to all and 4 more to pass 5.',
    ],
    group: PASSES,
  },
  { short: 'w', tried: ['no-warnings', 'suppress-warnings', 'quiet'], help: 'suppress warnings', group: PASSES },
  { short: 'W', tried: ['werror', 'warnings-are-errors'], help: 'turn warnings into errors', group: PASSES },
  {
    long: 'color',
    alias: 'colour',
    value: 'WHEN',
    optional: true,
    help: 'color error messages: never, auto or always',
    manual: [
      'Color messages never, always, or automatically, that is on a terminal. Without WHEN it means always; without the option, auto. `SYSTEMTAP_COLORS` changes the colors, see ENVIRONMENT.',
    ],
    complete: ['never', 'auto', 'always'],
    group: PASSES,
  },
  { short: 'k', tried: ['keep', 'keep-temporary'], help: 'keep temporary directory', group: PASSES },

  {
    short: 'e',
    tried: ['script', 'execute', 'expression'],
    value: 'SCRIPT',
    help: 'run the given script',
    group: SCRIPT,
  },
  {
    short: 'E',
    tried: ['extra-script'],
    value: 'SCRIPT',
    repeats: true,
    help: 'run the SCRIPT in addition to the main one, given by -e or as a file',
    group: SCRIPT,
  },
  {
    short: 'I',
    tried: ['include', 'tapset'],
    value: 'DIR',
    repeats: true,
    help: 'look in DIR for additional .stp script files',
    complete: 'folder',
    group: SCRIPT,
  },
  { short: 'g', tried: ['guru'], help: 'guru mode: embedded C, writing to the kernel', group: SCRIPT },
  { short: 'u', tried: ['unoptimized'], help: 'unoptimized translation', group: SCRIPT },
  {
    short: 'D',
    tried: ['define'],
    value: 'NM=VAL',
    repeats: true,
    help: 'set a limit, or emit a macro definition into the generated C',
    manual: ['Set one of the limits (see LIMITS), or define a macro for the generated C. A bare NAME is defined as 1.'],
    group: SCRIPT,
  },
  {
    short: 'G',
    tried: ['global'],
    value: 'VAR=VAL',
    repeats: true,
    help: 'set a global variable of the script',
    manual: [
      'Set the global variable VAR to VAL when the module is loaded. It must be a number or a string; one of the tapset cannot be set. With -p4 nothing is loaded: give VAR=VAL to staprun.',
    ],
    group: SCRIPT,
  },
  {
    long: 'skip-badvars',
    help: 'substitute zero for bad context $variables',
    manual: [
      'A context variable that cannot be resolved, or whose memory cannot be read when the probe is hit, is 0 instead of an error.',
    ],
    group: SCRIPT,
  },
  {
    long: 'suppress-handler-errors',
    help: 'catch all runtime errors, quietly skip probe handlers',
    manual: [
      'An error in a handler ends that handler and nothing else. Errors are counted, but neither they nor skipped probes end the run.',
    ],
    group: SCRIPT,
  },
  {
    long: 'suppress-time-limits',
    help: 'disable overload control and the MAXACTION limits; needs -g',
    group: SCRIPT,
  },
  {
    long: 'privilege',
    value: 'LEVEL',
    help: 'check the script for what is not allowed at the level',
    manual: [
      'Look for what a script may not do at the privilege LEVEL, `stapusr`, `stapsys` or `stapdev`, and refuse it. Without the option it is `stapdev`. A module made for `stapusr` sees no processes but those of the user who runs it, and no memory of the kernel.',
    ],
    complete: ['stapusr', 'stapsys', 'stapdev'],
    group: SCRIPT,
  },
  {
    long: 'no-global-var-display',
    help: 'do not print globals at the end that nothing reads',
    group: SCRIPT,
  },
  { long: 'unprivileged', help: 'equivalent to --privilege=stapusr', group: SCRIPT },
  {
    long: 'compatible',
    value: 'VERSION',
    help: 'suppress language changes beyond VERSION of SystemTap',
    group: SCRIPT,
  },

  {
    short: 'r',
    tried: ['release', 'kernel'],
    value: 'RELEASE|DIR',
    help: 'build for the kernel of that release or build tree',
    manual: [
      'Build for the kernel RELEASE, whose build tree is /lib/modules/RELEASE/build, or for the build tree DIR. The environment variable `SYSTEMTAP_RELEASE` does the same. For another kernel than the one that runs, the run ends after pass 4. With `--remote` it must be the kernel that runs on each of the machines.',
    ],
    complete: 'release',
    group: TARGET,
  },
  {
    short: 'm',
    tried: ['module', 'module-name', 'name'],
    value: 'MODULE',
    help: 'set probe module name and leave MODULE.ko in the current directory',
    group: TARGET,
  },
  {
    short: 'B',
    tried: ['kbuild', 'make-option'],
    value: 'NM=VAL',
    repeats: true,
    help: 'pass option to kbuild make',
    manual: [
      'Give a directive to the kernel’s make when the runtime is built for a kernel, for example `-B CONFIG_DEBUG_INFO=y`. Each set of directives has a runtime of its own in the cache.',
    ],
    group: TARGET,
  },
  {
    long: 'modinfo',
    value: 'NM=VAL',
    repeats: true,
    help: 'include a MODULE_INFO(NM,VAL) in the module',
    group: TARGET,
  },
  {
    long: 'sign-module',
    value: 'KEY,CERT',
    help: 'sign the module with a private key and its certificate',
    manual: [
      'Sign the module, for kernels that load only signed ones (secure boot, lockdown, CONFIG_MODULE_SIG_FORCE). KEY is a private key in PEM or a PKCS#11 URI, CERT its certificate in PEM or DER. The kernel must trust the certificate: enrol it with `mokutil --import`.',
    ],
    group: TARGET,
  },
  {
    short: 'd',
    tried: ['object'],
    value: 'OBJECT',
    repeats: true,
    help: 'know the source lines of the kernel module OBJECT, a name or a .ko file',
    manual: [
      'Know the source lines of OBJECT too, the name of a kernel module or a .ko file: for `symfileline` and its like, which know the lines of the kernel and of the modules that are probed without being told. The names of addresses need nothing: the running kernel itself knows them. Programs and libraries are accepted, and nothing to do: see `--ldd`.',
    ],
    complete: 'file',
    group: TARGET,
  },
  {
    long: 'ldd',
    help: 'accepted: user-space addresses are named by file and offset, without symbol tables',
    manual: [
      'Accepted, and nothing to do: it asks SystemTap for the symbol tables of libraries. Here `usymdata`, `print_ubacktrace` and the like name a user-space address by its file and the offset in it, in every program and library; the names of its functions are not known.',
    ],
    group: TARGET,
  },
  {
    long: 'all-modules',
    help: 'name addresses in all modules, as is always done: the running kernel itself knows them',
    group: TARGET,
  },
  {
    long: 'download-debuginfo',
    value: 'OPTION',
    optional: true,
    help: 'whether debug information may be fetched: yes, no, ask, or within a number of seconds',
    manual: [
      'Debug information that a script needs and that is not here is fetched from the debuginfod servers of `DEBUGINFOD_URLS`, and kept. `yes`, as without the option, does so; `no` asks no server; `ask` asks at the terminal first; a number is the most seconds that one file may take. Where there is no server, a message says what to install, and `stap-prep --debuginfo` installs it.',
    ],
    complete: ['yes', 'no', 'ask'],
    group: TARGET,
  },

  {
    short: 'c',
    tried: ['command', 'cmd'],
    value: 'CMD',
    help: 'start the probes, run CMD, and exit when it finishes',
    manual: [
      'Start the probes, run CMD by `sh -c`, and end when CMD does. target() is its pid. CMD runs as the user who called stap, through sudo too, and begins only when all probes are armed. Where it ends with another status than 0, a warning says so.',
    ],
    complete: 'command',
    group: RUN,
  },
  {
    short: 'x',
    tried: ['pid', 'target', 'target-pid'],
    value: 'PID',
    help: 'sets target() to PID',
    manual: ['Set target() to PID, which must be the pid of a process. The script goes on when the process ends.'],
    complete: 'pid',
    group: RUN,
  },
  {
    long: 'target-namespaces',
    value: 'PID',
    help: 'go by the namespaces of PID in namespace-aware functions',
    manual: [
      'The functions `ns_pid()`, `ns_uid()` and the like go by the namespaces of the process PID, instead of those of stap.',
    ],
    complete: 'pid',
    group: RUN,
  },
  {
    short: 'o',
    tried: ['output', 'output-file'],
    value: 'FILE',
    help: 'send script output to FILE; strftime(3) formats are expanded',
    manual: [
      'Send the script’s output to FILE. Formats of strftime(3) in FILE stand for the time at which a file is begun. In bulk mode the files are FILE_0, FILE_1, …; with `-F` FILE_cpu0, FILE_cpu1, ….',
    ],
    complete: 'file',
    group: RUN,
  },
  {
    short: 'S',
    tried: ['size', 'rotate'],
    value: 'SIZE[,N]',
    help: 'set the largest size of an output file, in megabytes, and how many are kept',
    manual: [
      'Go on in the next file when the output file would exceed SIZE megabytes; keep the newest N files, and remove older ones. It needs `-o`.',
    ],
    group: RUN,
  },
  {
    short: 'F',
    tried: ['flight-recorder', 'background'],
    help: 'run as flight recorder: in files with -o, else in memory',
    manual: [
      'Without `-o`: load the module, start the probes, and leave; the buffers hold the newest output, and `staprun -A NAME` shows it. With `-o`: run in the background, print the process id, and write files. See `docs/flight-recorder.md` in the sources.',
    ],
    group: RUN,
  },
  {
    short: 'b',
    tried: ['bulk', 'bulk-mode'],
    help: 'bulk mode: one output file for each CPU',
    manual: [
      'Bulk mode: each CPU’s output goes into a file of its own, FILE_0, FILE_1, … with `-o FILE`, else stpd_cpu0, stpd_cpu1, …. stap-merge(1) puts them together again.',
    ],
    group: RUN,
  },
  {
    short: 's',
    tried: ['buffer', 'buffer-size'],
    value: 'NUM',
    help: 'buffer size in megabytes a CPU',
    manual: [
      'Use NUM megabytes of buffer for each CPU, 1 to 4095, between the kernel and the output. By default it is 2, and 1 with `-F` in memory.',
    ],
    group: RUN,
  },
  {
    short: 't',
    tried: ['timing', 'time'],
    help: 'collect probe timing information',
    manual: [
      'Measure each handler, and print at the end how often it ran, in how many cycles at least, on average and at most, and where its probe point came from.',
    ],
    group: RUN,
  },
  { short: 'T', tried: ['timeout'], value: 'TIME', help: 'terminate the script after TIME seconds', group: RUN },
  {
    long: 'monitor',
    value: 'INTERVAL',
    optional: true,
    help: 'show probes, hits, cost and globals while the script runs, every INTERVAL seconds',
    manual: [
      'Show a screen with the state of the run, anew every INTERVAL seconds (1 by default): uptime, module, user, memory, global variables, and each probe with its hits and cost. See MONITOR.',
    ],
    group: RUN,
  },
  {
    long: 'remote',
    value: 'HOST',
    repeats: true,
    help: 'run pass 5 on [USER@]HOST or ssh://[USER@]HOST[:PORT]; may be repeated',
    manual: [
      'Run on another machine: passes 1 to 4 happen here, for the kernel that runs there; the module and staprun are copied by ssh(1), run, and removed. HOST is `[USER@]HOST`, `ssh://[USER@]HOST[:PORT]`, or `direct://` for this machine. Several run at once; Ctrl-C ends all. The other machine needs Node, or staprun as one executable in its PATH.',
    ],
    complete: 'host',
    group: RUN,
  },
  {
    long: 'remote-prefix',
    help: 'prefix each line of remote output with a host index',
    manual: ['Put `N: ` in front of each line that comes from the N-th `--remote`, counted from 0.'],
    group: RUN,
  },

  {
    short: 'l',
    tried: ['list', 'list-probes'],
    value: 'PROBE',
    help: 'list matching probes',
    complete: 'probe',
    group: LIST,
  },
  {
    short: 'L',
    tried: ['list-variables', 'list-vars'],
    value: 'PROBE',
    help: 'list matching probes and their variables',
    complete: 'probe',
    group: LIST,
  },
  { long: 'dump-probe-types', help: 'list available probe types', group: LIST },
  { long: 'dump-probe-aliases', help: 'list available probe aliases', group: LIST },
  { long: 'dump-functions', help: 'list available functions', group: LIST },

  { long: 'disable-cache', help: 'neither read nor write the cache', group: CACHE },
  { long: 'poison-cache', help: 'write the cache, but do not read it', group: CACHE },
  { long: 'clean-cache', help: 'remove stale cache entries and exit', group: CACHE },
  { long: 'tmpdir', value: 'DIR', help: 'make temporary files below DIR', complete: 'folder', group: CACHE },

  {
    long: 'debuginfo',
    value: 'KIND',
    help: "know the kernel's code by BTF, by DWARF, or by what it takes",
    manual: [
      'What to know functions, types and variables by: `btf`, which every kernel carries; `dwarf`, which comes with its debug package; or, without the option, `auto`: BTF for what it knows, DWARF for lines, inlined copies, locals and the like, and for the inlined copies of a function that the script names without a suffix, where it is there.',
    ],
    complete: ['auto', 'btf', 'dwarf'],
    group: OWN,
  },
  { long: 'vm', help: 'run in the embedded guest, whatever this machine can do itself', group: OWN },
  {
    long: 'emit',
    value: 'FILE',
    help: "write the last pass's result as JSON to FILE",
    complete: 'file',
    group: OWN,
  },
  { long: 'from', value: 'FILE', help: 'go on from a result that --emit wrote', complete: 'file', group: OWN },
  {
    long: 'dump-after',
    value: 'NAME',
    help: 'print the result of an inner pass, e.g. derive-probes',
    group: OWN,
  },
  {
    long: 'json',
    help: 'print typed rows and events, one JSON object a line',
    manual: [
      'Print JSON, one object a line: what the script prints as rows with typed values, and errors, warnings, losses, start and end as events. `stap types SCRIPT` tells the types beforehand.',
    ],
    group: OWN,
  },
  { long: 'strict', help: 'exit with status 1 when anything was lost', group: OWN },

  // Accepted for scripts and habits that name them; what they ask for is so anyway.
  {
    short: 'P',
    help: 'prologue-searching: nothing to do, variables are found by their locations',
    group: OWN,
  },
  {
    long: 'prologue-searching',
    value: 'WHEN',
    optional: true,
    help: 'never, auto or always: nothing to do, variables are found by their locations',
    complete: ['never', 'auto', 'always'],
    group: OWN,
  },
  { long: 'runtime', value: 'MODE', help: 'the only runtime is kernel', complete: ['kernel'], group: OWN },
] as const satisfies readonly OptionEntry[];

/** Options of SystemTap that stapkit has no use for, and why. */
export const STAP_REFUSED: readonly { readonly name: string; readonly why: string }[] = [
  { name: '-i', why: 'there is no interactive mode; write a script, or try one with -e' },
  { name: '--interactive', why: 'there is no interactive mode; write a script, or try one with -e' },
  { name: '-q', why: 'tapset coverage is not collected' },
  { name: '-a', why: 'the architecture is that of the kernel which -r names' },
  { name: '-R', why: 'the runtime is part of stapkit' },
  ...['--use-server', '--use-server-on-error', '--list-servers', '--trust-servers'].map((name) => ({
    name,
    why: 'there are no compile servers: build with -p4 on another machine, or run there with --remote',
  })),
  { name: '--dyninst', why: 'the only runtime is the kernel’s' },
  { name: '--bpf', why: 'the only runtime is the kernel’s' },
  { name: '--check-version', why: 'use --compatible=VERSION' },
  { name: '--sysroot', why: 'use -r DIR for another kernel' },
  { name: '--sysenv', why: 'there is no --sysroot to go with it' },
  ...['as', 'cpu', 'nproc', 'stack', 'fsize'].map((name) => ({
    name: `--rlimit-${name}`,
    why: 'set limits with ulimit or prlimit(1)',
  })),
  { name: '--save-uprobes', why: 'user-space probes need no module of their own' },
  { name: '--example', why: 'name the script’s file' },
];
