// Whole runs over a module in memory.
import { type Diagnostic, DiagnosticError, quietContext } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { FRAME_HEADER } from '../src/bulk-frame.js';
import { BATCH_MAX, RECORD } from '../src/protocol.js';
import { runModule } from '../src/run-module.js';
import type { RunOptions } from '../src/run-options.js';
import type { Session } from '../src/session.js';
import { end, loss, message, moduleDouble, print, record, type Script, site, watermark } from './module-double.js';

interface Ran {
  session: Session;
  diagnostics: readonly Diagnostic[];
  output: string;
  errors: string[];
  /** Output and error lines in the order in which they came. */
  both: string[];
  asked: string[];
}

async function run(
  script: Script,
  options: Partial<RunOptions> = {},
  signal?: AbortSignal,
  verbosity = 0,
): Promise<Ran> {
  const port = moduleDouble(script);
  const both: string[] = [];
  const errors: string[] = [];
  let output = '';
  const { value, diagnostics } = await runModule(
    { path: '/x/test.ko', name: 'test' },
    {
      port,
      timeZone: { offset: 0, name: 'UTC' },
      output(chunk) {
        const text = Buffer.from(chunk).toString('latin1');
        output += text;
        both.push(text);
      },
      errors(line) {
        errors.push(line);
        both.push(line);
      },
      ...options,
    },
    { ...quietContext(signal), verbosity },
  );
  return { session: value, diagnostics, output, errors, both, asked: port.asked };
}

const HELLO = [site(0, 'read performed\n'), site(1, '%s(%d)\n', ['execname()', 'pid()'])];
const EXIT = record({ kind: RECORD.EXIT, stamp: 30 });

test('a script prints, asks to end, and is gone', async () => {
  const ran = await run({ sites: HELLO, batches: [[print(0, 10), print(1, 20, ['cat', 42]), EXIT, watermark(25)]] });
  expect(ran.output).toBe('read performed\ncat(42)\n');
  expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'start', 'exit', 'close', 'unload']);
  expect(ran.session).toEqual({ kind: 'session', module: 'test', exitStatus: 0, losses: [], errors: 0, warnings: 0 });
  expect(ran.errors).toEqual([]);
});

test('an abort ends the run and the end probes’ output still comes', async () => {
  const controller = new AbortController();
  const ran = await run(
    {
      sites: HELLO,
      batches: [[print(0, 10), watermark(11)]],
      atExit: [[print(1, 20, ['end', 1])], [end(30)]],
      onStart: () => controller.abort(),
    },
    {},
    controller.signal,
  );
  expect(ran.output).toBe('read performed\nend(1)\n');
  expect(ran.session.exitStatus).toBe(0);
});

test('target pid, globals and buffer size reach the module', async () => {
  const ran = await run(
    { endsByItself: true, batches: [[end(1)]] },
    { targetPid: 77, moduleParameters: ['a=b,c', 'n=1'], bufferBytes: 4096 },
  );
  expect(ran.asked.slice(0, 4)).toEqual([
    'load test set=a=b\\,c,n=1,STAPKIT_BUFFER=4096',
    'open',
    'timezone 0 UTC',
    'start 77',
  ]);
});

test('errors and warnings stand between the output where they happened', async () => {
  const ran = await run({
    sites: HELLO,
    batches: [
      [
        print(0, 10),
        message(RECORD.WARNING, 11, 'careful\n', 1),
        print(0, 12),
        message(RECORD.ERROR, 13, "division by 0 near operator '/' at test.stp:2:3", 1),
        EXIT,
        watermark(40),
      ],
    ],
    atExit: [[end(50, 1)]],
  });
  expect(ran.both).toEqual([
    'read performed\n',
    'WARNING: careful',
    'read performed\n',
    "ERROR: division by 0 near operator '/' at test.stp:2:3",
    'WARNING: Number of errors: 1, skipped probes: 0',
  ]);
  expect(ran.session).toMatchObject({ exitStatus: 1, errors: 1, warnings: 1 });
});

test('a warning is shown once, every time with -v, and never with -w', async () => {
  const script: Script = {
    batches: [[1, 2, 3].map((stamp) => message(RECORD.WARNING, stamp, 'again')).concat(EXIT, watermark(50))],
  };
  expect((await run(script)).errors).toEqual(['WARNING: again']);
  expect((await run(script, {}, undefined, 1)).errors).toHaveLength(3);
  const silent = await run(script, { suppressWarnings: true });
  expect(silent.errors).toEqual([]);
  expect(silent.session.warnings).toBe(3);
});

test('losses are told as SystemTap words them, by owner with -v, and fail a strict run', async () => {
  const script: Script = {
    sites: HELLO,
    batches: [[EXIT, watermark(40)]],
    atExit: [[loss(50, 1, 0, 3), loss(50, 1, 1, 2), loss(50, 0x80000001, 2, 7), end(50)]],
  };
  expect((await run(script)).errors).toEqual([
    'WARNING: Number of errors: 0, skipped probes: 5',
    'WARNING: There were 7 transport failures.',
  ]);
  const verbose = await run(script, { strict: true }, undefined, 1);
  expect(verbose.errors).toContain('WARNING: Lost because the buffer was full, from the print at test.stp:2:1: 7');
  expect(verbose.session.exitStatus).toBe(1);
  expect(verbose.session.losses).toContainEqual({
    owner: 'kernel.function("vfs_read@fs/read_write.c:449") at test.stp:2:7',
    cause: 'nesting',
    count: 3,
  });
});

test('while the output is not taken, nothing more is read than one batch ahead', async () => {
  const batches = Array.from({ length: 10 }, (_, index) => [print(0, index + 1), watermark(index + 2)]);
  batches.push([EXIT, watermark(50)]);
  let taken = 0;
  let most = 0;
  let open = 0;
  const ran = await run(
    { sites: HELLO, batches },
    {
      async output() {
        open++;
        most = Math.max(most, open);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open--;
        taken++;
      },
    },
  );
  expect(taken).toBe(10);
  expect(most).toBe(1);
  expect(ran.session.exitStatus).toBe(0);
});

test('what the begin probes print is shown, and -c begins, when everything is armed', async () => {
  const chunks: string[] = [];
  const ran = await run(
    {
      sites: HELLO,
      armsLater: true,
      batches: [
        [print(0, 10), watermark(11)],
        [print(0, 12), record({ kind: RECORD.START, stamp: 13 }), watermark(14)],
      ],
    },
    {
      command: 'exit 0',
      commandStdio: () => 'ignore',
      output: (chunk) => {
        chunks.push(Buffer.from(chunk).toString('latin1'));
      },
    },
  );
  expect(chunks).toHaveLength(1);
  expect(chunks[0]!.match(/^read performed$/gm)).toHaveLength(2);
  expect(ran.session).toMatchObject({ exitStatus: 0, command: { exitStatus: 0 } });
  // Where they can't be armed, it is shown all the same.
  const failed = await run({ sites: HELLO, armsLater: true, atExit: [[print(0, 10), end(50)]] }, { timeLimit: 5 });
  expect(failed.output).toBe('read performed\n');
});

test.each(['output', 'bulkOutput'] as const)('what waits for the probes to be armed is bounded, %s', async (taker) => {
  const text = 'x'.repeat(BATCH_MAX / 2);
  const count = (40 * 1024 * 1024) / text.length;
  const batches = Array.from({ length: count }, (_, index) => [print(0, index + 1, [text]), watermark(index + 2)]);
  batches.push([record({ kind: RECORD.START, stamp: count + 2 }), EXIT, watermark(count + 9)]);
  const chunks: number[] = [];
  const bulkOutput = (_cpu: number, frames: Uint8Array): void => void chunks.push(frames.length);
  await run(
    { sites: [site(0, '%s')], armsLater: true, batches },
    taker === 'bulkOutput' ? { bulkOutput } : { output: (chunk) => void chunks.push(chunk.length) },
  );
  const frame = text.length + (taker === 'bulkOutput' ? FRAME_HEADER : 0);
  expect(chunks.reduce((sum, length) => sum + length, 0)).toBe(count * frame);
  expect(Math.max(...chunks)).toBeLessThan(17 * 1024 * 1024);
});

test('a second abort does not wait for output that nobody takes', async () => {
  const force = new AbortController();
  const ran = await run(
    { sites: HELLO, batches: [[print(0, 10), watermark(11)]] },
    {
      force: force.signal,
      output: () => {
        setTimeout(() => force.abort(), 5);
        return new Promise(() => {});
      },
    },
  );
  expect(ran.asked.slice(-3)).toEqual(['exit', 'close', 'unload']);
});

test('a module that the kernel refuses gives its diagnostic and exit status 1', async () => {
  const fault: Diagnostic = { code: 'staprun/module-refused', severity: 'error', class: 'run', message: 'no' };
  const ran = await run({ loadFault: new DiagnosticError(fault) });
  expect(ran.diagnostics).toEqual([fault]);
  expect(ran.session.exitStatus).toBe(1);
  expect(ran.asked).toEqual(['load test']);
});

test('probes that cannot be armed end the run with the reason', async () => {
  const ran = await run({
    startFault: Object.assign(new Error('EINVAL: invalid argument, write'), { code: 'EINVAL' }),
  });
  expect(ran.diagnostics.map((diagnostic) => diagnostic.message)).toEqual([
    'couldn\'t start the module "test": invalid argument',
  ]);
  expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'start', 'exit', 'close', 'unload']);
});

test('a module of another version is refused', async () => {
  const ran = await run({ description: '{"protocol":99,"sites":[]}' });
  expect(ran.diagnostics[0]).toMatchObject({ code: 'staprun/protocol' });
  expect((await run({ description: '{' })).diagnostics[0]).toMatchObject({ code: 'staprun/bad-description' });
  expect(ran.asked.at(-1)).toBe('unload');
});

test('a fault of the output ends the run and leaves no module', async () => {
  const fault = new Error('disk full');
  const port = moduleDouble({ sites: HELLO, batches: [[print(0, 10), watermark(11)]] });
  const going = runModule(
    { path: '/x/test.ko', name: 'test' },
    { port, timeZone: { offset: 0, name: 'UTC' }, output: () => Promise.reject(fault), errors: () => {} },
    quietContext(),
  );
  await expect(going).rejects.toBe(fault);
  expect(port.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'start', 'exit', 'close', 'unload']);
});

test('detaching leaves the module running', async () => {
  const detach = new AbortController();
  const ran = await run(
    { sites: HELLO, onStart: () => setTimeout(() => detach.abort(), 1) },
    { detach: detach.signal },
  );
  expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'start', 'detach', 'close']);
  expect(ran.session).toMatchObject({ exitStatus: 0, detached: true });
});

test('launching starts the probes and goes', async () => {
  const ran = await run({ sites: HELLO }, { mode: 'launch' });
  expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'start', 'detach', 'close']);
});

test('attaching neither loads nor starts', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 1);
  const ran = await run({ sites: HELLO }, { mode: 'attach' }, controller.signal);
  expect(ran.asked).toEqual(['open', 'attach', 'exit', 'close', 'unload']);
});

test('a run on behalf of a user says whose it is, also to a module that has never heard of it', async () => {
  const old = Object.assign(new Error('invalid argument'), { code: 'EINVAL' });
  for (const ownerFault of [undefined, old]) {
    const ran = await run({ sites: HELLO, ...(ownerFault ? { ownerFault } : {}) }, { mode: 'launch', owner: 1000 });
    expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'owner 1000', 'start', 'detach', 'close']);
  }
});

const fault = (code: string, words: string) => Object.assign(new Error(`${code}: ${words}, write`), { code });

test.each<[what: string, script: Script, codes: string[], words: string]>([
  ['runs for another user', { ownerFault: fault('EPERM', 'not permitted') }, ['not-owner'], 'runs for another user'],
  ['does not answer', { ownerFault: fault('EIO', 'i/o error') }, ['attach-failed'], ': i/o error'],
  ['is of another version', { description: '{"protocol":99,"sites":[]}' }, ['protocol'], 'speaks protocol 99'],
  ['is not to be had', { attachFault: fault('EIO', 'i/o error') }, ['attach-failed'], ': i/o error'],
])('attaching to a module that %s says so, and does not remove it', async (_, script, codes, words) => {
  const ran = await run({ sites: HELLO, ...script }, { mode: 'attach', owner: 1000 });
  expect(ran.diagnostics.map(({ code }) => code)).toEqual(codes.map((code) => `staprun/${code}`));
  expect(ran.diagnostics[0]!.message).toContain(words);
  expect(ran.session.exitStatus).toBe(1);
  expect(ran.session).not.toHaveProperty('detached');
  expect(ran.asked).toEqual(['open', 'owner 1000', ...(script.attachFault ? ['attach'] : []), 'close']);
});

test('a module that cannot be opened is removed where we have loaded it, and only there', async () => {
  const openFault = new DiagnosticError({ code: 'staprun/x', severity: 'error', class: 'run', message: 'not ours' });
  const attached = await run({ sites: HELLO, openFault }, { mode: 'attach' });
  expect(attached).toMatchObject({ asked: ['open'], session: { exitStatus: 1 }, diagnostics: openFault.diagnostics });
  expect((await run({ sites: HELLO, openFault })).asked).toEqual(['load test', 'open', 'unload']);
});

test('a module of ours that refuses its owner is ended and removed', async () => {
  const ran = await run({ sites: HELLO, ownerFault: fault('EIO', 'i/o error') }, { owner: 1000 });
  expect(ran.diagnostics[0]!.message).toBe('couldn\'t start the module "test": i/o error');
  expect(ran.asked).toEqual(['load test', 'open', 'timezone 0 UTC', 'owner 1000', 'exit', 'close', 'unload']);
});

test('the command begins once the probes are armed, its pid is the target, its end is the run’s', async () => {
  const ran = await run({ sites: HELLO }, { command: 'exit 3', commandStdio: () => 'ignore' });
  expect(ran.asked[3]).toMatch(/^start \d+$/);
  expect(ran.session).toMatchObject({ exitStatus: 1, command: { exitStatus: 3 } });
});

test('a command still running when the script ends is ended', async () => {
  const ran = await run({ batches: [[EXIT, watermark(50)]] }, { command: 'sleep 100', commandStdio: () => 'ignore' });
  expect(ran.session.command).toEqual({ signal: 'SIGTERM' });
});

test('the time limit ends the run', async () => {
  const ran = await run({}, { timeLimit: 5 });
  expect(ran.asked).toContain('exit');
});

test('typed events carry rows, messages, losses and the end', async () => {
  const events: unknown[] = [];
  await run(
    {
      sites: HELLO,
      batches: [[print(1, 20, ['cat', 1n << 60n], 1), message(RECORD.ERROR, 21, 'oops', 1), EXIT, watermark(40)]],
      atExit: [[loss(50, 1, 0, 3), end(50, 1)]],
    },
    { events: (event) => void events.push(event) },
  );
  expect(events).toEqual([
    { event: 'start', module: 'test', script: 'test.stp', release: '6.1.0-56-amd64', probes: 2 },
    {
      event: 'print',
      time: '20',
      cpu: 1,
      place: 'test.stp:2:1',
      text: 'cat(1152921504606846976)\n',
      row: { execname: 'cat', pid: '1152921504606846976' },
    },
    { event: 'error', time: '21', text: 'oops', probe: 'kernel.function("vfs_read@fs/read_write.c:449")' },
    {
      event: 'loss',
      owner: 'kernel.function("vfs_read@fs/read_write.c:449") at test.stp:2:7',
      cause: 'nesting',
      count: 3,
    },
    { event: 'end', module: 'test', exitStatus: 1, errors: 1, warnings: 0, lost: 3 },
  ]);
});
