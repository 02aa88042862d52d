import { DiagnosticError } from '@stapkit/pass';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../src/command-line.js';
import type { StapOptions } from '../src/options.js';

function parsed(...argv: string[]): StapOptions {
  const line = parseCommandLine(argv);
  if (line.kind !== 'run') throw new Error(line.text);
  return line.options;
}

function fault(...argv: string[]) {
  try {
    parseCommandLine(argv);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics[0]!;
    throw error;
  }
  throw new Error('accepted');
}

describe('parseCommandLine', () => {
  test('reads the first command of the documentation', () => {
    const options = parsed('-v', '-e', 'probe vfs.read {exit()}');
    expect(options.script).toEqual({ kind: 'text', text: 'probe vfs.read {exit()}' });
    expect(options.verbosity).toEqual([1, 1, 1, 1, 1]);
    expect(options.lastPass).toBe(5);
  });

  test('adds -v, -vv and --vp up, pass by pass', () => {
    expect(parsed('-vv', '--vp', '002', '--vp=00001', '-v', 'x.stp').verbosity).toEqual([3, 3, 5, 3, 4]);
  });

  test('takes a value glued to its letter or after it', () => {
    expect(parsed('-p4', '-DMAXACTION=5', '-D', 'FLAG', '-mtest.ko', 'x.stp')).toMatchObject({
      lastPass: 4,
      lastPassGiven: true,
      defines: { MAXACTION: '5', FLAG: '1' },
      moduleName: 'test',
    });
  });

  test("leaves what follows the script's name to the script", () => {
    const options = parsed('-g', 'x.stp', '-v', '--what', '3');
    expect(options.script).toEqual({ kind: 'file', path: 'x.stp' });
    expect(options.scriptArguments).toEqual(['-v', '--what', '3']);
    expect(options.verbosity[0]).toBe(0);
  });

  test('gives all words to a script from -e', () => {
    expect(parsed('-e', 'probe never {}', 'a', 'b').scriptArguments).toEqual(['a', 'b']);
  });

  test('collects -I, -E and -G in order', () => {
    expect(parsed('-I', 'a', '-I', 'b', '-E', 'x', '-E', 'y', '-G', 'n=1', '-G', 'm=2', '-e', '')).toMatchObject({
      tapsetFolders: ['a', 'b'],
      extraScripts: ['x', 'y'],
      globals: { n: '1', m: '2' },
    });
  });

  test('reads standard input for a single dash', () => {
    expect(parsed('-').script).toEqual({ kind: 'file', path: '-' });
  });

  test('listing needs no script', () => {
    expect(parsed('-l', 'vfs.*').list).toEqual({ pattern: 'vfs.*', withVariables: false });
    expect(parsed('-L', 'vfs.*').list?.withVariables).toBe(true);
  });

  test('SYSTEMTAP_RELEASE stands in for -r', () => {
    const line = parseCommandLine(['-e', ''], { SYSTEMTAP_RELEASE: '6.1.0' });
    expect(line.kind === 'run' && line.options.release).toBe('6.1.0');
  });

  test('suggests the option that was meant', () => {
    expect(fault('--suppres-handler-errors', 'x.stp')).toMatchObject({
      code: 'driver/unknown-option',
      hints: ['did you mean --suppress-handler-errors?'],
    });
  });

  test.each([
    [['-p6', 'x.stp'], 'Invalid pass number'],
    [['-p', 'x.stp'], 'Invalid pass number'],
    [['-x', 'abc', 'x.stp'], 'whole number'],
    [['-m', 'bad-name', 'x.stp'], 'letters, digits and underscores'],
    [['--vp', 'abc', 'x.stp'], 'one a pass'],
    [['-G', '=3', 'x.stp'], 'NAME=VALUE'],
    [['-e'], 'argument missing'],
    [['-v'], 'A script must be specified'],
    [['-w', '-W', 'x.stp'], 'exclude each other'],
    [['-e', 'x', '--from', 'y'], 'exclude each other'],
    [['--color=pink', 'x.stp'], 'invalid argument'],
  ])('refuses %j', (argv, message) => {
    expect(fault(...argv).message).toContain(message);
  });

  test('help and version are text, not faults', () => {
    const help = parseCommandLine(['--help']);
    expect(help.kind === 'text' && help.text).toContain('--suppress-handler-errors');
    const version = parseCommandLine(['-V']);
    expect(version.kind === 'text' && version.text).toContain('version');
  });
});
