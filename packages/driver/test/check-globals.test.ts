// What -G may set, told after pass 2: no kernel is needed for it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

const SCRIPT = `
global count = 1, title = "", names, times, unused = 3
private global hidden = 2
probe begin { println(count, title, hidden) names[1] = "x" times <<< 1 }
`;

/** A kernel that modules can be built for. */
const release = readdirSync('/lib/modules').find((name) => existsSync(join('/lib/modules', name, 'build')))!;
const build = (...argv: string[]) => stap(['-r', release, ...argv], { cwd: scratchFolder() });

/** Elaborates the script with some globals set. */
const set = (settings: readonly string[], ...more: string[]) =>
  build(...settings.flatMap((one) => ['-G', one]), '-p2', ...more, '-e', SCRIPT);

const FAILED = 'Pass 2: analysis failed.  [man error::pass2]\n';

test('what can be set goes on', async () => {
  expect(await set(['count=-7', 'title=a "text"', 'hidden=0x10', 'MAXACTION=10'])).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test('each global that cannot be set is told with why, and what can', async () => {
  const ended = await set(['cuont=1', 'names=x', 'times=1', 'title=longer than that', 'count=ten'], '-DMAXSTRINGLEN=8');
  expect(ended.status).toBe(1);
  expect(ended.stderr).toBe(
    [
      `ERROR: can't set "cuont": the script has no such global variable (-G)`,
      '  hint: did you mean count?',
      '  hint: its globals that can be set: count, title, hidden',
      `ERROR: can't set "names": it is an array; numbers and strings can be set (-G)`,
      '  hint: its globals that can be set: count, title, hidden',
      `ERROR: can't set "times": it is a statistic; numbers and strings can be set (-G)`,
      '  hint: its globals that can be set: count, title, hidden',
      `ERROR: can't set "title" to 16 bytes: a string holds 7 at most (-G)`,
      '  hint: -DMAXSTRINGLEN=17 makes room when the module is made, MAXSTRINGLEN=17 when it is loaded',
      `ERROR: can't set "count" to "ten": it holds a number of 64 bits (-G)`,
      '  hint: numbers are written as 10, -10, 0x1f or, octal, 017',
      FAILED,
    ].join('\n'),
  );
  // Room that is made when the module is loaded counts; a script that was elaborated before is held to the same.
  expect(await set(['title=longer than that', 'MAXSTRINGLEN=32'], '-DMAXSTRINGLEN=8')).toMatchObject({ status: 0 });
  const emitted = join(scratchFolder(), 'set.json');
  expect(await set([], '--emit', emitted)).toMatchObject({ status: 0, stderr: '' });
  const resumed = await build('-p3', '--from', emitted, '-G', 'cuont=1');
  expect(resumed).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('did you mean count?') });
});

test('what has no effect is warned of: a global that nothing uses, and any with -p4', async () => {
  const warning = 'setting "unused" has no effect: nothing in the script uses it (-G)\n';
  expect(await set(['unused=1'])).toMatchObject({ status: 0, stderr: `WARNING: ${warning}` });
  expect(await set(['unused=1'], '-w')).toMatchObject({ status: 0, stderr: '' });
  expect(await set(['unused=1'], '-W')).toMatchObject({ status: 1, stdout: '', stderr: `ERROR: ${warning}${FAILED}` });
  const built = await build('-G', 'count=5', '-p4', '-e', SCRIPT);
  expect(built).toMatchObject({
    status: 0,
    stderr:
      'WARNING: -G has no effect with -p4: globals are set when the module is loaded\n' +
      '  hint: give them to staprun: staprun MODULE.ko count=5\n',
  });
});
