// The command line of staprun(8).
import { type Diagnostic, nearestNames } from '@stapkit/pass';
import { helpText } from '@stapkit/pass/manual';
import { usageError } from './diagnostics.js';
import { staprunManual } from './manuals.js';

/** A command line, read. */
export interface StaprunOptions {
  verbosity: number;
  action: 'run' | 'launch' | 'attach' | 'delete' | 'help' | 'version';
  /** MODULE: a path, a name, or with `delete` the name or `*`. */
  module?: string;
  suppressWarnings: boolean;
  rename: boolean;
  command?: string;
  targetPid?: number;
  /** The process whose namespaces count. */
  namespacesPid?: number;
  /** What remote_id() and remote_uri() give. */
  remote?: { readonly id: number; readonly uri: string };
  outputName?: string;
  /** Megabytes of each CPU's buffer. */
  bufferMegabytes?: number;
  daemon: boolean;
  color: 'auto' | 'always' | 'never';
  /** Bytes of an output file, and how many files. */
  fileSize?: number;
  fileCount?: number;
  readPause?: number;
  /** Milliseconds after which the run ends. */
  timeLimit?: number;
  bulk: boolean;
  /** Seconds between two updates of the monitor's screen. */
  monitor?: number;
  json: boolean;
  strict: boolean;
  /** `name=value`, from `-G` and from behind the module. */
  settings: string[];
}

/** Options that take a value. */
const WITH_VALUE = 'cxNobCMrSTFG';
const WITHOUT_VALUE = 'vVhwuLAdDR';

const LONG: Readonly<Record<string, string>> = {
  '--help': 'h',
  '--version': 'V',
  '--json': 'json',
  '--strict': 'strict',
  '--bulk': 'bulk',
  '--timeout': 'timeout',
};

const LONG_WITH_VALUE: ReadonlySet<string> = new Set(['timeout']);

/** What `staprun -h` prints. */
export function usageText(): string {
  return helpText(staprunManual, [
    'MODULE is a path, or the name of a module in /lib/modules/VERSION/systemtap.',
    'SIGQUIT (Ctrl-\\) detaches and leaves the probes running; SIGUSR2 goes on in the next output file.',
  ]);
}

/**
 * Reads a command line.
 *
 * @param argv without the program's name
 * @param environment `SYSTEMTAP_VERBOSE` is the verbosity to begin with
 * @returns the options, and an error for each thing wrong with them
 */
export function readOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { options: StaprunOptions; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const options: StaprunOptions = {
    verbosity: Math.max(0, Number.parseInt(environment.SYSTEMTAP_VERBOSE ?? '', 10) || 0),
    action: 'run',
    suppressWarnings: false,
    rename: false,
    daemon: false,
    color: 'auto',
    bulk: false,
    json: false,
    strict: false,
    settings: [],
  };
  const actions: string[] = [];
  const complain = (code: string, message: string, ...hints: string[]): void =>
    void diagnostics.push(usageError(code, message, hints));

  const apply = (option: string, value: string): void => {
    const number = (least: number, most: number): number | undefined => {
      const parsed = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (parsed >= least && parsed <= most) return parsed;
      complain(
        'bad-number',
        `${option.length > 1 ? '--' : '-'}${option} takes a number from ${least} to ${most}, not "${value}"`,
      );
      return undefined;
    };
    switch (option) {
      case 'v':
        options.verbosity += 1;
        break;
      case 'V':
        options.action = 'version';
        break;
      case 'h':
        options.action = 'help';
        break;
      case 'w':
        options.suppressWarnings = true;
        break;
      case 'u':
        break;
      case 'c':
        options.command = value;
        break;
      case 'x':
        options.targetPid = number(1, 4_194_304);
        break;
      case 'o':
        options.outputName = value;
        break;
      case 'b':
        options.bufferMegabytes = number(1, 4095);
        break;
      case 'L':
      case 'A':
      case 'd':
        actions.push(`-${option}`);
        options.action = option === 'L' ? 'launch' : option === 'A' ? 'attach' : 'delete';
        break;
      case 'D':
        options.daemon = true;
        break;
      case 'R':
        options.rename = true;
        break;
      case 'C':
        if (value === 'auto' || value === 'always' || value === 'never') options.color = value;
        else complain('bad-color', `-C takes auto, always or never, not "${value}"`);
        break;
      case 'S': {
        const match = /^(\d+)(?:,(\d+))?$/.exec(value);
        if (!match || Number(match[1]) < 1 || (match[2] !== undefined && Number(match[2]) < 1)) {
          complain('bad-size', `-S takes SIZE or SIZE,N: megabytes and a number of files, not "${value}"`);
          break;
        }
        options.fileSize = Number(match[1]) * 1024 * 1024;
        if (match[2] !== undefined) options.fileCount = Number(match[2]);
        break;
      }
      case 'T':
        options.readPause = number(1, 3_600_000);
        break;
      case 'r': {
        const match = /^(\d{1,9}):(\S{1,255})$/.exec(value);
        if (match) options.remote = { id: Number(match[1]), uri: match[2]! };
        else complain('bad-remote', `-r takes N:URI, a number and a name without blanks, not "${value}"`);
        break;
      }
      case 'N':
        options.namespacesPid = number(1, 4_194_304);
        break;
      case 'G':
        addSetting(value);
        break;
      case 'M':
        options.monitor = number(1, 3600);
        break;
      case 'json':
        options.json = true;
        break;
      case 'strict':
        options.strict = true;
        break;
      case 'timeout': {
        const seconds = number(1, 1_000_000_000);
        if (seconds !== undefined) options.timeLimit = seconds * 1000;
        break;
      }
      case 'bulk':
        options.bulk = true;
        break;
      default:
        complain('unsupported', `-${option} is not supported`, 'run `staprun -h` for the options that are');
    }
  };
  const addSetting = (text: string): void => {
    if (/^[A-Za-z_]\w*=/.test(text)) options.settings.push(text);
    else complain('bad-setting', `module options are NAME=VALUE, not "${text}"`);
  };

  let onlyOperands = false;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (onlyOperands || word === '-' || !word.startsWith('-')) {
      if (options.module === undefined) options.module = word;
      else if (options.action === 'delete') complain('extra-operand', `only one module at a time, not "${word}" too`);
      else addSetting(word);
      continue;
    }
    if (word === '--') {
      onlyOperands = true;
      continue;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = equals === -1 ? word : word.slice(0, equals);
      const option = LONG[name];
      if (option === undefined) unknownOption(name, complain);
      else if (!LONG_WITH_VALUE.has(option)) {
        if (equals === -1) apply(option, '');
        else complain('extra-value', `${name} takes no value`);
      } else {
        const value = equals === -1 ? argv[++index] : word.slice(equals + 1);
        if (value === undefined) complain('missing-value', `${name} needs a value`);
        else apply(option, value);
      }
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const option = word[at]!;
      if (WITHOUT_VALUE.includes(option)) {
        apply(option, '');
      } else if (WITH_VALUE.includes(option)) {
        const attached = word.slice(at + 1);
        const value = attached || argv[++index];
        if (value === undefined) complain('missing-value', `-${option} needs a value`);
        else apply(option, value);
        break;
      } else {
        unknownOption(`-${option}`, complain);
        break;
      }
    }
  }
  checkTogether(options, actions, complain);
  return { options, diagnostics };
}

function unknownOption(option: string, complain: (code: string, message: string, ...hints: string[]) => void): void {
  const near = option.startsWith('--') ? nearestNames(option, Object.keys(LONG), 1) : [];
  const hint = near[0] ? `did you mean ${near[0]}?` : 'run `staprun -h` for the options there are';
  complain('unknown-option', `unknown option ${option}`, hint);
}

function checkTogether(
  options: StaprunOptions,
  actions: readonly string[],
  complain: (code: string, message: string, ...hints: string[]) => void,
): void {
  if (options.action === 'help' || options.action === 'version') return;
  const different = [...new Set(actions)];
  if (different.length > 1) complain('conflict', `${different.join(' and ')} exclude each other`);
  if (options.module === undefined) {
    complain('no-module', 'need a module name or path to load', 'staprun MODULE.ko; `staprun -h` tells more');
  }
  if (options.daemon && options.outputName === undefined) complain('needs-output', '-D needs -o FILE');
  if (options.fileSize !== undefined && options.outputName === undefined) complain('needs-output', '-S needs -o FILE');
  if (options.bulk && options.json) complain('conflict', '--bulk and --json exclude each other');
  if (options.command !== undefined && options.targetPid !== undefined) {
    complain('conflict', '-c and -x exclude each other: both set target()');
  }
  if (options.command !== undefined && options.action !== 'run') {
    complain('conflict', `-c can't be used with ${different.join(' ')}`);
  }
  if (options.action === 'attach' && options.settings.length > 0) {
    complain('conflict', 'globals are set when a module is loaded, not with -A');
  }
}
