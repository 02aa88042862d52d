import { expect, test } from 'vitest';
import { type QemuPlan, qemuArguments } from '../src/qemu.js';
import { parseQemuVersion, patchesSafely } from '../src/qemu-version.js';

const plan: QemuPlan = {
  accelerator: 'tcg',
  kernel: '/k',
  initramfs: '/i',
  memoryMb: 512,
  cpus: 2,
  parallel: true,
  append: '',
  socketFolder: '/s',
  ports: 2,
  consoleFile: '/c',
  writableFolders: [],
};

function append(changes: Partial<QemuPlan>): string {
  const words = qemuArguments({ ...plan, ...changes });
  return words[words.indexOf('-append') + 1]!;
}

test('an emulated guest is told the clock, one under KVM finds it by itself', () => {
  expect(append({ tscKhz: 2_600_000, timerHz: 250 })).toContain(' tsc_early_khz=2600000 lpj=10400000');
  expect(append({ tscKhz: 2_600_000 })).not.toContain('lpj');
  expect(append({ tscKhz: 2_600_000, accelerator: 'kvm' })).not.toContain('tsc_early_khz');
  expect(append({ tscKhz: 2_600_000, icount: 0 })).toContain('tsc_early_khz=1000000');
});

test("the user's own kernel parameters come last, so that they count", () => {
  expect(append({ append: 'mitigations=auto', tscKhz: 1_000_000 })).toMatch(/ mitigations=auto$/);
});

test('each port is a socket, each shared folder a device, and commas in paths are doubled', () => {
  const words = qemuArguments({ ...plan, socketFolder: '/a,b', writableFolders: ['/w,x'] });
  expect(words).toContain('socket,id=port1,path=/a,,b/1,server=on,wait=off');
  expect(words).toContain('virtserialport,chardev=port1,nr=2,name=stapkit.1');
  expect(words).toContain('local,id=share0,path=/w,,x,security_model=none,multidevs=remap');
  expect(words).toContain('local,id=host,path=/,security_model=none,multidevs=remap,readonly=on');
});

test('emulated CPUs share a thread where QEMU may keep code that the kernel has replaced', () => {
  const accel = (changes: Partial<QemuPlan>): string | undefined => {
    const words = qemuArguments({ ...plan, ...changes });
    return words[words.indexOf('-accel') + 1];
  };
  expect(accel({})).toBe('tcg,thread=multi,tb-size=512');
  expect(accel({ parallel: false })).toBe('tcg,thread=single,tb-size=512');
  expect(accel({ icount: 0 })).toBe('tcg,thread=single,tb-size=512');
  expect(parseQemuVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright')).toBe('7.2.22');
  expect(['5.2.0', '7.2.22', '8.0.5', '8.1.0', '8.2.1', '10.0.2'].map(patchesSafely)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
});
