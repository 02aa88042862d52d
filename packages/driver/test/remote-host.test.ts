import { DiagnosticError } from '@stapkit/pass';
import { expect, test } from 'vitest';
import { parseRemote } from '../src/remote-host.js';

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
