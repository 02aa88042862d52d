// What the guest may have to tell the user, in one place.
import { type Diagnostic, DiagnosticError, systemWords } from '@stapkit/pass';

type Extra = Pick<Diagnostic, 'hints' | 'detail'>;

function fault(code: string, message: string, extra: Extra = {}): DiagnosticError {
  return new DiagnosticError({ code: `vm/${code}`, severity: 'error', class: 'run', message, ...extra });
}

/** The last lines of a console as a diagnostic's detail. */
function consoleDetail(lines: readonly string[]): Extra {
  return lines.length > 0 ? { detail: ["the console's last lines:", ...lines] } : {};
}

export const faults = {
  noQemu: (command: string) =>
    fault('no-qemu', `the embedded guest needs ${command}, which is not installed`, {
      hints: ['stap-prep --vm installs it (Debian package qemu-system-x86)'],
    }),
  noKernel: (release: string | undefined, looked: readonly string[]) =>
    fault(
      'no-kernel',
      release ? `there is no kernel ${release} for the guest to boot` : 'there is no kernel for the guest to boot',
      { hints: ['stap-prep --vm fetches one', `looked in ${looked.join(' and ')}`] },
    ),
  noCompiler: () =>
    fault('no-compiler', "the guest's agent has to be compiled once, and there is no C compiler", {
      hints: ['stap-prep installs one (Debian package gcc)'],
    }),
  agentBuild: (compiler: string, output: readonly string[]) =>
    fault('agent-build', `${compiler} could not compile the guest's agent`, { detail: output }),
  missingModule: (release: string, name: string, folder: string) =>
    fault('missing-module', `kernel ${release} has no module "${name}", which the guest needs`, {
      hints: [`looked below ${folder}`, 'is the kernel package complete?'],
    }),
  unreadable: (path: string, error: unknown) => fault('unreadable', `can't read ${path}: ${errorText(error)}`, {}),
  unwritable: (path: string, error: unknown) => fault('unwritable', `can't write ${path}: ${errorText(error)}`),
  decompress: (path: string, tool: string, error: string) =>
    fault('decompress', `can't decompress ${path} with ${tool}: ${error}`, {
      hints: [`install ${tool === 'xz' ? 'xz-utils' : tool}`],
    }),
  bootFailed: (reason: string, lines: readonly string[]) =>
    fault('boot-failed', `the guest did not boot: ${reason}`, consoleDetail(lines)),
  bootTimeout: (seconds: number, lines: readonly string[], accelerator: 'tcg' | 'kvm') =>
    fault('boot-timeout', `the guest did not boot within ${seconds} s and was ended`, {
      hints: [
        accelerator === 'kvm' ? 'KVM may not work on this machine: try without it' : 'the machine may be too busy',
      ],
      ...consoleDetail(lines),
    }),
  noAnswer: (folder: string, seconds: number, lines: readonly string[]) =>
    fault('no-answer', `the guest in ${folder} did not answer within ${seconds} s`, {
      hints: ['stap vm stop ends it'],
      ...consoleDetail(lines),
    }),
  died: (lines: readonly string[]) =>
    fault(
      'guest-died',
      lines.some((line) => line.includes('Kernel panic')) ? "the guest's kernel has panicked" : 'the guest has ended',
      consoleDetail(lines),
    ),
  hangs: (seconds: number, lines: readonly string[]) =>
    fault('guest-hangs', `the guest gave no sign of life for ${seconds} s and was ended`, consoleDetail(lines)),
  timeLimit: (what: string, seconds: number, lines: readonly string[]) =>
    fault('time-limit', `"${what}" ran for longer than ${seconds} s in the guest and was ended`, consoleDetail(lines)),
  notRunning: (folder: string) =>
    fault('not-running', `no guest is running in ${folder}`, { hints: ['stap vm start starts one'] }),
  alreadyRunning: (folder: string, pid: number) =>
    fault('already-running', `a guest is already running in ${folder} (process ${pid})`, {
      hints: ['stap vm stop ends it'],
    }),
  starting: (folder: string, pid: number) =>
    fault('starting', `process ${pid} is starting a guest in ${folder} right now`, { hints: ['try again soon'] }),
  portsBusy: (folder: string, ports: number) =>
    fault('ports-busy', `all ${ports} ports of the guest in ${folder} are in use`, {
      hints: ['wait for a run to end, or start the guest with more --ports'],
    }),
  protocol: (folder: string, version: number) =>
    fault('protocol', `the guest in ${folder} was started by another version of stapkit (protocol ${version})`, {
      hints: ['stap vm stop, then start it again'],
    }),
  request: (what: string) =>
    fault('request', `can't run ${what} in the guest: its arguments and environment are too large or hold a NUL`),
  cannotRun: (what: string, error: string) => fault('cannot-run', `can't run "${what}" in the guest: ${error}`),
  fileTransfer: (verb: 'read' | 'write', path: string, error: string) =>
    fault('file-transfer', `can't ${verb} ${path} in the guest: ${error}`),
  closed: () => fault('closed', 'the connection to the guest is closed'),
  usage: (message: string, hints: readonly string[] = []) =>
    new DiagnosticError({ code: 'vm/usage', severity: 'error', class: 'usage', message, hints }),
};

/** An error's own words. */
export function errorText(error: unknown): string {
  return systemWords(error);
}
