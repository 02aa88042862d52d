// The command line of `stap`: options as stap(1) documents them, and the few that are stapkit's own.
import { type Diagnostic, DiagnosticError, nearestNames } from '@stapkit/pass';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { StapOptions } from './options.js';
import { versionText } from './version.js';

/** What the words of a command line ask for. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: StapOptions }
  | { readonly kind: 'text'; readonly text: string };

interface RawOptions {
  e?: string;
  E?: string[];
  p?: 1 | 2 | 3 | 4 | 5;
  v?: number;
  vp?: number[];
  k?: boolean;
  g?: boolean;
  u?: boolean;
  w?: boolean;
  W?: boolean;
  b?: boolean;
  F?: boolean;
  m?: string;
  r?: string;
  D?: Record<string, string>;
  G?: Record<string, string>;
  B?: string[];
  modinfo?: string[];
  I?: string[];
  o?: string;
  x?: number;
  c?: string;
  T?: number;
  S?: string;
  s?: number;
  l?: string;
  L?: string;
  suppressHandlerErrors?: boolean;
  suppressTimeLimits?: boolean;
  disableCache?: boolean;
  poisonCache?: boolean;
  cleanCache?: boolean;
  privilege?: StapOptions['privilege'];
  unprivileged?: boolean;
  compatible?: string;
  color?: string | true;
  colour?: string | true;
  json?: boolean;
  strict?: boolean;
  vm?: boolean;
  emit?: string;
  from?: string;
  tmpdir?: string;
  dumpProbeTypes?: boolean;
  dumpProbeAliases?: boolean;
  dumpFunctions?: boolean;
  dumpAfter?: string;
}

const USAGE = `[options] FILE [ARGUMENTS]         Run script in file.
   or: stap [options] - [ARGUMENTS]            Run script on stdin.
   or: stap [options] -e SCRIPT [ARGUMENTS]    Run given script.
   or: stap [options] --from FILE.json         Go on from an intermediate result.
   or: stap [options] -l PROBE                 List matching probes.
   or: stap [options] -L PROBE                 List matching probes and local variables.
   or: stap explain [options] FILE|-e SCRIPT   Show where each probe point leads.
   or: stap vm start|run|stop|status           Handle the embedded guest.`;

/** The options that take a value, for telling whether a word that looks like an option is somebody's value. */
function buildCommand(): Command {
  const command = new Command('stap');
  command
    .usage(USAGE)
    .argument('[words...]')
    .helpOption('-h, --help', 'show help')
    .version(versionText(), '-V, --version', 'show version')
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    // Options end at the script's name: what follows it is the script's own (stap(1)).
    .passThroughOptions()
    .showSuggestionAfterError(false);
  const add = (flags: string, text: string, parse?: (value: string, previous: never) => unknown, initial?: unknown) => {
    const option = new Option(flags, text);
    if (parse) option.argParser(parse as never);
    if (initial !== undefined) option.default(initial);
    command.addOption(option);
  };
  add('-p <NUM>', 'stop after pass NUM 1-5 (parse, elaborate, translate, compile, run)', passNumber);
  command.option('-v', 'add verbosity to all passes', (_value: string, previous: number) => previous + 1, 0);
  add('--vp <{N}+>', 'add per-pass verbosity [00000]', perPassVerbosity);
  add('-k', 'keep temporary directory');
  add('-u', 'unoptimized translation');
  add('-w', 'suppress warnings');
  add('-W', 'turn warnings into errors');
  add('-g', 'guru mode');
  add('-b', 'bulk (percpu file) mode');
  add('-s <NUM>', 'buffer size in megabytes', positiveInteger('-s'));
  add('-I <DIR>', 'look in DIR for additional .stp script files', collect);
  add('-D <NM=VAL>', 'set a limit, or emit a macro definition into the generated C', define('-D'));
  add('-B <NM=VAL>', 'pass option to kbuild make', collect);
  add('--modinfo <NM=VAL>', 'include a MODULE_INFO(NM,VAL) in the module', collect);
  add('-G <VAR=VAL>', 'set global variable to value', define('-G'));
  add('-r <RELEASE|DIR>', 'build for the kernel of that release or build tree');
  add('-m <MODULE>', 'set probe module name and leave MODULE.ko in the current directory', moduleName);
  add('-o <FILE>', 'send script output to file; strftime(3) formats are expanded');
  add('-e <SCRIPT>', 'run the given script');
  add('-E <SCRIPT>', 'run the SCRIPT in addition to the main one', collect);
  add('-c <CMD>', 'start the probes, run CMD, and exit when it finishes');
  add('-x <PID>', 'sets target() to PID', positiveInteger('-x'));
  add('-F', 'run as flight recorder: in files with -o, else in memory');
  add('-S <size[,n]>', 'set maximum of the size (in megabytes) and the number of files');
  add('-T <TIME>', 'terminate the script after TIME seconds', positiveInteger('-T'));
  add('-l <PROBE>', 'list matching probes');
  add('-L <PROBE>', 'list matching probes and their variables');
  add('--dump-probe-types', 'list available probe types');
  add('--dump-probe-aliases', 'list available probe aliases');
  add('--dump-functions', 'list available functions');
  add('--suppress-handler-errors', 'catch all runtime errors, quietly skip probe handlers');
  add('--suppress-time-limits', 'disable overload control and the MAXACTION limits; needs -g');
  command.addOption(
    new Option('--privilege <LEVEL>', 'check the script for constructs not allowed at the level').choices([
      'stapusr',
      'stapsys',
      'stapdev',
    ]),
  );
  add('--unprivileged', 'equivalent to --privilege=stapusr');
  add('--compatible <VERSION>', 'suppress incompatible language changes beyond VERSION');
  add('--disable-cache', 'neither read nor write the cache');
  add('--poison-cache', 'write the cache, but do not read it');
  add('--clean-cache', 'remove stale cache entries and exit');
  add('--color [WHEN]', 'colour error messages: never, auto, always');
  command.addOption(new Option('--colour [WHEN]').hideHelp());
  add('--all-modules', 'name addresses in all modules, as is always done: the running kernel itself knows them');
  add('--tmpdir <DIR>', 'make temporary files below DIR');
  add('--vm', 'run in the embedded guest, whatever this machine can do itself');
  add('--dump-after <NAME>', 'print the result of an inner pass, e.g. derive-probes');
  add('--emit <FILE>', "write the last pass's result as JSON to FILE");
  add('--from <FILE>', 'go on from a result that --emit wrote');
  add('--json', 'print typed rows and events, one JSON object a line');
  add('--strict', 'exit with status 1 when anything was lost');
  return command;
}

/**
 * Reads a command line.
 *
 * @param argv the words after `stap`
 * @param env the environment; SYSTEMTAP_RELEASE stands in for `-r` (stap(1))
 * @throws DiagnosticError on a word that means nothing, with a suggestion
 */
export function parseCommandLine(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): CommandLine {
  const command = buildCommand();
  if (argv.length === 0) return { kind: 'text', text: shortUsage() };
  if (argv[0] === 'explain') {
    const line = parseCommandLine(argv.slice(1), env);
    return line.kind === 'text' ? line : { kind: 'run', options: { ...line.options, lastPass: 2, explain: true } };
  }
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'text', text: helpText(command) };
    if (error.code === 'commander.version') return { kind: 'text', text: `${versionText()}\n` };
    throw usageError(command, error);
  }
  return { kind: 'run', options: toOptions(command.opts<RawOptions>(), command.args, env) };
}

function toOptions(
  raw: RawOptions,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StapOptions {
  const needsScript =
    raw.e === undefined &&
    raw.from === undefined &&
    raw.l === undefined &&
    raw.L === undefined &&
    !raw.cleanCache &&
    !raw.dumpProbeTypes &&
    !raw.dumpProbeAliases &&
    !raw.dumpFunctions;
  if (needsScript && words.length === 0 && !raw.E) {
    throw new DiagnosticError(usage('driver/no-script', 'A script must be specified.', ["Try 'stap --help'"]));
  }
  if (raw.e !== undefined && raw.from !== undefined) {
    throw new DiagnosticError(usage('driver/two-scripts', '-e and --from exclude each other: each says what to run'));
  }
  const script: StapOptions['script'] =
    raw.e !== undefined
      ? { kind: 'text', text: raw.e }
      : needsScript && words[0] !== undefined
        ? { kind: 'file', path: words[0] }
        : undefined;
  const scriptArguments = script?.kind === 'file' ? words.slice(1) : words;

  const verbosity: [number, number, number, number, number] = [0, 0, 0, 0, 0];
  for (let index = 0; index < 5; index++) verbosity[index] = (raw.v ?? 0) + (raw.vp?.[index] ?? 0);
  const color = raw.color ?? raw.colour;
  if (color !== undefined && color !== true && !['auto', 'always', 'never'].includes(color)) {
    throw new DiagnosticError(
      usage('driver/bad-color', `--color=${color}: invalid argument`, ['use never, auto or always']),
    );
  }
  if (raw.w && raw.W) {
    throw new DiagnosticError(usage('driver/both-w', '-w and -W exclude each other'));
  }
  if (raw.suppressTimeLimits && !raw.g) {
    throw new DiagnosticError(
      usage('driver/time-limits-need-guru', '--suppress-time-limits requires guru mode (-g)', ['add -g']),
    );
  }
  const dump = raw.dumpProbeTypes
    ? 'probe-types'
    : raw.dumpProbeAliases
      ? 'probe-aliases'
      : raw.dumpFunctions
        ? 'functions'
        : undefined;
  const release = raw.r ?? env['SYSTEMTAP_RELEASE'];
  return {
    ...(script ? { script } : {}),
    extraScripts: raw.E ?? [],
    scriptArguments,
    lastPass: raw.p ?? 5,
    lastPassGiven: raw.p !== undefined,
    verbosity,
    keepTemporary: raw.k ?? false,
    guru: raw.g ?? false,
    unoptimized: raw.u ?? false,
    suppressWarnings: raw.w ?? false,
    warningsAreErrors: raw.W ?? false,
    ...(raw.m === undefined ? {} : { moduleName: raw.m }),
    ...(release === undefined ? {} : { release }),
    defines: raw.D ?? {},
    globals: raw.G ?? {},
    makeOptions: raw.B ?? [],
    modinfo: raw.modinfo ?? [],
    tapsetFolders: raw.I ?? [],
    ...(raw.o === undefined ? {} : { outputFile: raw.o }),
    ...(raw.x === undefined ? {} : { targetPid: raw.x }),
    ...(raw.c === undefined ? {} : { command: raw.c }),
    ...(raw.T === undefined ? {} : { timeout: raw.T }),
    flightRecorder: raw.F ?? false,
    ...(raw.S === undefined ? {} : { rotate: raw.S }),
    ...(raw.s === undefined ? {} : { bufferMegabytes: raw.s }),
    bulk: raw.b ?? false,
    suppressHandlerErrors: raw.suppressHandlerErrors ?? false,
    suppressTimeLimits: raw.suppressTimeLimits ?? false,
    disableCache: raw.disableCache ?? false,
    poisonCache: raw.poisonCache ?? false,
    cleanCache: raw.cleanCache ?? false,
    privilege: raw.unprivileged ? 'stapusr' : (raw.privilege ?? 'stapdev'),
    ...(raw.compatible === undefined ? {} : { compatible: raw.compatible }),
    color: color === undefined ? 'auto' : color === true ? 'always' : (color as StapOptions['color']),
    json: raw.json ?? false,
    strict: raw.strict ?? false,
    vm: raw.vm ?? false,
    ...(raw.emit === undefined ? {} : { emit: raw.emit }),
    ...(raw.from === undefined ? {} : { from: raw.from }),
    ...(raw.tmpdir === undefined ? {} : { temporaryFolder: raw.tmpdir }),
    ...(raw.L !== undefined
      ? { list: { pattern: raw.L, withVariables: true } }
      : raw.l !== undefined
        ? { list: { pattern: raw.l, withVariables: false } }
        : {}),
    ...(dump ? { dump } : {}),
    ...(raw.dumpAfter === undefined ? {} : { dumpAfter: raw.dumpAfter }),
    explain: false,
  };
}

function passNumber(value: string): number {
  if (!/^[1-5]$/.test(value)) throw new InvalidArgumentError('Invalid pass number (should be 1-5).');
  return Number(value);
}

function perPassVerbosity(value: string, previous: number[] | undefined): number[] {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError('Up to five digits, one a pass: --vp 00001.');
  return [0, 1, 2, 3, 4].map((index) => (previous?.[index] ?? 0) + Number(value[index] ?? 0));
}

function positiveInteger(flag: string): (value: string) => number {
  return (value) => {
    if (!/^\d+$/.test(value) || Number(value) === 0) {
      throw new InvalidArgumentError(`${flag} takes a whole number above 0.`);
    }
    return Number(value);
  };
}

function moduleName(value: string): string {
  // SystemTap takes a trailing .ko off, and lets a module's name hold only what the kernel's own names do.
  const name = value.replace(/\.ko$/, '');
  if (!/^[A-Za-z0-9_]{1,55}$/.test(name)) {
    throw new InvalidArgumentError('A module name holds letters, digits and underscores, at most 55.');
  }
  return name;
}

function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

function define(flag: string) {
  return (value: string, previous: Record<string, string> | undefined): Record<string, string> => {
    const match = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(value);
    if (!match) throw new InvalidArgumentError(`${flag} takes NAME=VALUE.`);
    return { ...previous, [match[1]!]: match[2] ?? '1' };
  };
}

function usage(code: string, message: string, hints: readonly string[] = []): Diagnostic {
  return { code, severity: 'error', class: 'usage', message, hints };
}

function usageError(command: Command, error: CommanderError): DiagnosticError {
  const message = error.message.replace(/^error: /, '');
  if (error.code === 'commander.unknownOption') {
    const written = /'([^']+)'/.exec(message)?.[1] ?? '';
    const known = command.options.flatMap((option) => [option.long, option.short]).filter((flag) => flag !== undefined);
    const near = nearestNames(
      written.replace(/=.*/, '').padEnd(7),
      known.map((flag) => flag.padEnd(7)),
      3,
    ).map((flag) => flag.trim());
    const hints = near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : ["Try 'stap --help'"];
    return new DiagnosticError(usage('driver/unknown-option', `unrecognized option '${written}'`, hints));
  }
  return new DiagnosticError(usage('driver/bad-option', message, ["Try 'stap --help'"]));
}

function shortUsage(): string {
  return "A script must be specified.\nTry 'stap --help' for more information.\n";
}

function helpText(command: Command): string {
  return `${versionText()}\n\n${command.helpInformation()}\nScripts written for SystemTap run unchanged; stap-prep installs what a machine lacks.\n`;
}
