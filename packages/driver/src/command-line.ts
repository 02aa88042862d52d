// The command line of `stap`: what the words mean, by the table of `manual/stap-options.ts`.
import type { OptionEntry } from '@stapkit/pass/manual';
import { type GotOptions, getOptions } from '@stapkit/pass/options';
import { STAP_OPTIONS, STAP_REFUSED } from './manual/stap-options.js';
import type { StapOptions } from './options.js';
import { usage } from './usage.js';
import { versionText } from './version.js';

/** What the words of a command line ask for. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: StapOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'text'; readonly text: string; readonly status: number };

/** What stands around a command line. */
export interface CommandLineSurroundings {
  /** The environment; SYSTEMTAP_RELEASE stands in for `-r` (stap(1)). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options of a subcommand's own, which are taken out beforehand: what one that is misspelt may have meant. */
  readonly further?: readonly OptionEntry[];
  /** The words of `$SYSTEMTAP_DIR/rc`, which are read before those of the command line. */
  readonly rc?: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The subcommands that take a script and say something about it instead of running it. */
const SUBCOMMANDS = ['explain', 'types'] as const;

const TYPES_OPTIONS: readonly OptionEntry[] = ['ts', 'json-schema'].map((long) => ({ long, help: '', group: '' }));

/**
 * Reads a command line.
 *
 * @param argv the words after `stap`
 * @throws DiagnosticError on a word that means nothing, with a suggestion
 */
export function parseCommandLine(
  argv: readonly string[],
  { env = {}, rc = [], further = [] }: CommandLineSurroundings = {},
): CommandLine {
  if (argv.length === 0) return { kind: 'text', text: shortUsage(), status: 1 };
  const subcommand = SUBCOMMANDS.find((name) => name === argv[0]);
  if (subcommand) return parseSubcommand(subcommand, argv.slice(1), env);
  const settings = {
    program: 'stap',
    codes: 'driver',
    refused: STAP_REFUSED,
    behindOperand: "options for the script itself stand behind '--'",
  };
  const got = getOptions([...rc, ...argv], [...STAP_OPTIONS, ...further], settings);
  // An option that is misspelt is told of first; help and version come before all that may be missing.
  if (got.values.has('h')) return { kind: 'help' };
  if (got.values.has('V')) return { kind: 'text', text: `${versionText()}\n`, status: 0 };
  return { kind: 'run', options: toOptions(new Values(got), env) };
}

function parseSubcommand(name: (typeof SUBCOMMANDS)[number], argv: readonly string[], env: Environment): CommandLine {
  const formats = argv.filter((word) => name === 'types' && (word === '--ts' || word === '--json-schema'));
  if (new Set(formats).size > 1) throw usage('two-formats', '--ts and --json-schema exclude each other');
  const line = parseCommandLine(
    argv.filter((word) => !formats.includes(word)),
    { env, ...(name === 'types' ? { further: TYPES_OPTIONS } : {}) },
  );
  if (line.kind !== 'run') return line;
  if (name === 'explain') return { kind: 'run', options: { ...line.options, lastPass: 2, explain: true } };
  const types = formats[0] === '--json-schema' ? 'json-schema' : 'ts';
  return { kind: 'run', options: { ...line.options, lastPass: 3, types } };
}

/** The values of the options, by their keys in the table. */
class Values {
  readonly operands: readonly string[];
  readonly #values: GotOptions['values'];

  constructor({ values, operands }: GotOptions) {
    this.#values = values;
    this.operands = operands;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  count(key: string): number {
    return this.#values.get(key)?.length ?? 0;
  }

  /** The value given last; true where it was left out. */
  last(key: string): string | true | undefined {
    return this.#values.get(key)?.at(-1);
  }

  text(key: string): string | undefined {
    const value = this.last(key);
    return value === true ? undefined : value;
  }

  all(key: string): string[] {
    return (this.#values.get(key) ?? []).filter((value) => value !== true);
  }

  /** A whole number between two. */
  number(key: string, what: string, least: number, most: number): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw usage('bad-number', `Invalid ${what} '${value}' (should be ${least}-${most}).`);
  }

  /** One of some words. */
  choice<Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const option = key.length === 1 ? `-${key}` : `--${key}`;
    throw usage('bad-choice', `Invalid argument '${value}' for ${option}.`, [`use ${words.join(' or ')}`]);
  }

  /** `NAME=VALUE` definitions; the last one of a name counts. */
  definitions(key: string, option: string, bare: boolean): Record<string, string> {
    const result: Record<string, string> = {};
    for (const value of this.all(key)) {
      const match = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(value);
      if (!match || (match[2] === undefined && !bare)) {
        throw usage('bad-definition', `'${value}' is no definition: ${option} takes NAME=VALUE`);
      }
      result[match[1]!] = match[2] ?? '1';
    }
    return result;
  }
}

function definesOf(values: Values): Record<string, string> {
  const defines = values.definitions('D', '-D', true);
  const size = defines['MAXSTRINGLEN'];
  // What is no number is left to the compiler.
  if (size !== undefined && Number(size) < 1) {
    throw usage('bad-definition', `-DMAXSTRINGLEN=${size} leaves strings no room: their last byte is a NUL`);
  }
  return defines;
}

/** What fits into a pid on every kernel: PID_MAX_LIMIT of linux/threads.h. */
const PID_MAX = 4_194_304;
const SECONDS_MAX = 1_000_000_000;

function toOptions(values: Values, env: Environment): StapOptions {
  const pass = values.number('p', 'pass number', 1, 5) as StapOptions['lastPass'] | undefined;
  const lists = values.has('l') || values.has('L');
  const dump = dumpOf(values);
  const main = values.all('e');
  if (main.length > 1) throw usage('two-scripts', 'Only one script can be given on the command line.');
  if (main.length > 0 && values.has('from')) {
    throw usage('two-scripts', '-e and --from exclude each other: each says what to run');
  }
  if ((lists || dump) && (main.length > 0 || values.has('from'))) {
    throw usage('script-with-list', 'Cannot specify a script with -l/-L/--dump-* switches.');
  }
  const needsScript = main.length === 0 && !values.has('from') && !lists && !values.has('clean-cache') && !dump;
  if (needsScript && values.operands.length === 0) {
    throw usage('no-script', 'A script must be specified.', ["Try 'stap --help'"]);
  }
  const script: StapOptions['script'] =
    main[0] !== undefined
      ? { kind: 'text', text: main[0] }
      : needsScript
        ? { kind: 'file', path: values.operands[0]! }
        : undefined;
  checkTogether(values);
  for (const key of ['c', 'd', 'I', 'l', 'L', 'o', 'r', 'emit', 'from', 'tmpdir', 'compatible', 'dump-after']) {
    if (!values.all(key).includes('')) continue;
    throw usage('empty-value', `${key.length === 1 ? '-' : '--'}${key} needs a value: there is nothing behind it`);
  }

  const color = values.choice('color', ['never', 'auto', 'always']) ?? (values.has('color') ? 'always' : 'auto');
  values.choice('prologue-searching', ['never', 'auto', 'always']);
  values.choice('runtime', ['kernel']);
  const release = values.text('r') ?? (env['SYSTEMTAP_RELEASE'] || undefined);
  const moduleName = moduleNameOf(values.text('m'));
  const targetPid = values.number('x', 'target process ID number', 1, PID_MAX);
  const namespacesPid = values.number('target-namespaces', 'process ID number', 1, PID_MAX);
  const timeout = values.number('T', 'timeout interval', 1, SECONDS_MAX);
  const bufferMegabytes = values.number('s', 'buffer size', 1, 4095);
  const monitor = values.has('monitor') ? (values.number('monitor', 'monitor interval', 1, 3600) ?? 1) : undefined;
  const list = values.text('L') ?? values.text('l');
  const privilege = values.choice('privilege', ['stapusr', 'stapsys', 'stapdev']);
  const optional: Partial<StapOptions> = {
    ...defined('moduleName', moduleName),
    ...defined('release', release),
    ...defined('outputFile', values.text('o')),
    ...defined('targetPid', targetPid),
    ...defined('namespacesPid', namespacesPid),
    ...defined('command', values.text('c')),
    ...defined('timeout', timeout),
    ...defined('rotate', values.text('S')),
    ...defined('bufferMegabytes', bufferMegabytes),
    ...defined('monitor', monitor),
    ...defined('compatible', values.text('compatible')),
    ...defined('emit', values.text('emit')),
    ...defined('from', values.text('from')),
    ...defined('temporaryFolder', values.text('tmpdir')),
    ...defined('dumpAfter', values.text('dump-after')),
    ...defined('downloadDebuginfo', downloadOf(values)),
    ...defined('signing', signingOf(values)),
  };
  return {
    ...(script ? { script } : {}),
    ...optional,
    extraScripts: values.all('E'),
    scriptArguments: script?.kind === 'file' ? values.operands.slice(1) : values.operands,
    lastPass: pass ?? 5,
    lastPassGiven: pass !== undefined,
    verbosity: verbosityOf(values),
    keepTemporary: values.has('k'),
    guru: values.has('g'),
    unoptimized: values.has('u'),
    suppressWarnings: values.has('w'),
    warningsAreErrors: values.has('W'),
    defines: definesOf(values),
    globals: values.definitions('G', '-G', false),
    makeOptions: values.all('B'),
    modinfo: modinfoOf(values),
    objects: values.all('d'),
    tapsetFolders: values.all('I'),
    flightRecorder: values.has('F'),
    bulk: values.has('b'),
    timing: values.has('t'),
    remotes: values.all('remote'),
    remotePrefix: values.has('remote-prefix'),
    skipBadVariables: values.has('skip-badvars'),
    hideGlobals: values.has('no-global-var-display'),
    suppressHandlerErrors: values.has('suppress-handler-errors'),
    suppressTimeLimits: values.has('suppress-time-limits'),
    disableCache: values.has('disable-cache'),
    poisonCache: values.has('poison-cache'),
    cleanCache: values.has('clean-cache'),
    privilege: values.has('unprivileged') ? 'stapusr' : (privilege ?? 'stapdev'),
    color,
    json: values.has('json'),
    strict: values.has('strict'),
    vm: values.has('vm'),
    debuginfo: values.choice('debuginfo', ['auto', 'btf', 'dwarf']) ?? 'auto',
    ...(list === undefined ? {} : { list: { pattern: list, withVariables: values.has('L') } }),
    ...(dump ? { dump } : {}),
    explain: false,
  };
}

function defined<Key extends keyof StapOptions>(key: Key, value: StapOptions[Key] | undefined) {
  return (value === undefined ? {} : { [key]: value }) as Partial<StapOptions>;
}

/** Options that make no sense together, or not without another. */
function checkTogether(values: Values): void {
  const option = (key: string): string => (key.length === 1 ? `-${key}` : `--${key}`);
  const exclude = (one: string, other: string, why = ''): void => {
    if (!values.has(one) || !values.has(other)) return;
    throw usage('conflict', `You can't specify ${option(one)} and ${option(other)} together${why}.`);
  };
  const needs = (one: string, other: string, why: string): void => {
    if (values.has(one) && !values.has(other)) {
      throw usage('needs-option', `${option(one)} has no meaning without ${option(other)}: ${why}`, [
        `add ${option(other)}`,
      ]);
    }
  };
  exclude('c', 'x', ': both set target()');
  exclude('c', 'F', ': the flight recorder outlives a command');
  if (!values.has('o')) exclude('T', 'F', ' without -o: nobody stays to end a flight recorder in memory');
  exclude('b', 'json', ': a file for each CPU holds no JSON');
  exclude('monitor', 'F', ': nobody watches a flight recorder');
  exclude('monitor', 'b', '');
  exclude('monitor', 'json', '');
  exclude('monitor', 'remote', '');
  exclude('b', 'remote', ': the files would be over there');
  exclude('from', 'remote', ': the script is built for the kernel over there');
  exclude('vm', 'remote', ': each says where to run');
  exclude('disable-cache', 'poison-cache', '');
  const listings = ['l', 'L', ...DUMPS.map((what) => `dump-${what}`)].map((key) => values.count(key));
  if (listings.reduce((sum, count) => sum + count, 0) > 1) {
    throw usage('conflict', 'only one of the -l/-L/--dump-* switches may be specified');
  }
  // stap(1), "COMMAND LINE OPTION RESTRICTIONS".
  const level = values.has('unprivileged') ? 'stapusr' : values.text('privilege');
  if (values.has('g') && (level === 'stapusr' || level === 'stapsys')) {
    throw usage('conflict', `You can't specify -g and --privilege=${level} together.`);
  }
  if (!values.has('b')) needs('S', 'o', 'it limits the size of output files');
  needs('remote-prefix', 'remote', 'there is nothing to prefix');
  const size = values.text('S');
  if (size !== undefined && !/^[1-9]\d*(,[1-9]\d*)?$/.test(size)) {
    throw usage('bad-size', `'${size}' is no size: -S takes SIZE or SIZE,N, megabytes and a number of files`);
  }
  if (values.has('suppress-time-limits') && !values.has('g')) {
    throw usage('time-limits-need-guru', '--suppress-time-limits requires guru mode (-g)', ['add -g']);
  }
}

function verbosityOf(values: Values): StapOptions['verbosity'] {
  const sum = [0, 1, 2, 3, 4].map(() => values.count('v'));
  for (const digits of values.all('vp')) {
    if (!/^\d{1,5}$/.test(digits)) {
      throw usage('bad-verbosity', `Invalid --vp argument '${digits}': it takes 1 to 5 digits, one a pass.`);
    }
    for (let pass = 0; pass < digits.length; pass++) sum[pass]! += Number(digits[pass]);
  }
  return sum as unknown as StapOptions['verbosity'];
}

const DUMPS = ['probe-types', 'probe-aliases', 'functions'] as const;

function dumpOf(values: Values): StapOptions['dump'] {
  return DUMPS.find((what) => values.has(`dump-${what}`));
}

/** SystemTap takes a trailing .ko off, and lets a module's name hold only what the kernel's own names do. */
function moduleNameOf(given: string | undefined): string | undefined {
  const name = given?.replace(/\.ko$/, '');
  if (name === undefined || /^[A-Za-z_]\w{0,54}$/.test(name)) return name;
  throw usage(
    'bad-module-name',
    `'${given}' cannot be a module's name: letters, digits and underscores, at most 55, no digit first`,
  );
}

function modinfoOf(values: Values): string[] {
  const entries = values.all('modinfo');
  const bad = entries.find((entry) => !/^[A-Za-z_]\w*=/.test(entry));
  if (bad !== undefined) throw usage('bad-definition', `'${bad}' is no definition: --modinfo takes NAME=VALUE`);
  return entries;
}

function signingOf(values: Values): StapOptions['signing'] {
  const value = values.text('sign-module');
  if (value === undefined) return undefined;
  const comma = value.lastIndexOf(',');
  const [key, certificate] = [value.slice(0, comma), value.slice(comma + 1)];
  if (comma > 0 && certificate !== '') return { key, certificate };
  throw usage('bad-signing', `'${value}' names no key with its certificate: --sign-module takes KEY,CERT`);
}

function downloadOf(values: Values): StapOptions['downloadDebuginfo'] {
  const value = values.last('download-debuginfo');
  if (value === undefined) return undefined;
  if (value === true || value === 'yes') return 'yes';
  if (value === 'no' || value === 'ask') return value;
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw usage('bad-choice', `'${value}' is not a valid value for --download-debuginfo.`, [
    "use 'yes', 'no', 'ask' or a timeout in seconds",
  ]);
}

function shortUsage(): string {
  return "A script must be specified.\nTry 'stap --help' for more information.\n";
}
