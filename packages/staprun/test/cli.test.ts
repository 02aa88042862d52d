// `staprun` as a whole over a module in memory and real .ko bytes.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type CommandIo, staprunCommand } from '../src/cli.js';
import { moduleInfo, renameModule } from '../src/modinfo.js';
import { RECORD } from '../src/protocol.js';
import { VERSION } from '../src/version.js';
import { end, message, moduleDouble, print, record, type Script, site, watermark } from './module-double.js';
import { moduleFile } from './module-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staprun-test-'));
  writeFileSync(join(folder, 'hello.ko'), moduleFile('hello', '6.1.0-56-amd64 SMP'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function staprun(script: Script, argv: string[], more: Partial<CommandIo> = {}) {
  let output = '';
  let errors = '';
  const handlers = new Map<string, () => void>();
  const port = moduleDouble({ ...script, onStart: () => script.onStart?.() });
  const status = await staprunCommand(argv, {
    output: (chunk) => {
      output += Buffer.from(chunk).toString('latin1');
    },
    errors: (text) => {
      errors += text;
    },
    environment: {},
    errorsAreTerminal: false,
    onSignal(signal, act) {
      handlers.set(signal, act);
      return () => void handlers.delete(signal);
    },
    port,
    ...more,
  });
  return { status, output, errors, asked: port.asked, handlers };
}

const HELLO: Script = {
  sites: [site(0, 'Hello World!\n')],
  batches: [[print(0, 1), record({ kind: RECORD.EXIT, stamp: 2 }), watermark(9)]],
};

test('a module runs and its output comes', async () => {
  const ran = await staprun(HELLO, [join(folder, 'hello.ko'), 'var1=x']);
  expect(ran).toMatchObject({ status: 0, output: 'Hello World!\n', errors: '' });
  expect(ran.asked[0]).toBe('load hello set=var1=x');
  expect(ran.handlers.size).toBe(0);
});

test('a module that is named in a way that none can be, or as a file without its folder, is told', async () => {
  for (const option of ['-A', '-d']) {
    for (const name of ['..', 'a b']) {
      const errors = expect.stringContaining(`ERROR: "${name}" is not the name of a loaded module\n`);
      expect(await staprun(HELLO, [option, name])).toMatchObject({ status: 1, asked: [], errors });
    }
  }
  // A file of the folder that tests run in.
  const ran = await staprun(HELLO, ['package.json']);
  expect(ran).toMatchObject({ status: 1, asked: [] });
  expect(ran.errors).toContain('hint: for the file in this folder: staprun ./package.json');
});

test('what cannot be set is told before the module is loaded, by what the module says of itself', async () => {
  const names = 'stapkit_globals=count:long,title:string,names:string[],MAXERRORS:long';
  const path = join(folder, 'set.ko');
  writeFileSync(path, moduleFile('set', '6.1.0-56-amd64 SMP', [names, 'stapkit_string_size=16']));
  const wrong = await staprun(HELLO, ['-G', 'cuont=1', path, 'count=one', 'names=x', `title=${'x'.repeat(16)}`]);
  expect(wrong).toMatchObject({ status: 1, output: '', asked: [] });
  expect(wrong.errors.match(/ERROR: .*|did you mean .*/g)).toEqual([
    `ERROR: can't set "cuont": the script has no such global variable`,
    'did you mean count?',
    `ERROR: can't set "count" to "one": it holds a number of 64 bits`,
    `ERROR: can't set "names": it is an array; numbers and strings can be set`,
    `ERROR: can't set "title" to 16 bytes: a string holds 15 at most`,
  ]);
  const given = ['count=0x1f', 'MAXSTRINGLEN=32', `title=${'x'.repeat(16)}`, 'MAXACTION=5', 'MAXERRORS=2'];
  const right = await staprun(HELLO, [path, ...given]);
  expect(right).toMatchObject({ status: 0, errors: '' });
  expect(right.asked[0]).toBe(`load set set=${given.join(',').replace('MAXERRORS', 'global.MAXERRORS')}`);
  // With -R it is a copy that is loaded.
  expect(await staprun(HELLO, ['-R', path, 'cuont=1'])).toMatchObject({ status: 1, asked: [] });
  const long = await staprun(HELLO, [join(folder, 'hello.ko'), `name=${'é'.repeat(510)}`]);
  expect(long.errors).toBe('ERROR: what is to be set takes 1025 bytes; the kernel takes 1024 when it loads a module\n');
  expect(long).toMatchObject({ status: 1, asked: [] });
});

test('-o writes to a file', async () => {
  const ran = await staprun(HELLO, ['-o', join(folder, 'log'), join(folder, 'hello.ko')]);
  expect(ran).toMatchObject({ status: 0, output: '' });
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('Hello World!\n');
});

test('--bulk makes a file for each CPU, whether it prints or not; one that cannot be made is told before the module is loaded', async () => {
  const ran = await staprun(HELLO, ['--bulk', '-o', join(folder, 'trace'), join(folder, 'hello.ko')]);
  expect(ran).toMatchObject({ status: 0, output: '' });
  const files = [...cpus().keys()].map((cpu) => `trace_${cpu}`);
  expect(readdirSync(folder).filter((name) => name !== 'hello.ko')).toEqual(files.sort());
  const refused = await staprun(HELLO, ['--bulk', '-o', join(folder, 'none', 'trace'), join(folder, 'hello.ko')]);
  expect(refused).toMatchObject({ status: 1, errors: expect.stringContaining('no such file or directory'), asked: [] });
});

test('-R loads a copy under another name and leaves no copy', async () => {
  // Others make such folders, too, but not there.
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const ran = await staprun(HELLO, ['-R', join(folder, 'hello.ko')]);
  expect(ran.asked[0]).toBe(`load hello_${process.pid}`);
  expect(readdirSync(folder)).toEqual(['hello.ko']);
});

test('--json prints an object a line', async () => {
  const ran = await staprun(HELLO, ['--json', join(folder, 'hello.ko')]);
  const events = ran.output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map((event) => event.event)).toEqual(['start', 'print', 'end']);
});

test('errors are in color where they are wanted', async () => {
  const script: Script = {
    batches: [[message(RECORD.ERROR, 1, 'oops'), record({ kind: RECORD.EXIT, stamp: 2 }), watermark(9)]],
    atExit: [[end(20, 1)]],
  };
  const plain = await staprun(script, [join(folder, 'hello.ko')]);
  expect(plain).toMatchObject({ status: 1 });
  expect(plain.errors).toMatch(/^ERROR: oops\nWARNING: Number of errors: 1, skipped probes: 0\n$/);
  const colored = await staprun(script, ['-C', 'always', join(folder, 'hello.ko')]);
  expect(colored.errors).toContain('\x1b[01;31mERROR:\x1b[0m oops');
});

test('-L says how to come back', async () => {
  const ran = await staprun(HELLO, ['-L', join(folder, 'hello.ko')]);
  expect(ran).toMatchObject({
    status: 0,
    errors: 'Disconnecting from systemtap module. To reconnect, type "staprun -A hello"\n',
  });
  expect(ran.asked).not.toContain('unload');
});

test('-D prints the pid of the process in the background', async () => {
  const argv = ['-D', '-o', join(folder, 'log'), join(folder, 'hello.ko')];
  const ran = await staprun(HELLO, argv, { background: async () => ({ pid: 4711 }) });
  expect(ran).toMatchObject({ status: 0, output: '4711\n' });
  expect(ran.asked).toEqual([]);
  const failed = await staprun(HELLO, argv, { background: async () => ({ exitStatus: 1 }) });
  expect(failed).toMatchObject({ status: 1, output: '' });
});

test('a reader that goes away ends the run', async () => {
  const broken = Object.assign(new Error('EPIPE: broken pipe, write'), { code: 'EPIPE' });
  const ran = await staprun({ ...HELLO, batches: [[print(0, 1), watermark(9)]] }, [join(folder, 'hello.ko')], {
    output: () => Promise.reject(broken),
  });
  expect(ran).toMatchObject({ status: 1, errors: '' });
  expect(ran.asked.slice(-3)).toEqual(['exit', 'close', 'unload']);
});

test('a full disk behind standard output is told', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const ran = await staprun(HELLO, [join(folder, 'hello.ko')], { output: () => Promise.reject(full) });
  expect(ran).toMatchObject({
    status: 1,
    errors: 'ERROR: writing to standard output failed: no space left on device\n',
  });
  expect(ran.asked.at(-1)).toBe('unload');
});

test('signals end the run as the manual tells', async () => {
  const script: Script = { sites: [site(0, 'end\n')], atExit: [[print(0, 5), end(6)]] };
  let handlers = new Map<string, () => void>();
  const going = staprun({ ...script, onStart: () => handlers.get('SIGINT')!() }, [join(folder, 'hello.ko')], {
    onSignal(signal, act) {
      handlers = handlers.set(signal, act);
      return () => {};
    },
  });
  expect(await going).toMatchObject({ status: 0, output: 'end\n' });
});

test('files that are no modules, and processes that are none, are told', async () => {
  writeFileSync(join(folder, 'text.ko'), 'text');
  expect((await staprun(HELLO, [join(folder, 'text.ko')])).errors).toContain('is not a kernel module');
  expect((await staprun(HELLO, [join(folder, 'none.ko')])).errors).toContain('no such file or directory');
  expect((await staprun(HELLO, ['-x', '4194303', join(folder, 'hello.ko')])).errors).toContain(
    'there is no process 4194303',
  );
});

test('-h and -V print and end', async () => {
  expect((await staprun(HELLO, ['-h'])).output).toContain('MODULE [NAME=VALUE ...]');
  expect((await staprun(HELLO, ['-V'])).output).toContain(VERSION);
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(VERSION).toBe(version);
});

test('a module can be renamed, and damaged files are no modules', () => {
  const file = moduleFile('hello', '6.1.0 SMP');
  expect(moduleInfo(file)).toMatchObject({ name: 'hello', vermagic: '6.1.0 SMP' });
  expect(moduleInfo(renameModule(file, 'other_name')!)?.name).toBe('other_name');
  expect(renameModule(file, 'x'.repeat(56))).toBeUndefined();
  for (let length = 0; length < file.length; length += 7) moduleInfo(file.subarray(0, length));
});
