// stap-prep on machines that lack this and that.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { prepCommand } from '../../src/prep/index.js';
import { Interrupted } from '../../src/process-io.js';
import { VERSION } from '../../src/version.js';
import { FakeMachine, type FakeOptions, RELEASE, recordingIo } from './fake-machine.js';

const machines: FakeMachine[] = [];
afterEach(() => {
  for (const machine of machines.splice(0)) rmSync(machine.root, { recursive: true, force: true });
});

function machineWith(options: FakeOptions = {}): FakeMachine {
  const machine = new FakeMachine(options);
  machines.push(machine);
  return machine;
}

async function stapPrep(machine: FakeMachine, ...argv: string[]) {
  const io = recordingIo(machine);
  const status = await prepCommand(argv, io, machine);
  return { status, out: io.out, err: io.err };
}

const NO_MODULES = { noModules: 'its kernel was built without loadable modules' };

describe('a bare machine that can load modules', () => {
  test('gets headers, compiler, make and kmod, and is ready', async () => {
    const machine = machineWith();
    const { status, out } = await stapPrep(machine);
    expect(status).toBe(0);
    expect(machine.changes).toEqual(['update', `install linux-headers-${RELEASE} gcc make kmod`]);
    expect(out).toContain(`Scripts run on this machine, kernel ${RELEASE}.`);
    expect(out).toContain('Everything required is there.');
  });

  test('is left alone the second time', async () => {
    const machine = machineWith();
    await stapPrep(machine);
    machine.changes.length = 0;
    expect((await stapPrep(machine)).status).toBe(0);
    expect(machine.changes).toEqual([]);
  });

  test('gets debug information when it is asked for', async () => {
    const machine = machineWith();
    await stapPrep(machine);
    machine.changes.length = 0;
    expect((await stapPrep(machine, '--debuginfo')).status).toBe(0);
    expect(machine.changes).toEqual(['update', `install linux-image-${RELEASE}-dbg`]);
  });
});

test('its steps are told line by line with -v in a pipe, and not without', async () => {
  expect((await stapPrep(machineWith())).err).toBe('');
  expect((await stapPrep(machineWith(), '-v')).err).toMatch(
    /^fetching the package lists\ninstalling linux-headers-\S+ gcc/,
  );
});

test('installing is shown on a terminal while it lasts, and leaves no trace of it', async () => {
  const machine = machineWith();
  const io = Object.assign(recordingIo(machine), { stderrIsTerminal: true, stderrColumns: () => 40 });
  // As long as it takes until it is seen.
  const run = machine.run.bind(machine);
  machine.run = async (command, args, options) => {
    const installs = command === 'apt-get' && args.includes('install');
    if (installs) options?.onOutput?.('2 newly installed\nGet:1 a\nUnpacking a\nSetting up a\n');
    if (installs) await vi.waitUntil(() => io.err.includes('installing linux-head'), { timeout: 300_000 });
    return await run(command, args, options);
  };
  expect(await prepCommand([], io, machine)).toBe(0);
  // The long list of packages is cut to the terminal's width.
  expect(io.err).toMatch(/^\r*(?:\S*⠋\S*|-) installing linux-headers-6\.\S*… 50 %/);
  expect(io.err.endsWith('\r\x1b[K')).toBe(true);
  expect(io.err).not.toContain('\n');
});

test('Ctrl-C ends it with the status of a program that SIGINT ended', async () => {
  const machine = machineWith(NO_MODULES);
  const interrupt = new AbortController();
  const io = recordingIo(machine, interrupt.signal);
  const run = machine.run.bind(machine);
  machine.run = async (command, args, options) => {
    if (args.includes('download')) {
      interrupt.abort(new Interrupted('SIGINT'));
      options?.signal?.throwIfAborted();
    }
    return await run(command, args, options);
  };
  expect(await prepCommand([], io, machine)).toBe(130);
  expect(io.err).toContain('stap-prep: interrupted\n');
  expect(existsSync(join(machine.cacheFolder, 'guest', RELEASE))).toBe(false);
});

describe('a bare machine that cannot load modules', () => {
  test('gets the guest’s parts, and a kernel that is unpacked but not installed', async () => {
    const machine = machineWith({ ...NO_MODULES, noLists: true });
    const { status, out, err } = await stapPrep(machine);
    expect(err).toContain('This machine cannot load modules (its kernel was built without loadable modules)');
    expect(status).toBe(0);
    expect(machine.changes).toEqual([
      'update',
      `install linux-headers-${RELEASE} gcc make qemu-system-x86 kmod xz-utils util-linux`,
      `download linux-image-${RELEASE}`,
      `unpack linux-image-${RELEASE}_1.0_amd64.deb`,
    ]);
    expect(out).toContain(`Scripts run in the embedded guest, kernel ${RELEASE}.`);
    expect(existsSync(join(machine.cacheFolder, 'guest', RELEASE, 'boot', `vmlinuz-${RELEASE}`))).toBe(true);
    expect(existsSync(join(machine.cacheFolder, 'guest', RELEASE, 'lib/modules', RELEASE, 'kernel'))).toBe(true);
  });

  test('keeps nothing of a kernel that could not be unpacked', async () => {
    const machine = machineWith({ ...NO_MODULES, unpackingFails: true });
    const { status, err } = await stapPrep(machine);
    expect(status).toBe(1);
    expect(err).toContain('No space left on device');
    expect(readdirSync(join(machine.cacheFolder, 'guest'))).toEqual([]);
  });

  test('prepares for its own kernel all the same with --host', async () => {
    const machine = machineWith(NO_MODULES);
    expect((await stapPrep(machine, '--host')).status).toBe(0);
    expect(machine.changes).toEqual(['update', `install linux-headers-${RELEASE} gcc make kmod`]);
  });
});

test('Ctrl-C lets the package manager finish, and nothing is begun after that', async () => {
  const machine = machineWith(NO_MODULES);
  const controller = new AbortController();
  const run = machine.run.bind(machine);
  machine.run = async (command, args, options) => {
    if (args.includes('install')) {
      expect(options?.signal).toBeUndefined();
      controller.abort(new Error('interrupted'));
    }
    return run(command, args, options);
  };
  const io = recordingIo(machine, controller.signal);
  expect(await prepCommand([], io, machine)).toBe(1);
  expect(io.err).toContain('stopping once the packages are installed');
  expect(io.err).toContain('stap-prep: interrupted');
  expect(machine.changes.at(-1)).toContain(`install linux-headers-${RELEASE}`);
});

describe('without the rights to install', () => {
  test('the exact commands are printed and the status is 1', async () => {
    const machine = machineWith({ mayInstall: false });
    const { status, out } = await stapPrep(machine);
    expect(status).toBe(1);
    expect(machine.changes).toEqual([]);
    expect(out).toContain('Please run as root:\n  apt-get update\n  apt-get install --no-install-recommends');
    expect(out).toContain(`linux-headers-${RELEASE} gcc make kmod\n`);
  });

  test('the guest’s kernel is fetched: that needs none', async () => {
    const machine = machineWith({ mayInstall: false, ...NO_MODULES });
    const { status } = await stapPrep(machine);
    expect(status).toBe(1);
    expect(machine.changes[0]).toBe(`download linux-image-${RELEASE}`);
  });

  test('dnf’s commands are printed on Fedora', async () => {
    const machine = machineWith({ packageManager: 'dnf' });
    const { status, out } = await stapPrep(machine, '--debuginfo', '--kernel', '6.10.3-200.fc40.x86_64');
    expect(status).toBe(1);
    expect(out).toContain('  dnf install kernel-devel-6.10.3-200.fc40.x86_64 gcc make kmod\n');
    expect(out).toContain('  dnf debuginfo-install kernel-6.10.3-200.fc40.x86_64\n');
  });

  test('other systems are told what is missing', async () => {
    const { status, out } = await stapPrep(machineWith({ packageManager: 'none' }));
    expect(status).toBe(1);
    expect(out).toContain(`MISSING   headers of kernel ${RELEASE}`);
    expect(out).toContain('stap-prep knows only apt and dnf');
  });
});

describe('--check', () => {
  test('changes nothing, and its status says what is missing', async () => {
    const machine = machineWith(NO_MODULES);
    const { status, out } = await stapPrep(machine, '--check');
    expect(status).toBe(1);
    expect(machine.changes).toEqual([]);
    expect(out).toContain('MISSING   QEMU');
    await stapPrep(machine);
    expect((await stapPrep(machine, '--check')).status).toBe(0);
  });

  test('reports as JSON', async () => {
    const machine = machineWith(NO_MODULES);
    const report = JSON.parse((await stapPrep(machine, '--check', '--json')).out);
    expect(report).toMatchObject({ kind: 'preparation-report', mode: 'vm', release: RELEASE, ready: false });
    expect(report.commands).toContain(`apt-get download linux-image-${RELEASE}`);
  });
});

test.each(['-V', '--version'])('%s says which stap-prep this is, and looks at no machine', async (option) => {
  const machine = machineWith();
  const out = `stapkit machine preparation (version ${VERSION})\nThis is free software; MIT license.\n`;
  expect(await stapPrep(machine, option)).toEqual({ status: 0, out, err: '' });
  expect(machine.changes).toEqual([]);
});

describe('a mistake', () => {
  test('in the kernel’s name is answered with those that there are', async () => {
    const machine = machineWith();
    const { status, err } = await stapPrep(machine, '6.1.0-99-amd64');
    expect(status).toBe(1);
    expect(err).toContain("no package of this system's suites holds the headers of kernel 6.1.0-99-amd64");
    expect(err).toContain(`they hold: ${RELEASE}, 6.1.0-9-amd64`);
    expect(machine.changes).toEqual(['update']);
  });

  test.each([
    [['--foo'], "unrecognized option '--foo'\nTry 'stap-prep --help'"],
    [['--chek'], "unrecognized option '--chek'\ndid you mean --check?"],
    [['--suite'], "option '--suite' requires an argument"],
    [['-J'], "unrecognized option '-J'\nTry 'stap-prep --help'"],
    [['--host', '--vm'], '--host and --vm exclude each other'],
    [['6.1.0-1-amd64', '6.1.0-2-amd64'], 'one kernel at a time'],
    [['rm -rf'], '"rm -rf" is not a kernel release'],
  ])('in the arguments %j is told', async (argv, message) => {
    const { status, err } = await stapPrep(machineWith(), ...argv);
    expect(status).toBe(1);
    expect(err).toContain(`stap-prep: ${message}`);
    expect(err).not.toContain('    at ');
  });

  test('of a folder for manual pages is told', async () => {
    const machine = machineWith();
    const file = join(machine.root, 'file');
    writeFileSync(file, '');
    expect(await stapPrep(machine, '--manual', file)).toEqual({
      status: 1,
      out: '',
      err: `stap-prep: cannot write manual pages below ${file}: not a directory\n`,
    });
    expect(await stapPrep(machine, '--manual', '')).toMatchObject({ status: 1, out: '' });
  });

  test('of a cache folder that is a file is told', async () => {
    const machine = machineWith(NO_MODULES);
    writeFileSync(machine.cacheFolder, '');
    const { status, err } = await stapPrep(machine);
    expect(status).toBe(1);
    expect(err).toContain(`cannot write ${join(machine.cacheFolder, 'guest', RELEASE)}`);
  });
});
