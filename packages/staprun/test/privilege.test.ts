// Groups.
import { expect, test } from 'vitest';
import { isOnlyUser, parseGroups } from '../src/privilege.js';

const GROUPS = parseGroups('root:x:0:\nstapusr:x:156:ann,bob\nstapdev:x:158:bob\nstapsys:x:157:\nusers:x:100:\n');

test('only members of stapusr alone are held to the administrator’s modules', () => {
  expect(isOnlyUser(GROUPS, 'ann', 100)).toBe(true);
  expect(isOnlyUser(GROUPS, 'bob', 100)).toBe(false);
  expect(isOnlyUser(GROUPS, 'eve', 100)).toBe(false);
  expect(isOnlyUser(GROUPS, 'eve', 156)).toBe(true);
  expect(isOnlyUser(GROUPS, 'ann', 157)).toBe(false);
});
