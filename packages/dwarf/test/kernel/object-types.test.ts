// The types of object files: what a compiler says of a header that nothing uses.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { objectTypes } from '../../src/index.js';
import { compile, temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const SOURCE = `
struct shape { unsigned kind : 3; struct shape *next; union { long area; char name[12]; }; };
typedef struct { int width; } frame_t;
enum color { RED, GREEN = 5 };
struct declared;
typedef struct declared declared_t;
struct box { int a; };
typedef long box;
`;
const FLAGS = ['-c', '-g', '-fno-eliminate-unused-debug-types'];
const path = compile(folder.path, 'types.o', FLAGS, SOURCE);

test('types are found by their names, with or without their keyword', () => {
  const types = objectTypes();
  const file = types.open(path).value!;
  expect(types.open(path).value).toBe(file);
  const shape = types.type(file, 'struct shape')!;
  expect(types.type(file, 'shape')).toBe(shape);
  expect(types.type(file, 'union shape')).toBeUndefined();
  expect(types.fileOf(shape)).toBe(file);
  expect(types.fileOf(shape - 2 ** 45)).toBeUndefined();
  const facts = types.typeFacts(shape);
  expect(facts).toMatchObject({ kind: 'struct', name: 'shape', size: 32 });
  const [kind, next] = facts.kind === 'struct' ? facts.members : [];
  expect(kind).toMatchObject({ name: 'kind', bitOffset: 0, bitSize: 3 });
  expect(types.typeFacts(next!.type)).toMatchObject({ kind: 'pointer', target: shape });
  expect(types.typeFacts(types.type(file, 'frame_t')!)).toMatchObject({ kind: 'typedef', name: 'frame_t' });
  expect(types.typeFacts(types.type(file, 'color')!)).toMatchObject({ kind: 'enum', name: 'color' });
  types.close();
});

test('a declaration is no type, and a structure goes before a typedef of its name', () => {
  const types = objectTypes();
  const file = types.open(path).value!;
  expect(types.type(file, 'struct declared')).toBeUndefined();
  expect(types.type(file, 'box')).toBe(types.type(file, 'struct box'));
  types.close();
});

test('ids of several files are apart', () => {
  const types = objectTypes();
  const other = compile(folder.path, 'other.o', FLAGS, 'struct shape { char only; };');
  const [first, second] = [types.open(path).value!, types.open(other).value!];
  expect(types.typeFacts(types.type(first, 'shape')!)).toMatchObject({ size: 32 });
  expect(types.typeFacts(types.type(second, 'shape')!)).toMatchObject({ size: 1 });
  types.close();
});

test('what is no object is a warning', () => {
  const types = objectTypes();
  const text = join(folder.path, 'text.o');
  writeFileSync(text, 'no object');
  const { value, diagnostics } = types.open(text);
  expect(value).toBeUndefined();
  expect(diagnostics[0]!.message).toMatch(/no ELF file/);
  types.close();
});
