// Everything staprun has to say to the user's or the machine's fault, in one place.
import type { Diagnostic } from '@stapkit/pass';

/** Makes a run-time error. */
function runError(code: string, message: string, more: Partial<Diagnostic> = {}): Diagnostic {
  return { code: `staprun/${code}`, severity: 'error', class: 'run', message, ...more };
}

/** Makes an error in the command line. */
export function usageError(code: string, message: string, hints: readonly string[] = []): Diagnostic {
  return { code: `staprun/${code}`, severity: 'error', class: 'usage', message, hints };
}

/** The module was made for a kernel of another release. */
export function otherRelease(name: string, theirs: string, ours: string, detail: readonly string[] = []): Diagnostic {
  return runError(
    'module-refused',
    `couldn't insert module '${name}': it was built for the kernel ${theirs}, this one is ${ours}`,
    { hints: [`build it for this kernel: stap -r ${ours} -m ${name} -p4 SCRIPT`], detail },
  );
}

/** @param here how to name a file of the current folder, where that may have been meant */
export function noModuleFile(path: string, reason: string, here?: string): Diagnostic {
  return runError('no-module-file', `unable to read the module "${path}": ${reason}`, {
    ...(here === undefined ? {} : { hints: [`for the file in this folder: staprun ${here}`] }),
  });
}

export function notAName(given: string): Diagnostic {
  return runError('bad-name', `"${given}" is not the name of a loaded module`, {
    hints: ['`lsmod` lists the modules that are loaded'],
  });
}

export function notAModule(path: string): Diagnostic {
  return runError('not-a-module', `"${path}" is not a kernel module`, {
    hints: ['give a .ko file that `stap -p4 -m NAME …` has made'],
  });
}

export function noLoader(): Diagnostic {
  return runError('no-loader', 'found no insmod to load the module with', {
    hints: ['install the package kmod, or busybox'],
  });
}

/** The kernel takes no parameter of such a length. */
export function tooMuchSet(length: number, most: number): Diagnostic {
  return usageError(
    'bad-setting',
    `what is to be set takes ${length} bytes; the kernel takes ${most} when it loads a module`,
  );
}

/** The buffers are larger than the memory. */
export function notEnoughMemory(wanted: number, count: number, available: number): Diagnostic {
  return runError(
    'no-memory',
    `the buffers of ${count} CPUs take ${wanted} megabytes; this machine has ${available} available`,
    { hints: ['make them smaller: staprun -b MEGABYTES, stap -s MEGABYTES'] },
  );
}

/** What a refusal to load was about: the kernel's error code, as far as insmod's words tell it. */
export type RefusalReason =
  | 'format'
  | 'unknown-symbol'
  | 'exists'
  | 'permission'
  | 'signature'
  | 'parameter'
  | 'memory'
  | 'other';

/**
 * The kernel refused a module.
 *
 * @param words insmod's own words
 * @param log what the kernel logged about it
 */
export function moduleRefused(
  name: string,
  reason: RefusalReason,
  words: string,
  log: readonly string[],
  facts: {
    readonly vermagic?: string;
    readonly runningRelease: string;
    readonly lockdown?: string;
    /** True where /proc/sys/kernel/modules_disabled says so. */
    readonly modulesDisabled?: boolean;
    /** True where a signature is appended to the module. */
    readonly signed?: boolean;
  },
): Diagnostic {
  const hints: string[] = [];
  const howToSign = facts.signed
    ? 'the module is signed, but not with such a key, or it was changed since: enrol the certificate that it was signed with (mokutil --import CERTIFICATE) and boot anew'
    : `sign it with a key that is enrolled (mokutil --import): stap --sign-module=KEY,CERTIFICATE -m ${name} -p4 SCRIPT`;
  let message = `couldn't insert module '${name}': ${words}`;
  const release = facts.vermagic?.split(' ')[0];
  if (release && release !== facts.runningRelease && (reason === 'format' || reason === 'signature')) {
    return otherRelease(name, release, facts.runningRelease, [words, ...log]);
  }
  switch (reason) {
    case 'format':
      hints.push('build the module again: the kernel or its headers have changed since');
      break;
    case 'unknown-symbol':
      hints.push('the module asks for something this kernel does not have: build it for exactly this kernel');
      break;
    case 'exists':
      message = `couldn't insert module '${name}': a module of this name is loaded already`;
      hints.push(
        `run it under another name: staprun -R ${name}.ko`,
        `attach to the one that is loaded: staprun -A ${name}, or remove it: staprun -d ${name}`,
      );
      break;
    case 'permission':
      if (facts.modulesDisabled) {
        hints.push('this kernel loads no more modules until it is booted anew: /proc/sys/kernel/modules_disabled is 1');
      } else if (facts.lockdown && facts.lockdown !== 'none') {
        hints.push(
          `the kernel is locked down (${facts.lockdown}): it takes only modules signed with a key that it knows`,
          howToSign,
        );
      } else {
        hints.push('loading a module needs root with CAP_SYS_MODULE: a container may lack it');
      }
      break;
    case 'signature':
      hints.push('this kernel takes only modules signed with a key that it knows', howToSign);
      break;
    case 'parameter':
      hints.push('check the module options: NAME=VALUE, where NAME is a global variable of the script');
      break;
    case 'memory':
      hints.push('smaller buffers may help: staprun -b MEGABYTES, stap -s MEGABYTES');
      break;
    case 'other':
      break;
  }
  return runError('module-refused', message, { hints, detail: log });
}

/** The module was made for a kernel of the same release, but not for this one. */
export function otherBuild(name: string, release: string, theirs: string, ours: string): Diagnostic {
  return runError(
    'module-refused',
    `couldn't insert module '${name}': it was built for another build of the kernel ${release}`,
    {
      hints: [`build it for this kernel: stap -r ${release} -m ${name} -p4 SCRIPT`],
      detail: [`build id of the module's kernel: ${theirs}`, `build id of this kernel:         ${ours}`],
    },
  );
}

export function notLoaded(name: string): Diagnostic {
  return runError('not-loaded', `no module "${name}" is loaded`, {
    hints: ['`lsmod` lists the modules that are; `staprun MODULE.ko` loads one'],
  });
}

export function inUse(name: string): Diagnostic {
  return runError('in-use', `the module "${name}" is in the hands of another staprun`, {
    hints: ['detach that one first, with SIGQUIT or Ctrl-\\'],
  });
}

export function cannotOpen(path: string, reason: string): Diagnostic {
  return runError('cannot-open', `cannot open ${path}: ${reason}`);
}

export function noStapkitModule(name: string): Diagnostic {
  return runError('foreign-module', `the module "${name}" is loaded, but it is not one of ours`, {
    hints: ['staprun handles only modules that `stap` has made'],
  });
}

export function badDescription(name: string, what: string): Diagnostic {
  return runError('bad-description', `the module "${name}" describes itself in a way that can't be read: ${what}`, {
    hints: ['the module and staprun may be of different versions: build the module again'],
  });
}

/** A module that sees one user's processes runs for another. */
export function notOwner(name: string): Diagnostic {
  return {
    code: 'staprun/not-owner',
    severity: 'error',
    class: 'run',
    message: `the module '${name}' runs for another user, and sees only their processes`,
    hints: ['start one of your own: staprun -R MODULE'],
  };
}

/** Whether a running module may be attached to could not be found out. */
export function attachFailed(name: string, reason: string): Diagnostic {
  return runError('attach-failed', `couldn't attach to the module "${name}": ${reason}`);
}

export function protocolMismatch(name: string, theirs: number, ours: number): Diagnostic {
  return runError('protocol', `the module "${name}" speaks protocol ${theirs}, this staprun speaks ${ours}`, {
    hints: ['build the module again with the stap of the same version'],
  });
}

export function startFailed(name: string, reason: string, log: readonly string[]): Diagnostic {
  return runError('start-failed', `couldn't start the module "${name}": ${reason}`, { detail: log });
}

export function unloadFailed(name: string, words: string): Diagnostic {
  return runError('unload-failed', `couldn't remove the module "${name}": ${words}`, {
    hints: [`remove it by hand: rmmod ${name}`],
  });
}

export function endedEarly(name: string): Diagnostic {
  return runError('ended-early', `the module "${name}" stopped sending before its end`, {
    hints: ['see the kernel log (dmesg) for the reason'],
  });
}

export function noSuchProcess(pid: number, option: '-x' | '-N'): Diagnostic {
  return runError('no-such-process', `there is no process ${pid} (${option})`);
}

export function noTerminal(): Diagnostic {
  return runError('no-terminal', 'a monitor needs a terminal to draw on (-M)', {
    hints: ['without one, -t prints what each probe costs when the run ends'],
  });
}

export function commandFailed(command: string, reason: string): Diagnostic {
  return runError('command', `couldn't run the command "${command}" (-c): ${reason}`);
}

export function outputFailed(file: string, reason: string): Diagnostic {
  return runError('output', `writing to ${file} failed: ${reason}`);
}
