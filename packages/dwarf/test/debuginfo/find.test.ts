// Debug information that lies apart from its program: build id, debug link, dwz, a packed symbol table, a server.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attempt,
  buildIdPath,
  type Die,
  DW_AT,
  DW_TAG,
  debugLink,
  fetchByBuildId,
  miniDebugInfo,
  openDebugInfo,
  openElf,
} from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
let program: string;
let stripped: string;
let debug: string;
let buildId: string;

beforeAll(() => {
  program = compile(folder.path, 'program', ['-O1', '-Wl,--build-id=sha1']);
  mkdirSync(join(folder.path, 'bin'));
  stripped = join(folder.path, 'bin/program');
  debug = join(folder.path, 'bin/program.debug');
  execFileSync('objcopy', ['--only-keep-debug', program, debug]);
  execFileSync('objcopy', ['--strip-all', `--add-gnu-debuglink=${debug}`, program, stripped]);
  const elf = openElf(program);
  buildId = elf.buildId()!;
  elf.close();
});
afterAll(() => folder.remove());

test('a program’s own debug information is taken first', () => {
  const info = openDebugInfo(program)!;
  expect(info.debugElf).toBe(info.elf);
  expect(info.dwarf.units()[0]!.name).toMatch(/sample\.c$/);
  info.close();
});

test('a stripped program finds its debug file by the link, if the checksum holds', () => {
  const elf = openElf(stripped);
  expect(debugLink(elf)).toMatchObject({ name: 'program.debug' });
  const info = openDebugInfo(stripped, { folders: [] })!;
  expect(info.debugElf.name).toBe(debug);
  info.close();

  // Without a build id only the checksum tells whether it is the right file.
  const bare = join(folder.path, 'bare');
  mkdirSync(bare);
  execFileSync('objcopy', ['--remove-section=.note.gnu.build-id', stripped, join(bare, 'program')]);
  copyFileSync(debug, join(bare, 'program.debug'));
  const found = openDebugInfo(join(bare, 'program'), { folders: [] });
  expect(found?.debugElf.name).toBe(join(bare, 'program.debug'));
  found?.close();
  writeFileSync(join(bare, 'program.debug'), Buffer.concat([readFileSync(debug), Buffer.from('x')]));
  expect(openDebugInfo(join(bare, 'program'), { folders: [] })).toBeUndefined();
});

test('a stripped program finds its debug file by build id', () => {
  const debugFolder = join(folder.path, 'debug');
  const path = buildIdPath(debugFolder, buildId);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(debug, path);
  const alone = join(folder.path, 'alone');
  execFileSync('objcopy', ['--remove-section=.gnu_debuglink', stripped, alone]);
  expect(openDebugInfo(alone, { folders: [] })).toBeUndefined();
  const info = openDebugInfo(alone, { folders: [debugFolder] })!;
  expect(info.debugElf.name).toBe(path);
  info.close();
});

test('the packed symbol table of a stripped program is opened', () => {
  const packed = execFileSync('xz', ['-c'], { input: readFileSync(program) });
  writeFileSync(join(folder.path, 'packed.xz'), packed);
  const mini = join(folder.path, 'mini');
  execFileSync('objcopy', [`--add-section=.gnu_debugdata=${join(folder.path, 'packed.xz')}`, stripped, mini]);
  const elf = openElf(mini);
  expect(miniDebugInfo(elf)?.symbols().find('helper')).toBeDefined();
  expect(miniDebugInfo(openElf(stripped))).toBeUndefined();
});

function names(path: string): string[] {
  const info = openDebugInfo(path)!;
  const found = [...info.dwarf.units()].flatMap((unit) => [...namesBelow(unit.root)]);
  info.close();
  return found;
}

/** The names below an entry and of their types, those of imported units in their place. */
function* namesBelow(die: Die): Generator<string> {
  for (const child of die.children()) {
    if (child.tag === DW_TAG.imported_unit) yield* namesBelow(child.reference(DW_AT.import)!);
    else yield `${child.fullName} ${child.type?.name}`;
    yield* namesBelow(child);
  }
}

test.skipIf(!existsSync('/usr/bin/dwz')).each([
  ['-gdwarf-4', [], '.gnu_debugaltlink'],
  ['-gdwarf-5', ['--dwarf-5'], '.debug_sup'],
])('entries that dwz moved to another file are found there (%s)', (version, option, section) => {
  const files = ['one', 'two'].map((name) => compile(folder.path, `${name}${version}`, ['-O1', version]));
  const before = files.map(names);
  const common = join(folder.path, `common${version}`);
  execFileSync('dwz', [...option, '-m', common, ...files]);
  const after = openElf(files[0]!);
  expect(after.section(section)).toBeDefined();
  after.close();
  expect(files.map((file) => names(file).sort())).toEqual(before.map((each) => each.sort()));
  rmSync(common);
  expect(() => names(files[0]!)).toThrow('the supplementary file that dwz moved it to is missing');
});

// ---------------------------------------------------------------------------------------------------- debuginfod

async function withServer<T>(files: Record<string, Buffer | number>, use: (url: string, hits: string[]) => Promise<T>) {
  const hits: string[] = [];
  const server: Server = createServer((request, response) => {
    hits.push(request.url!);
    const file = files[request.url!];
    if (typeof file === 'number') response.writeHead(file).end();
    else if (file) response.writeHead(200, { 'content-length': file.length }).end(file);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a debug file is fetched by build id once, and kept', async () => {
  const route = `/buildid/${buildId}/debuginfo`;
  await withServer({ [route]: readFileSync(debug) }, async (url, hits) => {
    const cacheFolder = join(folder.path, 'fetched');
    const steps: number[] = [];
    const progress = { update: (_: string, done?: number) => void steps.push(done ?? -1), finish() {} };
    const first = await fetchByBuildId(buildId, 'debuginfo', { urls: url, cacheFolder, progress });
    expect(first.diagnostics).toEqual([]);
    expect(readFileSync(first.path!).equals(readFileSync(debug))).toBe(true);
    expect(steps.at(-1)).toBe(1);
    const second = await fetchByBuildId(buildId, 'debuginfo', { urls: url, cacheFolder });
    expect(second.path).toBe(first.path);
    expect(hits).toEqual([route]);
    expect(readdirSync(dirname(first.path!))).toEqual(['debuginfo']);
  });
});

test('servers that fail, lie or do not know are told apart, and nothing half-written is left', async () => {
  const wrong = compile(folder.path, 'wrong', ['-O0', '-Wl,--build-id=0x1234']);
  const route = `/buildid/${buildId}/debuginfo`;
  await withServer({ [route]: 500 }, async (failing) => {
    await withServer({ [route]: readFileSync(wrong) }, async (lying) => {
      await withServer({}, async (ignorant, hits) => {
        const cacheFolder = join(folder.path, 'failed');
        const both = await fetchByBuildId(buildId, 'debuginfo', { urls: `${failing} ${lying}`, cacheFolder });
        expect(both.path).toBeUndefined();
        expect(both.diagnostics.map((d) => d.message)).toEqual([
          expect.stringContaining('status 500'),
          expect.stringContaining('build id 1234'),
        ]);
        expect(readdirSync(join(cacheFolder, 'debuginfod', buildId))).toEqual([]);
        for (let round = 0; round < 2; round++) {
          expect(await fetchByBuildId(buildId, 'debuginfo', { urls: ignorant, cacheFolder })).toEqual({
            diagnostics: [],
          });
        }
        // The second time the answer is remembered.
        expect(hits).toEqual([route]);
      });
    });
  });
});

test('an aborted fetch throws the reason', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  const options = { urls: 'http://127.0.0.1:9', cacheFolder: join(folder.path, 'aborted'), signal };
  await expect(fetchByBuildId(buildId, 'debuginfo', options)).rejects.toThrow('enough');
});

test('a damaged link is a fault', () => {
  const bytes = readFileSync(stripped);
  const elf = openElf(stripped);
  const { offset, size } = elf.section('.gnu_debuglink')!;
  bytes.fill(0x41, offset, offset + size);
  expect(attempt(() => debugLink(openElf(bytes, 'damaged')))).toMatchObject({
    ok: false,
    fault: { section: '.gnu_debuglink' },
  });
});
