import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Monitor, type MonitorTerminal } from '../../src/monitor/monitor.js';
import { type MonitorSource, type MonitorStatus, moduleStatus, parseStatus } from '../../src/monitor/status.js';

/** A terminal in memory: it keeps the rows that were drawn last, and sends keys. */
class FakeTerminal implements MonitorTerminal {
  columns = 90;
  rows = 16;
  written = '';
  closed = false;
  #key: (key: string) => void = () => {};

  write(text: string): void {
    this.written += text;
  }

  onKey(act: (key: string) => void): void {
    this.#key = act;
  }

  onResize(): void {}

  close(): void {
    this.closed = true;
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#key(key);
    // What a key sets off is done when all that waits in the queue of promises has run.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The screen as it stands. */
  screen(): string[] {
    const last = this.written.slice(this.written.lastIndexOf('\x1b[H') + 3);
    return last.replaceAll('\x1b[K', '').split('\r\n');
  }
}

const descriptions = ['kernel.function("vfs_read")', 'timer.s(1)', 'begin'].map((name, id) => ({
  id,
  name,
  written: name,
  place: `x.stp:${id + 1}:1`,
  family: 'kprobe',
}));

const status: MonitorStatus = {
  probes: [
    { id: 0, on: true, hits: 5, min: 10, average: 20, max: 90 },
    { id: 1, on: false, hits: 70, min: 1, average: 2, max: 3 },
    { id: 2, on: true, hits: 1, min: 7, average: 7, max: 7 },
  ],
  globals: [
    { name: 'count', keys: [], value: '42' },
    { name: 'seen', keys: ['bash', '3'], value: 'yes' },
  ],
};

async function monitorOf(read: () => MonitorStatus = () => status) {
  const terminal = new FakeTerminal();
  const commands: string[] = [];
  const source: MonitorSource = {
    read: async () => read(),
    command: async (text) => void commands.push(text),
  };
  let interrupts = 0;
  const monitor = new Monitor({
    terminal,
    interval: 3600,
    interrupt: () => {
      interrupts += 1;
    },
    memory: async () => '96 kB',
  });
  onTestFinished(() => monitor.close());
  monitor.start('stap_x', descriptions, source);
  await monitor.look();
  return { terminal, commands, monitor, interrupts: () => interrupts };
}

test('shows uptime, module, user, memory, globals and probes with their cost', async () => {
  const { terminal, monitor } = await monitorOf();
  await monitor.look();
  const screen = terminal.screen();
  expect(screen).toHaveLength(16);
  expect(screen[0]).toMatch(/^up 00:00:0\d {2}module stap_x {2}user \S+ \(\d+\) {2}memory 96 kB$/);
  expect(screen.slice(1, 4)).toEqual(['globals:', '  count: 42', '  seen[bash, 3]: yes']);
  expect(screen[6]).toBe('      0        on         5        10        20        90  kernel.function("vfs_read")');
  expect(screen[7]).toBe('      1       off        70         1         2         3  timer.s(1)');
});

test('s sorts by the next column, the largest first', async () => {
  const { terminal } = await monitorOf();
  await terminal.press('s');
  const rows = terminal.screen().filter((row) => /\b(on|off)\b/.test(row));
  expect(rows.map((row) => row.trim()[0])).toEqual(['1', '0', '2']);
  expect(terminal.screen().some((row) => row === 'probes, by hits:')).toBe(true);
});

test('t asks for an index and switches that probe', async () => {
  const { terminal, commands } = await monitorOf();
  await terminal.press('t', '1');
  expect(terminal.screen().at(-1)).toBe('index of the probe to switch, then Enter: 1');
  await terminal.press('return');
  await terminal.press('t', '0', 'return');
  await terminal.press('t', '9', 'return');
  expect(terminal.screen().at(-1)).toBe('there is no probe 9');
  await terminal.press('t', '9', 'escape');
  await terminal.press('t', 'return');
  expect(commands).toEqual(['on 1', 'off 0']);
});

test('r, p and c resume, pause and reset', async () => {
  const { terminal, commands } = await monitorOf();
  await terminal.press('p', 'r', 'c');
  expect(commands).toEqual(['off', 'on', 'reset']);
});

test('x hides the status and leaves all rows to the output', async () => {
  const { terminal, monitor } = await monitorOf();
  monitor.output(Buffer.from('one\ntwo\nunfinished'));
  await terminal.press('x');
  expect(terminal.screen().slice(0, 3)).toEqual(['one', 'two', 'unfinished']);
  await terminal.press('x');
  expect(terminal.screen()[0]).toContain('module stap_x');
});

test('Tab chooses the window that the arrows scroll; new output leaves what is read in its place', async () => {
  const { terminal, monitor } = await monitorOf();
  monitor.output(Buffer.from(Array.from({ length: 50 }, (_, index) => `line ${index}\n`).join('')));
  monitor.draw();
  expect(terminal.screen().at(-2)).toBe('line 49');
  await terminal.press('tab', 'up', 'up');
  expect(terminal.screen().at(-2)).toBe('line 47');
  monitor.output(Buffer.from('line 50\n'));
  monitor.draw();
  expect(terminal.screen().at(-2)).toBe('line 47');
  await terminal.press('end');
  expect(terminal.screen().at(-2)).toBe('line 50');
  await terminal.press('home');
  expect(terminal.screen().some((row) => row === 'line 0')).toBe(true);
});

test('the status scrolls where it does not fit', async () => {
  const { terminal } = await monitorOf(() => ({
    probes: Array.from({ length: 40 }, (_, id) => ({ id, on: true, hits: 0, min: 0, average: 0, max: 0 })),
    globals: [],
  }));
  await terminal.press('end');
  expect(terminal.screen().some((row) => row.includes('probe 39'))).toBe(true);
  await terminal.press('home', 'down');
  expect(terminal.screen()[0]).toBe('probes, by index:');
});

test('q and Ctrl-C end the run; at the end the last output stays on the terminal', async () => {
  const { terminal, monitor, interrupts } = await monitorOf();
  await terminal.press('q', 'ctrl+c');
  expect(interrupts()).toBe(2);
  monitor.output(Buffer.from('the end\n'));
  monitor.close();
  expect(terminal.written.endsWith('\x1b[?1049lthe end\n')).toBe(true);
  expect(terminal.closed).toBe(true);
});

test('nothing that a script prints moves the cursor or breaks a row', async () => {
  const { terminal, monitor } = await monitorOf();
  monitor.output(Buffer.from(`\x1b[2Jred\tand ${'x'.repeat(200)}\n`));
  monitor.draw();
  const row = terminal.screen().find((each) => each.includes('red'))!;
  expect(row.startsWith('[2Jred  and xxx')).toBe(true);
  expect(row).toHaveLength(90);
});

test('rows of a module are read with whatever text their values hold', () => {
  const row = (...fields: readonly (string | number)[]): string => `${fields.join('\x1f')}\x1e`;
  const text =
    row('probe', 3, 0, 7, 1, 2, 3) + row('global', 's', 'two\nlines\tand tabs') + row('global', 'a', 'k', 5, '');
  expect(parseStatus(text)).toEqual({
    probes: [{ id: 3, on: false, hits: 7, min: 1, average: 2, max: 3 }],
    globals: [
      { name: 's', keys: [], value: 'two\nlines\tand tabs' },
      { name: 'a', keys: ['k', '5'], value: '' },
    ],
  });
});

test('the files of a module are read in the order of their numbers, and commands written to their own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const index of [0, 2, 10]) writeFileSync(join(folder, `__monitor_${index}`), `probe\x1f${index}\x1f1\x1e`);
  writeFileSync(join(folder, '__monitor'), '');
  writeFileSync(join(folder, 'of-the-script'), 'probe\x1f99\x1e');
  const source = moduleStatus('x', folder);
  expect((await source.read()).probes.map(({ id }) => id)).toEqual([0, 2, 10]);
  await source.command('off 3');
  expect(readFileSync(join(folder, '__monitor'), 'utf8')).toBe('off 3');
});
