import { expect, test } from 'vitest';
import { unusedArguments } from '../src/unused-arguments.js';

const unused = (text: string, given: readonly string[]): string[] =>
  unusedArguments([{ name: '<input>', text }], given).map(({ message }) => message);

test('an argument that no script names is warned of, in SystemTap’s words', () => {
  expect(unused('probe begin { println(@1, $#) }', ['a', 'b', 'c'])).toEqual([
    'unused command line option $2/@2',
    'unused command line option $3/@3',
  ]);
  expect(unused('# $1\nprobe begin { println("@1") }', ['a'])).toEqual(['unused command line option $1/@1']);
});

test('a branch that is not taken names arguments too', () => {
  expect(unused('probe begin { println($1) } %( 1 == 2 %? probe end { println(@2) } %)', ['1', '2'])).toEqual([]);
});
