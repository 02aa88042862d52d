// A script's text as bytes.

/**
 * Returns the bytes that text from a module's description stands for. A character up to U+00FF is one byte, as scripts
 * are read byte by byte; text with other characters came from a string that was decoded, and goes back to UTF-8.
 */
export function textBytes(text: string): Uint8Array {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0xff) return Buffer.from(text, 'utf8');
  }
  return Buffer.from(text, 'latin1');
}
