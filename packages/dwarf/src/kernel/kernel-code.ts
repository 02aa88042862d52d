// The debug information of one kernel as a front end asks for it. Questions are answered at once, from what is open; what
// was not open when it was asked for is opened by `supply`, and then the questions are put again. So a script that needs
// no debug information never pays for it, and none of the questions has to wait.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '@stapkit/pass';
import { dwarfTypeFacts } from '../dwarf/type-facts.js';
import { BinaryFault } from '../io/fault.js';
import { writeAtomically } from '../io/write-parts.js';
import { CodeFiles, type CodeFilesOptions, FILE_STEP } from './code-files.js';
import { codeSource } from './code-source.js';
import type { CodeSource } from './code-types.js';
import { codeVariables } from './code-variables.js';
import type { TypeFacts } from './kernel-symbols.js';
import { LINE_IMAGE_VERSION, packLines } from './line-image.js';
import type { OpenKernelContext } from './open-kernel.js';
import { debugWarning } from './open-kernel-debug.js';

export interface KernelCode {
  readonly code: CodeSource;
  /** Whether a type id is of this debug information. */
  owns(type: number): boolean;
  /** What a type id of this debug information stands for. */
  typeFacts(type: number): TypeFacts;
  /** The type of a name; undefined where there is none, or the index is not open (see `supply`). */
  type(name: string, module: string | undefined): number | undefined;
  /** Whether something was asked for that is not open. */
  readonly wanting: boolean;
  /**
   * Opens what was asked for since the last time, and makes indexes that are missing, with progress.
   *
   * @returns whether there is more to know than before
   * @throws with `signal.reason` when aborted
   */
  supply(context?: OpenKernelContext): Promise<Outcome<boolean>>;
  /**
   * Packs the lines of a module's code, or of the kernel's for undefined, unless the cache has them.
   *
   * @returns the file (see `line-image.ts`); undefined where there is no debug information
   * @throws with `signal.reason` when aborted
   */
  lineImage(module: string | undefined, context?: OpenKernelContext): Promise<Outcome<string | undefined>>;
  close(): void;
}

/** Makes {@link KernelCode}. Nothing is opened yet. */
export function kernelCode(options: CodeFilesOptions): KernelCode {
  const files = new CodeFiles(options);
  const expectFile = (type: number) => {
    const file = files.fileOfType(type);
    if (!file) throw new RangeError(`type id ${type} is of no open debug file`);
    return file;
  };
  return {
    code: {
      ...codeSource(files),
      ...codeVariables(files),
      get pending() {
        return files.wanting;
      },
    },
    owns: (type) => type >= FILE_STEP,
    typeFacts(type) {
      const file = expectFile(type);
      const outer = (id: number) => file.outerType(id);
      return mapTypes(dwarfTypeFacts(file.dwarf, file.innerType(type)), outer);
    },
    type(name, module) {
      for (const where of module === undefined ? [undefined] : [module, undefined]) {
        const file = files.file(where);
        if (!file) {
          files.want(where);
          continue;
        }
        if (!file.symbols) files.wantIndex(file);
        const found = file.symbols?.type(name);
        if (found !== undefined) return file.outerType(found);
      }
      return undefined;
    },
    get wanting() {
      return files.wanting;
    },
    async supply(context) {
      const { more, diagnostics } = await files.supply(context);
      return { value: more, diagnostics };
    },
    async lineImage(module, context) {
      files.want(module);
      const { diagnostics } = await files.supply(context);
      const file = files.file(module);
      const buildId = file?.elf.buildId();
      if (!file || buildId === undefined) return { value: undefined, diagnostics };
      const path = join(options.cacheFolder, 'symbols', buildId, `lines-${LINE_IMAGE_VERSION}`);
      if (existsSync(path)) return { value: path, diagnostics };
      try {
        const addressOf = (name: string) => file.elf.symbols().find(name)?.address ?? 0n;
        const base = module === undefined ? addressOf('_stext') : 0n;
        const anchor = module === undefined ? addressOf('init_task') - base : 0n;
        writeAtomically(path, await packLines(file, base, anchor, context));
        return { value: path, diagnostics };
      } catch (error) {
        if (!(error instanceof BinaryFault)) throw error;
        return { value: undefined, diagnostics: [...diagnostics, debugWarning(error.message)] };
      }
    },
    close: () => files.close(),
  };
}

/** The same facts with other type ids in them. */
export function mapTypes(facts: TypeFacts, outer: (id: number) => number): TypeFacts {
  switch (facts.kind) {
    case 'pointer':
    case 'typedef':
    case 'qualifier':
      return { ...facts, target: outer(facts.target) };
    case 'array':
      return { ...facts, element: outer(facts.element) };
    case 'struct':
    case 'union':
      return { ...facts, members: facts.members.map((member) => ({ ...member, type: outer(member.type) })) };
    case 'function':
      return {
        ...facts,
        parameters: facts.parameters.map((parameter) => ({ ...parameter, type: outer(parameter.type) })),
        ...(facts.result === undefined ? {} : { result: outer(facts.result) }),
      };
    default:
      return facts;
  }
}
