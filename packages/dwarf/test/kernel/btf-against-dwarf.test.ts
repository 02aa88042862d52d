// A kernel's BTF and its DWARF say the same: 200 functions drawn by a fixed seed, and structures that scripts walk. It
// runs where a kernel's debug package is unpacked: below /usr/lib/debug, or a folder like it in STAPKIT_DEBUG_FOLDER.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DebugSymbols, type KernelSymbols, openKernel, openKernelDebug, type TypeFacts } from '../../src/index.js';
import { temporaryFolder } from '../helpers/compile.js';

const debugFolder = process.env.STAPKIT_DEBUG_FOLDER ?? '/usr/lib/debug';
const release = findRelease();

function findRelease(): string | undefined {
  try {
    const found = readdirSync(join(debugFolder, 'boot')).find((name) => name.startsWith('vmlinux-'));
    return found?.slice('vmlinux-'.length);
  } catch {
    return undefined;
  }
}

/** A type in words that are the same whichever it comes from; names of structures end the descent. */
function describeType(facts: (id: number) => TypeFacts, id: number, depth = 0): string {
  if (depth > 20) return '…';
  const type = facts(id);
  const inner = (target: number) => describeType(facts, target, depth + 1);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'pointer':
      return `${inner(type.target)}*`;
    case 'qualifier':
      return `${type.qualifier} ${inner(type.target)}`;
    case 'array':
      return `${inner(type.element)}[${type.length}]`;
    case 'function':
      return `function(${type.parameters.map((p) => inner(p.type)).join(', ')})`;
    case 'forward':
      return `${type.of} ${type.name}`;
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name}`;
    default:
      return type.name;
  }
}

describe.skipIf(release === undefined)(`kernel ${release}`, () => {
  let btf: KernelSymbols;
  let dwarf: DebugSymbols & { close(): void };
  let folder: ReturnType<typeof temporaryFolder>;

  beforeAll(async () => {
    folder = temporaryFolder();
    // A folder that is kept saves making the index again.
    const cacheFolder = process.env.STAPKIT_DEBUG_CACHE ?? folder.path;
    const image = join(debugFolder, 'boot', `vmlinux-${release}`);
    const opened = await openKernel({ release: release!, image, cacheFolder });
    expect(opened.diagnostics).toEqual([]);
    btf = opened.value;
    const debug = await openKernelDebug({ release: release!, file: image, cacheFolder });
    dwarf = debug.value!;
  });
  afterAll(() => {
    btf.close();
    dwarf.close();
    folder.remove();
  });

  test('200 functions have the same parameters and results', () => {
    const all = btf.functions('*');
    let state = 20251;
    let compared = 0;
    const differences: string[] = [];
    while (compared < 200) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const one = all[Math.floor((state / 2 ** 32) * all.length)]!;
      const others = dwarf.functions(one.name);
      if (others.length === 0) continue;
      compared += 1;
      // Names are left out: of functions of one type BTF keeps the names of one of them.
      const words = (
        f: { parameters: readonly { type: number }[]; result?: number },
        facts: (id: number) => TypeFacts,
      ) => [...f.parameters.map((p) => p.type), f.result ?? 0].map((id) => describeType(facts, id)).join(', ');
      const expected = words(one, (id) => btf.typeFacts(id));
      const found = others.map((other) => words(other, (id) => dwarf.typeFacts(id)));
      if (!found.includes(expected)) differences.push(`${one.name}: ${expected} / ${found.join(' / ')}`);
    }
    expect(differences).toEqual([]);
  });

  test('functions have the same addresses', () => {
    for (const name of ['vfs_read', 'schedule', 'tcp_sendmsg', 'kfree']) {
      const addresses = dwarf.functions(name).map((f) => f.address);
      expect(addresses).toContain(btf.functions(name)[0]!.address);
    }
  });

  test.each(['task_struct', 'file', 'dentry', 'inode', 'sk_buff', 'request', 'mm_struct', 'sock', 'tcp_sock'])(
    'struct %s has the same members',
    (name) => {
      const shape = (source: KernelSymbols | DebugSymbols) => {
        const type = source.typeFacts(source.type(`struct ${name}`)!);
        if (type.kind !== 'struct') throw new Error(`${name} is no structure`);
        const facts = (id: number) => source.typeFacts(id);
        return [type.size, ...type.members.map((m) => [m.name, m.bitOffset, m.bitSize, describeType(facts, m.type)])];
      };
      expect(shape(dwarf)).toEqual(shape(btf));
    },
  );
});
