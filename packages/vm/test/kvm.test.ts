import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { faults } from '../src/diagnostics.js';
import { kvmWorks } from '../src/kvm.js';

let cache: string;
let device: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'vm-kvm-'));
  device = join(cache, 'kvm-device');
  await writeFile(device, '');
});
afterEach(() => rm(cache, { recursive: true }));

test('KVM that works is tried once and then relied on', async () => {
  const tryGuest = vi.fn(async () => {});
  expect(await kvmWorks(cache, tryGuest, device)).toBe(true);
  expect(await kvmWorks(cache, tryGuest, device)).toBe(true);
  expect(tryGuest).toHaveBeenCalledTimes(1);
});

test('KVM under which a guest does not boot is tried once and then left alone', async () => {
  const tryGuest = vi.fn(() => Promise.reject(faults.bootTimeout(8, [], 'kvm')));
  expect(await kvmWorks(cache, tryGuest, device)).toBe(false);
  expect(await kvmWorks(cache, tryGuest, device)).toBe(false);
  expect(tryGuest).toHaveBeenCalledTimes(1);
});

test('where there is no KVM nothing is tried, and an answer from before a reboot does not count', async () => {
  const tryGuest = vi.fn(async () => {});
  expect(await kvmWorks(cache, tryGuest, join(cache, 'none'))).toBe(false);
  expect(tryGuest).not.toHaveBeenCalled();
  await kvmWorks(cache, tryGuest, device);
  await writeFile(join(cache, 'vm', 'kvm'), 'another-boot fails\n');
  expect(await kvmWorks(cache, tryGuest, device)).toBe(true);
});

test('an interruption is no answer', async () => {
  await expect(kvmWorks(cache, () => Promise.reject(new Error('interrupted')), device)).rejects.toThrow('interrupted');
  expect(await kvmWorks(cache, async () => {}, device)).toBe(true);
});
