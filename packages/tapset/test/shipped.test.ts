import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Declaration, parseScript } from '@stapkit/parser';
import { expect, test } from 'vitest';
import { openTapset, tapsetFolder } from '../src/index.js';

const facts = {
  kernelRelease: '6.1.0-56-amd64',
  architecture: 'x86_64',
  runtime: 'kernel',
  guru: true,
  config: () => undefined,
};

async function parsedFiles() {
  const { value: tapset } = await openTapset({
    folders: [tapsetFolder],
    kernelRelease: '6.1.0',
    architecture: 'x86_64',
  });
  const macros = new Map<string, { name: string; text: string }>();
  for (const name of tapset.names('macro')) {
    const file = tapset.macro(name);
    if (file) macros.set(name, file);
  }
  return tapset.allFiles().map((file) => ({
    file,
    // Files that use library macros are parsed with the rest of a script, in the elaborator's tests.
    outcome: /@__syscall_registers/.test(file.text) ? undefined : parseScript(file, { privileged: true, facts }),
  }));
}

test('every shipped file parses', async () => {
  for (const { file, outcome } of await parsedFiles()) {
    if (outcome) expect([file.name, outcome.diagnostics]).toEqual([file.name, []]);
  }
});

test('every public function says what it does, with each of its parameters', async () => {
  const missing: string[] = [];
  for (const { file, outcome } of await parsedFiles()) {
    for (const declaration of (outcome?.value.declarations ?? []) as readonly Declaration[]) {
      if (declaration.kind !== 'function' || declaration.private || declaration.name.startsWith('_')) continue;
      const before = file.text.slice(0, declaration.span.start);
      const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(before)?.[0] ?? '';
      const described = new RegExp(`sfunction ${declaration.name} - \\S`).test(comment);
      const parameters = declaration.parameters.every((one) => comment.includes(`@${one.name}:`));
      if (!described || !parameters) missing.push(`${file.name}: ${declaration.name}`);
    }
  }
  expect(missing).toEqual([]);
});

test('the system call aliases agree with their table', async () => {
  const script = new URL('../scripts/build-syscalls.mjs', import.meta.url);
  const { buildSyscalls } = (await import(script.href)) as {
    buildSyscalls: (table: string, constants: string) => Map<string, string>;
  };
  const table = (name: string) => readFileSync(new URL(`../scripts/${name}`, import.meta.url), 'utf8');
  const files = buildSyscalls(table('syscalls.txt'), table('syscall-constants.txt'));
  for (const [name, text] of files) {
    expect(readFileSync(join(tapsetFolder, 'x86_64', name), 'utf8')).toBe(text);
  }
});
