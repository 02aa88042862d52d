import { expect, test } from 'vitest';
import { cleanly } from '../helpers.js';

const LIBRARY = `
  global seen
  function pure_one (x) { y = x + 1; return y }
  function noting (x) { seen = x; return x }
  function speaking (x) { print(x); return x }
  function shown () { return seen }
  probe my = kernel.function("vfs_read") {
    raw = $count
    cooked = pure_one(raw)
    noted = noting(3)
    spoken = speaking(4)
    other = 5
  }
`;

const functionsOf = (text: string, unoptimized = false): string[] =>
  cleanly(text, { library: LIBRARY, unoptimized }).functions.map((symbol) => symbol.name);

test('keeps of an alias what the script mentions, and what that needs', () => {
  const script = cleanly('probe my { println(cooked) }', { library: LIBRARY });
  expect(script.probes[0]?.locals.map((local) => local.name)).toContain('raw');
  expect(script.probes[0]?.locals.map((local) => local.name)).not.toContain('other');
});

test('keeps calls that do something', () => {
  expect(functionsOf('probe my { println(1) }')).toContain('speaking');
  expect(functionsOf('probe my { println(shown()) }')).toContain('noting');
  expect(functionsOf('probe my { println(1) }')).not.toContain('pure_one');
});

test('keeps everything with -u', () => {
  expect(functionsOf('probe my { println(1) }', true)).toContain('pure_one');
});
