// A kernel's facts in the shape that a compiler's front end asks for: functions, tracepoints, types and enumerators,
// of the kernel from its facts file and of modules from their split BTF.

import { globSource, nearestNames } from '@stapkit/pass';
import type { Btf, BtfType } from '../btf/btf.js';
import { BtfKind } from '../btf/btf.js';
import { printCType } from '../btf/print-c.js';
import type { ValueTree } from '../dwarf/value-location.js';
import type { NameTable } from '../io/parts-file.js';
import type { CodeVariable } from './code-types.js';
import type { FunctionSymbol, UnprobeablePlace } from './facts-file.js';
import type { ModuleFacts } from './modules.js';

export interface KernelIdentity {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** SystemTap's name of the architecture: `x86_64`, `arm64`, … */
  readonly architecture: string;
  /** The GNU build id in hexadecimal, where known. */
  readonly buildId?: string;
}

export interface ParameterFacts {
  readonly name: string;
  readonly type: number;
}

export interface FunctionFacts {
  readonly name: string;
  readonly module?: string;
  readonly parameters: readonly ParameterFacts[];
  /** The result's type; undefined for void. */
  readonly result?: number;
  readonly file?: string;
  readonly line?: number;
  /** Link-time address in decimal, where known. */
  readonly address?: string;
  /** Whether other files can call it, where known. */
  readonly external?: boolean;
  /** True where only its name is known: of a module without BTF. */
  readonly untyped?: boolean;
  /**
   * Where the function lies, if that is a part of the kernel in which no probe can be placed: `init` is freed after
   * boot, the others are out of bounds to kprobes.
   */
  readonly unprobeable?: UnprobeablePlace;
}

export interface TracepointFacts {
  readonly name: string;
  readonly system?: string;
  readonly module?: string;
  readonly arguments: readonly ParameterFacts[];
}

export interface MemberFacts {
  /** Empty for an anonymous struct or union, whose members count as the outer one's. */
  readonly name: string;
  readonly type: number;
  /** From the start of the structure, in bits. */
  readonly bitOffset: number;
  /** Width of a bit-field, else undefined. */
  readonly bitSize?: number;
}

/** A type, one level deep; ids lead on. */
export type TypeFacts =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'integer';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly char: boolean;
      readonly bool: boolean;
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'pointer'; readonly target: number; readonly size: number }
  | { readonly kind: 'array'; readonly element: number; readonly length: number }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly MemberFacts[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly kind: 'typedef'; readonly name: string; readonly target: number }
  | {
      readonly kind: 'qualifier';
      readonly qualifier: 'const' | 'volatile' | 'restrict' | 'atomic';
      readonly target: number;
    }
  | { readonly kind: 'function'; readonly parameters: readonly ParameterFacts[]; readonly result?: number }
  | { readonly kind: 'forward'; readonly name: string; readonly of: 'struct' | 'union' | 'enum' };

/** A function's prototype as C text, for feature checks. */
export interface PrototypeText {
  /** The parameters' types, in order; `...` last for a variadic function. */
  readonly parameters: readonly string[];
  readonly parameterNames: readonly string[];
  readonly result: string;
}

/** A structure's member as C text. */
export interface MemberText {
  readonly name: string;
  readonly type: string;
  readonly bitOffset: number;
  readonly bitSize?: number;
}

/** What is known of one kernel. Type ids are numbers of this object's own and go on to no other. */
export interface KernelSymbols {
  readonly kernel: KernelIdentity;
  /**
   * The functions whose names match a pattern of `*`, `?` and `[…]`, in the order of their names; a name without any is
   * looked up directly. A pattern leaves out functions in which no probe can be placed, so far as that is known.
   *
   * @param module the module's name, or undefined for the kernel itself
   * @throws BinaryFault where the module's file is damaged
   */
  functions(pattern: string, module?: string): readonly FunctionFacts[];
  /**
   * The symbols that the compiler made of functions beside or instead of their own: `foo.isra.0`, `foo.constprop.0`,
   * `foo.part.0`, `foo.cold`. Empty where the symbols are not known.
   *
   * @param pattern a function's name, or a pattern as `functions` takes it
   */
  functionVariants(pattern: string, module?: string): readonly string[];
  /**
   * How many functions match a pattern, those included that no probe can be placed in, and what the compiler made of
   * them; undefined where there is no such module.
   */
  functionCopies(
    pattern: string,
    module?: string,
  ): { readonly functions: number; readonly variants: readonly string[] } | undefined;
  /** The names nearest to a function's that was not found. */
  nearestFunctions(name: string, module?: string): readonly string[];
  /** The tracepoints whose names match a pattern, which may start with a subsystem: `sched:sched_*`. */
  tracepoints(pattern: string): readonly TracepointFacts[];
  /** The names nearest to a tracepoint's that was not found. */
  nearestTracepoints(name: string): readonly string[];
  /** The structure, union, enumeration or typedef of a name, with or without `struct ` before it. */
  type(name: string, module?: string): number | undefined;
  /** What a type id stands for. */
  typeFacts(id: number): TypeFacts;
  /** A type as C text: `struct file *`. */
  typeText(id: number): string;
  /** An enumerator's value in decimal. */
  enumerator(name: string): string | undefined;
  /** A per-CPU variable of the kernel's own: the only ones whose types BTF knows. */
  variable(name: string, module?: string): CodeVariable | undefined;
  /** A function's prototype as C text; undefined where there is no such function. */
  functionPrototype(name: string, module?: string): PrototypeText | undefined;
  /** The members of a structure or union, or of what a typedef stands for; undefined where there is none. */
  structMembers(name: string, module?: string): readonly MemberText[] | undefined;
  /**
   * What is known of a module: its types (`typed`), only the names of its functions (`names`: it has no BTF), or nothing
   * (`missing`).
   */
  moduleState(module: string): 'typed' | 'names' | 'missing';
  /** The names of the modules whose files are there, in order. */
  modules(): readonly string[];
  /** Closes the files that are open. */
  close(): void;
}

/** Ids of a module's own types start at a multiple of this; the kernel's own are below it. */
const MODULE_STEP = 2 ** 27;

export interface KernelSources {
  readonly kernel: KernelIdentity;
  readonly pointerSize: 4 | 8;
  readonly btf: Btf;
  readonly functions: Pick<NameTable, 'find' | 'all' | 'matchingIndexes' | 'nameAt' | 'idAt'>;
  /** What the kernel's symbol table says of the function at a place of `functions`. */
  symbolOf(index: number): FunctionSymbol;
  readonly variants: Pick<NameTable, 'match'>;
  readonly types: Pick<NameTable, 'find'>;
  readonly enumerators: Pick<NameTable, 'find'>;
  readonly variables: Pick<NameTable, 'find'>;
  readonly tracepoints: Pick<NameTable, 'match' | 'all'>;
  /** A module's facts; undefined where there is no such module. */
  module(name: string): ModuleFacts | undefined;
  moduleNames(): readonly string[];
  /** The subsystem of a tracepoint, where something tells. */
  systemOf(tracepoint: string): string | undefined;
  close(): void;
}

/** Makes {@link KernelSymbols} over the tables of one kernel. */
export function kernelSymbols(sources: KernelSources): KernelSymbols {
  const { kernel, btf } = sources;
  const modules: ModuleFacts[] = [];
  const moduleOrdinals = new Map<string, number | undefined>();
  // `char` is signed on x86, and since 6.2 unsigned everywhere (commit 3bc753c06dd0, "kbuild: treat char as always
  // unsigned"). BTF does not tell: its encoders mark `char` with no sign at all.
  const charSigned =
    /^(x86_64|i386|mips|sparc|sparc64|loongarch)$/.test(kernel.architecture) && isBefore62(kernel.release);

  function moduleOrdinal(name: string): number | undefined {
    const key = name.replaceAll('-', '_');
    if (moduleOrdinals.has(key)) return moduleOrdinals.get(key);
    const facts = sources.module(key);
    const ordinal = facts && modules.push(facts);
    moduleOrdinals.set(key, ordinal);
    return ordinal;
  }

  /** An id of ours from one of a module's BTF (ordinal 0: the kernel's). */
  const outer = (ordinal: number, id: number) => (ordinal > 0 && id >= btf.endId ? ordinal * MODULE_STEP + id : id);

  function inner(id: number): { ordinal: number; btf: Btf; id: number } {
    const ordinal = Math.floor(id / MODULE_STEP);
    const own = ordinal === 0 ? btf : modules[ordinal - 1]?.btf;
    if (!own) throw new RangeError(`type id ${id} is not of this kernel`);
    return { ordinal, btf: own, id: id - ordinal * MODULE_STEP };
  }

  function prototypeOf(own: Btf, functionId: number) {
    const type = own.type(functionId);
    const prototype = type?.kind === 'function' ? own.type(type.prototype) : type;
    return prototype?.kind === 'prototype' ? prototype : undefined;
  }

  function functionFacts(own: Btf, ordinal: number, name: string, id: number, module?: string): FunctionFacts {
    const prototype = prototypeOf(own, id);
    return {
      name,
      ...(module === undefined ? {} : { module }),
      parameters: (prototype?.parameters ?? []).map((p) => ({ name: p.name, type: outer(ordinal, p.type) })),
      result: prototype && own.strip(prototype.result) !== 0 ? outer(ordinal, prototype.result) : undefined,
    };
  }

  function tracepointFacts(own: Btf, ordinal: number, name: string, id: number, module?: string): TracepointFacts {
    let at = id;
    // A btf_trace_ typedef leads to a pointer to the prototype.
    for (let steps = 0; steps < 8; steps++) {
      const kind = own.kindOf(at);
      if (kind !== BtfKind.TYPEDEF && kind !== BtfKind.PTR) break;
      at = own.targetOf(at);
    }
    const parameters = prototypeOf(own, at)?.parameters ?? [];
    const system = sources.systemOf(name);
    return {
      name,
      ...(system === undefined ? {} : { system }),
      ...(module === undefined ? {} : { module }),
      // The first parameter is the probe's private data.
      arguments: parameters.slice(1).map((p, index) => ({
        name: p.name || `arg${index + 1}`,
        type: outer(ordinal, p.type),
      })),
    };
  }

  function moduleOf(name: string | undefined): { ordinal: number; facts: ModuleFacts; name: string } | undefined {
    const ordinal = name === undefined ? undefined : moduleOrdinal(name);
    return ordinal === undefined
      ? undefined
      : { ordinal, facts: modules[ordinal - 1]!, name: modules[ordinal - 1]!.name };
  }

  function toFacts(own: Btf, ordinal: number, type: BtfType | undefined): TypeFacts {
    const id = (inside: number) => outer(ordinal, inside);
    if (!type) return { kind: 'void' };
    switch (type.kind) {
      case 'int': {
        const plainChar = type.name === 'char';
        return {
          kind: 'integer',
          name: type.name,
          size: type.size,
          signed: plainChar ? charSigned : type.signed || type.name === 'signed char',
          char: type.char || plainChar || type.name === 'signed char' || type.name === 'unsigned char',
          bool: type.bool,
        };
      }
      case 'float':
        return { kind: 'float', name: type.name, size: type.size };
      case 'pointer':
        return { kind: 'pointer', target: id(type.target), size: sources.pointerSize };
      case 'array':
        return { kind: 'array', element: id(type.element), length: type.length };
      case 'struct':
      case 'union':
        return {
          kind: type.kind,
          name: type.name,
          size: type.size,
          members: type.members.map((m) => ({ ...m, type: id(m.type) })),
        };
      case 'enum':
        if (type.values.length === 0 && type.name !== '') return { kind: 'forward', name: type.name, of: 'enum' };
        return {
          kind: 'enum',
          name: type.name,
          size: type.size,
          signed: type.signed,
          values: type.values.map((v) => ({ name: v.name, value: v.value.toString() })),
        };
      case 'typedef':
        return { kind: 'typedef', name: type.name, target: id(type.target) };
      case 'const':
      case 'volatile':
      case 'restrict':
        return { kind: 'qualifier', qualifier: type.kind, target: id(type.target) };
      case 'type-tag':
        // Tags such as __user and __rcu say nothing about the layout.
        return toFacts(own, ordinal, own.type(skipTags(own, type.target)));
      case 'forward':
        return { kind: 'forward', name: type.name, of: type.of };
      case 'prototype':
        return {
          kind: 'function',
          parameters: type.parameters.map((p) => ({ name: p.name, type: id(p.type) })),
          result: own.strip(type.result) === 0 ? undefined : id(type.result),
        };
      case 'function':
        return toFacts(own, ordinal, own.type(type.prototype));
      case 'variable':
        return toFacts(own, ordinal, own.type(skipTags(own, type.type)));
      case 'data-section':
      case 'declaration-tag':
        return { kind: 'void' };
    }
  }

  function lookUpType(name: string, module?: string): { btf: Btf; ordinal: number; id: number } | undefined {
    const match = /^\s*(?:(struct|union|enum)\s+)?(.*?)\s*$/.exec(name)!;
    const [, wanted, plain] = match;
    const fits = (own: Btf, id: number) => {
      if (wanted === undefined) return true;
      const kind = own.kindOf(id);
      if (wanted === 'struct') return kind === BtfKind.STRUCT || kind === BtfKind.FWD;
      if (wanted === 'union') return kind === BtfKind.UNION || kind === BtfKind.FWD;
      return kind === BtfKind.ENUM || kind === BtfKind.ENUM64;
    };
    const own = moduleOf(module);
    const inModule = own?.facts.types(plain!).find((id) => fits(own.facts.btf, id));
    if (own && inModule !== undefined) return { btf: own.facts.btf, ordinal: own.ordinal, id: inModule };
    const inKernel = sources.types.find(plain!).find((id) => fits(btf, id));
    return inKernel === undefined ? undefined : { btf, ordinal: 0, id: inKernel };
  }

  /**
   * The modules that may have a tracepoint: those whose names begin as the tracepoint's or its subsystem's does
   * (`ext4_sync_file_enter`: ext4; `kvm_exit`: kvm, kvm_intel, …). To look into every module takes seconds.
   */
  function likelyModules(system: string | undefined, name: string): string[] {
    const start = /^[a-z0-9]{2,}/i.exec(system ?? name)?.[0];
    // A bare `*` or `e*` asks for all there are of the kernel itself.
    if (start === undefined || (system === undefined && /^[a-z0-9]*[*?[]/i.test(name))) return [];
    if (system === undefined && sources.tracepoints.match(name).length > 0) return [];
    return sources.moduleNames().filter((module) => module === start || module.startsWith(`${start}_`));
  }

  function findFunction(name: string, module?: string): { btf: Btf; id: number } | undefined {
    if (module !== undefined) {
      const own = moduleOf(module);
      const hit = own?.facts.functions(name)[0];
      return own?.facts.typed && hit ? { btf: own.facts.btf, id: hit.id } : undefined;
    }
    const [id] = sources.functions.find(name);
    return id === undefined ? undefined : { btf, id };
  }

  function functionVariants(pattern: string, module?: string): readonly string[] {
    if (module !== undefined) return moduleOf(module)?.facts.variants?.(pattern) ?? [];
    return sources.variants.match(`${pattern}.*`).map((hit) => hit.name);
  }

  return {
    kernel,
    functions(pattern, module) {
      if (module === undefined) {
        const found: FunctionFacts[] = [];
        const exact = !/[*?[]/.test(pattern);
        for (const index of sources.functions.matchingIndexes(pattern)) {
          const { address, place, external } = sources.symbolOf(index);
          if (place && !exact) continue;
          const name = exact ? pattern : sources.functions.nameAt(index);
          // Of several static functions of one name the first stands for all.
          if (found.at(-1)?.name === name) continue;
          const facts = functionFacts(btf, 0, name, sources.functions.idAt(index));
          found.push({
            ...facts,
            ...(address === undefined ? {} : { address: address.toString() }),
            ...(external === undefined ? {} : { external }),
            ...(place ? { unprobeable: place } : {}),
          });
        }
        return found;
      }
      const own = moduleOf(module);
      if (!own) return [];
      return own.facts.functions(pattern).map(({ name, id }) => {
        const external = own.facts.isExternal?.(name);
        const facts = functionFacts(own.facts.btf, own.ordinal, name, id, own.name);
        return {
          ...facts,
          ...(external === undefined ? {} : { external }),
          ...(own.facts.typed ? {} : { untyped: true }),
        };
      });
    },
    functionVariants,
    functionCopies(pattern, module) {
      const variants = functionVariants(pattern, module);
      if (module !== undefined) {
        const own = moduleOf(module);
        return own && { functions: own.facts.functions(pattern).length, variants };
      }
      // Static functions of one name count once, as they are probed once.
      const names = new Set(sources.functions.matchingIndexes(pattern).map((index) => sources.functions.nameAt(index)));
      return { functions: names.size, variants };
    },
    nearestFunctions(name, module) {
      if (module === undefined) return nearestNames(name, sources.functions.all());
      return nearestNames(
        name,
        moduleOf(module)
          ?.facts.functions('*')
          .map((f) => f.name) ?? [],
      );
    },
    tracepoints(pattern) {
      const colon = pattern.indexOf(':');
      const system = colon < 0 ? undefined : pattern.slice(0, colon);
      const name = pattern.slice(colon + 1);
      const found = sources.tracepoints.match(name).map((hit) => tracepointFacts(btf, 0, hit.name, hit.id));
      for (const module of likelyModules(system, name)) {
        const own = moduleOf(module);
        for (const hit of own?.facts.tracepoints(name) ?? []) {
          const facts = tracepointFacts(own!.facts.btf, own!.ordinal, hit.name, hit.id, own!.name);
          // A module's tracepoints are of the subsystem of its own name, unless something says otherwise.
          found.push(facts.system === undefined ? { ...facts, system: own!.name } : facts);
        }
      }
      if (system === undefined) return found;
      const expression = systemExpression(system);
      return found.filter((facts) => facts.system !== undefined && expression.test(facts.system));
    },
    nearestTracepoints(name) {
      return nearestNames(name.slice(name.indexOf(':') + 1), sources.tracepoints.all());
    },
    type(name, module) {
      const hit = lookUpType(name, module);
      return hit && outer(hit.ordinal, hit.id);
    },
    typeFacts(id) {
      const at = inner(id);
      return toFacts(at.btf, at.ordinal, at.btf.type(at.id));
    },
    typeText(id) {
      const at = inner(id);
      return printCType(at.btf, at.id);
    },
    enumerator(name) {
      for (const id of sources.enumerators.find(name)) {
        const type = btf.type(id);
        const value = type?.kind === 'enum' ? type.values.find((v) => v.name === name) : undefined;
        if (value) return value.value.toString();
      }
      for (const { btf: own, enumerators } of modules) {
        const id = enumerators(name);
        const type = id === undefined ? undefined : own.type(id);
        const value = type?.kind === 'enum' ? type.values.find((v) => v.name === name) : undefined;
        if (value) return value.value.toString();
      }
      return undefined;
    },
    variable(name, module) {
      if (module !== undefined) return undefined;
      const [id] = sources.variables.find(name);
      const type = id === undefined ? undefined : btf.type(id);
      if (type?.kind !== 'variable') return undefined;
      const own: ValueTree = { kind: 'symbol', name, offset: 0 };
      const address: ValueTree = { kind: 'binary', operator: '+', left: { kind: 'per-cpu-base' }, right: own };
      return { name, type: outer(0, type.type), group: 'global', location: { kind: 'memory', address } };
    },
    functionPrototype(name, module) {
      const hit = findFunction(name, module);
      const prototype = hit && prototypeOf(hit.btf, hit.id);
      if (!prototype) return undefined;
      return {
        parameters: [
          ...prototype.parameters.map((p) => printCType(hit.btf, p.type)),
          ...(prototype.variadic ? ['...'] : []),
        ],
        parameterNames: prototype.parameters.map((p) => p.name),
        result: printCType(hit.btf, prototype.result),
      };
    },
    structMembers(name, module) {
      const hit = lookUpType(name, module);
      const type = hit?.btf.type(hit.btf.strip(hit.id));
      if (!hit || (type?.kind !== 'struct' && type?.kind !== 'union')) return undefined;
      return type.members.map((m) => ({
        name: m.name,
        type: printCType(hit.btf, m.type),
        bitOffset: m.bitOffset,
        ...(m.bitSize === undefined ? {} : { bitSize: m.bitSize }),
      }));
    },
    moduleState(module) {
      const own = moduleOf(module);
      return own ? (own.facts.typed ? 'typed' : 'names') : 'missing';
    },
    modules: () => sources.moduleNames(),
    close: () => sources.close(),
  };
}

function skipTags(btf: Btf, id: number): number {
  for (let steps = 0; steps < 64 && btf.kindOf(id) === BtfKind.TYPE_TAG; steps++) id = btf.targetOf(id);
  return id;
}

function systemExpression(pattern: string): RegExp {
  return new RegExp(`^${globSource(pattern)}$`);
}

function isBefore62(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return major < 6 || (major === 6 && minor < 2);
}
