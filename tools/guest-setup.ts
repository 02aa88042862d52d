// Boots the one guest that all guest tests share, and switches it off at the end. A guest that is kept already, named by
// STAPKIT_GUEST, is used as it is. Afterwards the guest's kernel log is read: a WARNING, BUG, lockdep or RCU-stall line
// fails the whole run.
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectGuest, KERNEL_FAULT, startGuest, stopGuest } from '@stapkit/vm';

export default async function setup(): Promise<() => Promise<void>> {
  const given = process.env['STAPKIT_GUEST'];
  if (given) return () => reportKernelFaults(given);
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-guest-'));
  const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
  const guest = await startGuest({
    cacheFolder,
    folder,
    // Limits that end what hangs: a busy machine may take its time, and the guest's kernel must not take one that stands
    // still for a lockup of its own.
    bootSeconds: 600,
    heartbeatSeconds: 300,
    append: 'rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60',
    agentFolder: fileURLToPath(new URL('../packages/vm/agent', import.meta.url)),
    onStep: (step) => console.log(`guest: ${step}`),
  });
  console.log(`guest: ${guest.release} runs, ready after ${Math.round(guest.bootTimes?.ready ?? 0)} ms`);
  await guest.close();
  process.env['STAPKIT_GUEST'] = folder;
  return async () => {
    try {
      await reportKernelFaults(folder);
    } finally {
      await stopGuest(folder);
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

async function reportKernelFaults(folder: string): Promise<void> {
  const guest = await connectGuest(folder);
  const log = await guest.kernelLog();
  await guest.close();
  const faults = log.filter((line) => KERNEL_FAULT.test(line.text));
  if (faults.length > 0) {
    throw new Error(`the guest's kernel complained:\n${faults.map((line) => line.text).join('\n')}`);
  }
}
