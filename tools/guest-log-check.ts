// After each guest test the guest's kernel log is read: a line that says that the kernel is in trouble fails that test. At
// the end of each file no module of ours may be loaded.
// The conformance suite runs all its scripts before its first test and looks at the log after each of them by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectGuest, type Guest, KERNEL_FAULT } from '@stapkit/vm';
import { afterAll, afterEach, beforeAll } from 'vitest';

let guest: Guest;
let seen = 0;

beforeAll(async () => {
  guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  await newFaults();
});

afterEach(async ({ task }) => {
  if (task.file.name.endsWith('conformance.guest.test.ts')) return;
  const faults = await newFaults();
  if (faults.length > 0) throw new Error(`the guest's kernel complained:\n${faults.join('\n')}`);
});

// Modules of stapkit's are out of the kernel's tree: one that a file leaves behind is its own, whatever was killed there.
// A module whose reader was killed goes by itself, which may take a moment.
afterAll(async () => {
  if (!guest) return;
  try {
    let left = await ownModules();
    for (let tries = 0; left.length > 0 && tries < 1200; tries++) {
      await sleep(100);
      left = await ownModules();
    }
    if (left.length > 0) throw new Error(`modules were left behind:\n${left.join('\n')}`);
  } finally {
    await guest.close();
  }
});

async function ownModules(): Promise<string[]> {
  const { stdout } = await guest.capture({ argv: ['cat', '/proc/modules'] });
  return stdout
    .toString()
    .split('\n')
    .filter((line) => /\([A-Z]*O[A-Z]*\)$/.test(line));
}

async function newFaults(): Promise<string[]> {
  const log = await guest.kernelLog();
  const fresh = log.filter((line) => line.microseconds > seen);
  seen = log.at(-1)?.microseconds ?? seen;
  return fresh.map((line) => line.text).filter((text) => KERNEL_FAULT.test(text));
}
