// Takes printf formats to pieces (langref.pdf, "printf").
import type { FormatPiece } from './elaborated.js';

/** A piece of a format; `auto` prints a value by its type, as print and println do. */
export type DraftPiece = FormatPiece | { readonly kind: 'auto' };

export interface ParsedFormat {
  readonly pieces: readonly FormatPiece[];
  /** What each argument must be, `*` widths and precisions included. */
  readonly arguments: readonly ('long' | 'string')[];
}

/** Directives of one format; there are no more arguments than a file has tokens. */
const MOST_DIRECTIVES = 10_000;

const DIRECTIVE = /^([-+ #0]*)(\d+|\*)?(?:\.(\d+|\*)?)?(hh|h|ll|l|L|q|j|z|t)?([a-zA-Z])/;

/**
 * Parses a format.
 *
 * @param format the text, escapes resolved
 * @returns the pieces, or what is wrong with it
 */
export function parseFormat(format: string): ParsedFormat | { readonly fault: string } {
  const pieces: FormatPiece[] = [];
  const wanted: ('long' | 'string')[] = [];
  let text = '';
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) {
      text += format.slice(at);
      break;
    }
    text += format.slice(at, percent);
    at = percent + 1;
    if (format[at] === '%') {
      text += '%';
      at++;
      continue;
    }
    const match = DIRECTIVE.exec(format.slice(at, at + 64));
    const conversion = match?.[5];
    if (!match || conversion === undefined || !'bcdimMopsuxXn'.includes(conversion)) {
      return { fault: 'invalid or missing conversion specifier' };
    }
    at += match[0].length;
    if (text !== '') pieces.push({ kind: 'text', text });
    text = '';
    const hasPrecision = match[0].includes('.');
    const width = match[2] === undefined ? undefined : match[2] === '*' ? 'argument' : clamp(match[2]);
    const precision = !hasPrecision
      ? undefined
      : match[3] === undefined
        ? 0
        : match[3] === '*'
          ? 'argument'
          : clamp(match[3]);
    if (width === 'argument') wanted.push('long');
    if (precision === 'argument') wanted.push('long');
    if (wanted.length >= MOST_DIRECTIVES) return { fault: `more than ${MOST_DIRECTIVES} conversion specifiers` };
    wanted.push(conversion === 's' ? 'string' : 'long');
    pieces.push({
      kind: 'directive',
      conversion: conversion as 'd',
      flags: match[1] ?? '',
      ...(width === undefined ? {} : { width }),
      ...(precision === undefined ? {} : { precision }),
      ...(match[4] === undefined ? {} : { size: match[4] }),
    });
  }
  if (text !== '') pieces.push({ kind: 'text', text });
  return { pieces, arguments: wanted };
}

/** No output is wider than this; larger numbers would only lose precision. */
function clamp(digits: string): number {
  return Math.min(Number(digits), 1_000_000);
}
