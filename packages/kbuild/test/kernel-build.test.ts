// Finding a kernel's build folder, in trees that look like those of distributions.
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findKernelBuild, kernelConfig } from '../src/kernel-build.js';
import { temporaryFolder } from './support.js';

const release = '6.1.0-56-amd64';

interface Tree {
  readonly root: string;
  readonly folder: string;
  readonly path: string;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Debian's layout; `compilers` are the programs that are installed. */
function debianTree(compilers: readonly string[], config = ''): Tree {
  const root = temporaryFolder();
  const folder = join(root, `usr/src/linux-headers-${release}`);
  put(
    join(folder, '.config'),
    `CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"\nCONFIG_GCC_VERSION=120200\nCONFIG_X86_64=y\nCONFIG_X86=y\n# CONFIG_LTO is not set\n${config}`,
  );
  put(join(folder, 'Makefile'), '');
  put(join(folder, 'Module.symvers'), '');
  put(join(folder, 'include/generated/autoconf.h'), '');
  put(join(folder, 'include/generated/utsrelease.h'), `#define UTS_RELEASE "${release}"\n`);
  put(join(folder, 'include/config/kernel.release'), '6.1.192\n');
  put(join(folder, 'tools/objtool/objtool'), '');
  mkdirSync(join(root, 'lib/modules', release), { recursive: true });
  symlinkSync(folder, join(root, 'lib/modules', release, 'build'));
  const path = join(root, 'usr/bin');
  for (const compiler of compilers) {
    put(join(path, compiler), '#!/bin/sh\n');
    chmodSync(join(path, compiler), 0o755);
  }
  return { root, folder, path };
}

describe('a kernel', () => {
  test('is found by its release, and takes its release from utsrelease.h', async () => {
    const { root, folder, path } = debianTree(['gcc-12', 'gcc']);
    const { value, diagnostics } = await findKernelBuild(release, { root, path });
    expect(diagnostics).toEqual([]);
    expect(value).toMatchObject({
      release,
      architecture: 'x86_64',
      buildFolder: folder,
      symversFile: join(folder, 'Module.symvers'),
      objtool: join(folder, 'tools/objtool/objtool'),
      compiler: { path: join(path, 'gcc-12'), matches: true },
    });
  });

  test('is found without /lib/modules, and by its folder', async () => {
    const { root, folder, path } = debianTree(['gcc-12']);
    rmSync(join(root, 'lib'), { recursive: true });
    expect((await findKernelBuild(release, { root, path })).value?.buildFolder).toBe(folder);
    expect((await findKernelBuild(folder, { path })).value?.release).toBe(release);
  });

  test('changes its identity with its configuration', async () => {
    const { root, folder, path } = debianTree(['gcc-12']);
    const before = (await findKernelBuild(release, { root, path })).value;
    put(join(folder, '.config'), 'CONFIG_X86_64=y\n');
    const after = (await findKernelBuild(release, { root, path })).value;
    expect(after?.identity).not.toBe(before?.identity);
  });

  test('answers for its configuration', async () => {
    const { root, path } = debianTree(['gcc-12'], 'CONFIG_HZ=250\nCONFIG_NAME="x y"\n');
    const { value } = await findKernelBuild(release, { root, path });
    const config = kernelConfig(value!);
    expect(['CONFIG_HZ', 'CONFIG_NAME', 'CONFIG_X86_64', 'CONFIG_LTO', 'CONFIG_H'].map(config)).toEqual([
      '250',
      'x y',
      'y',
      undefined,
      undefined,
    ]);
  });
});

describe('what is missing', () => {
  test('headers: names the command that installs them', async () => {
    const { value, diagnostics } = await findKernelBuild('9.9.9-1-amd64', { root: temporaryFolder() });
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'kbuild/headers-missing',
        class: 'build',
        message: 'the headers of kernel 9.9.9-1-amd64 are not installed',
        hints: ['run: stap-prep 9.9.9-1-amd64'],
      },
    ]);
  });

  test('a compiler: says what the kernel was built with', async () => {
    const { root } = debianTree([]);
    const { diagnostics } = await findKernelBuild(release, { root, path: join(root, 'none') });
    expect(diagnostics).toMatchObject([
      { code: 'kbuild/compiler-missing', severity: 'error', hints: [`run: stap-prep ${release}`] },
    ]);
    expect(diagnostics[0]?.message).toContain('gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0');
  });

  test('the right compiler: another one is taken with a warning', async () => {
    const { root, path } = debianTree(['gcc-13']);
    symlinkSync('gcc-13', join(path, 'gcc'));
    const { value, diagnostics } = await findKernelBuild(release, { root, path });
    expect(value?.compiler.matches).toBe(false);
    expect(diagnostics).toMatchObject([{ code: 'kbuild/compiler-differs', severity: 'warning' }]);
  });

  test('a folder that is none: says so', async () => {
    const folder = temporaryFolder();
    const { diagnostics } = await findKernelBuild(folder);
    expect(diagnostics[0]?.message).toBe(`"${folder}" is not a kernel build folder: it holds no .config and Makefile`);
  });
});
