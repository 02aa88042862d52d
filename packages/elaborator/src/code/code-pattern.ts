// The pattern of a function or statement point, NAME@FILE:LINES, taken to pieces (stapprobes(3stap), DWARF).
import type { LineQuery } from '../code-source.js';

export interface CodePattern {
  readonly name: string;
  readonly file?: string;
  readonly lines?: LineQuery;
}

/** Takes a pattern to pieces; undefined where it is none. */
export function parseCodePattern(text: string): CodePattern | undefined {
  const at = text.indexOf('@');
  const name = at < 0 ? text : text.slice(0, at);
  if (name === '') return undefined;
  if (at < 0) return { name };
  const rest = text.slice(at + 1);
  const split = /^(.*?)(?:([:+])([^:+]*))?$/s.exec(rest)!;
  const [, file, sign, tail] = split;
  if (file === undefined || file === '') return undefined;
  if (sign === undefined) return { name, file };
  const lines = parseLines(sign, tail!);
  return lines && { name, file, lines };
}

function parseLines(sign: string, text: string): LineQuery | undefined {
  if (sign === '+') return /^\d+$/.test(text) ? { kind: 'relative', offset: Number(text) } : undefined;
  if (text === '*') return { kind: 'all' };
  const lines: [number, number][] = [];
  for (const part of text.split(',')) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!range) return undefined;
    const from = Number(range[1]);
    const to = range[2] === undefined ? from : Number(range[2]);
    if (from === 0 || to < from) return undefined;
    lines.push([from, to]);
  }
  return { kind: 'lines', lines };
}
