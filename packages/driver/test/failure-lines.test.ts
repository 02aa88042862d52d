// What stands behind the errors of pass 1, as SystemTap 4.8 prints it.
import { expect, test } from 'vitest';
import { stap } from './harness.js';

test('parse errors stand apart and are counted', async () => {
  const two = await stap(['-p1', '-e', 'probe begin { x = } probe end { y = ) }']);
  expect(two.status).toBe(1);
  expect(two.stderr).toMatch(/ {31}\^\n\nparse error: /);
  expect(two.stderr).toMatch(/\^\n\n2 parse errors\.\nPass 1: parse failed\. {2}\[man error::pass1\]\n$/);
  const one = await stap(['-p1', '-e', 'probe begin { x = }']);
  expect(one.stderr).toMatch(/\^\n\n1 parse error\.\nPass 1: parse failed\./);
});
