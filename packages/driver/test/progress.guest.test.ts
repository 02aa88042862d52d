// What a terminal shows of the steps that take long, and that a pipe is told nothing: the first build of the runtime, the
// index of the kernel's debug information, the boot of a guest. (Installing: prep/prep-command.test.ts.)
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { quote } from 'shell-quote';
import { beforeAll, expect, test, vi } from 'vitest';
import { command, root, scratchFolder } from './harness.js';

let release: string;

beforeAll(async () => {
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  release = guest.release;
  await guest.close();
});

interface Terminal {
  /** All that was written to it. */
  readonly written: string;
  /** What stands on it at the end. */
  readonly screen: string;
}

/** Runs a shell command at a terminal of 60 columns; what is written may make it press Ctrl-C, once. */
function atTerminal(line: string, env: Record<string, string>, interruptAt?: RegExp): Promise<Terminal> {
  return new Promise((resolve, reject) => {
    // The shell lives on when Ctrl-C comes, and says how the command ended and what the terminal is like then.
    const script = `stty cols 60; trap : INT; stty -a >before; ${line}; echo "status $?"; stty -a | cmp - before && echo as before`;
    const child = spawn('script', ['-qec', script, '/dev/null'], {
      cwd: env['TMPDIR'],
      env: { ...process.env, TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let written = '';
    let isInterrupted = false;
    child.stdout.on('data', (chunk: Buffer) => {
      written += chunk.toString('utf8');
      if (isInterrupted || !interruptAt?.test(written)) return;
      isInterrupted = true;
      child.stdin.write('\x03');
    });
    child.on('error', reject);
    child.on('close', () => resolve({ written, screen: screenOf(written) }));
  });
}

/** The little that a terminal must know to draw a spinner. Anything else stays to be seen. */
function screenOf(written: string): string {
  const rows = [''];
  let row = 0;
  let column = 0;
  for (const [piece, command] of written.matchAll(/\x1b\[[\d;]*([A-Za-z])|\r|\n|[^\x1b\r\n]+/g)) {
    if (command === 'm') continue;
    if (command === 'K') rows[row] = rows[row]!.slice(0, column);
    else if (piece === '\r') column = 0;
    else if (piece === '\n') {
      row += 1;
      rows[row] ??= '';
    } else {
      rows[row] = rows[row]!.padEnd(column).slice(0, column) + piece + rows[row]!.slice(column + piece.length);
      column += piece.length;
      expect(column).toBeLessThan(60 + (piece.includes('/') ? 400 : 0));
    }
  }
  return rows.join('\n').trim().replace(/^\^C/, '');
}

/** A cache with nothing in it, and a folder for temporary files, to see what stays behind. */
function fresh(): { readonly env: Record<string, string>; readonly left: () => string[] } {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'tmp'));
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const env = {
    XDG_CACHE_HOME: join(folder, 'cache'),
    TMPDIR: join(folder, 'tmp'),
    SYSTEMTAP_DEBUGINFO_PATH: `+:/usr/lib/debug:${cache}/stapkit/debug`,
  };
  return { env, left: () => readdirSync(env.TMPDIR).filter((name) => name !== 'before') };
}

const stapLine = (...argv: string[]) => quote([join(root, 'stap'), ...argv]);
const SPINNER = '[⠀-⣿]';

test('the first build of the runtime; after Ctrl-C the next run builds it, and a pipe is told nothing', async () => {
  const line = stapLine('-r', release, '-p4', '-e', 'probe begin { exit() }');
  const { env, left } = fresh();
  const { written, screen } = await atTerminal(line, env, /building[^\x1b]* [1-9]\d? %/);
  expect(written).toMatch(new RegExp(`${SPINNER}\\S* building the runtime for kernel ${release} \\d+ %`));
  expect(screen).toBe('status 130\nas before');
  expect(left()).toEqual([]);
  const piped = await command(['sh', '-c', line], { env });
  expect(piped).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^\S+\.ko\n$/) });
  expect(left()).toEqual([]);
});

test('the index of the debug information; Ctrl-C leaves nothing of it', async () => {
  const line = stapLine(
    '-r',
    release,
    '--debuginfo=dwarf',
    '-p2',
    '-e',
    'probe kernel.function("*@fs/*.c").inline { }',
  );
  const { env, left } = fresh();
  const { written, screen } = await atTerminal(line, env, /indexing[^\x1b]* \d+ %/);
  expect(written).toMatch(new RegExp(`${SPINNER}\\S* indexing the debug information of [^\x1b]+ \\d+ %`));
  expect(screen).toBe('status 130\nas before');
  expect(left()).toEqual([]);
  const cached = existsSync(env['XDG_CACHE_HOME']!)
    ? readdirSync(env['XDG_CACHE_HOME']!, { recursive: true }).map(String)
    : [];
  expect(cached.filter((name) => /index|\.tmp/.test(name) && !name.includes('/btf'))).toEqual([]);
});

test('the boot of a guest; Ctrl-C leaves none', async () => {
  const line = `env -u STAPKIT_GUEST ${stapLine('--vm', '-e', 'probe begin { println("in a guest") exit() }')}`;
  const { env, left } = fresh();
  const { XDG_CACHE_HOME: _fresh, ...here } = env;
  const { written, screen } = await atTerminal(line, here);
  expect(written).toMatch(new RegExp(`${SPINNER}\\S* booting ${release}`));
  expect(screen).toBe('in a guest\nstatus 0\nas before');
  expect(await command(['sh', '-c', line], { env: here })).toMatchObject({
    status: 0,
    stdout: 'in a guest\n',
    stderr: '',
  });
  const interrupted = await atTerminal(line, here, /booting/);
  expect(interrupted.screen).toBe('status 130\nas before');
  expect(left()).toEqual([]);
  // QEMU may take a moment to go.
  const running = () => execFileSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' });
  await vi.waitUntil(() => !running().includes(env['TMPDIR']!), { timeout: 600_000, interval: 100 });
});
