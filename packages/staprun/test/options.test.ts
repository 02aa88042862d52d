// The command line, read.
import { expect, test } from 'vitest';
import { staprunManual } from '../src/manuals.js';
import { readOptions } from '../src/options.js';

const read = (line: string, environment: Record<string, string> = {}) =>
  readOptions(line.split(' ').filter(Boolean), environment);
const messages = (line: string): string[] => read(line).diagnostics.map((diagnostic) => diagnostic.message);

test('options, module and globals are told apart', () => {
  const { options, diagnostics } = read('-vv -w -x 12 -o out.%d -S 1,2 -b 64 -T 200 -C never -R mod.ko a=1 -G b=x=y');
  expect(diagnostics).toEqual([]);
  expect(options).toMatchObject({
    verbosity: 2,
    suppressWarnings: true,
    targetPid: 12,
    outputName: 'out.%d',
    fileSize: 1024 * 1024,
    fileCount: 2,
    bufferMegabytes: 64,
    readPause: 200,
    color: 'never',
    rename: true,
    module: 'mod.ko',
    settings: ['a=1', 'b=x=y'],
  });
});

test('values may be attached, and flags joined', () => {
  expect(read('-wvx12 m').options).toMatchObject({ suppressWarnings: true, verbosity: 1, targetPid: 12, module: 'm' });
});

test('-r names the run among those of --remote, -N a process whose namespaces count', () => {
  expect(read('-r 2:ssh://root@host:22 m').options.remote).toEqual({ id: 2, uri: 'ssh://root@host:22' });
  expect(messages('-r host m')).toEqual(['-r takes N:URI, a number and a name without blanks, not "host"']);
  expect(read('-N 12 m').options.namespacesPid).toBe(12);
  expect(messages('-N x m')).toEqual(['-N takes a number from 1 to 4194304, not "x"']);
});

test('long options take their values both ways', () => {
  expect(read('--timeout 5 m').options.timeLimit).toBe(5000);
  expect(read('--timeout=5 m').options.timeLimit).toBe(5000);
  expect(messages('--timeout=x m')).toEqual(['--timeout takes a number from 1 to 1000000000, not "x"']);
  expect(messages('--json=1 m')).toEqual(["option '--json' doesn't allow an argument"]);
  expect(read('--time 5 m').options.timeLimit).toBe(5000);
});

test('empty words, and options that say nothing together, are told', () => {
  const told = (...argv: string[]) => readOptions(argv, {}).diagnostics.map(({ message }) => message);
  expect(told('-c', '', 'm')).toEqual(['-c needs a command, not an empty word']);
  expect(told('-o', '', 'm')).toEqual(['-o needs the name of a file, not an empty word']);
  expect(told('')).toEqual(['need a module name or path to load']);
  expect(told('-R', '-A', 'm')).toEqual(["-R renames a module that is loaded now; it can't be used with -A"]);
  expect(told('-S', '1', 'm')).toEqual(['-S needs -o FILE, or --bulk']);
  expect(told('-S', '1', '--bulk', 'm')).toEqual([]);
});

test('every option of the manual does something', () => {
  const values: Record<string, string> = {
    C: 'never',
    r: '0:host',
    S: '1',
    G: 'n=1',
    o: 'out',
    c: 'true',
  };
  const plain = JSON.stringify(read('m').options);
  for (const { short, long, value } of staprunManual.options) {
    const words = [short ? `-${short}` : `--${long}`, ...(value ? [values[short ?? ''] ?? '7'] : []), 'm'];
    const changed = JSON.stringify(readOptions(words, {}).options) !== plain;
    expect(changed, words.join(' ')).toBe(short !== 'u');
  }
});

test('SYSTEMTAP_VERBOSE is where verbosity begins', () => {
  expect(read('-v m', { SYSTEMTAP_VERBOSE: '2' }).options.verbosity).toBe(3);
});

test('mistakes are told, with the nearest right thing', () => {
  expect(messages('')).toEqual(['need a module name or path to load']);
  expect(messages('-x abc m')).toEqual(['-x takes a number from 1 to 4194304, not "abc"']);
  expect(messages('-b 5000 m')).toEqual(['-b takes a number from 1 to 4095, not "5000"']);
  expect(messages('-S 0 -o f m')).toEqual(['-S takes SIZE or SIZE,N: megabytes and a number of files, not "0"']);
  expect(messages('m -c')).toEqual(["option requires an argument -- 'c'"]);
  expect(messages('-L -A m')).toEqual(['-L and -A exclude each other']);
  expect(messages('-D m')).toEqual(['-D needs -o FILE']);
  expect(messages('-c true -x 1 m')).toEqual(['-c and -x exclude each other: both set target()']);
  expect(messages('m other')).toEqual(['module options are NAME=VALUE, not "other"']);
  expect(read('--stricd m').diagnostics[0]).toMatchObject({ hints: ['did you mean --strict?'] });
  expect(messages('-version')).toEqual(["unrecognized option '-version'"]);
  expect(read('--verbos m').diagnostics[0]).toMatchObject({ hints: ['did you mean -v?'] });
  expect(read('--attach m').diagnostics[0]).toMatchObject({ hints: ['did you mean -A?'] });
  expect(read('m --verison').diagnostics[0]).toMatchObject({ hints: ['did you mean --version?'] });
  expect(messages('-Z m')).toEqual(["unrecognized option '-Z'"]);
  expect(read('-json m').diagnostics[0]).toMatchObject({ hints: ['did you mean --json?'] });
  expect(messages('m -- -x')).toEqual(['module options are NAME=VALUE, not "-x"']);
});
