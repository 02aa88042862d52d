// The small ELF reader and writer, and the names in a module.
import { describe, expect, test } from 'vitest';
import { findSection, MalformedObject, objectSymbols, readObject, writeSectionObject } from '../src/elf-object.js';
import { findNamePlaces, isModuleName, writeModuleName } from '../src/module-name.js';

/** An ELF header of x86-64 with no sections, to write like. */
function emptyObject(): Buffer {
  const bytes = Buffer.alloc(64 + 64);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes[4] = 2;
  bytes[5] = 1;
  bytes[6] = 1;
  bytes.writeUInt16LE(1, 16);
  bytes.writeUInt16LE(62, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(64n, 40);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(64, 58);
  bytes.writeUInt16LE(1, 60);
  return bytes;
}

const template = readObject(emptyObject(), 'empty');

describe('an object that was written', () => {
  const content = Buffer.from('vermagic=x\0name=aaaaaaaa\0');
  const object = readObject(writeSectionObject(template, '.modinfo', content), 'written');

  test('is read back with its section', () => {
    const section = findSection(object, '.modinfo')!;
    expect(object.bytes.subarray(section.offset, section.offset + section.size)).toEqual(content);
    expect(objectSymbols(object)).toEqual({ defined: [], undefined: [] });
  });

  test('is refused when it is cut at any length, never misread', () => {
    for (let length = 0; length < object.bytes.length; length++) {
      expect(() => readObject(Buffer.from(object.bytes.subarray(0, length)), 'cut')).toThrow(MalformedObject);
    }
  });
});

describe('a module’s name', () => {
  test.each(['test', 'stap_0123456789abcdef0123456789abcdef_1234', 'a'.repeat(55), '_x'])('may be %s', (name) => {
    expect(isModuleName(name)).toBe(true);
  });

  test.each(['', '1x', 'a-b', 'a.b', 'ä', 'a'.repeat(56), 'a b', '../x'])('may not be "%s"', (name) => {
    expect(isModuleName(name)).toBe(false);
  });

  test('is not found in an object that is no module', () => {
    expect(() => findNamePlaces(Buffer.from(template.bytes), 24, 'x.o')).toThrow('x.o: not a kernel module');
  });

  test('fills its places with zeros behind it', () => {
    const bytes = Buffer.alloc(128, 0xff);
    writeModuleName(bytes, { modinfo: 0, structure: 64 }, 'abc');
    expect(bytes.subarray(0, 56)).toEqual(Buffer.concat([Buffer.from('abc'), Buffer.alloc(53)]));
    expect(bytes[56]).toBe(0xff);
    expect(bytes.subarray(64, 68).toString('latin1')).toBe('abc\0');
  });
});
