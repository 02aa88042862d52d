// The whole of stap, from the command line to output from a module in a stock kernel.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { describe, expect, test } from 'vitest';
import { command, ONE_LINER, READ_PERFORMED, root, scratchFolder, stap } from './harness.js';

const guestFolder = process.env['STAPKIT_GUEST']!;

/** Runs a command in the shared guest. */
async function inGuest(...argv: string[]) {
  const guest = await connectGuest(guestFolder);
  try {
    let stdout = '';
    let stderr = '';
    const { code } = await guest.exec({
      argv,
      onStdout: (chunk) => {
        stdout += Buffer.from(chunk).toString('latin1');
      },
      onStderr: (chunk) => {
        stderr += Buffer.from(chunk).toString('latin1');
      },
    });
    return { code, stdout, stderr };
  } finally {
    await guest.close();
  }
}

async function stapModulesInGuest(): Promise<string[]> {
  const { stdout } = await inGuest('cat', '/proc/modules');
  return stdout.split('\n').filter((line) => /^(stap_|test_|ours_)/.test(line));
}

const PASS_LINES = [
  /^Pass 1: parsed user script and \d+ library scripts? using \d+virt\/\d+res\/\d+shr\/\d+data kb, in \d+usr\/\d+sys\/\d+real ms\.$/m,
  /^Pass 2: analyzed script: 1 probe, \d+ functions?, \d+ embeds?, \d+ globals? using \d+virt\/\d+res\/\d+shr\/\d+data kb, in \d+usr\/\d+sys\/\d+real ms\.$/m,
  /^Pass 3: (translated to C into "\S+" using \d+virt\/\d+res\/\d+shr\/\d+data kb, in \d+usr\/\d+sys\/\d+real ms\.|using cached \S+\.c)$/m,
  /^Pass 4: (compiled C into "\S+\.ko" using .* in \d+usr\/\d+sys\/\d+real ms\.|using cached \S+\.ko)$/m,
  /^Pass 5: starting run\.$/m,
  /^Pass 5: run completed in \d+usr\/\d+sys\/\d+real ms\.$/m,
];

describe('the first command', () => {
  test('prints the five pass lines and the output of a module in the guest', async () => {
    const ended = await stap(['--vm', '-v', '-e', ONE_LINER]);
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(READ_PERFORMED) });
    for (const line of PASS_LINES) expect(ended.stderr).toMatch(line);
    expect(await stapModulesInGuest()).toEqual([]);
  });

  test('runs whole inside the guest, as on a machine of its own', async () => {
    const ended = await inGuest(join(root, 'stap'), '-v', '-e', ONE_LINER);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(READ_PERFORMED) });
    for (const line of PASS_LINES) expect(ended.stderr).toMatch(line);
    expect(await stapModulesInGuest()).toEqual([]);
  });

  test('is quiet without -v', async () => {
    const ended = await stap(['--vm', '-e', ONE_LINER]);
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(READ_PERFORMED), stderr: '' });
  });
});

describe('running', () => {
  test('a script file gets its arguments, and ends by itself', async () => {
    const folder = scratchFolder();
    const file = join(folder, 'hello.stp');
    writeFileSync(file, 'probe begin { printf("%s %d\\n", @1, $2 * 2); exit() }\nprobe end { println("bye") }\n');
    expect(await stap(['--vm', file, 'hello', '21'])).toMatchObject({ status: 0, stdout: 'hello 42\nbye\n' });
  });

  test('-o sends the output to a file', async () => {
    const file = join(scratchFolder(), 'out.txt');
    const ended = await stap(['--vm', '-o', file, '-e', 'probe begin { println("to the file"); exit() }']);
    expect(ended).toMatchObject({ status: 0, stdout: '' });
    expect(readFileSync(file, 'utf8')).toBe('to the file\n');
  });

  test('Ctrl-C ends the run in good order: the end probe still prints', async () => {
    const ended = await stap(['--vm', '-e', 'probe begin { println("up") } probe end { println("down") }', '-v'], {
      onStdout: (text, child) => {
        if (text === 'up\n') child.kill('SIGINT');
      },
    });
    expect(ended).toMatchObject({ stdout: 'up\ndown\n', status: 0 });
    expect(await stapModulesInGuest()).toEqual([]);
  });

  test('a killed driver leaves no module in the guest and no temporary folder', async () => {
    // Others make such folders, too, but not there.
    const temporary = scratchFolder();
    const ended = await stap(['--vm', '-e', 'probe timer.ms(10) { println("tick") }'], {
      env: { TMPDIR: temporary },
      onStdout: (_text, child) => child.kill('SIGKILL'),
    });
    expect(ended.signal).toBe('SIGKILL');
    while ((await stapModulesInGuest()).length > 0) await new Promise((ok) => setTimeout(ok, 500));
    const left = readdirSync(temporary).filter((name) => /^stap[A-Za-z0-9]{6}$/.test(name));
    expect(left.length, 'only what SIGKILL leaves no time to remove').toBeLessThanOrEqual(1);
  });
});

describe('intermediate results', () => {
  test('going through JSON after every pass gives the same module', async () => {
    const folder = scratchFolder();
    const file = (name: string) => join(folder, name);
    const straight = await stap(['--vm', '--disable-cache', '-p4', '-m', 'ours_a', '-e', ONE_LINER], { cwd: folder });
    expect(straight).toMatchObject({ status: 0 });
    for (const [argv, out] of [
      [['-p1', '-e', ONE_LINER], '1.json'],
      [['-p2', '--from', file('1.json')], '2.json'],
      [['-p3', '--from', file('2.json')], '3.json'],
    ] as const) {
      expect(await stap(['--vm', ...argv, '--emit', file(out)])).toMatchObject({ status: 0, stdout: '' });
    }
    const resumed = ['--vm', '--disable-cache', '-p4', '-m', 'ours_b', '--from', file('3.json')];
    expect(await stap([...resumed, '--emit', file('4.json')], { cwd: folder })).toMatchObject({ status: 0 });
    const [one, other] = ['ours_a.ko', 'ours_b.ko'].map((name) => readFileSync(file(name)).toString('latin1'));
    expect(other!.replaceAll('ours_b', 'ours_a')).toBe(one);
    expect(await stap(['--vm', '--from', file('4.json')])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(READ_PERFORMED),
    });
    // The runtime is built twice from nothing, which takes a minute each where memory is slow to come.
  });

  test('-p1 to -p4 print the script, its meaning, the C and the path of the module', async () => {
    const script = 'global n\nprobe begin { n = 1; exit() }';
    expect((await stap(['--vm', '-p1', '-e', script])).stdout).toContain('probe begin');
    expect((await stap(['--vm', '-p2', '-e', script])).stdout).toContain('# probes\nbegin');
    expect((await stap(['--vm', '-p3', '-e', script])).stdout).toContain('#include "stapkit_abi.h"');
    expect(existsSync((await stap(['--vm', '-p4', '-e', script])).stdout.trim())).toBe(true);
  });

  test('-k keeps the temporary folder and says where it is', async () => {
    const { stderr } = await stap(['--vm', '-k', '-p4', '-e', ONE_LINER]);
    const folder = /^Keeping temporary directory "(.+)"$/m.exec(stderr)?.[1];
    expect(folder && readdirSync(folder).some((name) => name.endsWith('.c'))).toBe(true);
  });
});

describe('bad input and bad weather', () => {
  const noTrace = /^\s+at .*:\d+:\d+\)?$/m;

  test.each([
    ['a syntax error', 'probe begin { printf("x" }', 'parse error', 'Pass 1: parse failed.'],
    ['an unknown probe point', 'probe vfs.raed { }', 'similar: read', 'Pass 2: analysis failed.'],
    ['an unknown function', 'probe begin { exot() }', 'exit', 'Pass 2: analysis failed.'],
    ['an unknown kernel function', 'probe kernel.function("vfs_raed") { }', 'vfs_read', 'Pass 2: analysis failed.'],
  ])('%s gives one message with place and hint', async (_name, script, words, closing) => {
    const ended = await stap(['--vm', '-e', script]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('<input>:1:');
    expect(ended.stderr).toContain(words);
    expect(ended.stderr).toContain(closing);
    expect(ended.stderr).not.toMatch(noTrace);
  });

  test('an error of the C compiler is shown against the script', async () => {
    const ended = await stap([
      '--vm',
      '-g',
      '-p4',
      '-e',
      'function f() %{\n  nonsense();\n  int;x\n%}\nprobe begin { f() }',
    ]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/<input>:[23]/);
    expect(ended.stderr).toContain('Pass 4: compilation failed.');
    expect(ended.stderr).not.toMatch(noTrace);
  });

  test('a full disk behind standard output is told of, a reader that has gone is not', async () => {
    const script = `${join(root, 'stap')} --vm -e 'probe begin { println("x") exit() }'`;
    const full = await command(['sh', '-c', `${script} >/dev/full`]);
    expect(full.status).toBe(1);
    expect(full.stderr).toContain('ERROR: writing to standard output failed: no space left on device\n');
    const printed = await command(['sh', '-c', `${join(root, 'stap')} -p1 -e 'probe begin { exit() }' >/dev/full`]);
    expect(printed).toMatchObject({ status: 1, stderr: expect.stringContaining('no space left on device') });
    const endless = `${join(root, 'stap')} --vm -e 'probe timer.ms(1) { println("line") }'`;
    const head = await command(['sh', '-c', `${endless} | head -1`]);
    expect(head).toMatchObject({ status: 0, stdout: 'line\n', stderr: '' });
  });

  test('a cache folder that can not be written is named, and nothing else breaks', async () => {
    const file = join(scratchFolder(), 'a-file');
    writeFileSync(file, '');
    const ended = await stap(['-r', readdirSync('/lib/modules')[0]!, '-p4', '-e', 'probe begin { }'], {
      env: { SYSTEMTAP_DIR: file },
    });
    expect(ended.stderr).toContain(file);
    expect(ended.stderr).not.toMatch(noTrace);
  });

  test('missing kernel headers are named with the command that installs them', async () => {
    const ended = await stap(['-r', '9.9.9-none', '-p4', '-e', 'probe begin { }']);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('9.9.9-none');
    expect(ended.stderr).toContain('stap-prep');
  });

  test("a module that the kernel refuses is shown with the kernel's own words", async () => {
    const folder = scratchFolder();
    await stap(['--vm', '-p4', '-m', 'ours_c', '-e', ONE_LINER], { cwd: folder });
    const broken = readFileSync(join(folder, 'ours_c.ko'));
    // With CONFIG_MODVERSIONS the kernel compares what follows the release.
    broken.write('XMP', broken.indexOf(' SMP ', broken.indexOf('vermagic=')) + 1, 'latin1');
    writeFileSync(join(folder, 'ours_c.ko'), broken);
    const ended = await inGuest(
      process.execPath,
      join(root, 'packages/staprun/bundle/staprun.cjs'),
      join(folder, 'ours_c.ko'),
    );
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('version magic');
    expect(ended.stderr).not.toMatch(noTrace);
  });
});
