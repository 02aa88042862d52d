// BTF of every kind, written by hand in both byte orders, split BTF, and damage.
import { describe, expect, test } from 'vitest';
import { attempt, parseBtf, printCType } from '../../src/index.js';
import { BtfWriter } from '../helpers/bytes.js';

describe.each([
  ['little', true],
  ['big', false],
])('in %s-endian BTF', (_, little) => {
  test('integers carry size, sign, char and bool', () => {
    const w = new BtfWriter(little);
    const int = w.int('int', 4, 1);
    const bool = w.int('_Bool', 1, 4);
    const btf = parseBtf(w.finish());
    expect(btf.type(int)).toMatchObject({ kind: 'int', name: 'int', size: 4, bits: 32, signed: true, bool: false });
    expect(btf.type(bool)).toMatchObject({ size: 1, bool: true, signed: false });
  });

  test('structures have members with bit offsets and bit-field widths', () => {
    const w = new BtfWriter(little);
    const int = w.int('unsigned int', 4);
    const struct = w.struct('flags', 8, [
      ['low', int, 0, 3],
      ['high', int, 3, 29],
      ['whole', int, 32, 0],
    ]);
    expect(parseBtf(w.finish()).type(struct)).toEqual({
      kind: 'struct',
      name: 'flags',
      size: 8,
      members: [
        { name: 'low', type: int, bitOffset: 0, bitSize: 3 },
        { name: 'high', type: int, bitOffset: 3, bitSize: 29 },
        { name: 'whole', type: int, bitOffset: 32 },
      ],
    });
  });

  test('bit-fields of the old form take their width from the integer', () => {
    const w = new BtfWriter(little);
    const narrow = w.int('unsigned int', 4, 0, 5);
    const struct = w.struct('old', 4, [['field', narrow, 8]]);
    expect(parseBtf(w.finish()).type(struct)).toMatchObject({
      members: [{ name: 'field', bitOffset: 8, bitSize: 5 }],
    });
  });

  test('enumerations are signed as their flag says, up to 64 bits', () => {
    const w = new BtfWriter(little);
    const signed = w.enum('signed', [['NONE', -1]], true);
    const unsigned = w.enum('unsigned', [['ALL', 0xffffffff]]);
    const wide = w.enum64('wide', [['TOP', 0xffff_ffff_ffff_fffen]]);
    const btf = parseBtf(w.finish());
    expect(btf.type(signed)).toMatchObject({ values: [{ name: 'NONE', value: -1n }] });
    expect(btf.type(unsigned)).toMatchObject({ values: [{ name: 'ALL', value: 0xffffffffn }] });
    expect(btf.type(wide)).toMatchObject({ size: 8, values: [{ name: 'TOP', value: 0xffff_ffff_ffff_fffen }] });
  });

  test('enumerations without any flag in the blob are signed where a value says so', () => {
    const w = new BtfWriter(little);
    const old = w.enum('old', [['MINUS', -2]]);
    expect(parseBtf(w.finish()).type(old)).toMatchObject({ signed: true, values: [{ value: -2n }] });
  });

  test('every other kind is decoded', () => {
    const w = new BtfWriter(little);
    const int = w.int('int', 4, 1);
    const ids = {
      pointer: w.pointer(int),
      array: w.array(int, int, 7),
      union: w.struct('u', 4, [['a', int, 0]], true),
      forward: w.simple(7, 'later', 0),
      typedef: w.simple(8, 'number', int),
      volatile: w.simple(9, '', int),
      const: w.simple(10, '', int),
      restrict: w.simple(11, '', int),
      float: w.simple(16, 'double', 8),
      'type-tag': w.simple(18, 'user', int),
    };
    const prototype = w.prototype(int, [
      ['fmt', ids.pointer],
      ['', 0],
    ]);
    const func = w.func('print', prototype, 1);
    const variable = w.variable('counter', int);
    const section = w.dataSection('.data..percpu', 64, [[variable, 16, 4]]);
    const tag = w.declarationTag('kfunc', func, -1);
    const btf = parseBtf(w.finish());
    for (const [kind, id] of Object.entries(ids)) expect(btf.type(id)).toMatchObject({ kind });
    expect(btf.type(prototype)).toEqual({
      kind: 'prototype',
      parameters: [{ name: 'fmt', type: ids.pointer }],
      variadic: true,
      result: int,
    });
    expect(btf.type(func)).toMatchObject({ kind: 'function', name: 'print', prototype, linkage: 'global' });
    expect(btf.type(variable)).toMatchObject({ kind: 'variable', name: 'counter', linkage: 'global' });
    expect(btf.type(section)).toMatchObject({ variables: [{ type: variable, offset: 16, size: 4 }] });
    expect(btf.type(tag)).toMatchObject({ name: 'kfunc', target: func, component: -1 });
    expect(btf.type(0)).toBeUndefined();
  });
});

test('split BTF goes on where its base ends, in ids and strings', () => {
  const base = new BtfWriter();
  const int = base.int('int', 4, 1);
  const struct = base.struct('inode', 4, [['i_count', int, 0]]);
  const kernel = parseBtf(base.finish(), 'vmlinux');
  const split = new BtfWriter(true, base);
  const pointer = split.pointer(struct);
  const own = split.func('ext9_open', split.prototype(0, [['inode', pointer]]));
  const btf = parseBtf(split.finish(), 'ext9', kernel);
  expect(btf.nameOf(own)).toBe('ext9_open');
  expect(printCType(btf, own)).toBe('void ext9_open(struct inode *inode)');
  expect(btf.nameOf(int)).toBe('int');
});

test('types print as C declarations', () => {
  const w = new BtfWriter();
  const int = w.int('int', 4, 1);
  const char = w.int('char', 1);
  const constChar = w.pointer(w.simple(10, '', char));
  const callback = w.pointer(w.prototype(int, [['', constChar]]));
  const constPointer = w.simple(10, '', w.pointer(char));
  const table = w.array(callback, int, 4);
  const tagged = w.pointer(w.simple(18, 'user', w.struct('file', 1, [])));
  const btf = parseBtf(w.finish());
  expect(printCType(btf, constChar)).toBe('const char *');
  expect(printCType(btf, callback, 'fn')).toBe('int (*fn)(const char *)');
  expect(printCType(btf, constPointer)).toBe('char *const');
  expect(printCType(btf, table, 'ops')).toBe('int (*ops[4])(const char *)');
  expect(printCType(btf, tagged)).toBe('struct file *');
  expect(printCType(btf, 0)).toBe('void');
});

test('damage is a fault that names the section and the offset', () => {
  const w = new BtfWriter();
  w.int('int', 4);
  const blob = w.finish();
  blob[24 + 7] = 31;
  const kind = attempt(() => parseBtf(blob, 'vmlinux'));
  expect(kind).toMatchObject({ ok: false, fault: { file: 'vmlinux', section: '.BTF', offset: 28 } });
  expect(!kind.ok && kind.fault.message).toBe('vmlinux: .BTF+0x1c: unknown BTF kind 31');
  expect(attempt(() => parseBtf(blob.subarray(0, 20))).ok).toBe(false);
  const endless = new BtfWriter();
  const first = endless.simple(8, 'a', 2);
  endless.simple(8, 'b', first);
  expect(attempt(() => parseBtf(endless.finish()).strip(1)).ok).toBe(false);
});
