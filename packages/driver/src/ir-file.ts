// Intermediate results on disk: `--emit FILE` writes what a pass gave, `--from FILE` reads it back, checked by the pass's
// zod schema. The file says which pass made it, so a run goes on with the next one.
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Elaborated } from '@stapkit/elaborator';
import type { BuiltModule } from '@stapkit/kbuild';
import type { Ast } from '@stapkit/parser';
import { DiagnosticError, systemWords } from '@stapkit/pass';
import type { CModule } from '@stapkit/translator';

/** One pass's result, with the pass's number. */
export type Intermediate =
  | { readonly pass: 1; readonly ir: Ast }
  | { readonly pass: 2; readonly ir: Elaborated }
  | { readonly pass: 3; readonly ir: CModule }
  | { readonly pass: 4; readonly ir: BuiltModule };

const FORMAT = 'stapkit-ir';
const FORMAT_VERSION = 1;

/**
 * Writes an intermediate result; the file is complete or not there at all.
 *
 * @throws DiagnosticError where the file can't be written
 */
export async function writeIntermediate(path: string, intermediate: Intermediate): Promise<void> {
  const text = `${JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, ...intermediate })}\n`;
  // A file appears whole or not at all; a device, a pipe and what a link of /dev names are written to as they are.
  const target = path === '-' ? '/dev/stdout' : path;
  const there = await stat(target).catch(() => undefined);
  const isSpecial = there !== undefined && (!there.isFile() || /^\/dev\/(stdout|stderr|fd\/\d+)$/.test(target));
  // Nobody can know the name beforehand, and what already has it is not followed.
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    if (isSpecial) return await writeFile(target, text);
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new DiagnosticError({
      code: 'driver/emit',
      severity: 'error',
      class: 'usage',
      message: `cannot write ${path}: ${systemWords(error)}`,
    });
  }
}

/**
 * Reads an intermediate result.
 *
 * @throws DiagnosticError where the file can't be read, is no such file, or its content breaks the schema
 */
export async function readIntermediate(path: string): Promise<Intermediate> {
  const fail = (message: string, hint?: string): never => {
    throw new DiagnosticError({
      code: 'driver/from',
      severity: 'error',
      class: 'usage',
      message: `${path}: ${message}`,
      ...(hint ? { hints: [hint] } : {}),
    });
  };
  const writeIt = 'such a file is written by: stap -p2 --emit FILE.json SCRIPT';
  let text = '';
  try {
    text = await readFile(path === '-' ? '/dev/stdin' : path, 'utf8');
  } catch (error) {
    fail(`cannot read: ${systemWords(error)}`);
  }
  let file: { format?: unknown; version?: unknown; pass?: unknown; ir?: unknown } | null = null;
  try {
    file = JSON.parse(text);
  } catch (error) {
    fail(`not JSON: ${(error as Error).message}`, writeIt);
  }
  if (file?.format !== FORMAT) fail(`not an intermediate result of stapkit`, writeIt);
  if (file?.version !== FORMAT_VERSION) {
    fail(`format version ${String(file?.version)}, but this stapkit reads ${FORMAT_VERSION}`, 'emit it again');
  }
  const schema = await schemaOf(file?.pass);
  if (!schema) return fail(`pass ${String(file?.pass)} is none of 1 to 4`);
  const checked = schema.safeParse(file?.ir);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    fail(`pass ${String(file?.pass)}: ${issue?.path.join('.') || 'the result'}: ${issue?.message ?? 'invalid'}`);
  }
  // The schema has checked the shape; what it returns is a copy, and the original serves as well.
  return file as unknown as Intermediate;
}

async function schemaOf(pass: unknown) {
  switch (pass) {
    case 1:
      return (await import('@stapkit/parser/schema')).Ast;
    case 2:
      return (await import('@stapkit/elaborator/schema')).Elaborated;
    case 3:
      return (await import('@stapkit/translator/schema')).CModuleSchema;
    case 4:
      return (await import('@stapkit/kbuild/schema')).builtModuleSchema;
    default:
      return undefined;
  }
}
