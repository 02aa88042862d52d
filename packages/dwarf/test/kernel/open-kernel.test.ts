// Opening a kernel: from a packed image made by hand, from the cache, from a damaged cache, and what the answers say.
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KernelSymbols, listModuleFiles, openKernel } from '../../src/index.js';
import { FACTS_NAME } from '../../src/kernel/facts-file.js';
import { findModuleFile } from '../../src/kernel/modules.js';
import { BtfWriter, ByteWriter, buildIdNote, writeBzImage, writeElf } from '../helpers/bytes.js';

const RELEASE = '6.1.0-test';
const BUILD_ID = '00112233445566778899aabbccddeeff00112233';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stapkit-dwarf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function kernelBtf() {
  const w = new BtfWriter();
  const int = w.int('int', 4, 1);
  const char = w.int('char', 1);
  const size = w.simple(8, 'size_t', w.int('unsigned long', 8));
  const file = w.struct('file', 16, [
    ['f_count', int, 0],
    ['f_name', w.pointer(char), 64],
  ]);
  const filePointer = w.pointer(file);
  const read = w.prototype(size, [
    ['file', filePointer],
    ['count', size],
  ]);
  w.func('vfs_write', read);
  w.func('vfs_read', read);
  w.func('vfs_open', w.prototype(0, [['file', filePointer]]));
  w.func(
    'printk',
    w.prototype(int, [
      ['fmt', w.pointer(char)],
      ['', 0],
    ]),
  );
  w.enum('pid_type', [
    ['PIDTYPE_PID', 0],
    ['PIDTYPE_MAX', 4],
  ]);
  w.enum('sign', [['MINUS', -1]], true);
  w.variable('not_per_cpu', int);
  w.dataSection('.data..percpu', 64, [[w.variable('copies', int), 16, 4]]);
  const data = w.pointer(0);
  w.func(
    '__traceiter_sched_switch',
    w.prototype(int, [
      ['__data', data],
      ['preempt', int],
      ['prev', filePointer],
    ]),
  );
  w.simple(8, 'btf_trace_sched_switch', data);
  w.simple(
    8,
    'btf_trace_old_one',
    w.pointer(
      w.prototype(0, [
        ['', data],
        ['', int],
      ]),
    ),
  );
  // A real blob is larger than this; the search in images passes over tiny ones.
  for (let index = 0; index < 200; index++) w.func(`filler_${String(index).padStart(3, '0')}`, read);
  return w;
}

function vmlinux(btf: Uint8Array) {
  return writeElf([
    { name: '.text', bytes: Buffer.alloc(5000, 0x90) },
    { name: '.notes', type: 7, alignment: 4, bytes: buildIdNote(BUILD_ID) },
    { name: '.BTF', bytes: btf },
    { name: '.data', bytes: Buffer.alloc(100_000) },
  ]);
}

async function open(image: string, cache: string, more = {}): Promise<KernelSymbols> {
  const { value, diagnostics } = await openKernel({ release: RELEASE, image, cacheFolder: cache, ...more });
  expect(diagnostics).toEqual([]);
  return value;
}

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('a packed kernel image', () => {
  test('gives its functions with parameters and types', async () => {
    const image = write('vmlinuz', writeBzImage(gzipSync(vmlinux(kernelBtf().finish()))));
    const kernel = await open(image, join(folder, 'c1'));
    expect(kernel.kernel).toMatchObject({ release: RELEASE, architecture: 'x86_64' });
    const [read] = kernel.functions('vfs_read');
    expect(read).toMatchObject({ name: 'vfs_read', parameters: [{ name: 'file' }, { name: 'count' }] });
    expect(kernel.typeText(read!.parameters[0]!.type)).toBe('struct file *');
    expect(kernel.typeFacts(read!.parameters[0]!.type)).toMatchObject({ kind: 'pointer', size: 8 });
    expect(kernel.functions('vfs_open')[0]).toHaveProperty('result', undefined);
    kernel.close();
  });

  test.each(['xz', 'zstd', 'lz4', 'bzip2', 'lzma'])('is unpacked from %s', async (tool) => {
    const flags = { xz: ['--check=crc32'], zstd: ['-q'], lz4: ['-lq'], bzip2: [], lzma: ['--format=lzma'] }[tool]!;
    const payload = execFileSync(tool === 'lzma' ? 'xz' : tool, [...flags, '-c'], {
      input: vmlinux(kernelBtf().finish()),
    });
    // The kernel's build appends the unpacked size.
    const image = write(`vmlinuz-${tool}`, writeBzImage(Buffer.concat([payload, Buffer.from([1, 2, 3, 0])])));
    const kernel = await open(image, join(folder, `c-${tool}`));
    expect(kernel.functions('vfs_*').map((f) => f.name)).toEqual(['vfs_open', 'vfs_read', 'vfs_write']);
    kernel.close();
  });

  test('may be a plain vmlinux, or BTF alone', async () => {
    const elf = await open(write('vmlinux', vmlinux(kernelBtf().finish())), join(folder, 'c2'));
    expect(elf.kernel.buildId).toBe(BUILD_ID);
    const raw = await open(write('btf', kernelBtf().finish()), join(folder, 'c3'));
    expect(raw.kernel.buildId).toMatch(/^btf-/);
    expect(raw.functions('printk')).toHaveLength(1);
  });

  test('that is none gives an error and a source that knows nothing', async () => {
    const image = write('junk', Buffer.alloc(5000, 7));
    const { value, diagnostics } = await openKernel({ release: RELEASE, image, cacheFolder: join(folder, 'c4') });
    expect(diagnostics).toMatchObject([{ code: 'dwarf/kernel-unusable', severity: 'error' }]);
    expect(value.functions('*')).toEqual([]);
    expect(value.type('file')).toBeUndefined();
  });

  test('that is not found tells where it was looked for', async () => {
    const { diagnostics } = await openKernel({ release: '9.9.9-none', cacheFolder: join(folder, 'c5') });
    expect(diagnostics).toMatchObject([{ code: 'dwarf/no-kernel' }]);
    expect(diagnostics[0]!.detail!.join()).toContain('/boot/vmlinuz-9.9.9-none');
  });
});

test('damaged images give an error and nothing else', async () => {
  const good = writeBzImage(gzipSync(vmlinux(kernelBtf().finish())));
  const plain = vmlinux(kernelBtf().finish());
  let state = 12345;
  const pick = (count: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  for (let round = 0; round < 60; round++) {
    const bytes = Buffer.from(round % 2 ? good : plain);
    for (let hits = 0; hits < 8; hits++) bytes[pick(hits % 2 ? bytes.length : 0x300)] = pick(256);
    const image = write('damaged', round % 5 === 4 ? bytes.subarray(0, pick(bytes.length)) : bytes);
    const { value, diagnostics } = await openKernel({
      release: RELEASE,
      image,
      cacheFolder: join(folder, 'c-damaged'),
    });
    for (const diagnostic of diagnostics) expect(diagnostic.code).toMatch(/^dwarf\/(kernel-unusable|malformed)$/);
    value.functions('vfs_*');
    value.close();
  }
});

describe('the answers', () => {
  let kernel: KernelSymbols;
  beforeAll(async () => {
    kernel = await open(write('vmlinux-answers', vmlinux(kernelBtf().finish())), join(folder, 'c6'));
  });

  test('name tracepoints with their arguments, from either form', () => {
    expect(kernel.tracepoints('sched_*')).toMatchObject([
      { name: 'sched_switch', arguments: [{ name: 'preempt' }, { name: 'prev' }] },
    ]);
    expect(kernel.tracepoints('old_one')).toMatchObject([{ arguments: [{ name: 'arg1' }] }]);
    expect(kernel.nearestTracepoints('sched_swich')).toEqual(['sched_switch']);
  });

  test('find types with and without their keyword', () => {
    expect(kernel.type('file')).toBe(kernel.type('struct file'));
    expect(kernel.type('union file')).toBeUndefined();
    expect(kernel.typeFacts(kernel.type('file')!)).toMatchObject({
      kind: 'struct',
      size: 16,
      members: [
        { name: 'f_count', bitOffset: 0 },
        { name: 'f_name', bitOffset: 64 },
      ],
    });
    expect(kernel.typeFacts(kernel.type('char')!)).toMatchObject({ char: true, signed: true });
  });

  test('give enumerators in decimal', () => {
    expect(kernel.enumerator('PIDTYPE_MAX')).toBe('4');
    expect(kernel.enumerator('MINUS')).toBe('-1');
    expect(kernel.enumerator('NO_SUCH')).toBeUndefined();
  });

  test('tell of per-CPU variables, which they know the types of', () => {
    const copies = kernel.variable('copies')!;
    expect(kernel.typeFacts(copies.type)).toMatchObject({ kind: 'integer', name: 'int' });
    expect(copies.location).toMatchObject({
      kind: 'memory',
      address: { left: { kind: 'per-cpu-base' }, right: { kind: 'symbol', name: 'copies', offset: 0 } },
    });
    expect(kernel.variable('not_per_cpu')).toBeUndefined();
    expect(kernel.variable('copies', 'ext9')).toBeUndefined();
  });

  test('print prototypes and members as C', () => {
    expect(kernel.functionPrototype('printk')).toEqual({
      parameters: ['char *', '...'],
      parameterNames: ['fmt'],
      result: 'int',
    });
    expect(kernel.structMembers('struct file')).toEqual([
      { name: 'f_count', type: 'int', bitOffset: 0 },
      { name: 'f_name', type: 'char *', bitOffset: 64 },
    ]);
    expect(kernel.functionPrototype('missing')).toBeUndefined();
  });

  test('match patterns and help with spelling', () => {
    expect(kernel.functions('filler_1??')).toHaveLength(100);
    expect(kernel.functions('*_read').map((f) => f.name)).toEqual(['vfs_read']);
    expect(kernel.functions('vfs_[or]*').map((f) => f.name)).toEqual(['vfs_open', 'vfs_read']);
    expect(kernel.nearestFunctions('vfs_raed')).toEqual(['vfs_read']);
  });
});

test('a module’s functions and types come from its split BTF', async () => {
  const base = kernelBtf();
  const split = new BtfWriter(true, base);
  const inode = split.struct('ext9_inode', 8, [['vfs', 4, 0]]);
  split.func('ext9_open', split.prototype(0, [['inode', split.pointer(inode)]]));
  const modules = join(folder, 'modules');
  mkdirSync(join(modules, 'kernel/fs'), { recursive: true });
  const module = writeElf([{ name: '.BTF', bytes: split.finish() }], { type: 1 });
  writeFileSync(join(modules, 'kernel/fs/ext-9.ko.xz'), execFileSync('xz', ['-c'], { input: module }));
  const image = write('vmlinux-modules', vmlinux(base.finish()));
  const kernel = await open(image, join(folder, 'c7'), { modulesFolder: modules });
  expect(kernel.modules()).toEqual(['ext_9']);
  const [facts] = kernel.functions('ext9_*', 'ext-9');
  expect(facts).toMatchObject({ name: 'ext9_open', module: 'ext_9' });
  const pointer = kernel.typeFacts(facts!.parameters[0]!.type);
  expect(pointer.kind === 'pointer' && kernel.typeFacts(pointer.target)).toMatchObject({ name: 'ext9_inode' });
  expect(kernel.type('ext9_inode')).toBeUndefined();
  expect(kernel.type('ext9_inode', 'ext_9')).toBeDefined();
  expect(kernel.functions('*', 'no_such')).toEqual([]);
});

test('a module’s tracepoints are found by the module’s name', async () => {
  const base = kernelBtf();
  const split = new BtfWriter(true, base);
  split.func(
    '__traceiter_ext9_sync',
    split.prototype(0, [
      ['__data', 0],
      ['count', 1],
    ]),
  );
  const modules = join(folder, 'modules-traced');
  mkdirSync(modules);
  writeFileSync(join(modules, 'ext9.ko'), writeElf([{ name: '.BTF', bytes: split.finish() }], { type: 1 }));
  const kernel = await open(write('vmlinux-traced', vmlinux(base.finish())), join(folder, 'c7b'), {
    modulesFolder: modules,
  });
  const expected = [{ name: 'ext9_sync', module: 'ext9', system: 'ext9', arguments: [{ name: 'count', type: 1 }] }];
  expect(kernel.tracepoints('ext9_sync')).toEqual(expected);
  expect(kernel.tracepoints('ext9:*')).toEqual(expected);
  expect(kernel.tracepoints('*').map((t) => t.module)).toEqual([undefined, undefined]);
});

test('a module without BTF tells the names of its functions', async () => {
  const strings = Buffer.from('\0old_open\0');
  const symbols = new ByteWriter().bytes(new Uint8Array(24)).u32(1).u8(2, 0).u16(3).u64(0).u64(8).finish();
  const modules = join(folder, 'modules-old');
  mkdirSync(modules);
  const sections = [
    { name: '.symtab', type: 2, link: 2, bytes: symbols },
    { name: '.strtab', type: 3, bytes: strings },
    { name: '.text', flags: 6, bytes: Buffer.alloc(8) },
  ];
  writeFileSync(join(modules, 'old.ko'), writeElf(sections, { type: 1 }));
  // The list names a file that was packed since it was written, and one that is gone.
  writeFileSync(join(modules, 'modules.order'), 'old.ko.xz\ngone.ko\n');
  const image = write('vmlinux-old', vmlinux(kernelBtf().finish()));
  const kernel = await open(image, join(folder, 'c7c'), { modulesFolder: modules });
  expect(kernel.functions('*', 'old')).toEqual([
    { name: 'old_open', untyped: true, module: 'old', parameters: [], result: undefined, external: false },
  ]);
  expect(kernel.functionPrototype('old_open', 'old')).toBeUndefined();
  expect(['old', 'gone', 'none'].map((name) => kernel.moduleState(name))).toEqual(['names', 'missing', 'missing']);
});

test('a module’s file is found in the list that depmod made, not among what others depend on', () => {
  const modules = join(folder, 'modules-dep');
  mkdirSync(modules);
  const list = 'kernel/b/user.ko.xz: kernel/a/snd-hda.ko.xz\nkernel/a/snd-hda.ko.xz:\nlast.ko:\n';
  writeFileSync(join(modules, 'modules.dep'), list);
  expect(findModuleFile(modules, 'snd_hda')).toBe(join(modules, 'kernel/a/snd-hda.ko.xz'));
  expect(findModuleFile(modules, 'user')).toBe(join(modules, 'kernel/b/user.ko.xz'));
  expect(findModuleFile(modules, 'last')).toBe(join(modules, 'last.ko'));
  expect(findModuleFile(modules, 'hda')).toBeUndefined();
  expect(findModuleFile(modules, 'hda(')).toBeUndefined();
  expect(findModuleFile(modules, '.*')).toBeUndefined();
  expect([...listModuleFiles(modules).keys()]).toEqual(['user', 'snd_hda', 'last']);
});

describe('the cache', () => {
  const factsOf = (cache: string) => join(cache, 'symbols', BUILD_ID, FACTS_NAME);

  test('serves the second opening, and leaves no temporary file', async () => {
    const cache = join(folder, 'c8');
    const image = write('vmlinux-cached', vmlinux(kernelBtf().finish()));
    (await open(image, cache)).close();
    const { mtimeMs, ino } = statSync(factsOf(cache));
    (await open(image, cache)).close();
    expect(statSync(factsOf(cache))).toMatchObject({ mtimeMs, ino });
    expect(readdirSync(join(cache, 'symbols', BUILD_ID)).sort()).toEqual([FACTS_NAME, `${FACTS_NAME}.stamp`]);
  });

  test.each([
    ['cut off', (path: string) => truncateSync(path, 5000)],
    ['emptied', (path: string) => truncateSync(path, 0)],
    [
      'changed in the middle',
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1]! ^= 0x40;
        writeFileSync(path, bytes);
      },
    ],
    [
      'of another version',
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[4] = 99;
        writeFileSync(path, bytes);
      },
    ],
  ])('that was %s is made anew', async (_, damage) => {
    const cache = mkdtempSync(join(folder, 'cd-'));
    const image = write('vmlinux-damage', vmlinux(kernelBtf().finish()));
    (await open(image, cache)).close();
    const good = readFileSync(factsOf(cache));
    damage(factsOf(cache));
    const kernel = await open(image, cache);
    expect(kernel.functions('vfs_read')).toHaveLength(1);
    expect(readFileSync(factsOf(cache)).equals(good)).toBe(true);
    kernel.close();
  });

  test('may be filled by several at once', async () => {
    const cache = join(folder, 'c9');
    const image = write('vmlinux-many', vmlinux(kernelBtf().finish()));
    const all = await Promise.all([1, 2, 3, 4].map(() => open(image, cache)));
    for (const kernel of all) expect(kernel.functions('vfs_read')).toHaveLength(1);
  });

  test('follows an image that was replaced', async () => {
    const cache = join(folder, 'c10');
    const image = write('vmlinux-replaced', kernelBtf().finish());
    (await open(image, cache)).close();
    const other = kernelBtf();
    other.func('brand_new', 5);
    writeFileSync(image, other.finish());
    const kernel = await open(image, cache);
    expect(kernel.functions('brand_new')).toHaveLength(1);
  });

  test('an opening that is aborted throws the reason and leaves nothing', async () => {
    const image = write('vmlinuz-abort', writeBzImage(gzipSync(vmlinux(kernelBtf().finish()))));
    const cache = join(folder, 'c11');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(openKernel({ release: RELEASE, image, cacheFolder: cache }, { signal })).rejects.toThrow('enough');
    expect(() => statSync(factsOf(cache))).toThrow();
  });
});
