// Modules that are really built, against a stand-in runtime and the headers of an installed kernel.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PassContext, quietContext } from '@stapkit/pass';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type BuildOptions,
  buildModule,
  buildPass,
  type KernelBuild,
  MAX_MODULE_NAME,
  openRuntime,
} from '../src/index.js';
import { builtModuleSchema } from '../src/schema.js';
import { greeting, moduleOf, someKernel, standInRuntime, temporaryFolder } from './support.js';

let kernel: KernelBuild;
let cacheFolder: string;
let options: BuildOptions;

beforeAll(async () => {
  // Other programs of ours may be at work on this machine: only our own temporary folders count here.
  vi.stubEnv('TMPDIR', temporaryFolder());
  kernel = await someKernel();
  cacheFolder = temporaryFolder();
  options = { kernel, runtimeFolder: standInRuntime, cacheFolder };
  await openRuntime(options, quietContext());
});

afterAll(() => vi.unstubAllEnvs());

const modinfo = (path: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(path)
      .toString('latin1')
      .split('\0')
      .filter((line) => /^(name|vermagic|depends|license|retpoline)=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

const ourTemporaryFolders = (): string[] =>
  readdirSync(tmpdir()).filter((name) => /^stapkit-(build|runtime)-/.test(name));

describe('a module', () => {
  test('is built, and is the kernel’s', async () => {
    const { value, diagnostics } = await buildModule(moduleOf(kernel, greeting('one')), options, quietContext());
    expect(diagnostics).toEqual([]);
    expect(builtModuleSchema.parse(value)).toEqual(value);
    expect(value).toMatchObject({ release: kernel.release, cached: false });
    expect(value!.path.endsWith(`/${value!.name}.ko`)).toBe(true);
    expect(value!.name).toMatch(/^stap_[0-9a-f]{32}_\d+$/);
    const info = modinfo(value!.path);
    expect(info).toMatchObject({ name: value!.name, license: 'Dual MIT/GPL', depends: '' });
    expect(info.vermagic).toMatch(new RegExp(`^${kernel.release.replaceAll('.', '\\.').replaceAll('+', '\\+')} `));
  });

  test('comes from the cache the second time', async () => {
    const module = moduleOf(kernel, greeting('two'));
    const first = await buildModule(module, options, quietContext());
    const second = await buildModule(module, options, quietContext());
    expect(second.value).toEqual({ ...first.value, cached: true });
    const poisoned = await buildModule(module, { ...options, cache: 'poison' }, quietContext());
    expect(poisoned.value).toEqual(first.value);
  });

  test('that is damaged in the cache is built anew', async () => {
    const module = moduleOf(kernel, greeting('damaged'));
    const first = await buildModule(module, options, quietContext());
    const good = readFileSync(first.value!.path);
    writeFileSync(first.value!.path, good.subarray(0, 1000));
    const second = await buildModule(module, options, quietContext());
    expect(second.value?.cached).toBe(false);
    expect(statSync(second.value!.path).size).toBe(good.length);
  });

  test.each(['test', 'x', 'n'.repeat(MAX_MODULE_NAME)])('takes the name %s, from the cache too', async (name) => {
    const module = moduleOf(kernel, greeting('named'));
    const outputFolder = temporaryFolder();
    const { value } = await buildModule(module, { ...options, name, outputFolder }, quietContext());
    expect(value).toMatchObject({ name, path: join(outputFolder, `${name}.ko`) });
    expect(modinfo(value!.path).name).toBe(name);
    expect(readdirSync(outputFolder)).toEqual([`${name}.ko`]);
    const again = await buildModule(module, { ...options, name: 'other', outputFolder }, quietContext());
    expect(again.value).toMatchObject({ name: 'other', cached: true });
    expect(modinfo(again.value!.path).name).toBe('other');
  });

  test('of another instance has a name of its own', async () => {
    const module = moduleOf(kernel, greeting('instance'));
    const temporary = temporaryFolder();
    const { value } = await buildModule(
      module,
      { ...options, instance: 4711, temporaryFolder: temporary },
      quietContext(),
    );
    expect(value?.name).toMatch(/^stap_[0-9a-f]{32}_4711$/);
    expect(modinfo(value!.path).name).toBe(value!.name);
  });

  test('that asks for lines carries them, and is another with others', async () => {
    const source = `#include "stapkit_abi.h"
extern const char *const stapkit_line_images[];
const char *stapkit_fn_symline(int at) { return stapkit_line_images[at]; }
int script_start(void) { runtime_say(stapkit_fn_symline(0)); return 0; }
`;
    const folder = temporaryFolder();
    const [one, other] = [join(folder, 'one "lines"'), join(folder, 'other')];
    writeFileSync(one, 'lines of one kernel');
    writeFileSync(other, 'lines of another');
    const asked: (readonly string[])[] = [];
    const build = async (...images: string[]) => {
      const lineImages = async (modules: readonly string[]) => {
        asked.push(modules);
        return images;
      };
      const module = moduleOf(kernel, source, { modules: ['overlay'] });
      const { value, diagnostics } = await buildModule(module, { ...options, lineImages }, quietContext());
      expect(diagnostics).toEqual([]);
      return value!;
    };
    const first = await build(one, other);
    expect(readFileSync(first.path).includes('lines of one kernel')).toBe(true);
    expect(readFileSync(first.path).includes('lines of another')).toBe(true);
    expect(asked).toEqual([['overlay']]);
    expect((await build(one, other)).cached).toBe(true);
    const second = await build(other);
    expect(second.cached).toBe(false);
    expect(second.name).not.toBe(first.name);
    expect(readFileSync(second.path).includes('lines of one kernel')).toBe(false);
    expect((await build()).cached).toBe(false);
    await buildModule(
      moduleOf(kernel, greeting('no lines')),
      { ...options, lineImages: () => expect.fail() },
      quietContext(),
    );
  });

  test('keeps its C and objects in the folder it is given', async () => {
    const temporary = temporaryFolder();
    const { value } = await buildModule(
      moduleOf(kernel, greeting('kept')),
      { ...options, temporaryFolder: temporary },
      quietContext(),
    );
    expect(readFileSync(join(temporary, `${value!.name}.c`), 'utf8')).toBe(greeting('kept'));
  });

  test('takes from the runtime only what it uses', async () => {
    const small = await buildModule(moduleOf(kernel, greeting('small')), options, quietContext());
    const large = await buildModule(
      moduleOf(kernel, `#include "stapkit_abi.h"\nint script_start(void) { return runtime_extra(1); }\n`),
      options,
      quietContext(),
    );
    const symbols = (path: string): string => execFileSync('nm', [path]).toString();
    expect(symbols(small.value!.path)).not.toContain('register_kprobe');
    expect(symbols(large.value!.path)).toContain('U register_kprobe');
  });

  test('gets the -D definitions', async () => {
    const source = '#include "stapkit_abi.h"\nint script_start(void) { return MAXWIDGETS; }\n';
    const without = await buildModule(moduleOf(kernel, source), options, quietContext());
    expect(without.diagnostics[0]?.message).toContain('MAXWIDGETS');
    const { value } = await buildModule(
      moduleOf(kernel, source, { defines: { MAXWIDGETS: '3' } }),
      options,
      quietContext(),
    );
    expect(value).toBeDefined();
  });

  test('gets the entries of --modinfo, which make it another module', async () => {
    const module = moduleOf(kernel, greeting('modinfo'));
    const plain = await buildModule(module, options, quietContext());
    const told = await buildModule(module, { ...options, modinfo: ['author=me', 'depends='] }, quietContext());
    expect(told.value?.path).not.toBe(plain.value?.path);
    expect(readFileSync(told.value!.path).includes('\0author=me\0')).toBe(true);
    expect(modinfo(told.value!.path).name).toBe(told.value!.name);
    const bad = await buildModule(module, { ...options, modinfo: ['name=x'] }, quietContext());
    expect(bad.diagnostics).toMatchObject([{ code: 'kbuild/bad-modinfo' }]);
    expect(bad.diagnostics[0]!.message).toContain('the module makes that one itself');
  });

  test('gets what -B tells make, which makes it another module', async () => {
    const module = moduleOf(
      kernel,
      '#include "stapkit_abi.h"\nint unit(void);\nint script_start(void) { return unit(); }\n',
      {
        units: [{ name: 'unit_0', source: 'int unit(void);\nint unit(void) { return OF_MAKE; }\n' }],
      },
    );
    const without = await buildModule(module, options, quietContext());
    expect(without.diagnostics[0]?.message).toContain('OF_MAKE');
    const given = { ...options, cacheFolder: temporaryFolder(), makeOptions: ['KCFLAGS=-DOF_MAKE=3'] };
    const { value, diagnostics } = await buildModule(module, given, quietContext());
    expect(diagnostics).toEqual([]);
    expect(existsSync(value!.path)).toBe(true);
    const wrong = await buildModule(module, { ...options, makeOptions: ['no-such-target'] }, quietContext());
    expect(wrong.diagnostics[0]).toMatchObject({
      code: 'kbuild/runtime-failed',
      detail: [expect.stringContaining("No rule to make target 'no-such-target'")],
      hints: ['make was given no-such-target (-B)', expect.any(String)],
    });
  });

  test('may have embedded C with kernel headers, which is kept by its text', async () => {
    const unit = {
      name: 'unit_0',
      source: '#include <linux/jiffies.h>\nint unit(void);\nint unit(void) { return jiffies_to_msecs(jiffies); }\n',
    };
    const module = (text: string) =>
      moduleOf(
        kernel,
        `#include "stapkit_abi.h"\nint unit(void);\nint script_start(void) { runtime_say("${text}"); return unit(); }\n`,
        {
          units: [unit],
        },
      );
    const first = await buildModule(module('a'), options, quietContext());
    expect(first.diagnostics).toEqual([]);
    // A checksum for a symbol that the runtime does not use.
    const versions = execFileSync('readelf', ['-p', '__versions', first.value!.path]).toString();
    expect(versions).toContain('jiffies_to_msecs');
    const kept = (): string[] => readdirSync(join(cacheFolder, 'units'), { recursive: true, encoding: 'utf8' }).sort();
    const before = kept();
    await buildModule(module('b'), options, quietContext());
    expect(kept()).toEqual(before);
  });

  test('may have more units of embedded C than there are CPUs', async () => {
    const warned: string[] = [];
    const listen = (warning: Error): void => void warned.push(warning.name);
    process.on('warning', listen);
    const units = Array.from({ length: 14 }, (_, n) => ({
      name: `unit_${n}`,
      source: `int u${n}(void);\nint u${n}(void) { return 0; }\n`,
    }));
    const { diagnostics } = await buildModule(moduleOf(kernel, greeting('units'), { units }), options, quietContext());
    process.off('warning', listen);
    expect({ diagnostics, warned }).toEqual({ diagnostics: [], warned: [] });
  });

  test('passes through the chain’s pass object', async () => {
    const pass = buildPass(options);
    const { value } = await pass.run(moduleOf(kernel, greeting('pass')), quietContext());
    expect(pass.summarize(value)).toBe(`compiled C into "${value.name}.ko"`);
    const again = await pass.run(moduleOf(kernel, greeting('pass')), quietContext());
    expect(pass.summarize(again.value)).toBe(`using cached ${value.path}`);
  });
});

describe('a fault', () => {
  test('in the C is shown at the script’s line, and leaves nothing behind', async () => {
    const before = ourTemporaryFolders();
    const text = 'probe begin {\n  broken()\n}\n';
    const source = '#include "stapkit_abi.h"\n#line 2 "broken.stp"\nint script_start(void) { return broken; }\n';
    const sources = [{ name: 'broken.stp', text }];
    const { value, diagnostics } = await buildModule(moduleOf(kernel, source, { sources }), options, quietContext());
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'kbuild/compile-error',
        span: { file: 'broken.stp', start: text.indexOf('broken'), end: text.indexOf('\n}') },
      },
    ]);
    expect(ourTemporaryFolders()).toEqual(before);
  });

  test('in embedded C is shown at the script’s line too', async () => {
    const text = 'function f() %{\n  return nothing;\n%}\n';
    const unit = {
      name: 'unit_0',
      source: '#include <linux/types.h>\nint unit(void);\nint unit(void) {\n#line 2 "e.stp"\n  return nothing;\n}\n',
    };
    const { diagnostics } = await buildModule(
      moduleOf(kernel, greeting('unit'), { units: [unit], sources: [{ name: 'e.stp', text }] }),
      options,
      quietContext(),
    );
    expect(diagnostics).toMatchObject([
      { code: 'kbuild/compile-error', span: { file: 'e.stp', start: text.indexOf('return') } },
    ]);
  });

  test('in the script and one in embedded C are both told', async () => {
    const unit = { name: 'unit_0', source: '#line 1 "u.stp"\nint unit(void) { return nothing; }\n' };
    const source = '#line 1 "s.stp"\nint script_start(void) { return missing; }\n';
    const { diagnostics } = await buildModule(moduleOf(kernel, source, { units: [unit] }), options, quietContext());
    expect(diagnostics.map(({ message }) => message).join('\n')).toMatch(/missing.*nothing/s);
  });

  test('names a symbol that the kernel does not export', async () => {
    const source =
      '#include "stapkit_abi.h"\nint no_such_thing(void);\nint script_start(void) { return no_such_thing(); }\n';
    const { diagnostics } = await buildModule(moduleOf(kernel, source), options, quietContext());
    expect(diagnostics).toMatchObject([{ code: 'kbuild/undefined-symbol' }]);
    expect(diagnostics[0]?.message).toContain('"no_such_thing"');
  });

  test('refuses a name that no module can have, before it builds', async () => {
    const { diagnostics } = await buildModule(
      moduleOf(kernel, greeting('x')),
      { ...options, name: 'a-b' },
      quietContext(),
    );
    expect(diagnostics).toMatchObject([{ code: 'kbuild/bad-name', message: '"a-b" cannot be a module\'s name' }]);
  });

  test('refuses a script that was translated for another kernel', async () => {
    const { diagnostics } = await buildModule(
      moduleOf(kernel, greeting('x'), { release: '1.2.3' }),
      options,
      quietContext(),
    );
    expect(diagnostics).toMatchObject([{ code: 'kbuild/wrong-kernel' }]);
  });

  test('is a cache folder that anybody may write to', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    const bad = { ...options, cacheFolder: folder };
    const { value, diagnostics } = await buildModule(moduleOf(kernel, greeting('x')), bad, quietContext());
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'kbuild/cache-untrusted' }]);
    expect(diagnostics[0]?.message).toContain('anybody may write to it');
  });

  test('is a cache folder below one that anybody may write to', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'cache'));
    chmodSync(folder, 0o777);
    const bad = { ...options, cacheFolder: join(folder, 'cache') };
    const { diagnostics } = await buildModule(moduleOf(kernel, greeting('x')), bad, quietContext());
    expect(diagnostics).toMatchObject([{ code: 'kbuild/cache-untrusted' }]);
    expect(diagnostics[0]?.message).toContain(`anybody may write to ${folder}`);
  });

  test('says that the cache folder cannot be written', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const bad = { ...options, cacheFolder: join(folder, 'file') };
    const { value, diagnostics } = await buildModule(moduleOf(kernel, greeting('x')), bad, quietContext());
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'kbuild/cache-unwritable', severity: 'error' }]);
    expect(diagnostics[0]?.message).toContain(join(folder, 'file'));
  });

  test('builds all the same where the runtime is cached and only the module cannot be kept', async () => {
    const folder = temporaryFolder();
    execFileSync('cp', ['-r', join(cacheFolder, 'runtime'), folder]);
    writeFileSync(join(folder, 'modules'), '');
    const { value, diagnostics } = await buildModule(
      moduleOf(kernel, greeting('x')),
      { ...options, cacheFolder: folder, temporaryFolder: temporaryFolder() },
      quietContext(),
    );
    expect(value).toBeDefined();
    expect(diagnostics).toMatchObject([{ code: 'kbuild/cache-unwritable', severity: 'warning' }]);
  });

  test('is a full disk where the linker says so', async () => {
    const tools = temporaryFolder();
    const complaint = 'ld: final link failed: No space left on device';
    writeFileSync(join(tools, 'ld'), `#!/bin/sh\necho "${complaint}" >&2\nexit 1\n`, { mode: 0o755 });
    writeFileSync(join(tools, 'x86_64-linux-gnu-ld'), readFileSync(join(tools, 'ld')), { mode: 0o755 });
    vi.stubEnv('PATH', `${tools}:${process.env.PATH}`);
    try {
      const { diagnostics } = await buildModule(moduleOf(kernel, greeting('full')), options, quietContext());
      expect(diagnostics).toMatchObject([{ code: 'kbuild/disk-full' }]);
      expect(diagnostics[0]?.message).toMatch(/^no space left on the disk that holds \//);
    } finally {
      vi.stubEnv('PATH', process.env.PATH?.replace(`${tools}:`, ''));
    }
  });

  test('says so where the module can go nowhere', async () => {
    const folder = temporaryFolder();
    execFileSync('cp', ['-r', join(cacheFolder, 'runtime'), folder]);
    writeFileSync(join(folder, 'modules'), '');
    const module = moduleOf(kernel, greeting('nowhere'));
    const { value, diagnostics } = await buildModule(module, { ...options, cacheFolder: folder }, quietContext());
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'kbuild/cache-unwritable', severity: 'error' }]);
  });

  test('says that the runtime does not compile, with the compiler’s words', async () => {
    const runtime = temporaryFolder();
    execFileSync('cp', ['-r', `${standInRuntime}/.`, runtime]);
    writeFileSync(join(runtime, 'src/extra.c'), '#error broken on purpose\n');
    const folder = temporaryFolder();
    const { diagnostics } = await buildModule(
      moduleOf(kernel, greeting('x')),
      { ...options, runtimeFolder: runtime, cacheFolder: folder },
      quietContext(),
    );
    expect(diagnostics).toMatchObject([{ code: 'kbuild/runtime-failed' }]);
    expect(diagnostics[0]?.detail?.join('\n')).toContain('src/extra.c:1:2: error: #error broken on purpose');
    expect(readdirSync(join(folder, 'runtime'))).toEqual([]);
  });
});

describe('the runtime archive', () => {
  test('that is damaged is built anew, and an abort leaves nothing behind', async () => {
    const folder = temporaryFolder();
    execFileSync('cp', ['-r', join(cacheFolder, 'runtime'), folder]);
    const archive = join(folder, 'runtime', readdirSync(join(folder, 'runtime'))[0]!, 'runtime.a');
    writeFileSync(archive, 'short');
    const before = ourTemporaryFolders();
    const controller = new AbortController();
    const ctx: PassContext = {
      ...quietContext(controller.signal),
      progress: { update: (_, done) => done !== undefined && controller.abort(new Error('stop')), finish() {} },
    };
    await expect(
      buildModule(moduleOf(kernel, greeting('x')), { ...options, cacheFolder: folder }, ctx),
    ).rejects.toThrow('stop');
    expect(ourTemporaryFolders()).toEqual(before);
    expect(readdirSync(join(folder, 'runtime'))).toHaveLength(1);
    const { value } = await buildModule(
      moduleOf(kernel, greeting('x')),
      { ...options, cacheFolder: folder },
      quietContext(),
    );
    expect(value).toBeDefined();
    expect(statSync(archive).size).toBeGreaterThan(100);
  });

  test('is made once by many who start at the same time, in one cache', async () => {
    const folder = temporaryFolder();
    const builds: (number | undefined)[] = [];
    const ctx: PassContext = {
      ...quietContext(),
      progress: { update: (_, done) => void builds.push(done), finish() {} },
    };
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        buildModule(moduleOf(kernel, greeting(`many ${n % 2}`)), { ...options, cacheFolder: folder }, ctx),
      ),
    );
    expect(results.map(({ diagnostics }) => diagnostics)).toEqual(results.map(() => []));
    expect(new Set(results.map(({ value }) => value?.path)).size).toBe(2);
    expect(builds.filter((done) => done === undefined)).toHaveLength(1);
    expect(readdirSync(join(folder, 'runtime'))).toHaveLength(1);
  });

  test('has objtool run once, over the linked module, where the kernel does so', async () => {
    const folder = temporaryFolder();
    execFileSync('cp', ['-r', join(cacheFolder, 'runtime'), folder]);
    const file = join(folder, 'runtime', readdirSync(join(folder, 'runtime'))[0]!, 'archive.json');
    const archive = JSON.parse(readFileSync(file, 'utf8'));
    // The members have been through objtool already; what counts here is when, and over what, it is run.
    const log = join(folder, 'objtool.log');
    const objtool = join(folder, 'objtool');
    writeFileSync(objtool, `#!/bin/sh\necho "$SRCARCH $*" >> ${log}\n`, { mode: 0o755 });
    archive.recipe = { ...archive.recipe, objtool: [objtool, '--ibt', '--link'], objtoolAfterLink: true };
    archive.recipe.environment = { SRCARCH: 'x86' };
    writeFileSync(file, JSON.stringify(archive));
    const { value, diagnostics } = await buildModule(
      moduleOf(kernel, greeting('linked')),
      { ...options, cacheFolder: folder },
      quietContext(),
    );
    expect(diagnostics).toEqual([]);
    expect(readFileSync(log, 'utf8')).toMatch(/^x86 --ibt --link \S+\.linked\.o\n$/);
    expect(modinfo(value!.path)).toMatchObject({ name: value!.name, license: 'Dual MIT/GPL' });
  });

  test('works without any cache', async () => {
    const folder = join(temporaryFolder(), 'none');
    const { value } = await buildModule(
      moduleOf(kernel, greeting('off')),
      { ...options, cacheFolder: folder, cache: 'off', temporaryFolder: temporaryFolder() },
      quietContext(),
    );
    expect(value?.cached).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });
});
