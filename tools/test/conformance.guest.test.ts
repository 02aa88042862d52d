// The conformance suite: every script of `conformance/` is built here and run in the guest.
// STAPKIT_CONFORMANCE=REGEX takes only the cases whose CHAPTER/NAME matches.
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuest, findGuestKernels, type Guest } from '@stapkit/vm';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CaseBuilder, openBuilder } from '../conformance/build-case.js';
import { type Case, readCases } from '../conformance/cases.js';
import type { RunAnswer } from '../conformance/guest-runner.js';
import { root } from './examples.js';

/** Scripts that one process in the guest runs. */
const BATCH = 40;

const folder = mkdtempSync(join(tmpdir(), 'stapkit-conformance-'));
/** All of them take a tenth of it. */
const WHOLE_SECONDS = 3 * 3600;
const cases = readCases(new RegExp(process.env['STAPKIT_CONFORMANCE'] ?? ''));
const built = new Map<string, { path?: string; messages: string }>();
const answers = new Map<string, RunAnswer>();
let guest: Guest;
let builder: CaseBuilder;

beforeAll(async () => {
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  const kernel = (await findGuestKernels({ cacheFolder })).find(({ release }) => release === guest.release)!;
  builder = await openBuilder(kernel, cacheFolder, folder);
  const runner = join(folder, 'runner.cjs');
  await build({
    entryPoints: [join(root, 'tools/conformance/guest-runner.ts')],
    outfile: runner,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    conditions: ['source'],
    logLevel: 'silent',
  });
  // All are built and run here, and judged below. While the guest runs some, the next are built.
  const file = `/tmp/conformance-${process.pid}.jsonl`;
  await guest.writeFile(file, '');
  const run = async (paths: readonly string[]): Promise<void> => {
    await guest.runScript({
      path: runner,
      argv: [file],
      stdin: `${paths.join('\n')}\n`,
      timeoutSeconds: WHOLE_SECONDS,
    });
  };
  let running: Promise<void> = Promise.resolve();
  for (let at = 0; at < cases.length; at += BATCH) {
    const batch = cases.slice(at, at + BATCH);
    for (const one of batch) built.set(one.name, await builder(one));
    await running;
    running = run(batch.map((one) => built.get(one.name)?.path).filter((path) => path !== undefined));
    // Met by whoever waits for it; this only keeps a failure from being called unhandled meanwhile.
    running.catch(() => {});
  }
  await running;
  for (const line of (await guest.readFile(file)).toString('utf8').split('\n')) {
    if (line === '') continue;
    const answer: RunAnswer = JSON.parse(line);
    answers.set(answer.path, answer);
  }
}, WHOLE_SECONDS * 1000);

afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('conformance', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => judge(one));
});

function judge(one: Case): void {
  const module = built.get(one.name)!;
  if (one.fails) {
    expect(module.path, 'a module came of it').toBeUndefined();
    expect(module.messages).toMatch(one.fails);
    return;
  }
  expect(module.path, module.messages).toBeDefined();
  const answer = answers.get(module.path!);
  expect(answer, 'it was not run to its end').toBeDefined();
  expect(answer!.kernelFaults).toEqual([]);
  if (one.stderr.length === 0) expect(answer!.stderr).toBe('');
  for (const pattern of one.stderr) expect(answer!.stderr).toMatch(pattern);
  if (one.expected !== undefined) expect(answer!.stdout).toBe(one.expected);
  if (one.check) {
    const lines = answer!.stdout.replace(/\n$/, '').split('\n');
    const further = lines.splice(one.checkRest ? one.check.length : lines.length);
    expect(lines, answer!.stdout).toHaveLength(one.check.length);
    for (const line of further) expect(line).toMatch(one.checkRest!);
    for (const [index, pattern] of one.check.entries()) expect(lines[index]).toMatch(pattern);
  }
  expect(answer!.status, answer!.stderr).toBe(one.status);
}
