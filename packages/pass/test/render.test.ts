import { describe, expect, test } from 'vitest';
import { type Diagnostic, parseColors, renderDiagnostic } from '../src/index.js';

const text = 'probe begin {\n\tfoo()\n}\n';
const sources = [{ name: '<input>', text }];
const unresolved: Diagnostic = {
  code: 'elaborate/unresolved-function',
  severity: 'error',
  class: 'semantic',
  message: "unresolved function: identifier 'foo'",
  span: { file: '<input>', start: text.indexOf('foo'), end: text.indexOf('foo') + 3 },
  hints: ['did you mean "bar"?'],
};

describe('renderDiagnostic', () => {
  test('prints place, line, caret below a tab-indented token, and hint', () => {
    expect(renderDiagnostic(unresolved, { sources })).toBe(
      [
        "semantic error: unresolved function: identifier 'foo' at <input>:2:2",
        '        source: \tfoo()',
        '                \t^',
        '  hint: did you mean "bar"?',
      ].join('\n'),
    );
  });

  test('prints what stands by itself as a sentence', () => {
    const empty = {
      code: 'parser/empty',
      severity: 'error',
      class: 'parse',
      bare: true,
      message: 'it is empty',
    } as const;
    expect(renderDiagnostic(empty)).toBe('it is empty.');
  });

  test('names the file alone when its text is not at hand', () => {
    expect(renderDiagnostic(unresolved)).toContain("identifier 'foo' at <input>\n");
  });

  test('shows of a very long line what is around the place', () => {
    const long = `${'x'.repeat(4000)}foo${'y'.repeat(4000)}`;
    const span = { file: '<input>', start: 4000, end: 4003 };
    const lines = renderDiagnostic({ ...unresolved, span }, { sources: [{ name: '<input>', text: long }] }).split('\n');
    expect(lines[0]).toContain('at <input>:1:4001');
    expect(lines[1]?.length).toBeLessThan(1100);
    expect(lines[1]?.slice(lines[2]?.indexOf('^')).slice(0, 4)).toBe('fooy');
  });

  test('sends a terminal nothing that controls it', () => {
    const hostile = 'probe begin { \x1b[2J\x9b }\r\n';
    const span = { file: '<input>', start: 14, end: 15 };
    const saw = "saw: junk '\x1b'";
    expect(renderDiagnostic({ ...unresolved, saw, span }, { sources: [{ name: '<input>', text: hostile }] })).toBe(
      [
        "semantic error: unresolved function: identifier 'foo'",
        "           saw: junk '\ufffd' at <input>:1:15",
        '        source: probe begin { \ufffd[2J\ufffd }',
        '                              ^',
        '  hint: did you mean "bar"?',
      ].join('\n'),
    );
  });

  test('paints the parts when colours are on, and only then', () => {
    const painted = renderDiagnostic(unresolved, { sources, colors: parseColors(undefined)! });
    // As SystemTap 4.8 paints it.
    expect(painted).toBe(
      `\x1b[01;31m\x1b[Ksemantic error:\x1b[m\x1b[K unresolved function: identifier 'foo' at ` +
        '\x1b[00;34m\x1b[K<input>:2:2\x1b[m\x1b[K\n' +
        '        source: \t\x1b[01m\x1b[Kfoo\x1b[m\x1b[K()\n' +
        '                \t\x1b[01m\x1b[K^\x1b[m\x1b[K\n' +
        '  hint: did you mean "bar"?',
    );
    expect(renderDiagnostic(unresolved, { sources })).not.toContain('\x1b');
  });

  test('shows related places with their own lines', () => {
    const related = [{ message: 'the other place', span: { file: '<input>', start: 0, end: 5 } }];
    expect(renderDiagnostic({ ...unresolved, related }, { sources })).toContain(
      'the other place at <input>:1:1\n        source: probe begin {',
    );
  });
});

describe('parseColors', () => {
  test('takes the parts that are given', () => {
    expect(parseColors('error=01;35:caret=04')).toMatchObject({ error: '01;35', caret: '04', warning: '' });
  });

  test.each(['', 'nonsense', 'error=red', 'error=01:'])('switches colours off for %j', (value) => {
    expect(parseColors(value)).toBeUndefined();
  });
});
