// After each guest test the guest's kernel log is read: a line that says that the kernel is in trouble fails that test.
// The conformance suite runs all its scripts before its first test and looks at the log after each of them by itself.
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

afterAll(async () => {
  await guest?.close();
});

async function newFaults(): Promise<string[]> {
  const log = await guest.kernelLog();
  const fresh = log.filter((line) => line.microseconds > seen);
  seen = log.at(-1)?.microseconds ?? seen;
  return fresh.map((line) => line.text).filter((text) => KERNEL_FAULT.test(text));
}
