// Options whose effect shows without a run, through the command line: each once.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command, root, scratchFolder, stap } from './harness.js';

/** A kernel that modules can be built for. */
const release = readdirSync('/lib/modules').find((name) => existsSync(join('/lib/modules', name, 'build')))!;
const build = (...argv: string[]) => stap(['-r', release, ...argv]);

test('--color colors messages, and -w and -W drop them or make errors of them', async () => {
  const wrong = ['-p2', '-e', 'probe begin { exot() }'];
  expect((await build(...wrong)).stderr).not.toContain('\x1b');
  expect((await build('--color', ...wrong)).stderr).toContain('\x1b[01;31m');
  expect((await build('--colour=never', ...wrong)).stderr).not.toContain('\x1b');
  const careless = ['-p2', '-e', 'probe begin { x = 1 exit() }'];
  expect(await build(...careless)).toMatchObject({ status: 0, stderr: expect.stringContaining('WARNING: ') });
  expect(await build('-w', ...careless)).toMatchObject({ status: 0, stderr: '' });
  expect((await build('-W', ...careless)).status).toBe(1);
});

test('--privilege and --unprivileged refuse what is not allowed, with the way out', async () => {
  const script = ['-p2', '-e', 'probe vfs.read { exit() }'];
  expect(await build('--privilege=stapdev', ...script)).toMatchObject({ status: 0 });
  for (const option of ['--privilege=stapusr', '--unprivileged']) {
    const { status, stderr } = await build(option, ...script);
    expect(status).toBe(1);
    expect(stderr).toContain('probe point is not allowed for --privilege=stapusr');
    expect(stderr).toContain('hint: run as a member of the group stapdev or stapsys, or as root');
  }
  expect(await build('--unprivileged', '-p2', '-e', 'probe begin { exit() }')).toMatchObject({ status: 0 });
});

test('--no-global-var-display takes the probe away that shows globals', async () => {
  const script = ['-p2', '-e', 'global n probe begin { n = 1 exit() }'];
  expect((await build(...script)).stdout).toMatch(/^end\b/m);
  expect((await build('--no-global-var-display', ...script)).stdout).not.toMatch(/^end\b/m);
});

test('-g, -u, -D, -I, -E, --compatible and -p change what is made', async () => {
  const embedded = ['-p2', '-e', 'function f() %{ %} probe begin { f() }'];
  expect((await build(...embedded)).stderr).toMatch(/guru mode|-g/);
  expect(await build('-g', ...embedded)).toMatchObject({ status: 0 });
  const dead = ['-p2', '-v', '-w', '-e', 'probe begin { x = 1 exit() }'];
  expect((await build(...dead)).stdout).not.toContain('(x) = (1)');
  expect((await build('-u', ...dead)).stdout).toContain('(x) = (1)');
  expect((await build('-p3', '-DMAXACTION=77', '-e', 'probe begin { exit() }')).stdout).toContain('77');
  const folder = scratchFolder();
  writeFileSync(join(folder, 'mine.stp'), 'function mine() { return 5 }\n');
  const mine = ['-p2', '-e', 'probe begin { println(mine()) }'];
  expect((await build(...mine)).status).toBe(1);
  expect(await build('-I', folder, ...mine)).toMatchObject({ status: 0 });
  const more = await build('-p1', '-E', 'probe end { println("more") }', '-e', 'probe begin { }');
  expect(more.stdout).toContain('println("more")');
  const tried = ['-p1', '-e', 'probe begin { try { next } catch { } }'];
  expect(await build(...tried)).toMatchObject({ status: 0 });
  expect(await build('--compatible=99.9', ...tried)).toMatchObject({ status: 1 });
});

test('-v and --vp tell of passes, --tmpdir says where, -k keeps it, -m and --modinfo are in the module', async () => {
  const [folder, work] = [scratchFolder(), scratchFolder()];
  const verbose = await build('-v', '-p2', '-e', 'probe begin { exit() }');
  expect(verbose.stderr).toMatch(/^Pass 1: .*\n(?:.*\n)*?Pass 2: /m);
  expect((await build('--vp', '01', '-p2', '-e', 'probe begin { exit() }')).stderr).toMatch(/^Pass 2: [^\n]*\n$/);
  const kept = await stap(
    ['-r', release, '-p4', '-k', '--poison-cache', `--tmpdir=${folder}`, '-m', 'own', '--modinfo', 'author=me'].concat(
      '-e',
      'probe begin { exit() }',
    ),
    { cwd: work },
  );
  expect(kept).toMatchObject({ status: 0, stdout: `${join(work, 'own.ko')}\n` });
  expect(kept.stderr).toContain(`Keeping temporary directory "${folder}/stap`);
  expect(readFileSync(join(work, 'own.ko')).includes('\0author=me\0')).toBe(true);
  expect(await build(`--tmpdir=${folder}/none`, '-p1', '-e', 'probe begin { }')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--tmpdir=DIR or $TMPDIR names another place'),
  });
});

test('what needs nothing to be done is taken: --ldd, --all-modules, -P, --prologue-searching, --runtime', async () => {
  const script = ['-p4', '-e', 'probe begin { exit() }'];
  const plain = await build(...script);
  expect(plain.status).toBe(0);
  for (const option of [
    '--ldd',
    '--all-modules',
    '-P',
    '--prologue-searching=never',
    '--runtime=kernel',
    '-d/bin/ls',
  ]) {
    expect(await build(option, ...script), option).toMatchObject({ status: 0, stdout: plain.stdout, stderr: '' });
  }
});

test('-B reaches make, whose words are shown', async () => {
  const { status, stderr } = await build('-B', 'no-such-target', '-p4', '-e', 'probe begin { exit() }');
  expect(status).toBe(1);
  expect(stderr).toContain("No rule to make target 'no-such-target'");
  expect(stderr).toContain('hint: make was given no-such-target (-B)');
});

test('files that options name are looked for from the folder of the command', async () => {
  const work = scratchFolder();
  mkdirSync(join(work, 'folder'));
  const script = ['-e', 'probe begin { exit() }'];
  const noTree = await stap(['-r', './folder', '-p4', ...script], { cwd: work });
  expect(noTree.stderr).toContain(`"${join(work, 'folder')}" is not a kernel build folder: it holds no .config`);
  const noObject = await stap(['-r', release, '-d', './none', '-d', './folder', '-p3', ...script], { cwd: work });
  expect(noObject).toMatchObject({
    status: 0,
    stderr: "WARNING: missing unwind/symbol data for module './none'\n  hint: there is no such file (-d)\n",
  });
});

test('a subcommand that is misspelt is told from a script', async () => {
  const work = scratchFolder();
  mkdirSync(join(work, 'folder'));
  expect((await stap(['-r', release, 'explian', 'x.stp'], { cwd: work })).stderr).toContain(
    'did you mean the command stap explain?',
  );
  expect((await stap(['vm', 'statrt'], { cwd: work })).stderr).toContain('did you mean "start"?');
  expect((await stap(['-r', release, 'folder'], { cwd: work })).stderr).toContain("Input file 'folder' can't be read");
});

test('what could not be written is told of, whatever was asked for', async () => {
  const full = (program: string, ...argv: string[]) =>
    command(['sh', '-c', 'exec "$@" >/dev/full', 'sh', ...program.split(' '), ...argv]);
  const told = { status: 1, stderr: 'ERROR: writing to standard output failed: no space left on device\n' };
  const itself = join(root, 'stap');
  expect(await full(itself, '-V')).toMatchObject(told);
  expect(await full(itself, '--help')).toMatchObject(told);
  expect(await full(itself, '-r', release, '--dump-functions')).toMatchObject(told);
  expect(await full(itself, '-r', release, '-l', 'begin')).toMatchObject(told);
  expect(await full(itself, 'completion', 'bash')).toMatchObject(told);
  const prep = `node ${join(root, 'packages/driver/bundle/stap-prep.cjs')}`;
  expect(await full(prep, '--help')).toMatchObject(told);
  expect(await full(prep, '--check')).toMatchObject(told);
});
