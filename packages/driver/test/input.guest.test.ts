// input.char and input.line: what stands on stap's standard input, or is typed at its terminal, reaches the script.
import { spawn } from 'node:child_process';
import { connectGuest } from '@stapkit/vm';
import { quote } from 'shell-quote';
import { describe, expect, test } from 'vitest';
import { root, scratchFolder, stap } from './harness.js';

/** Shows each character in brackets; q ends it. */
const CHARACTERS = `probe begin { println("ready") }
probe input.char { printf("[%s]", char) if (char == "q") exit() }
probe end { println("bye") }`;

const LINES = `probe input.line { printf("%d %s", strlen(line), line) if (line == "end\\n") exit() }`;

/** Types `keys` at a terminal once the command that runs there has said that it is ready; what the terminal shows. */
function atTerminal(command: string, keys: string, cwd: string): Promise<{ shown: string; status: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const before = shown;
      shown += chunk.toString('latin1');
      if (shown.includes('ready') && !before.includes('ready')) child.stdin.write(keys);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ shown: shown.replaceAll('\r', ''), status }));
  });
}

describe('standard input', () => {
  test('reaches input.char, one byte at a time', async () => {
    const ended = await stap(['--vm', '-e', CHARACTERS], { stdin: 'ab\n\x7f q and what is never read' });
    expect(ended).toMatchObject({ status: 0, stderr: '', stdout: 'ready\n[a][b][\n][\x7f][ ][q]bye\n' });
  });

  test('reaches input.line, line by line, and what is more than MAXSTRINGLEN is dropped', async () => {
    const stdin = `one\n\n${'x'.repeat(6000)}\nend\n`;
    const ended = await stap(['--vm', '-e', LINES], { stdin });
    expect(ended).toMatchObject({ status: 0, stdout: `4 one\n1 \n511 ${'x'.repeat(511)}4 end\n` });
    const longer = await stap(['--vm', '-DMAXSTRINGLEN=10000', '-e', LINES], { stdin });
    expect(longer).toMatchObject({ status: 0, stdout: `4 one\n1 \n6001 ${'x'.repeat(6000)}\n4 end\n` });
  });

  test('reaches both kinds and several probes, and its end does not end the run', async () => {
    const script = `global n, shown probe input.char { n++ } probe input.char, input.line { printf("%d:", n) shown++ }
      probe timer.s(1) { if (shown == 4) exit() } probe end { println(n) }`;
    expect(await stap(['--vm', '-e', script], { stdin: 'a\nb' })).toMatchObject({ status: 0, stdout: '1:2:2:3:3\n' });
  });
});

describe('a terminal', () => {
  test('gives characters as they are typed, and does not show them', async () => {
    const command = quote([`${root}/stap`, '--vm', '-e', CHARACTERS]);
    const { shown, status } = await atTerminal(command, 'xyq', scratchFolder());
    expect(shown).toBe('ready\n[x][y][q]bye\n');
    expect(status).toBe(0);
  });

  test('is put back afterwards, also after Ctrl-C', async () => {
    // Until the terminal is switched over, Ctrl-C is a signal, for the shell as well: a trap lets that go on.
    const run = quote([`${root}/stap`, '--vm', '-e', CHARACTERS]);
    const command = `trap : INT; stty -a > before; ${run}; stty -a | cmp before - && echo same`;
    const { shown } = await atTerminal(command, '\x03', scratchFolder());
    expect(shown).toMatch(/^ready\n(\^C)?bye\nsame\n$/);
  });
});

test('staprun by itself takes both', async () => {
  const folder = scratchFolder();
  const built = await stap(['--vm', '-p4', '-m', 'test_input', '-e', CHARACTERS], { cwd: folder });
  expect(built).toMatchObject({ status: 0 });
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  let shown = '';
  const run = `node ${root}/packages/staprun/bundle/staprun.cjs ${folder}/test_input.ko`;
  // The second reads from a terminal.
  const words = `rm -f /tmp/typed; printf 'abq' | ${run}; { until grep -q ready /tmp/typed; do sleep 0.1; done; printf cq; until grep -q bye /tmp/typed; do sleep 0.1; done; } |
    script -qefc '${run}' /tmp/typed`;
  await guest.exec({
    argv: ['bash', '-c', words],
    onStdout: (chunk) => {
      shown += Buffer.from(chunk).toString('latin1');
    },
  });
  await guest.close();
  expect(shown.replaceAll('\r', '')).toBe('ready\n[a][b][q]bye\nready\n[c][q]bye\n');
});
