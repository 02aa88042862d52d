// The part of the bundle that is read when there is something to run: all passes.
export { runStap } from '../run-stap.js';
export { runCompletion, runVm } from '../run-vm.js';
