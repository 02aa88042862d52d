// Modules that the fast path built, loaded into a real kernel.

import { quietContext } from '@stapkit/pass';
import { connectGuest, type Guest } from '@stapkit/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BuildOptions, buildModule, findKernelBuild, type KernelBuild } from '../src/index.js';
import { greeting, moduleOf, standInRuntime, temporaryFolder } from './support.js';

let guest: Guest;
let kernel: KernelBuild;
let options: BuildOptions;

beforeAll(async () => {
  guest = await connectGuest(process.env.STAPKIT_GUEST!);
  const { value } = await findKernelBuild(guest.release);
  if (!value) throw new Error(`the headers of the guest's kernel ${guest.release} are missing`);
  kernel = value;
  options = { kernel, runtimeFolder: standInRuntime, cacheFolder: temporaryFolder() };
});

afterAll(() => guest?.close());

/** Loads a module, unloads it, and gives what it and the kernel said about it. */
async function loadAndUnload(path: string, name: string): Promise<string> {
  let output = '';
  const take = (chunk: Uint8Array): void => {
    output += Buffer.from(chunk).toString('latin1');
  };
  const script = 'echo "<5>mark $2" > /dev/kmsg; insmod "$1" && rmmod "$2"; dmesg | sed "1,/mark $2/d"';
  await guest.exec({ argv: ['sh', '-c', script, 'sh', path, name], onStdout: take, onStderr: take });
  return output;
}

test('a module under its cache name and under a name of its own runs in the kernel', async () => {
  const module = moduleOf(kernel, greeting('hello'));
  const cached = await buildModule(module, options, quietContext());
  expect(await loadAndUnload(cached.value!.path, cached.value!.name)).toContain(`${cached.value!.name} says hello`);
  const outputFolder = temporaryFolder();
  const named = await buildModule(module, { ...options, name: 'kbuild_named', outputFolder }, quietContext());
  const output = await loadAndUnload(named.value!.path, 'kbuild_named');
  expect(output).toContain('kbuild_named says hello');
  expect(output).toContain('kbuild_named says goodbye');
});

test('embedded C with kernel headers runs, with every symbol’s version checked', async () => {
  const unit = {
    name: 'unit_0',
    source:
      '#include <linux/jiffies.h>\nint unit(void);\nint unit(void) { return jiffies_to_msecs(jiffies) ? 0 : -1; }\n',
  };
  const source =
    '#include "stapkit_abi.h"\nint unit(void);\nint script_start(void) { runtime_say("unit"); return unit(); }\n';
  const { value } = await buildModule(moduleOf(kernel, source, { units: [unit] }), options, quietContext());
  const output = await loadAndUnload(value!.path, value!.name);
  expect(output).toContain('says unit');
  expect(output).not.toMatch(/no symbol version|disagrees about version/);
});
