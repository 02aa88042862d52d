import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticError } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { parseRemote } from '../src/remote-host.js';
import { scratchFolder, stap } from './harness.js';

test.each([
  ['host', 'host', 'host'],
  ['user@host.domain', 'user@host.domain', 'user@host.domain'],
  ['ssh://user@host:2222', 'user@host:2222', 'ssh://user@host:2222'],
  ['ssh://host/', 'host', 'ssh://host'],
  ['user@host:2222', 'user@host:2222', 'ssh://user@host:2222'],
  ['ssh://[::1]:22', '[::1]:22', 'ssh://[::1]:22'],
  ['direct://', 'direct', undefined],
])('%s is a machine', (url, name, target) => {
  expect(parseRemote(url)).toEqual({ name, target, uri: url });
});

test.each(['-oProxyCommand=sh', 'ssh://-oProxyCommand=sh', 'libvirt://vm', 'a b', 'host;ls', '$(ls)', ''])(
  '%j is none',
  (url) => {
    expect(() => parseRemote(url)).toThrow(DiagnosticError);
  },
);

test('the kernel that -r names must be the one that runs there', async () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'uname'), '#!/bin/sh\n[ "$1" = -r ] && echo 5.4.3-other || exec /bin/uname "$@"\n');
  chmodSync(join(folder, 'uname'), 0o755);
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const ended = await stap(['--remote', 'direct://', '-r', '6.1.0-1-amd64', '-e', 'probe begin { exit() }'], { env });
  expect(ended).toMatchObject({ status: 1, stdout: '' });
  expect(ended.stderr).toContain('ERROR: direct: its kernel is 5.4.3-other, not 6.1.0-1-amd64 as -r says\n');
  expect(ended.stderr).toContain('hint: leave -r out');
  const folderNamed = await stap(['--remote', 'direct://', '-r', folder, '-e', ''], { env });
  expect(folderNamed).toMatchObject({ status: 1, stdout: '' });
  expect(folderNamed.stderr).toContain(`"${folder}" is not a kernel build folder`);
});
