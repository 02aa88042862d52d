import { expect, test } from 'vitest';
import { scanNames } from '../src/index.js';

test('finds functions, globals, aliases and macros at the top level', () => {
  expect(
    scanNames(`
      global a, b[100]%, c = 3, d = "x,y"
      private global hidden
      function f:long (x) { global_ = 1 }
      private function own () { }
      function g () %{ /* } */ function fake () %}
      probe one.two = kernel.function("x") { z = 1 }
      probe three(number), four += begin { }
      probe first = second = end { }
      probe begin { function_ = 2 }
      @define m(a) %( @a + 1 %)
      # function comment() { }
      // probe other = begin { }
      /* global none */
    `),
  ).toEqual({
    functions: ['f', 'g'],
    globals: ['a', 'b', 'c', 'd'],
    probes: ['one.two', 'first', 'second'],
    macros: ['m'],
  });
});

test('takes both branches of a condition', () => {
  expect(scanNames('%( kernel_v >= "6" %? function new_one () { } %: function old_one () { } %)').functions).toEqual([
    'new_one',
    'old_one',
  ]);
});

test('survives text that breaks off anywhere', () => {
  const text = 'global a, b[3] = "x" function f (x:string) %{ C %} probe a.b("c") = begin { s = "}" } /* end';
  for (let length = 0; length <= text.length; length++) expect(() => scanNames(text.slice(0, length))).not.toThrow();
});
