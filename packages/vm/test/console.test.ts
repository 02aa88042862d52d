import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { consoleTail, lastWords, parseKernelLog, plainLines } from '../src/console.js';

test('escape sequences of the firmware and empty lines are dropped', () => {
  expect(plainLines('\x1bc\x1b[?7l\x1b[2J\x1b[0mBooting..\r\n\r\n[ 1.0] panic\r\n')).toEqual([
    'Booting..',
    '[ 1.0] panic',
  ]);
});

test('the tail of a console is its last lines; of none, nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vm-console-'));
  const path = join(folder, 'console.log');
  await writeFile(path, Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(''));
  expect(consoleTail(path, 2)).toEqual(['line 49998', 'line 49999']);
  expect(consoleTail(join(folder, 'none'), 2)).toEqual([]);
  await rm(folder, { recursive: true });
});

test("a console's last words begin where the kernel got into trouble", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vm-console-'));
  const path = join(folder, 'console.log');
  const lines = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name} ${index}`);
  await writeFile(path, [...lines('boot', 100), ...lines('later', 30)].join('\n'));
  expect(lastWords(path)).toEqual(lines('later', 30).slice(-25));
  const panic = ['[ 9.1] Kernel panic - not syncing: sysrq', ...lines('trace', 40)];
  await writeFile(path, [...lines('boot', 100), ...panic].join('\n'));
  expect(lastWords(path)).toEqual(panic);
  await rm(folder, { recursive: true });
});

test('records of the kernel log give level, time and text', () => {
  const text = '6,339,5140900,-;NET: Registered\n SUBSYSTEM=pci\n12,340,5690716,-;a \\xc3 b\n';
  expect(parseKernelLog(text)).toEqual([
    { level: 6, microseconds: 5140900, text: 'NET: Registered' },
    { level: 4, microseconds: 5690716, text: 'a \u00c3 b' },
  ]);
});
