// The formatter: a print site's format and the packed arguments of its records become the bytes that SystemTap prints.
//
// What each directive does follows stap(1) ("printf, sprintf") and the tables of langref.pdf, section 9.2. Where those
// are silent, C's printf is the model, as they say themselves. In particular:
//   %b      the width is the number of bytes (1, 2, 4, 8; 8 where there is none), in the machine's byte order
//   %p      0x and sixteen digits (langref, table 1)
//   %#x     0x only before a value that is not 0 (langref, table 2); likewise %#X and %#o
//   %#c     escapes what cannot be printed: \000 \t (stap(1))
//   %.0d    shows nothing for 0 (langref, table 4)
//   %08.3d   a precision leaves the flag 0 without effect, as in C
//   %m %M   the bytes were read by the handler; %M shows two digits a byte
import { invariant } from '@stapkit/pass';
import type { ByteWriter } from './byte-writer.js';
import type { FormatPiece, PrintSite } from './description.js';
import { DIGITS_END, decimalDigits, digits, hexDigits, octalDigits, writeDecimal, writeDigits } from './digits.js';
import { textBytes } from './text-bytes.js';

/** What one step of a format does. The plain forms, without flags, width or precision, have steps of their own. */
enum Step {
  Text,
  PlainDecimal,
  PlainUnsigned,
  PlainHex,
  PlainPointer,
  PlainString,
  PlainCharacter,
  Binary,
  Padded,
}

/** All steps have the same shape, so that the loop over them stays fast. */
interface FormatStep {
  readonly step: Step;
  readonly text: Uint8Array;
  /** The conversion's character code; 0 for text. */
  readonly conversion: number;
  readonly left: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly alternative: boolean;
  readonly zero: boolean;
  /** -1 where there is none, -2 where an argument gives it. */
  readonly width: number;
  readonly precision: number;
}

const NONE = -1;
const ARGUMENT = -2;
const NO_BYTES = new Uint8Array(0);

const POINTER_DIGITS = 16;

const SPACE = 0x20;
const ZERO = 0x30;
const LOWER_LETTERS = 0x57;
const UPPER_LETTERS = 0x37;

/**
 * A batch of records, seen as bytes and as 32-bit words in the machine's byte order. Both begin at the same address, a
 * multiple of 8.
 */
export interface RecordBytes {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

/**
 * Formats one record's arguments.
 *
 * @param records the batch
 * @param offset where the first argument lies: bytes from the batch's start, a multiple of 8
 * @param out where the output goes
 */
export type SiteFormatter = (records: RecordBytes, offset: number, out: ByteWriter) => void;

/**
 * Prepares a print site for formatting.
 *
 * @param site the site as the module describes it
 */
export function compileSite(site: Pick<PrintSite, 'pieces'>): SiteFormatter {
  const steps = site.pieces.map(compilePiece);
  return (records, offset, out) => formatRecord(steps, records, offset, out);
}

function compilePiece(piece: FormatPiece): FormatStep {
  if (piece.kind === 'text') {
    return {
      step: Step.Text,
      text: textBytes(piece.text),
      conversion: 0,
      left: false,
      plus: false,
      space: false,
      alternative: false,
      zero: false,
      width: NONE,
      precision: NONE,
    };
  }
  const { flags } = piece;
  return {
    step: stepOf(piece),
    text: NO_BYTES,
    conversion: piece.conversion.charCodeAt(0),
    left: flags.includes('-'),
    plus: flags.includes('+'),
    space: flags.includes(' '),
    alternative: flags.includes('#'),
    zero: flags.includes('0'),
    width: piece.width === 'argument' ? ARGUMENT : (piece.width ?? NONE),
    precision: piece.precision === 'argument' ? ARGUMENT : (piece.precision ?? NONE),
  };
}

function stepOf(piece: FormatPiece & { kind: 'directive' }): Step {
  if (piece.conversion === 'b') return Step.Binary;
  if (piece.flags !== '' || piece.width !== undefined || piece.precision !== undefined) return Step.Padded;
  switch (piece.conversion) {
    case 'd':
    case 'i':
      return Step.PlainDecimal;
    case 'u':
      return Step.PlainUnsigned;
    case 'x':
      return Step.PlainHex;
    case 'p':
      return Step.PlainPointer;
    case 's':
    case 'm':
      return Step.PlainString;
    case 'c':
      return Step.PlainCharacter;
    default:
      return Step.Padded;
  }
}

function formatRecord(steps: readonly FormatStep[], records: RecordBytes, offset: number, out: ByteWriter): void {
  const { bytes, words } = records;
  let at = offset;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index]!;
    switch (step.step) {
      case Step.Text:
        out.whole(step.text);
        break;
      case Step.PlainDecimal:
        writeDecimal(out, words[(at >> 2) + HIGH]!, words[(at >> 2) + LOW]!, true);
        at += 8;
        break;
      case Step.PlainUnsigned:
        writeDecimal(out, words[(at >> 2) + HIGH]!, words[(at >> 2) + LOW]!, false);
        at += 8;
        break;
      case Step.PlainHex:
        writeDigits(out, hexDigits(words[(at >> 2) + HIGH]!, words[(at >> 2) + LOW]!, LOWER_LETTERS));
        at += 8;
        break;
      case Step.PlainPointer: {
        out.byte(ZERO);
        out.byte(0x78);
        const count = hexDigits(words[(at >> 2) + HIGH]!, words[(at >> 2) + LOW]!, LOWER_LETTERS);
        out.fill(ZERO, POINTER_DIGITS - count);
        writeDigits(out, count);
        at += 8;
        break;
      }
      case Step.PlainString: {
        const length = words[at >> 2]!;
        out.copy(bytes, at + 4, at + 4 + length);
        at += packedStringSize(length);
        break;
      }
      case Step.PlainCharacter:
        out.byte(words[(at >> 2) + LOW]! & 0xff);
        at += 8;
        break;
      case Step.Binary:
        at = formatBinary(step, records, at, out);
        break;
      case Step.Padded:
        at = formatPadded(step, records, at, out);
        break;
    }
  }
}

/** Which of a number's two words is which depends on the machine; records are in the machine's byte order. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const LOW = LITTLE_ENDIAN ? 0 : 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;

/**
 * How many bytes a packed string takes: its length, its bytes, zeros up to a multiple of 8.
 *
 * @param length the string's own length
 */
export function packedStringSize(length: number): number {
  return (4 + length + 7) & ~7;
}

function formatBinary(step: FormatStep, records: RecordBytes, start: number, out: ByteWriter): number {
  let at = start;
  let size = step.width;
  if (size === ARGUMENT) {
    size = records.words[(at >> 2) + LOW]!;
    at += 8;
  }
  if (step.precision === ARGUMENT) at += 8;
  // Any other width than those documented writes the whole number.
  if (size !== 1 && size !== 2 && size !== 4) size = 8;
  const first = LITTLE_ENDIAN ? at : at + 8 - size;
  out.copy(records.bytes, first, first + size);
  return at + 8;
}

function formatPadded(step: FormatStep, records: RecordBytes, start: number, out: ByteWriter): number {
  const { bytes, words } = records;
  let at = start;
  let { width, precision, left } = step;
  if (width === ARGUMENT) {
    width = words[(at >> 2) + LOW]!;
    at += 8;
    // As in C: a negative width is the flag `-` and the width without its sign.
    if (width < 0) {
      left = true;
      width = -width;
    }
  }
  if (precision === ARGUMENT) {
    precision = words[(at >> 2) + LOW]!;
    at += 8;
    if (precision < 0) precision = NONE;
  }
  switch (step.conversion) {
    case 0x73: // s
    case 0x6d: {
      // m: the precision said how much to read, and that is what there is.
      const length = words[at >> 2]!;
      if (step.alternative && step.conversion === 0x73) {
        const end = precision !== NONE && precision < length ? precision : length;
        const escaped = escapeString(bytes, at + 4, at + 4 + end);
        if (!left) out.fill(SPACE, width - escaped.length);
        out.latin1(escaped);
        if (left) out.fill(SPACE, width - escaped.length);
        return at + packedStringSize(length);
      }
      const shown = step.conversion === 0x73 && precision !== NONE && precision < length ? precision : length;
      if (!left) out.fill(SPACE, width - shown);
      out.copy(bytes, at + 4, at + 4 + shown);
      if (left) out.fill(SPACE, width - shown);
      return at + packedStringSize(length);
    }
    case 0x4d: {
      // M
      const length = words[at >> 2]!;
      if (!left) out.fill(SPACE, width - length * 2);
      for (let index = at + 4; index < at + 4 + length; index++) {
        out.byte(hexDigit(bytes[index]! >> 4));
        out.byte(hexDigit(bytes[index]! & 15));
      }
      if (left) out.fill(SPACE, width - length * 2);
      return at + packedStringSize(length);
    }
    case 0x63: {
      // c
      const value = words[(at >> 2) + LOW]! & 0xff;
      const escaped = step.alternative ? escapeOf(value) : '';
      const length = escaped.length || 1;
      if (!left) out.fill(SPACE, width - length);
      if (escaped) out.latin1(escaped);
      else out.byte(value);
      if (left) out.fill(SPACE, width - length);
      return at + 8;
    }
    case 0x6e: // n takes no argument and shows nothing.
      return at;
    default:
      formatNumber(step, words[(at >> 2) + HIGH]!, words[(at >> 2) + LOW]!, width, precision, left, out);
      return at + 8;
  }
}

function formatNumber(
  step: FormatStep,
  high: number,
  low: number,
  width: number,
  givenPrecision: number,
  left: boolean,
  out: ByteWriter,
): void {
  const nothing = high === 0 && low === 0;
  let precision = givenPrecision;
  // As in C: a precision says how many zeros there are. A pointer has its sixteen digits, whatever is asked for.
  const zero = step.zero && !left && precision === NONE && step.conversion !== 0x70;
  let sign = 0;
  let prefix = 0; // The letter after the 0 of 0x, or ZERO for the 0 of octal.
  let count: number;
  switch (step.conversion) {
    case 0x64: // d
    case 0x69: {
      // i
      let upper = high >>> 0;
      let lower = low >>> 0;
      if (high < 0) {
        sign = 0x2d;
        lower = (~low + 1) >>> 0;
        upper = (lower === 0 ? ~high + 1 : ~high) >>> 0;
      } else if (step.plus) {
        sign = 0x2b;
      } else if (step.space) {
        sign = SPACE;
      }
      count = decimalDigits(upper, lower);
      break;
    }
    case 0x75: // u
      count = decimalDigits(high >>> 0, low >>> 0);
      break;
    case 0x6f: // o
      count = octalDigits(high, low);
      if (step.alternative && !nothing && precision <= count) prefix = ZERO;
      break;
    case 0x78: // x
      count = hexDigits(high, low, LOWER_LETTERS);
      if (step.alternative && !nothing) prefix = 0x78;
      break;
    case 0x58: // X
      count = hexDigits(high, low, UPPER_LETTERS);
      if (step.alternative && !nothing) prefix = 0x58;
      break;
    case 0x70: // p
      count = hexDigits(high, low, LOWER_LETTERS);
      prefix = 0x78;
      precision = POINTER_DIGITS;
      break;
    default:
      invariant(false, `a number with %${String.fromCharCode(step.conversion)}`);
  }
  // As in C: a precision of 0 shows no digit of a 0, but for %#o, whose first digit is always a 0.
  if (nothing && precision === 0 && !(step.alternative && step.conversion === 0x6f)) count = 0;
  const zeros = precision > count ? precision - count : 0;
  const prefixLength = prefix === 0 ? 0 : prefix === ZERO ? 1 : 2;
  const padding = width - (sign ? 1 : 0) - prefixLength - zeros - count;
  if (!left && !zero) out.fill(SPACE, padding);
  if (sign) out.byte(sign);
  if (prefix) {
    out.byte(ZERO);
    if (prefix !== ZERO) out.byte(prefix);
  }
  if (zero) out.fill(ZERO, padding);
  out.fill(ZERO, zeros);
  out.copy(digits, DIGITS_END - count, DIGITS_END);
  if (left) out.fill(SPACE, padding);
}

function hexDigit(value: number): number {
  return value < 10 ? ZERO + value : LOWER_LETTERS + value;
}

/** The escapes of C that have letters of their own. */
const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
};

/** `%#s`: a string as it would stand between quotes; globals that are printed at the end of a run are. */
function escapeString(bytes: Uint8Array, start: number, end: number): string {
  let escaped = '';
  for (let index = start; index < end; index++) {
    const value = bytes[index]!;
    if (value === 0x22 || value === 0x5c) escaped += `\\${String.fromCharCode(value)}`;
    else escaped += escapeOf(value) || String.fromCharCode(value);
  }
  return escaped;
}

/** What `%#c` shows for a byte, or the empty string where the byte is shown as it is. */
function escapeOf(value: number): string {
  if (value >= 0x20 && value < 0x7f) return '';
  return ESCAPES[value] ?? `\\${value.toString(8).padStart(3, '0')}`;
}
