// A compiler's complaints about generated C, shown against the script: the C carries `#line N "script.stp"`, so gcc
// already names the script's line. Columns are those of the C and are dropped.
import { basename } from 'node:path';
import type { Diagnostic, SourceText, Span } from '@stapkit/pass';
import { buildError } from './diagnostics.js';

/** One message of the compiler. */
export interface CompilerMessage {
  readonly file: string;
  readonly line: number;
  readonly severity: 'error' | 'warning' | 'note';
  readonly text: string;
}

/** Reads gcc's and clang's `file:line:column: severity: text` lines. */
export function parseCompilerMessages(output: string): CompilerMessage[] {
  const messages: CompilerMessage[] = [];
  for (const line of output.split('\n')) {
    const match = /^(.+?):(\d+):(?:\d+:)? (fatal error|error|warning|note): (.*)$/.exec(line);
    if (!match) continue;
    messages.push({
      file: match[1]!,
      line: Number(match[2]),
      severity: match[3] === 'fatal error' ? 'error' : (match[3] as CompilerMessage['severity']),
      text: match[4]!,
    });
  }
  return messages;
}

/**
 * Turns a failed compilation into diagnostics, one a place and text.
 *
 * @param output the compiler's standard error
 * @param sources the scripts; a message about another file says so in its text
 * @param what what was compiled, for a failure without any message, e.g. `the module's C`
 */
export function compileDiagnostics(output: string, sources: readonly SourceText[], what: string): Diagnostic[] {
  const all = parseCompilerMessages(output).filter((message) => message.severity === 'error');
  // A function that is broken otherwise often seems to return nothing: that adds no news.
  const telling = all.filter((message) => !message.text.endsWith('[-Werror=return-type]'));
  const errors = telling.length > 0 ? telling : all;
  if (errors.length === 0) {
    return [buildError('compile-error', `${what} does not compile`, { detail: tail(output) })];
  }
  const seen = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  for (const error of errors) {
    const key = `${error.file}:${error.line}:${error.text}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const source = sources.find(({ name }) => name === error.file);
    const span = source && lineSpan(source, error.line);
    const text = span ? error.text : `${basename(error.file)}:${error.line}: ${error.text}`;
    diagnostics.push(buildError('compile-error', `the C compiler says: ${text}`, { span }));
  }
  return diagnostics;
}

/** The span of a line's text, without the blanks around it; undefined where the file has no such line. */
function lineSpan(source: SourceText, line: number): Span | undefined {
  let start = 0;
  for (let current = 1; current < line; current++) {
    const newline = source.text.indexOf('\n', start);
    if (newline === -1) return undefined;
    start = newline + 1;
  }
  const newline = source.text.indexOf('\n', start);
  const text = source.text.slice(start, newline === -1 ? source.text.length : newline);
  const indent = text.length - text.trimStart().length;
  return { file: source.name, start: start + indent, end: start + Math.max(indent, text.trimEnd().length) };
}

function tail(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-12);
}
