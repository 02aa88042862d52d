import { expect, test } from 'vitest';
import { type QemuPlan, qemuArguments } from '../src/qemu.js';

const plan: QemuPlan = {
  accelerator: 'tcg',
  kernel: '/k',
  initramfs: '/i',
  memoryMb: 512,
  cpus: 2,
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
