// Children: what they say, and that none outlives an abort.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { childTimes, runTool } from '../src/run-tool.js';

test('a tool’s output, error text and status come back', async () => {
  const result = await runTool('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'hello' });
  expect(result).toMatchObject({ code: 3, stdout: 'hello', stderr: 'oops\n', missing: false });
});

test('a tool that is not there is a result, not an exception', async () => {
  expect(await runTool('no-such-tool-here', [])).toMatchObject({ code: 127, missing: true });
});

test('an abort kills the tool’s children with it', async () => {
  const controller = new AbortController();
  const pids: number[] = [];
  const run = runTool('sh', ['-c', 'sleep 100 & echo $!; wait'], {
    signal: controller.signal,
    onOutput: (text) => {
      pids.push(Number(text));
      controller.abort(new Error('stop'));
    },
  });
  await expect(run).rejects.toThrow('stop');
  expect(pids).toHaveLength(1);
  // It has been sent SIGKILL, and is gone as soon as it has its turn.
  while (isRunning(pids[0]!)) await sleep(10);
});

test('the time that children took is told', async () => {
  const before = childTimes();
  await runTool('sh', ['-c', 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done']);
  expect(childTimes().user + childTimes().system).toBeGreaterThan(before.user + before.system);
});

/** False also for a zombie that nobody has waited for yet. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}
