// The command line of staprun(8).
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';
import { helpText } from '@stapkit/pass/manual';
import { type GotOptions, getOptions } from '@stapkit/pass/options';
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
        if (value === '') complain('empty-value', '-c needs a command, not an empty word');
        options.command = value;
        break;
      case 'x':
        options.targetPid = number(1, 4_194_304);
        break;
      case 'o':
        if (value === '') complain('empty-value', '-o needs the name of a file, not an empty word');
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
        throw new Error(`stapkit bug: -${option} is in staprun's manual, and does nothing`);
    }
  };
  const addSetting = (text: string): void => {
    if (/^[A-Za-z_]\w*=/.test(text)) options.settings.push(text);
    else complain('bad-setting', `module options are NAME=VALUE, not "${text}"`);
  };

  let got: GotOptions;
  try {
    got = getOptions(argv, staprunManual.options, { program: 'staprun', codes: 'staprun' });
  } catch (error) {
    if (error instanceof DiagnosticError) return { options, diagnostics: [...error.diagnostics] };
    throw error;
  }
  for (const { key, value } of got.words) {
    const text = value === true ? '' : value;
    if (key !== undefined) apply(key, text);
    else if (options.module === undefined) options.module = text;
    else if (options.action === 'delete') complain('extra-operand', `only one module at a time, not "${text}" too`);
    else addSetting(text);
  }
  checkTogether(options, actions, complain);
  return { options, diagnostics };
}

function checkTogether(
  options: StaprunOptions,
  actions: readonly string[],
  complain: (code: string, message: string, ...hints: string[]) => void,
): void {
  if (options.action === 'help' || options.action === 'version') return;
  const different = [...new Set(actions)];
  if (different.length > 1) complain('conflict', `${different.join(' and ')} exclude each other`);
  if (options.module === undefined || options.module === '') {
    complain('no-module', 'need a module name or path to load', 'staprun MODULE.ko; `staprun -h` tells more');
  }
  if (options.daemon && options.outputName === undefined) complain('needs-output', '-D needs -o FILE');
  if (options.fileSize !== undefined && options.outputName === undefined && !options.bulk) {
    complain('needs-output', '-S needs -o FILE, or --bulk');
  }
  if (options.bulk && options.json) complain('conflict', '--bulk and --json exclude each other');
  if (options.command !== undefined && options.targetPid !== undefined) {
    complain('conflict', '-c and -x exclude each other: both set target()');
  }
  if (options.command !== undefined && options.action !== 'run') {
    complain('conflict', `-c can't be used with ${different.join(' ')}`);
  }
  if (options.rename && (options.action === 'attach' || options.action === 'delete')) {
    complain('conflict', `-R renames a module that is loaded now; it can't be used with ${different.join(' ')}`);
  }
  if (options.action === 'attach' && options.settings.length > 0) {
    complain('conflict', 'globals are set when a module is loaded, not with -A');
  }
}
