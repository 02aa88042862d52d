// For 200 kernel functions drawn by a fixed seed: what `-L` lists of their parameters by BTF and by DWARF is what SystemTap
// lists, and DWARF finds each parameter where the calling convention has it. It runs where a kernel's debug information is
// installed; SystemTap is compared with where it is.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { kernelCode, openKernel } from '@stapkit/dwarf';
import { beforeAll, describe, expect, test } from 'vitest';
import { stap } from './harness.js';

const release = findRelease();
const hasSystemTap = existsSync('/usr/bin/stap') && existsSync('/usr/share/systemtap/tapset');

function findRelease(): string | undefined {
  try {
    const found = readdirSync('/usr/lib/debug/boot').find((name) => name.startsWith('vmlinux-'));
    return found?.slice('vmlinux-'.length);
  } catch {
    return undefined;
  }
}

/** The System V ABI's registers of integer arguments, by their numbers in DWARF: rdi, rsi, rdx, rcx, r8, r9. */
const REGISTERS = [5, 4, 1, 2, 8, 9];

/** Whether a location is worked out from one register and nothing else. */
function isFromRegister(location: { readonly kind: string }, register: number): boolean {
  const numbers = [...JSON.stringify(location).matchAll(/"kind":"register","number":(\d+)/g)].map(([, text]) =>
    Number(text),
  );
  return location.kind === 'value' && numbers.length > 0 && numbers.every((number) => number === register);
}

describe.skipIf(release === undefined)(`200 functions of kernel ${release}`, () => {
  const names: string[] = [];
  let point: string;

  beforeAll(async () => {
    const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stapkit');
    const image = join('/usr/lib/debug/boot', `vmlinux-${release}`);
    const { value: btf } = await openKernel({ release: release!, image, cacheFolder });
    const debug = kernelCode({ release: release!, file: image, cacheFolder });
    debug.code.has(undefined);
    await debug.supply();
    debug.code.functions({ name: '*', file: 'no such file', copies: 'entries' });
    await debug.supply();
    const all = btf.functions('*');
    let state = 61;
    while (names.length < 200) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const { name } = all[Math.floor((state / 2 ** 32) * all.length)]!;
      if (names.includes(name)) continue;
      // What has several definitions, or no code of its own, says nothing about one function's parameters.
      const places = debug.code.functions({ name, copies: 'entries' }).flatMap((found) => found.entries);
      if (places.length !== 1 || places[0]!.unprobeable !== undefined) continue;
      names.push(name);
      const parameters = debug.code.variables!(places[0]!).filter(({ group }) => group === 'parameter');
      const isWord = parameters.every(({ type }) => !/struct|union|float/.test(debug.typeFacts(type).kind));
      if (!isWord) continue;
      const located = parameters.slice(0, 6).map(({ location }) => location);
      const expected = REGISTERS.slice(0, located.length).map((number, index) => {
        // What the function does not use may be nowhere; what it does is in its register.
        const own = located[index]!;
        return own.kind === 'absent' ? own : { kind: 'value', value: { kind: 'register', number } };
      });
      // Some are changed by the first statement, which has no code of its own: a value worked out from the register.
      const words = located.map((own, index) => (isFromRegister(own, REGISTERS[index]!) ? expected[index] : own));
      expect(words, name).toEqual(expected);
    }
    btf.close();
    debug.close();
    point = names.map((name) => `kernel.function("${name}").call`).join(',');
  });

  /** The types of what a listing says that each function has, in order: of parameters, then of locals. */
  const listed = (text: string) =>
    new Map(
      text
        .split('\n')
        .filter((line) => line.startsWith('kernel.function'))
        .map((line) => {
          const [, name] = /"([^"@]*)/.exec(line)!;
          // Of functions of one type BTF keeps the names of one of them, so names are left out.
          const types = line.split(' $').slice(1);
          return [name!, types.map((word) => word.slice(word.indexOf(':') + 1))] as const;
        }),
    );

  async function ours(debuginfo: 'btf' | 'dwarf') {
    const ended = await stap(['-r', release!, `--debuginfo=${debuginfo}`, '-L', point]);
    expect(ended.stderr).toBe('');
    return listed(ended.stdout);
  }

  /** BTF knows no locals, which others list behind the parameters. */
  function expectSame(found: ReadonlyMap<string, string[]>, btf: ReadonlyMap<string, string[]>): void {
    const both = [...btf.keys()].filter((name) => found.has(name));
    expect(both.length).toBeGreaterThan(190);
    const parameters = (of: ReadonlyMap<string, string[]>) =>
      both.map((name) => [name, ...of.get(name)!.slice(0, btf.get(name)!.length)]);
    expect(parameters(found)).toEqual(parameters(btf));
  }

  test('have the same parameters by BTF and by DWARF', async () => {
    const btf = await ours('btf');
    expect(btf.size).toBe(200);
    expectSame(await ours('dwarf'), btf);
  });

  test.skipIf(!hasSystemTap)('have those that SystemTap lists', async () => {
    const argv = ['-r', release!, '-L', point];
    const theirs = execFileSync('/usr/bin/stap', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expectSame(listed(theirs), await ours('btf'));
  });

  /** Structures with bit-fields, unions, enumerations, arrays of every length, deep ones and those that are cut. */
  const STRUCTURES = [
    ...[
      'file',
      'dentry',
      'inode',
      'sk_buff',
      'request',
      'bio',
      'vm_area_struct',
      'cred',
      'sock',
      'tcp_sock',
      'net_device',
    ],
    ...[
      'super_block',
      'iphdr',
      'tcphdr',
      'ipv6hdr',
      'timespec64',
      'rlimit',
      'qstr',
      'rb_node',
      'hrtimer',
      'mutex',
      'device',
    ],
    ...['gendisk', 'signal_struct', 'sighand_struct', 'files_struct', 'fdtable', 'pid', 'upid', 'module', 'rq', 'page'],
    ...['bpf_prog', 'folio', 'task_struct', 'perf_event', 'tty_struct', 'seq_file', 'pipe_inode_info', 'elf64_hdr'],
  ];

  test.skipIf(!hasSystemTap)('print structures in the words that SystemTap prints them in', async () => {
    const prints = STRUCTURES.flatMap((name) =>
      ['$', '$$'].map((suffix) => `println(@cast(addr(), "${name}", "kernel")${suffix})`),
    );
    const argv = ['-v', '-r', release!, '-p2', '-e', `probe kernel.function("vfs_read").call { ${prints.join(' ')} }`];
    const theirs = execFileSync('/usr/bin/stap', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    /** By what they say beside the numbers' conversions. */
    const formats = (text: string) =>
      new Map(
        [...text.matchAll(/sprintf\("(\{(?:[^"\\]|\\.)*)"/g)].map(([, format]) => [
          format!.replace(/%[siu]/g, '%'),
          [...format!.matchAll(/%([siu])/g)].map(([, conversion]) => conversion!),
        ]),
      );
    const expected = formats(theirs);
    const found = formats((await stap(argv)).stdout);
    expect(expected.size).toBeGreaterThan(70);
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [text, conversions] of found) {
      // Enumerators are told by name here.
      const told = expected.get(text)!.map((one, index) => (conversions[index] === 's' ? 's' : one));
      expect(conversions, text).toEqual(told);
    }
  });

  test.skipIf(!hasSystemTap)(
    'have the variables in scope that SystemTap tells of, also where BTF tells of the parameters',
    async () => {
      const functions = [
        'vfs_read',
        'do_sys_openat2',
        'tcp_v4_rcv',
        'do_unlinkat',
        '__alloc_pages',
        'security_file_open',
      ];
      const script = functions
        .map((name) => `probe kernel.function("${name}").call { println($$vars) println($$parms$) println($$locals) }`)
        .join('\n');
      const argv = ['-v', '-r', release!, '-p2', '-e', script];
      const theirs = execFileSync('/usr/bin/stap', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const told = (text: string) =>
        [
          ...text
            .slice(text.indexOf('# probes'))
            .matchAll(/println\(sprintf\("([^"]*)"|printf\("%s\\n", sprintf\("([^"]*)"/g),
        ].map(([, one, other]) => one ?? other);
      const expected = told(theirs);
      expect(expected).toHaveLength(3 * functions.length);
      for (const debuginfo of ['auto', 'dwarf']) {
        expect(told((await stap([`--debuginfo=${debuginfo}`, ...argv])).stdout), debuginfo).toEqual(expected);
      }
    },
  );
});
