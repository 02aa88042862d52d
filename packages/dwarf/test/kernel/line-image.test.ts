// Packed lines say of every address what the line table says that they were packed from.
import { copyFileSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kernelCode, openDebugInfo } from '../../src/index.js';
import { lookUpLine } from '../../src/kernel/line-image.js';
import { compile, SAMPLE_C, temporaryFolder } from '../helpers/compile.js';

const release = '6.1.0-lines';
const folder = temporaryFolder();
const debugFile = join(folder.path, `debug/boot/vmlinux-${release}`);
const options = {
  release,
  cacheFolder: join(folder.path, 'cache'),
  folders: [join(folder.path, 'debug')],
  modulesFolders: [join(folder.path, 'modules')],
};

beforeAll(() => {
  const source = `${SAMPLE_C.replace('int main(', 'int _stext(')}
#line 1000000 "far/away.c"
int init_task = 1;
int far(int a) { return a * init_task +
#line 3 "far/near.h"
  a / 3; }
int main(int argc, char **argv) { return _stext(argc, argv) + far(argc); }
`;
  const program = compile(folder.path, 'kernel', ['-O2', '-g', '-no-pie', '-Wl,--build-id=sha1'], source);
  mkdirSync(join(folder.path, 'debug/boot'), { recursive: true });
  copyFileSync(program, debugFile);
});
afterAll(() => folder.remove());

test('every address of the code has its line', async () => {
  const kernel = kernelCode(options);
  const { value: path, diagnostics } = await kernel.lineImage(undefined);
  expect(diagnostics).toEqual([]);
  const image = readFileSync(path!);
  const info = openDebugInfo(debugFile)!;
  const start = info.elf.symbols().find('_stext')!.address;
  let compared = 0;
  const files = new Set<string>();
  for (const unit of info.dwarf.units()) {
    const table = unit.lines()!;
    for (const [first, end] of table.sequences) {
      for (let address = table.addresses[first]!; address < table.addresses[end]!; address++) {
        if (address < start) continue;
        const row = table.rowAt(address)!;
        const found = lookUpLine(image, Number(address - start));
        expect(found?.line ?? 0, `at ${address}`).toBe(row.line);
        if (found) expect(table.files[row.file]!.path.endsWith(found.file)).toBe(true);
        if (found) files.add(found.file);
        compared += 1;
      }
    }
  }
  expect(compared).toBeGreaterThan(100);
  expect([...files]).toEqual(expect.arrayContaining(['far/away.c', 'far/near.h']));
  expect(lookUpLine(image, 0x7fff_0000)).toBeUndefined();
  const anchor = image.readUInt32LE(12);
  expect(BigInt(anchor)).toBe(info.elf.symbols().find('init_task')!.address - start);
  info.close();
  kernel.close();
});

test('they are packed once', async () => {
  const kernel = kernelCode(options);
  const path = (await kernel.lineImage(undefined)).value!;
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  expect((await kernel.lineImage(undefined)).value).toBe(path);
  expect(statSync(path).mtimeMs).toBe(1_700_000_000_000);
  kernel.close();
});

test('those of a module are found by its symbols', async () => {
  const object = compile(
    folder.path,
    'thing.o',
    ['-O2', '-g', '-c', '-ffunction-sections', '-Wa,--gdwarf-5'],
    'static __attribute__((noipa)) int local(int a) {\n  return a * 3;\n}\nint thing(int a) {\n  return local(a);\n}\n',
  );
  const linked = join(folder.path, 'modules/kernel/thing.ko');
  mkdirSync(join(folder.path, 'modules/kernel'), { recursive: true });
  compile(folder.path, 'thing.ko', ['-r', '-nostdlib', '-Wl,--build-id=sha1', object], '', 'gcc');
  copyFileSync(join(folder.path, 'thing.ko'), linked);
  writeFileSync(join(folder.path, 'modules/modules.order'), 'kernel/thing.ko\n');
  const kernel = kernelCode(options);
  const image = readFileSync((await kernel.lineImage('thing')).value!);
  const text = (at: number) => image.toString('utf8', at, image.indexOf(0, at));
  expect(text(image.readUInt32LE(8))).toBe('thing');
  const [at, count] = [image.readUInt32LE(40), image.readUInt32LE(44)];
  const symbols = Array.from({ length: count }, (_, index) => {
    const word = (offset: number) => image.readUInt32LE(at + index * 12 + offset);
    return { name: text(word(0)), address: word(4), size: word(8) };
  });
  expect(symbols.map(({ name }) => name)).toEqual(['local', 'thing']);
  expect(symbols.map(({ address }) => lookUpLine(image, address)?.line)).toEqual([2, 5]);
  expect(new Set(symbols.map(({ address }) => address)).size).toBe(2);
  kernel.close();
});

test('without debug information there are none', async () => {
  const kernel = kernelCode({ ...options, folders: [join(folder.path, 'nothing')], modulesFolders: [] });
  expect((await kernel.lineImage(undefined)).value).toBeUndefined();
  expect((await kernel.lineImage('nothing')).value).toBeUndefined();
  kernel.close();
});
