// Small pieces of C text: literals and identifiers.

/**
 * Prints a string as a C literal. Bytes above 0x7f, which are Latin-1 code units in the IR, become octal escapes, as do
 * control characters; a question mark is escaped against trigraphs.
 *
 * @param text the string; code units above 0xff are written as their UTF-8 bytes
 */
export function cString(text: string): string {
  let out = '"';
  for (const byte of stringBytes(text)) {
    if (byte === 0x22 || byte === 0x5c || byte === 0x3f) out += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x0a) out += '\\n';
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${out}"`;
}

/** The bytes of a string of the IR. */
export function stringBytes(text: string): Uint8Array {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0xff) return new TextEncoder().encode(text);
  }
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** How many bytes a string of the IR has. */
export function byteLength(text: string): number {
  return stringBytes(text).length;
}

/** Prints a 64-bit number; the most negative one has no literal of its own in C. */
export function cNumber(decimal: string): string {
  const value = BigInt.asIntN(64, BigInt(decimal));
  if (value === -(1n << 63n)) return '(-9223372036854775807LL - 1)';
  return value < 0n ? `(${value}LL)` : `${value}LL`;
}

/** Makes a name safe inside a C identifier, e.g. of a local `x` or a probe's point. */
export function cName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 40);
}
