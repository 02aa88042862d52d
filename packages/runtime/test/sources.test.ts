import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runtimeFolder } from '../src/index.js';

const sources = readdirSync(join(runtimeFolder, 'src')).filter((name) => /\.[ch]$/.test(name));

test('every source says its licence in its first line', () => {
  const without = sources.filter(
    (name) =>
      !/SPDX-License-Identifier: GPL-2\.0 OR MIT/.test(
        readFileSync(join(runtimeFolder, 'src', name), 'utf8').split('\n')[0]!,
      ),
  );
  expect(without).toEqual([]);
});

test('every question about the kernel is asked once and says what made the difference', () => {
  const questions = JSON.parse(readFileSync(join(runtimeFolder, 'features.json'), 'utf8')) as {
    name: string;
    since?: string;
  }[];
  expect(new Set(questions.map((question) => question.name)).size).toBe(questions.length);
  for (const question of questions) expect(question.since, question.name).toMatch(/\d/);
});

test('every feature that a source asks for is a question of features.json', () => {
  const known = readFileSync(join(runtimeFolder, 'features.json'), 'utf8');
  const asked = new Set<string>();
  for (const name of sources) {
    const text = readFileSync(join(runtimeFolder, 'src', name), 'utf8');
    for (const match of text.matchAll(/\bSTAPKIT_HAVE_\w+/g)) asked.add(match[0]);
  }
  expect([...asked].filter((name) => !known.includes(`"${name}"`))).toEqual([]);
});

test.each(['stapkit_abi.h', 'stapkit_protocol.h'])('%s compiles by itself, without a kernel header', (header) => {
  expect(existsSync(join(runtimeFolder, 'include', header))).toBe(true);
  const flags = [
    '-std=gnu11',
    '-fsyntax-only',
    '-ffreestanding',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-Wno-unused-parameter',
  ];
  const input = `#include "${header}"\nint only_to_have_something;\n`;
  execFileSync('gcc', [...flags, `-I${join(runtimeFolder, 'include')}`, '-xc', '-'], { input, stdio: 'pipe' });
});

test('no source decides by the version of the kernel', () => {
  const deciding = sources.filter((name) =>
    /LINUX_VERSION_CODE|KERNEL_VERSION\(/.test(readFileSync(join(runtimeFolder, 'src', name), 'utf8')),
  );
  expect(deciding).toEqual([]);
});
