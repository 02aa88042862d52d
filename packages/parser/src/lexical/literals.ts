// Values of literals. Numbers are 64 bits wide and signed, in decimal text; strings are byte strings, one UTF-16 code
// unit (0 to 255) a byte, with text outside ASCII in UTF-8, as a C compiler would have it.
import { MAXIMUM_STRING } from '../diagnostics.js';

const UNSIGNED_LIMIT = 1n << 64n;

/**
 * Reads a number literal as C writes it: decimal, `0x…`, or octal with a leading zero.
 *
 * @param text the token
 * @returns the value, signed and in decimal ("-1" for 0xffffffffffffffff), or undefined where it is malformed or does
 *   not fit in 64 bits
 */
export function numberValue(text: string): string | undefined {
  // Up to 15 digits in decimal, the text is the value.
  if (text.length < 16 && /^(?:0|[1-9][0-9]*)$/.test(text)) return text;
  if (!/^(?:[1-9][0-9]*|0[0-7]*|0[xX][0-9a-fA-F]+)$/.test(text)) return undefined;
  // A bound on the length, before BigInt does work that grows with it.
  if (text.replace(/^0[xX]?0*/, '').length > 22) return undefined;
  const octal = /^0[0-7]+$/.test(text);
  const value = BigInt(octal ? `0o${text.slice(1)}` : text);
  if (value >= UNSIGNED_LIMIT) return undefined;
  return BigInt.asIntN(64, value).toString();
}

/** Negates a value of `numberValue`, wrapping at 64 bits. */
export function negate(value: string): string {
  return BigInt.asIntN(64, -BigInt(value)).toString();
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  t: 0x09,
  n: 0x0a,
  v: 0x0b,
  f: 0x0c,
  r: 0x0d,
};

/**
 * Resolves the escapes of a string token: those of C (`\a \b \t \n \v \f \r`, up to three octal digits, `\x` with any
 * number of hexadecimal digits, both cut to a byte). Any other escaped character stands for itself, an end of line too:
 * a string that goes on in the next line holds it.
 *
 * @param token the token with its quotes; the closing one may be missing
 */
export function stringValue(token: string): string {
  const end = token.length > 1 && token.endsWith('"') && !endsEscaped(token) ? token.length - 1 : token.length;
  const body = token.slice(1, end);
  // The scanner has refused it.
  if (body.length > MAXIMUM_STRING) return '';
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(body)) return body;
  let value = '';
  for (let at = 0; at < body.length; ) {
    const backslash = body.indexOf('\\', at);
    if (backslash === -1) return value + toBytes(body.slice(at));
    value += toBytes(body.slice(at, backslash));
    const escaped = body.charAt(backslash + 1);
    at = backslash + 2;
    const simple = SIMPLE_ESCAPES[escaped];
    if (simple !== undefined) value += String.fromCharCode(simple);
    else if (escaped >= '0' && escaped <= '7') {
      const digits = /^[0-7]{1,3}/.exec(body.slice(backslash + 1, backslash + 4))![0];
      value += String.fromCharCode(Number.parseInt(digits, 8) & 0xff);
      at = backslash + 1 + digits.length;
    } else if (escaped === 'x' && /[0-9a-fA-F]/.test(body.charAt(at))) {
      let digits = at;
      while (/[0-9a-fA-F]/.test(body.charAt(digits))) digits += 1;
      value += String.fromCharCode(Number.parseInt(body.slice(Math.max(at, digits - 2), digits), 16));
      at = digits;
    } else {
      // `\q` is q; a surrogate pair behind the backslash must stay whole.
      const character = String.fromCodePoint(body.codePointAt(backslash + 1) ?? 0x5c);
      value += toBytes(character);
      at = backslash + 1 + character.length;
    }
  }
  return value;
}

/** True where the last quote is itself escaped, as in an unterminated string. */
function endsEscaped(token: string): boolean {
  let backslashes = 0;
  for (let at = token.length - 2; at > 0 && token.charAt(at) === '\\'; at--) backslashes += 1;
  return backslashes % 2 === 1;
}

/** Text to its UTF-8 bytes, as code units below 256; what `decodeScript` kept of malformed bytes becomes them again. */
export function toBytes(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let bytes = '';
  const encoder = new TextEncoder();
  // What stands between malformed bytes is encoded at once. Half of a pair is none.
  for (const run of text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/)) {
    const code = run.length === 1 ? run.charCodeAt(0) : 0;
    if (code >= MALFORMED + 0x80 && code <= MALFORMED + 0xff) {
      bytes += String.fromCharCode(code - MALFORMED);
      continue;
    }
    const encoded = encoder.encode(run);
    for (let at = 0; at < encoded.length; at += LONGEST_CALL) {
      bytes += String.fromCharCode(...encoded.subarray(at, at + LONGEST_CALL));
    }
  }
  return bytes;
}

/** Arguments of one call, far below what a stack holds. */
const LONGEST_CALL = 4096;

/** Malformed bytes 0x80 to 0xff stand in a text as U+DC80 to U+DCFF, which no well-formed text holds. */
const MALFORMED = 0xdc00;

/**
 * Decodes a script's bytes: UTF-8, with every byte that is none kept, so that strings of a script in Latin-1 come out as
 * they are.
 *
 * @param bytes the file's content
 * @returns a text for `SourceText`
 */
export function decodeScript(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const byte = bytes[at]!;
      const character = byte < 0x80 ? { text: String.fromCharCode(byte), length: 1 } : decodeSequence(bytes, at);
      text += character?.text ?? String.fromCharCode(MALFORMED + byte);
      at += character?.length ?? 1;
    }
    return text;
  }
}

/**
 * Writes a string as a literal that reads back as the same value. UTF-8 sequences are shown as their characters, other
 * bytes as octal escapes.
 *
 * @param value a value of `stringValue`
 * @returns the literal with its quotes
 */
export function stringLiteral(value: string): string {
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value)) return `"${value}"`;
  const bytes = Uint8Array.from(value, (unit) => unit.charCodeAt(0) & 0xff);
  let out = '"';
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at]!;
    const character = byte >= 0x80 ? decodeCharacter(bytes, at) : undefined;
    if (character) {
      out += character.text;
      at += character.length;
      continue;
    }
    at += 1;
    const simple = Object.entries(SIMPLE_ESCAPES).find(([, code]) => code === byte)?.[0];
    if (simple) out += `\\${simple}`;
    else if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${out}"`;
}

/** A printable character beyond ASCII at an offset, where the bytes are well-formed UTF-8. */
function decodeCharacter(bytes: Uint8Array, at: number): { text: string; length: number } | undefined {
  const character = decodeSequence(bytes, at);
  return character && /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character.text) ? character : undefined;
}

/** The character at an offset, where a well-formed sequence of several bytes begins there. */
function decodeSequence(bytes: Uint8Array, at: number): { text: string; length: number } | undefined {
  const lead = bytes[at]!;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return undefined;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.subarray(at, at + length)), length };
  } catch {
    return undefined;
  }
}

/** Words that assert a property of embedded C when they stand alone in a comment of it (stap(1), "EMBEDDED C"). */
const PRAGMAS: ReadonlySet<string> = new Set([
  'pure',
  'stable',
  'unprivileged',
  'myproc-unprivileged',
  'guru',
  'unmangled',
  'unmodified-fnargs',
  'string',
  'bpf',
]);

/** The pragma comments of a piece of embedded C, in order, without the asterisks; `pragma:read:x` and the like too. */
export function pragmasOf(code: string): string[] {
  const pragmas: string[] = [];
  for (const match of code.matchAll(/\/\*\s*([a-z][\w:.-]*(?: \w+)?)\s*\*\//g)) {
    const word = match[1]!;
    if (PRAGMAS.has(word) || /^(?:pragma|runtime|returns):/.test(word)) pragmas.push(word);
  }
  return pragmas;
}
