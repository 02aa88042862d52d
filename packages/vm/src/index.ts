// @stapkit/vm: the embedded guest. It boots a stock distribution kernel under QEMU with the host's files, read-only
// under a memory overlay, and runs commands and Node programs in it. It knows nothing of scripts, passes or modules.
export type {
  ExecOptions,
  ExecResult,
  GuestProcess,
  OutputSink,
  RunOptions,
  RunScriptOptions,
} from './agent-connection.js';
export { type CliIo, vmCommand } from './cli.js';
export { KERNEL_FAULT, type KernelLogLine } from './console.js';
export {
  type BootTimes,
  type ConnectOptions,
  connectGuest,
  type Guest,
  type GuestOptions,
  type ListedGuest,
  listGuests,
  startGuest,
  stopGuest,
} from './guest.js';
export { type GuestState, guestsFolder } from './guest-folder.js';
export {
  type FindGuestKernelsOptions,
  findGuestKernels,
  type GuestKernel,
  guestKernelFolder,
} from './guest-kernels.js';
export type { Accelerator } from './qemu.js';
