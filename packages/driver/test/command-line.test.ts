import { DiagnosticError } from '@stapkit/pass';
import type { OptionEntry } from '@stapkit/pass/manual';
import { optionKey } from '@stapkit/pass/options';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../src/command-line.js';
import { STAP_OPTIONS } from '../src/manual/stap-options.js';
import type { StapOptions } from '../src/options.js';

function parsed(...argv: string[]): StapOptions {
  const line = parseCommandLine(argv);
  if (line.kind !== 'run') throw new Error(line.kind);
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

  test("takes options behind the script's name too; the script's own stand behind --", () => {
    const options = parsed('-g', 'x.stp', 'one', '-v', '--', '-v', '--what', '3');
    expect(options.script).toEqual({ kind: 'file', path: 'x.stp' });
    expect(options.scriptArguments).toEqual(['one', '-v', '--what', '3']);
    expect(options.verbosity[0]).toBe(1);
  });

  test('takes letters in a bunch and long names cut short', () => {
    expect(parsed('-gvvp4', '--suppress-h', '--dis', 'x.stp')).toMatchObject({
      guru: true,
      verbosity: [2, 2, 2, 2, 2],
      lastPass: 4,
      suppressHandlerErrors: true,
      disableCache: true,
    });
  });

  test('an optional value stands only behind =', () => {
    expect(parsed('--color', 'x.stp')).toMatchObject({ color: 'always', script: { path: 'x.stp' } });
    expect(parsed('--colour=never', 'x.stp').color).toBe('never');
    expect(parsed('--monitor', 'x.stp').monitor).toBe(1);
    expect(parsed('--monitor=5', 'x.stp').monitor).toBe(5);
    expect(parsed('--download-debuginfo', 'x.stp').downloadDebuginfo).toBe('yes');
    expect(parsed('--download-debuginfo=30', 'x.stp').downloadDebuginfo).toBe(30);
  });

  test('every option of the table finds its way into the options', () => {
    const given: Record<string, readonly string[]> = {
      p: ['3'],
      vp: ['01'],
      color: ['auto'],
      e: ['probe begin {}'],
      E: ['x'],
      I: ['/'],
      D: ['A=1'],
      G: ['g=1'],
      privilege: ['stapsys'],
      debuginfo: ['dwarf'],
      compatible: ['4.8'],
      r: ['6.1'],
      m: ['mod'],
      B: ['A=1'],
      modinfo: ['A=1'],
      d: ['/bin/ls'],
      'download-debuginfo': ['no'],
      c: ['ls'],
      x: ['1'],
      'target-namespaces': ['1'],
      o: ['f'],
      S: ['1,2'],
      s: ['4'],
      T: ['5'],
      monitor: ['2'],
      'sign-module': ['k,c'],
      remote: ['h'],
      tmpdir: ['/tmp'],
      emit: ['f'],
      from: ['f'],
      'dump-after': ['n'],
      l: ['x'],
      L: ['x'],
      'prologue-searching': ['auto'],
      runtime: ['kernel'],
    };
    // What needs another option beside it.
    const beside: Record<string, readonly string[]> = {
      S: ['-o', 'f'],
      'remote-prefix': ['--remote', 'h'],
      'suppress-time-limits': ['-g'],
    };
    const ownScript = [
      'e',
      'from',
      'l',
      'L',
      'clean-cache',
      'dump-probe-types',
      'dump-probe-aliases',
      'dump-functions',
    ];
    const unseen = new Set(['h', 'V', 'P', 'prologue-searching', 'runtime', 'ldd', 'all-modules']);
    const plain = JSON.stringify(parsed('x.stp'));
    for (const entry of STAP_OPTIONS as readonly OptionEntry[]) {
      const key = optionKey(entry);
      const words = [entry.short ? `-${entry.short}` : `--${entry.long}`];
      if (entry.value !== undefined) {
        const value = given[key]?.[0];
        if (value === undefined) throw new Error(`no value for ${key}`);
        if (entry.optional) words[0] += `=${value}`;
        else words.push(value);
      }
      words.push(...(beside[key] ?? []), ...(ownScript.includes(key) ? [] : ['x.stp']));
      const line = parseCommandLine(words);
      if (unseen.has(key)) continue;
      const options = line.kind === 'run' ? JSON.stringify(line.options) : '';
      const same = key === 'color' ? !options.includes('"color":"auto"') : options === plain;
      expect(same, `${words.join(' ')} changes nothing`).toBe(false);
    }
  });

  test('the words of the rc file come first', () => {
    const line = parseCommandLine(['-v', 'x.stp'], { rc: ['-v', '-DA=1', '--color=never'] });
    expect(line.kind === 'run' && line.options).toMatchObject({
      verbosity: [2, 2, 2, 2, 2],
      defines: { A: '1' },
      color: 'never',
      script: { path: 'x.stp' },
    });
  });

  test('types and explain take a script and say something about it', () => {
    expect(parsed('types', 'x.stp', '--json-schema')).toMatchObject({ types: 'json-schema', lastPass: 3 });
    expect(parsed('types', '--ts', '-e', 'probe begin {}')).toMatchObject({ types: 'ts' });
    expect(parsed('explain', 'x.stp')).toMatchObject({ explain: true, lastPass: 2 });
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
    const line = parseCommandLine(['-e', ''], { env: { SYSTEMTAP_RELEASE: '6.1.0' } });
    expect(line.kind === 'run' && line.options.release).toBe('6.1.0');
  });

  test.each([
    [['--suppres-handler-errors', 'x.stp'], ['did you mean --suppress-handler-errors?']],
    [['--moniter', 'x.stp'], ['did you mean --monitor?']],
    [['-json', 'x.stp'], ['did you mean --json?']],
    [['-M', 'x.stp'], ['did you mean -m?']],
    [['--jsno', 'x.stp'], ['did you mean --json?']],
    [['-K', 'x.stp'], ['did you mean -k?']],
    [
      ['x.stp', '--verbose'],
      ['did you mean -v?', "options for the script itself stand behind '--'"],
    ],
    [['x.stp', '--nothing-known'], ["options for the script itself stand behind '--'"]],
    // What others have spelt out, and that nearly.
    [['--verbose', 'x.stp'], ['did you mean -v?']],
    [['types', '--tss', 'x.stp'], ['did you mean --ts?']],
    [['types', '--json-shema', 'x.stp'], ['did you mean --json-schema?']],
    [['--vrebose', 'x.stp'], ['did you mean -v?']],
    [['--verbos', 'x.stp'], ['did you mean -v?']],
    [['--verison'], ['did you mean --version?']],
    [['--ouput', 'f', 'x.stp'], ['did you mean -o?']],
    [['--timeout=3', 'x.stp'], ['did you mean -T?']],
    [['--flight', 'x.stp'], ['did you mean -F?']],
    // One dash too few, where the letters would mean something else.
    [['-verbose', 'x.stp'], ['did you mean -v?']],
    [['-color', 'x.stp'], ['did you mean --color?']],
    [['-version'], ['did you mean --version?']],
    [['-output=f', 'x.stp'], ['did you mean -o?']],
    [['-i'], ['there is no interactive mode; write a script, or try one with -e']],
    [['--use-server', 'x.stp'], [expect.stringContaining('--remote')]],
  ])('suggests what was meant by %j', (argv, hints) => {
    expect(fault(...argv)).toMatchObject({ severity: 'error', hints });
  });

  test('a flight recorder in files can end by itself', () => {
    expect(parsed('-F', '-T', '3', '-o', 'f', 'x.stp')).toMatchObject({ flightRecorder: true, timeout: 3 });
  });

  test('a bunch of letters is no word', () => {
    expect(parsed('-vm', 'name', 'x.stp')).toMatchObject({ moduleName: 'name' });
    expect(parsed('-gkeprobe begin { }')).toMatchObject({
      guru: true,
      script: { kind: 'text', text: 'probe begin { }' },
    });
    expect(parsed('-vo', 'utput', 'x.stp').outputFile).toBe('utput');
  });

  test.each([
    [['-p6', 'x.stp'], 'Invalid pass number'],
    [['-p', 'x.stp'], 'Invalid pass number'],
    [['-vp', 'x.stp'], 'Invalid pass number'],
    [['-x', 'abc', 'x.stp'], 'Invalid target process ID number'],
    [['-x', '0', 'x.stp'], 'Invalid target process ID number'],
    [['-s', '5000', 'x.stp'], 'Invalid buffer size'],
    [['-T', '0', 'x.stp'], 'Invalid timeout interval'],
    [['--monitor=x', 'x.stp'], 'Invalid monitor interval'],
    [['-m', 'bad-name', 'x.stp'], 'letters, digits and underscores'],
    [['--vp', 'abc', 'x.stp'], 'one a pass'],
    [['-G', '=3', 'x.stp'], 'NAME=VALUE'],
    [['-G', 'n', 'x.stp'], 'NAME=VALUE'],
    [['-D', '1x', 'x.stp'], 'NAME=VALUE'],
    [['-DMAXSTRINGLEN=0', 'x.stp'], '-DMAXSTRINGLEN=0 leaves strings no room'],
    [['-DMAXSTRINGLEN=-5', 'x.stp'], '-DMAXSTRINGLEN=-5 leaves strings no room'],
    [['--modinfo', 'x', 'x.stp'], 'NAME=VALUE'],
    [['--sign-module', 'key.pem', 'x.stp'], 'KEY,CERT'],
    [['-e'], "requires an argument -- 'e'"],
    [['--tmpdir'], "'--tmpdir' requires an argument"],
    [['--json=x', 'x.stp'], "doesn't allow an argument"],
    [['--dump', 'x.stp'], 'ambiguous'],
    [['-F', '-T', '3', 'x.stp'], 'nobody stays to end a flight recorder in memory'],
    [['-o', '', 'x.stp'], '-o needs a value'],
    [['-c', '', 'x.stp'], '-c needs a value'],
    [['-I', '', 'x.stp'], '-I needs a value'],
    [['-d', 'kernel', '-d', '', 'x.stp'], '-d needs a value'],
    [['-l', ''], '-l needs a value'],
    [['-r', '', 'x.stp'], '-r needs a value'],
    [['--tmpdir=', 'x.stp'], '--tmpdir needs a value'],
    [['-v'], 'A script must be specified'],
    [['-E', 'probe end {}'], 'A script must be specified'],
    [['-e', 'x', '-e', 'y'], 'Only one script'],
    [['-l', 'vfs.*', '-e', 'x'], 'Cannot specify a script'],
    [['-e', 'x', '--from', 'y'], 'exclude each other'],
    [['-c', 'ls', '-x', '1', 'x.stp'], "can't specify -c and -x together"],
    [['-l', 'a', '-l', 'b'], 'only one of the -l/-L/--dump-* switches may be specified'],
    [['-L', 'a', '--dump-functions'], 'only one of the -l/-L/--dump-* switches may be specified'],
    [['-g', '--privilege=stapusr', 'x.stp'], "can't specify -g and --privilege=stapusr together"],
    [['-g', '--unprivileged', 'x.stp'], "can't specify -g and --privilege=stapusr together"],
    [['-g', '--privilege=stapsys', 'x.stp'], "can't specify -g and --privilege=stapsys together"],
    [['-S', '1', 'x.stp'], 'no meaning without -o'],
    [['-S', '0', '-o', 'f', 'x.stp'], 'no size'],
    [['-S', '1,2,3', '-o', 'f', 'x.stp'], 'no size'],
    [['--remote-prefix', 'x.stp'], 'no meaning without --remote'],
    [['--suppress-time-limits', 'x.stp'], 'requires guru mode'],
    [['--color=pink', 'x.stp'], "Invalid argument 'pink'"],
    [['--runtime=bpf', 'x.stp'], "Invalid argument 'bpf'"],
    [['--download-debuginfo=maybe', 'x.stp'], 'not a valid value'],
    [['types', '--ts', '--json-schema', 'x.stp'], 'exclude each other'],
  ])('refuses %j', (argv, message) => {
    expect(fault(...argv).message).toContain(message);
  });

  test('help and version are no faults', () => {
    expect(parseCommandLine(['--help'])).toEqual({ kind: 'help' });
    const version = parseCommandLine(['-V']);
    expect(version.kind === 'text' && version.text).toContain('version');
  });
});
