// Compiler messages against the script's lines.
import { expect, test } from 'vitest';
import { compileDiagnostics } from '../src/compiler-messages.js';

const sources = [{ name: 'hello.stp', text: 'probe begin {\n  foo()\n}\n' }];

test('an error in a script’s line is shown at that line', () => {
  const [diagnostic, ...rest] = compileDiagnostics(
    'hello.stp: In function ‘f’:\nhello.stp:2:17: error: ‘bar’ undeclared (first use in this function)\nhello.stp:2:17: note: each undeclared identifier\n',
    sources,
    'the C',
  );
  expect(rest).toEqual([]);
  expect(diagnostic).toMatchObject({
    code: 'kbuild/compile-error',
    class: 'build',
    severity: 'error',
    message: 'the C compiler says: ‘bar’ undeclared (first use in this function)',
    span: { file: 'hello.stp', start: 16, end: 21 },
  });
});

test('the same error twice is told once', () => {
  const output = 'hello.stp:2:1: error: x\nhello.stp:2:9: error: x\nhello.stp:3:1: error: x\n';
  expect(compileDiagnostics(output, sources, 'the C')).toHaveLength(2);
});

test('an error elsewhere names its file without the folder', () => {
  const [diagnostic] = compileDiagnostics('/tmp/a b/stap_1.c:7:1: fatal error: x.h: No such file\n', sources, 'the C');
  expect(diagnostic).toMatchObject({ message: 'the C compiler says: stap_1.c:7: x.h: No such file' });
  expect(diagnostic?.span).toBeUndefined();
});

test('a line beyond the script’s end gives no place', () => {
  const [diagnostic] = compileDiagnostics('hello.stp:99:1: error: x\n', sources, 'the C');
  expect(diagnostic?.span).toBeUndefined();
});

test('a compiler that dies without a message is quoted', () => {
  const [diagnostic] = compileDiagnostics('gcc: internal compiler error: Killed (program cc1)\n', sources, 'the C');
  expect(diagnostic?.detail?.join('') ?? diagnostic?.message).toContain('Killed');
});
