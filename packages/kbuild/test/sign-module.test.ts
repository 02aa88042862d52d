// Signed modules, with a key that is made here.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quietContext } from '@stapkit/pass';
import { beforeAll, expect, test } from 'vitest';
import { type BuildOptions, buildModule, type KernelBuild } from '../src/index.js';
import { greeting, moduleOf, someKernel, standInRuntime, temporaryFolder } from './support.js';

let kernel: KernelBuild;
let options: BuildOptions;
const keys = temporaryFolder();
const key = join(keys, 'key.pem');
const certificate = join(keys, 'certificate.pem');

beforeAll(async () => {
  kernel = await someKernel();
  options = { kernel, runtimeFolder: standInRuntime, cacheFolder: temporaryFolder() };
  const args = ['req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test'];
  execFileSync('openssl', [...args, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
});

test('a module is signed under the name that it gets', async () => {
  const outputFolder = temporaryFolder();
  const module = moduleOf(kernel, greeting('signed'));
  const signed = { ...options, outputFolder, signing: { key, certificate } };
  const { value, diagnostics } = await buildModule(module, { ...signed, name: 'signed' }, quietContext());
  expect(diagnostics).toEqual([]);
  const bytes = readFileSync(value!.path);
  expect(bytes.subarray(-28).toString('latin1')).toBe('~Module signature appended~\n');
  expect(readdirSync(outputFolder)).toEqual(['signed.ko']);
  // What is in the cache stays unsigned: the next one may be signed with another key.
  const plain = await buildModule(module, options, quietContext());
  expect(readFileSync(plain.value!.path).includes('~Module signature')).toBe(false);
});

test('a key that is not there or does not fit is told, and gives no module', async () => {
  const outputFolder = temporaryFolder();
  const sign = async (signing: BuildOptions['signing']) => {
    const module = moduleOf(kernel, greeting('signed'));
    const { value, diagnostics } = await buildModule(module, { ...options, outputFolder, signing }, quietContext());
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'kbuild/signing-failed' }]);
    expect(readdirSync(outputFolder)).toEqual([]);
    return diagnostics[0]!;
  };
  const none = join(keys, 'none.pem');
  expect((await sign({ key: none, certificate })).message).toBe(
    `the key "${none}" to sign the module with can't be read: no such file or directory`,
  );
  expect((await sign({ key, certificate: none })).message).toContain(`the certificate "${none}"`);
  // sign-file's own words.
  expect((await sign({ key: certificate, certificate })).detail?.join('\n')).toContain(certificate);
});
