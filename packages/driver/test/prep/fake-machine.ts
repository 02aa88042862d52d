// A machine that exists only in a folder: its programs are empty files, its package manager is a few lines of ours.
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { ToolOptions, ToolResult } from '@stapkit/kbuild';
import type { CommandIo } from '../../src/io.js';
import type { Machine } from '../../src/prep/index.js';

export const RELEASE = '6.1.0-56-amd64';

const CONFIG = 'CONFIG_CC_VERSION_TEXT="gcc-12 (Debian) 12.2.0"\nCONFIG_GCC_VERSION=120200\nCONFIG_X86_64=y\n';

/** What installing a package brings. */
const BRINGS: Readonly<Record<string, (machine: FakeMachine) => void>> = {
  'gcc-12': (machine) => machine.addProgram('gcc-12'),
  gcc: (machine) => machine.addProgram('gcc'),
  make: (machine) => machine.addProgram('make'),
  kmod: (machine) => machine.addProgram('insmod'),
  'qemu-system-x86': (machine) => machine.addProgram('qemu-system-x86_64'),
  'xz-utils': (machine) => machine.addProgram('xz'),
  'util-linux': (machine) => machine.addProgram('setpriv'),
  [`linux-headers-${RELEASE}`]: (machine) => machine.addHeaders(RELEASE),
  [`linux-image-${RELEASE}-dbg`]: (machine) => machine.put(`usr/lib/debug/boot/vmlinux-${RELEASE}`, ''),
};

export interface FakeOptions {
  readonly mayInstall?: boolean;
  readonly packageManager?: Machine['packageManager'];
  readonly noModules?: string;
  /** No `apt-get update` has been run yet. */
  readonly noLists?: boolean;
  /** dpkg-deb fails, as on a full disk. */
  readonly unpackingFails?: boolean;
}

/** A machine with nothing installed. */
export class FakeMachine implements Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'fake-machine-'));
  readonly cacheFolder = join(this.root, 'cache');
  readonly path = join(this.root, 'usr/bin');
  readonly release = RELEASE;
  readonly packageArchitecture = 'amd64';
  readonly packageManager: Machine['packageManager'];
  readonly mayInstall: boolean;
  readonly noModules: string | undefined;
  /** Every command that changed something, in order. */
  readonly changes: string[] = [];
  private lists: boolean;

  constructor(private readonly options: FakeOptions = {}) {
    this.packageManager = options.packageManager ?? 'apt';
    this.mayInstall = options.mayInstall ?? true;
    this.noModules = options.noModules;
    this.lists = !options.noLists;
    if (this.lists) this.put('var/lib/apt/lists/deb_main_binary-amd64_Packages', '');
    mkdirSync(this.path, { recursive: true });
  }

  put(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  addProgram(name: string, text = ''): void {
    this.put(`usr/bin/${name}`, text);
    chmodSync(join(this.path, name), 0o755);
  }

  addHeaders(release: string): void {
    const folder = `usr/src/linux-headers-${release}`;
    this.put(`${folder}/.config`, CONFIG);
    this.put(`${folder}/Makefile`, '');
    this.put(`${folder}/include/generated/autoconf.h`, '');
    this.put(`${folder}/include/generated/utsrelease.h`, `#define UTS_RELEASE "${release}"\n`);
    // As Debian's headers depend on their compiler.
    this.addProgram('gcc-12');
  }

  async run(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
    const words = [command, ...args.filter((word, index) => !/^-/.test(word) && args[index - 1] !== '-o')];
    const say = (stdout: string): ToolResult => result(0, stdout);
    switch (`${words[0]} ${words[1] ?? ''}`) {
      case 'apt-get update':
        this.changes.push('update');
        this.lists = true;
        this.put('var/lib/apt/lists/deb_main_binary-amd64_Packages', '');
        return say('');
      case 'apt-get indextargets':
        return say('https://security.example/debian-security\nhttps://mirror.example/debian\n');
      case 'apt-cache policy':
        return say(this.knows(words[2]!) ? `${words[2]}:\n  Candidate: 1.0\n` : '');
      case 'apt-cache depends': {
        const meta = /^linux-(image|headers)-amd64$/.exec(words[2]!);
        if (words[2] === `linux-headers-${RELEASE}`) {
          const others = ['linux-headers-6.1.0-56-common', 'linux-kbuild-6.1', 'linux-compiler-gcc-12-x86'];
          return say(`${words[2]}\n${others.map((name) => `  Depends: ${name}\n`).join('')}`);
        }
        return say(meta && this.lists ? `${words[2]}\n  Depends: linux-${meta[1]}-${RELEASE}\n` : '');
      }
      case 'apt-cache pkgnames':
        return say(this.lists ? `${words[2]}${RELEASE}\n${words[2]}6.1.0-9-amd64\n${words[2]}amd64\n` : '');
      case 'apt-get install':
        this.changes.push(words.slice(1).join(' '));
        for (const name of words.slice(2)) {
          if (!this.knows(name)) return result(100, '', `E: Unable to locate package ${name}\n`);
          BRINGS[name]?.(this);
        }
        return say('');
      case 'apt-get download':
        this.changes.push(words.slice(1).join(' '));
        for (const name of words.slice(2)) writeFileSync(join(options.cwd!, `${name}_1.0_amd64.deb`), '');
        return say('');
      default:
        if (command === 'dpkg-deb') return this.unpack(basename(args[1]!), args[2]!);
        if (command === 'depmod') return say('');
        return { ...result(127, ''), missing: true };
    }
  }

  private knows(name: string): boolean {
    return this.lists && (name in BRINGS || name === `linux-image-${RELEASE}`);
  }

  private unpack(file: string, into: string): ToolResult {
    this.changes.push(`unpack ${file}`);
    if (file.startsWith('linux-kbuild-')) {
      mkdirSync(join(into, 'usr/lib/linux-kbuild-6.1/scripts'), { recursive: true });
      return result(0, '');
    }
    if (file.startsWith('linux-headers-')) {
      const folder = join(into, 'usr/src', file.replace(/_.*/, ''));
      mkdirSync(folder, { recursive: true });
      const isCommon = file.includes('common');
      writeFileSync(
        join(folder, 'Makefile'),
        isCommon ? '' : 'include /usr/src/linux-headers-6.1.0-56-common/Makefile\n',
      );
      if (isCommon) return result(0, '');
      symlinkSync('/usr/lib/linux-kbuild-6.1/scripts', join(folder, 'scripts'));
      writeFileSync(join(folder, '.config'), CONFIG);
      mkdirSync(join(folder, 'include/generated'), { recursive: true });
      writeFileSync(join(folder, 'include/generated/autoconf.h'), '');
      writeFileSync(join(folder, 'include/generated/utsrelease.h'), `#define UTS_RELEASE "${RELEASE}"\n`);
      return result(0, '');
    }
    mkdirSync(join(into, 'boot'), { recursive: true });
    writeFileSync(join(into, 'boot', `vmlinuz-${RELEASE}`), '');
    if (this.options.unpackingFails) return result(2, '', 'dpkg-deb: error: No space left on device\n');
    mkdirSync(join(into, 'usr/lib/modules', RELEASE, 'kernel'), { recursive: true });
    return result(0, '');
  }
}

function result(code: number, stdout: string, stderr = ''): ToolResult {
  return { code, signal: null, stdout, stderr, milliseconds: 0, missing: false };
}

/** Surroundings whose output is kept. */
export function recordingIo(
  machine: FakeMachine,
  signal: AbortSignal = new AbortController().signal,
): CommandIo & { out: string; err: string } {
  const io = {
    out: '',
    err: '',
    stdout(chunk: Uint8Array | string) {
      io.out += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    },
    stderr(text: string) {
      io.err += text;
    },
    stdin: Readable.from([]),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    env: { SYSTEMTAP_DIR: machine.root },
    cwd: machine.root,
    signal,
    forceSignal: signal,
  };
  return io;
}
