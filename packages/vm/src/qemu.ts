// QEMU's command line for a guest.
import { join } from 'node:path';

export type Accelerator = 'tcg' | 'kvm';

/** What a guest is made of. */
export interface QemuPlan {
  readonly accelerator: Accelerator;
  readonly kernel: string;
  readonly initramfs: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** A thread for each emulated CPU; see `patchesSafely`. */
  readonly parallel: boolean;
  /** More words for the kernel's command line. */
  readonly append: string;
  /** Of the host's time stamp counter, for a guest that is emulated. */
  readonly tscKhz?: number;
  /** CONFIG_HZ of the guest's kernel, where it is known: it saves the kernel from counting delay loops. */
  readonly timerHz?: number;
  /** Guest time counts instructions, one a nanosecond shifted left by this: repeatable costs, one CPU at a time. */
  readonly icount?: number;
  /** The folder that the sockets `0` … `ports - 1` are made in; its path must be short (sockaddr_un holds 107 bytes). */
  readonly socketFolder: string;
  readonly ports: number;
  readonly consoleFile: string;
  /** Host folders that the guest may write to. */
  readonly writableFolders: readonly string[];
}

/**
 * Kernel parameters. `panic=-1` with QEMU's -no-reboot makes a panic end QEMU at once; `mitigations=off` and `nokaslr`
 * save time and make addresses repeat; RCU's expedited mode saves milliseconds on each probe that comes or goes. A timer
 * check fails on a busy host. Of 2.2 billion instructions that Debian's 6.1 boots with, the self-tests of its ciphers are
 * 0.9 and ACPI's routing of PCI interrupts, which virtio does not use, 0.25.
 */
const KERNEL_PARAMETERS =
  'console=ttyS0 panic=-1 quiet mitigations=off nokaslr tsc=reliable no_timer_check rcupdate.rcu_expedited=1 ' +
  'random.trust_cpu=on cryptomgr.notests pci=noacpi';

/** The words after `qemu-system-x86_64`. */
export function qemuArguments(plan: QemuPlan): string[] {
  const words = [
    // QEMU's microvm boots a second faster, but its only clock is a TSC that the kernel calibrates against a timer which a
    // busy host emulates too late: every few boots it then hangs without a word.
    ...['-machine', 'pc'],
    ...['-accel', plan.accelerator === 'kvm' ? 'kvm' : tcg(plan)],
    ...(plan.icount === undefined ? [] : ['-icount', `shift=${plan.icount}`]),
    ...['-cpu', 'max', '-smp', String(plan.cpus), '-m', String(plan.memoryMb)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', plan.kernel, '-initrd', plan.initramfs],
    ...['-append', [KERNEL_PARAMETERS, ...clockParameters(plan), plan.append].join(' ').trim()],
    ...['-chardev', `file,id=console,path=${option(plan.consoleFile)}`, '-serial', 'chardev:console'],
  ];
  const share = (tag: string, path: string, readonly: boolean): void => {
    const access = readonly ? ',readonly=on' : '';
    words.push('-fsdev', `local,id=${tag},path=${option(path)},security_model=none,multidevs=remap${access}`);
    words.push('-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`);
  };
  share('host', '/', true);
  plan.writableFolders.forEach((folder, index) => {
    share(`share${index}`, folder, false);
  });
  // Port 0 of the bus is the virtual console's, so ports count from 1.
  words.push('-device', `virtio-serial-pci,max_ports=${plan.ports + 1}`);
  for (let port = 0; port < plan.ports; port++) {
    const path = option(join(plan.socketFolder, String(port)));
    words.push('-chardev', `socket,id=port${port},path=${path},server=on,wait=off`);
    words.push('-device', `virtserialport,chardev=port${port},nr=${port + 1},name=stapkit.${port}`);
  }
  return words;
}

/**
 * What the guest's kernel must know of its clock (`tsc_early_khz`; Debian's 5.10 and later know it). Another kernel ignores
 * it and measures, which may go wrong on a busy host.
 */
function clockParameters(plan: QemuPlan): string[] {
  if (plan.accelerator === 'kvm') return [];
  // With -icount the counter is QEMU's virtual clock, in nanoseconds.
  const khz = plan.icount === undefined ? plan.tscKhz : 1_000_000;
  if (khz === undefined) return [];
  const loops = plan.timerHz === undefined ? [] : [`lpj=${Math.round((khz * 1000) / plan.timerHz)}`];
  return [`tsc_early_khz=${khz}`, ...loops];
}

function tcg(plan: QemuPlan): string {
  // Counting instructions needs one thread for all CPUs (QEMU's replay documentation).
  return `tcg,thread=${plan.parallel && plan.icount === undefined ? 'multi' : 'single'},tb-size=512`;
}

/** A comma inside a value of QEMU's options is written twice. */
function option(value: string): string {
  return value.replaceAll(',', ',,');
}
