// Listing modes, against the guest kernel's own type information.
import { expect, test } from 'vitest';
import { stap } from './harness.js';

test('-l lists probe points that match, one a line, sorted', async () => {
  const { status, stdout } = await stap(['--vm', '--debuginfo=btf', '-l', 'kernel.function("vfs_rea*")']);
  expect(status).toBe(0);
  expect(stdout).toBe('kernel.function("vfs_read")\nkernel.function("vfs_readlink")\nkernel.function("vfs_readv")\n');
});

test('-L adds the variables with their types', async () => {
  const { stdout } = await stap(['--vm', '--debuginfo=btf', '-L', 'kernel.function("vfs_read")']);
  expect(stdout).toBe('kernel.function("vfs_read") $file:struct file* $buf:char* $count:size_t $pos:loff_t*\n');
  const trace = await stap(['--vm', '-L', 'kernel.trace("sched:sched_switch")']);
  expect(trace.stdout).toContain('$prev:struct task_struct* $next:struct task_struct*');
});

test('-l of what does not exist prints nothing and fails', async () => {
  const { status, stdout } = await stap(['--vm', '-l', 'kernel.function("no_such_function")']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

test('the dump options list types, aliases and functions', async () => {
  expect((await stap(['--vm', '--dump-probe-types'])).stdout).toContain('kernel.function(string).return\n');
  expect((await stap(['--vm', '--dump-probe-aliases'])).stdout).toMatch(/^vfs\.read = /m);
  expect((await stap(['--vm', '--dump-functions'])).stdout).toMatch(/^execname:string \(\) \/\* unprivileged \*\/$/m);
});

test('explain shows the way from a written point to the resolved one, and why an optional one was left out', async () => {
  const { stdout } = await stap(['explain', '--vm', '-e', 'probe vfs.read, nosuch.thing ? { println(1) }']);
  expect(stdout).toMatch(
    /vfs\.read {2}\(written, <input>\)\n.*kernel\.function\("vfs_read"\) {2}\(alias, .*vfs\.stp\)/,
  );
  expect(stdout).toContain('nosuch.thing  left out:');
});
