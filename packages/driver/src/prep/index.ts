// stap-prep: what a machine lacks for running scripts, and how it gets that. As a library and as a command.
export {
  checkPreparation,
  type PreparationOptions,
  type PreparationReport,
  type Requirement,
} from './check.js';
export { chooseGuestRelease, fetchGuestKernel } from './guest-kernel.js';
export { type Machine, thisMachine } from './machine.js';
export { fetchKernelPackages, type OtherKernel, type OtherKernelOptions } from './other-suite.js';
export { prepCommand } from './prep-command.js';
export { preparationCommands, prepare } from './prepare.js';
