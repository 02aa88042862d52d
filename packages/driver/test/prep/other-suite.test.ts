// Kernels of other suites: fetched and unpacked, with the machine's own apt left alone.
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticError, quietContext } from '@stapkit/pass';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchKernelPackages, prepCommand } from '../../src/prep/index.js';
import { FakeMachine, RELEASE, recordingIo } from './fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = new FakeMachine({ noLists: true });
});
afterEach(() => rmSync(machine.root, { recursive: true, force: true }));

test('the suite’s newest kernel is fetched with all that building and booting it takes', async () => {
  const { cacheFolder } = machine;
  const kernel = await fetchKernelPackages({ suite: 'bookworm-backports', cacheFolder, machine }, quietContext());
  const headers = join(cacheFolder, 'headers', RELEASE, 'usr/src', `linux-headers-${RELEASE}`);
  expect(kernel).toEqual({ release: RELEASE, buildFolder: headers });
  expect(machine.changes[1]).toBe(`download linux-headers-${RELEASE} linux-headers-6.1.0-56-common linux-kbuild-6.1`);
  expect(existsSync(join(cacheFolder, 'guest', RELEASE, 'boot', `vmlinuz-${RELEASE}`))).toBe(true);
  // Both lead into the unpacked tree, not into the machine's /usr.
  const common = join(cacheFolder, 'headers', RELEASE, 'usr/src/linux-headers-6.1.0-56-common/Makefile');
  expect(readFileSync(join(headers, 'Makefile'), 'utf8')).toBe(`include ${common}\n`);
  expect(realpathSync(join(headers, 'scripts'))).toBe(
    join(realpathSync(cacheFolder), 'headers', RELEASE, 'usr/lib/linux-kbuild-6.1/scripts'),
  );
});

test('a kernel that the suite does not hold is told, with those that it does', async () => {
  const options = { suite: 'sid', release: '9.9.9-amd64', cacheFolder: machine.cacheFolder, machine };
  const failure = await fetchKernelPackages(options, quietContext()).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DiagnosticError);
  expect((failure as DiagnosticError).diagnostics[0]).toMatchObject({
    code: 'prep/no-such-kernel',
    hints: [`they hold: ${RELEASE}, 6.1.0-9-amd64`],
  });
});

test('stap-prep --suite fetches the kernel, then installs what else the guest needs', async () => {
  const io = recordingIo(machine);
  expect(await prepCommand(['--suite', 'bookworm-backports'], io, machine)).toBe(0);
  expect(io.out).toContain(`Scripts run in the embedded guest, kernel ${RELEASE}.`);
  expect(machine.changes.filter((change) => change.startsWith('install'))).toEqual([
    'install gcc-12 make qemu-system-x86 kmod xz-utils util-linux',
  ]);
});
