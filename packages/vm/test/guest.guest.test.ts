// A kept guest's promises, kept to a guest that all guest tests share (STAPKIT_GUEST names its folder).
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectGuest, type Guest } from '../src/index.js';

const folder = process.env['STAPKIT_GUEST'];
let guest: Guest;
beforeAll(async () => {
  if (!folder) throw new Error('STAPKIT_GUEST must name the folder of a guest that is kept');
  guest = await connectGuest(folder);
});
afterAll(() => guest?.close());

/** What a shell command prints. */
async function shell(command: string): Promise<string> {
  const { stdout, stderr } = await guest.capture({ argv: ['sh', '-c', command] });
  return `${stdout}${stderr}`.trim();
}

/** Waits until no process sleeps for so long any more. */
async function gone(seconds: string): Promise<void> {
  while ((await shell(`pgrep -f "^sleep ${seconds}" || echo none`)) !== 'none') await sleep(100);
}

test('a command gets its arguments, environment, folder and input, and gives its output and status', async () => {
  const result = await guest.capture({
    argv: ['sh', '-c', 'echo "$0 $1"; echo "$WORD in $PWD"; cat; echo oops >&2; exit 3', 'a b', 'ü'],
    env: { WORD: 'word' },
    cwd: '/usr/bin',
    stdin: 'from outside\n',
  });
  expect(result.stdout.toString()).toBe('a b ü\nword in /usr/bin\nfrom outside\n');
  expect(result.stderr.toString()).toBe('oops\n');
  expect([result.code, result.signal]).toEqual([3, null]);
});

test('the guest runs its own kernel, has its modules, and is called guest', async () => {
  expect(
    await shell('uname -r; hostname; ls -d /lib/modules/$(uname -r)/kernel; cat /sys/class/net/lo/operstate'),
  ).toBe(`${guest.release}\nguest\n/lib/modules/${guest.release}/kernel\nunknown`);
  expect(
    await shell(
      'for f in /sys/kernel/debug/tracing /sys/kernel/tracing/events /dev/fd /dev/pts/ptmx; do ls -d $f; done',
    ),
  ).toBe('/sys/kernel/debug/tracing\n/sys/kernel/tracing/events\n/dev/fd\n/dev/pts/ptmx');
});

test('a command that is not there, and a folder that is not there, are errors with their names', async () => {
  await expect(guest.exec({ argv: ['no-such-command'] })).rejects.toMatchObject({
    diagnostics: [
      { code: 'vm/cannot-run', message: 'can\'t run "no-such-command" in the guest: no such file or directory' },
    ],
  });
  await expect(guest.exec({ argv: ['true'], cwd: '/nowhere' })).rejects.toMatchObject({
    diagnostics: [{ message: 'can\'t run "true" in the guest: /nowhere: no such file or directory' }],
  });
});

test('a signal that ends a command is told by its name', async () => {
  expect(await guest.exec({ argv: ['sh', '-c', 'kill -SEGV $$'] })).toEqual({ code: null, signal: 'SIGSEGV' });
});

test('signals reach the process, which may handle them', async () => {
  let output = '';
  const result = await guest.exec({
    argv: ['sh', '-c', 'trap "echo got it; exit 4" INT; echo ready; while :; do sleep 0.1; done'],
    onStart: (process) => {
      const timer = setInterval(() => {
        if (!output.includes('ready')) return;
        clearInterval(timer);
        process.kill('SIGINT');
      }, 20);
    },
    onStdout: (chunk) => {
      output += Buffer.from(chunk);
    },
  });
  expect(output).toBe('ready\ngot it\n');
  expect(result.code).toBe(4);
});

test('an abort ends a command with all that it started, also what ignores SIGTERM', async () => {
  const abort = new AbortController();
  const reason = new Error('enough');
  let output = '';
  const run = guest.exec({
    argv: ['sh', '-c', 'trap "" TERM; setsid sleep 98765 & echo ready; while :; do sleep 0.1; done'],
    signal: abort.signal,
    onStdout: (chunk) => {
      output += Buffer.from(chunk);
      if (output.includes('ready')) abort.abort(reason);
    },
  });
  await expect(run).rejects.toBe(reason);
  await gone('98765');
});

test('a command that runs for too long is ended and named', async () => {
  await expect(guest.exec({ argv: ['sleep', '98764'], timeoutSeconds: 0.5 })).rejects.toMatchObject({
    diagnostics: [{ code: 'vm/time-limit', message: '"sleep" ran for longer than 0.5 s in the guest and was ended' }],
  });
  await gone('98764');
});

test('what a client had running ends when the client goes away', async () => {
  const other = await connectGuest(folder!);
  const run = other.exec({ argv: ['sh', '-c', 'setsid sleep 98763 & trap "" TERM; while :; do sleep 0.1; done'] });
  const failed = expect(run).rejects.toMatchObject({ diagnostics: [{ code: 'vm/closed' }] });
  while ((await shell('pgrep -f "^sleep 98763" || echo none')) === 'none') await sleep(50);
  await other.close();
  await failed;
  await gone('98763');
});

test('big output arrives whole and in order', async () => {
  const { stdout } = await guest.capture({ argv: ['seq', '1', '600000'] });
  const lines = stdout.toString().trimEnd().split('\n');
  expect(lines).toHaveLength(600_000);
  expect(lines.every((line, index) => line === String(index + 1))).toBe(true);
});

test('big input arrives whole, also in pieces from a generator', async () => {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let index = 0; index < 50; index++) yield Buffer.alloc(70_001, String(index % 10));
  }
  const { stdout } = await guest.capture({ argv: ['wc', '-c'], stdin: pieces() });
  expect(Number(stdout.toString())).toBe(50 * 70_001);
});

test('a command that does not read its input ends all the same', async () => {
  const { code } = await guest.exec({ argv: ['true'], stdin: Buffer.alloc(1_000_000) });
  expect(code).toBe(0);
});

test('a reader that stops makes the writer wait, and costs no memory', async () => {
  const abort = new AbortController();
  let received = 0;
  const run = guest.exec({
    argv: ['yes'],
    signal: abort.signal,
    onStdout: (chunk) => {
      received += chunk.length;
      // The first piece is never done with.
      return new Promise((resolve) => abort.signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  });
  run.catch(() => {});
  while (received === 0) await sleep(50);
  await sleep(1000);
  const before = received;
  // Meanwhile other commands go on over the same connection.
  expect(await shell('echo still here')).toBe('still here');
  expect(received).toBe(before);
  abort.abort(new Error('done'));
  await expect(run).rejects.toThrow('done');
});

test('an error in a consumer ends the command and is handed on', async () => {
  const run = guest.exec({
    argv: ['yes'],
    onStdout: () => {
      throw new Error('no more');
    },
  });
  await expect(run).rejects.toThrow('no more');
});

test('many commands run at once over one connection', async () => {
  const outputs = await Promise.all(Array.from({ length: 20 }, (_, index) => shell(`sleep 0.2; echo ${index}`)));
  expect(outputs).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
});

test('several clients are served at once', async () => {
  const others = await Promise.all([connectGuest(folder!), connectGuest(folder!)]);
  const outputs = await Promise.all(others.map((other) => other.capture({ argv: ['uname', '-r'] })));
  expect(outputs.map(({ stdout }) => stdout.toString().trim())).toEqual([guest.release, guest.release]);
  await Promise.all(others.map((other) => other.close()));
});

test('a script runs as the main module of a Node process that was booted before', async () => {
  const path = fileURLToPath(new URL('./fixtures/hello.cjs', import.meta.url));
  for (let round = 0; round < 2; round++) {
    let stdout = '';
    let stderr = '';
    const result = await guest.runScript({
      path,
      argv: ['one', 'two words'],
      env: { WORD: 'x' },
      cwd: '/usr',
      stdin: 'input',
      onStdout: (chunk) => {
        stdout += Buffer.from(chunk);
      },
      onStderr: (chunk) => {
        stderr += Buffer.from(chunk);
      },
    });
    expect(JSON.parse(stdout)).toEqual({
      argv: ['one', 'two words'],
      file: path,
      isMain: true,
      cwd: '/usr',
      word: 'x',
      input: 'input',
    });
    expect(stderr).toBe('to stderr\n');
    expect(result).toEqual({ code: 7, signal: null });
  }
});

test('files are written and read back, and errors name them', async () => {
  const data = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  await guest.writeFile('/tmp/vm test/../vm-test', data, 0o640).catch(() => {});
  await guest.writeFile('/tmp/vm-test', data, 0o640);
  expect((await guest.readFile('/tmp/vm-test')).equals(data)).toBe(true);
  expect(await shell('stat -c %a /tmp/vm-test; rm /tmp/vm-test; ls /tmp/*.put~ 2>/dev/null')).toBe('640');
  await expect(guest.readFile('/tmp/vm-none')).rejects.toMatchObject({
    diagnostics: [
      { code: 'vm/file-transfer', message: "can't read /tmp/vm-none in the guest: No such file or directory" },
    ],
  });
  await expect(guest.writeFile('/nowhere/x', 'y')).rejects.toMatchObject({
    diagnostics: [{ message: "can't write /nowhere/x in the guest: No such file or directory" }],
  });
});

test("the guest's clock goes as fast as the host's", async () => {
  // What the guest's clock showed between two readings of the host's, however long the answer took.
  const reading = async () => {
    const before = performance.now();
    const shown = Number((await guest.readFile('/proc/uptime')).toString().split(' ')[0]) * 1000;
    return { before, shown, after: performance.now() };
  };
  const start = await reading();
  await sleep(3000);
  const end = await reading();
  const passed = end.shown - start.shown;
  expect(passed).toBeGreaterThan(0.85 * (end.before - start.after));
  expect(passed).toBeLessThan(1.15 * (end.after - start.before));
});

test("the kernel's log can be read", async () => {
  await shell('echo "<4>a word from the test" > /dev/kmsg');
  expect(await guest.kernelLog()).toContainEqual(expect.objectContaining({ text: 'a word from the test', level: 4 }));
});
