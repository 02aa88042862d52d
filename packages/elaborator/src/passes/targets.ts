// Target variables: `$name->member[i]`, @cast and their kin become loads at numeric offsets (stapprobes(3stap), CONTEXT
// VARIABLES). A path is walked as C would, with the types of the symbol source; `->` follows pointers and enters
// structures alike.
//
// A bit-field's storage unit is taken as its declared type's, as gcc lays it out on little-endian machines; where the
// field crosses that unit (packed structures), eight bytes from its first byte are read.
import type {
  CastOperation,
  ConstOperation,
  DereferenceOperation,
  EnumOperation,
  Expression,
  MemberAccess,
  PathStep,
  PerfOperation,
  RegisterOperation,
  TargetVariable,
  VarOperation,
} from '@stapkit/parser';
import type { Diagnostic } from '@stapkit/pass';
import type { CodeLocation, CodeValue } from '../code-source.js';
import { messages } from '../diagnostics.js';
import {
  type DraftExpression,
  type DraftPlace,
  type FunctionSymbol,
  type LocalSymbol,
  newCell,
  type Token,
  type TypedValue,
} from '../draft.js';
import type { ArithmeticOperator, ContextSource } from '../elaborated.js';
import type { PointVariable } from '../families/family.js';
import type { DraftPiece } from '../formats.js';
import { byLikeness } from '../similar.js';
import type { MemberFacts, SymbolSource, TypeFacts } from '../symbol-source.js';
import { byteSize, scalarSize, strip, typeName } from '../types.js';
import type { Binder, Scope } from './bind.js';

type TargetNode =
  | TargetVariable
  | CastOperation
  | VarOperation
  | MemberAccess
  | EnumOperation
  | ConstOperation
  | RegisterOperation
  | DereferenceOperation
  | PerfOperation;

/** A C type with pointers on top: symbol sources have no ids for pointers that no code declares. */
interface CType {
  readonly type: number;
  readonly pointers: number;
}

/** Where a path has led so far. */
type Place =
  /** A value held in an expression. */
  | { readonly held: true; readonly value: DraftExpression; readonly type: CType; readonly parts?: undefined }
  /** An object that is in registers or in pieces, or a part of one. */
  | {
      readonly held: true;
      readonly parts: CodeLocation;
      /** From the object's start, in bits. */
      readonly bitOffset: number;
      readonly bitSize?: number;
      readonly type: CType;
    }
  /** An object in memory. */
  | {
      readonly held: false;
      readonly address: DraftExpression;
      readonly type: CType;
      readonly bits?: { readonly bitOffset: number; readonly bitSize: number };
    };

/** Ends a walk with a message; it never leaves this file. */
class Unresolved {
  constructor(readonly diagnostic: Diagnostic) {}
}

/** True for what `assignTarget` assigns to. */
export function isTarget(
  node: Expression,
): node is TargetVariable | CastOperation | VarOperation | MemberAccess | DereferenceOperation | RegisterOperation {
  return (
    node.kind === 'target-variable' ||
    node.kind === 'cast' ||
    node.kind === 'var' ||
    node.kind === 'member' ||
    node.kind === 'dereference' ||
    node.kind === 'register'
  );
}

/**
 * Binds an expression about the target's memory or context.
 *
 * @returns the bound expression; `unresolved` where it can't be found, which is an error only if it is still there
 *   after optimisation
 */
export function bindTarget(binder: Binder, node: TargetNode, scope: Scope): DraftExpression {
  const walker = new Walker(binder, scope, binder.tokens.token(node));
  try {
    return walker.bind(node);
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    return walker.make({ kind: 'unresolved', diagnostic: error.diagnostic }, undefined);
  }
}

/**
 * Binds an assignment to the target's memory, which guru mode allows, or to a value that the probe point takes.
 *
 * @param operator set for `OP=`
 */
export function assignTarget(
  binder: Binder,
  node: Expression,
  operator: ArithmeticOperator | '.' | undefined,
  value: DraftExpression,
  token: Token,
  scope: Scope,
): DraftExpression {
  const walker = new Walker(binder, scope, binder.tokens.token(node));
  try {
    return walker.assign(node, operator, value, token);
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    binder.diagnostics.push(error.diagnostic);
    return walker.make({ kind: 'unresolved', diagnostic: error.diagnostic }, undefined);
  }
}

type Shape<E> = E extends unknown ? Omit<E, 'token' | 'library' | 'cell'> : never;

const GROUPS: Readonly<Record<string, readonly PointVariable['group'][]>> = {
  vars: ['parameter', 'local'],
  parms: ['parameter'],
  locals: ['local'],
  return: ['return'],
};

/** The modules of `@cast`'s third operand: names and headers with colons between; a header's name may hold one. */
function splitModules(text: string): string[] {
  return (text.match(/(?:<[^>]*>|[^:<])+/g) ?? []).map((name) => name.trim());
}

/** What a return probe takes when the function is entered. */
function isSaved(variable: PointVariable): boolean {
  return variable.group === 'parameter' || variable.group === 'local';
}

function hexadecimal(address: string): string {
  return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
}

/** Most steps into anonymous members of one another. */
const DEEPEST_ANONYMOUS = 16;
/** Levels that `$x$$` opens, far beyond what `MOST_PRETTY` lets it come to: damaged types may go round in circles. */
const DEEPEST_PRETTY = 64;
/** Values that `$x$` and `$x$$` print; what follows shows as `...`. */
const MOST_PRETTY = 32;

class Walker {
  private readonly symbols: SymbolSource;
  private readonly library: boolean;

  constructor(
    private readonly binder: Binder,
    private readonly scope: Scope,
    private readonly token: Token,
  ) {
    this.symbols = binder.symbols;
    this.library = scope.file.privileged;
  }

  make(shape: Shape<DraftExpression>, type: 'long' | 'string' | undefined, typed?: TypedValue): DraftExpression {
    return {
      ...shape,
      token: this.token,
      library: this.library,
      cell: type === undefined ? newCell() : newCell(type, this.token),
      ...(typed ? { typed } : {}),
    } as DraftExpression;
  }

  private number(value: number | bigint | string): DraftExpression {
    return this.make({ kind: 'number', value: BigInt(value) }, 'long');
  }

  private add(left: DraftExpression, right: DraftExpression): DraftExpression {
    if (right.kind === 'number' && right.value === 0n) return left;
    // Offsets one after another become one.
    if (
      right.kind === 'number' &&
      left.kind === 'arithmetic' &&
      left.operator === '+' &&
      left.right.kind === 'number'
    ) {
      return { ...left, right: this.number(BigInt.asIntN(64, left.right.value + right.value)) };
    }
    return this.make({ kind: 'arithmetic', operator: '+', left, right }, 'long');
  }

  private fail(message: string, token: Token = this.token, hints: readonly string[] = []): never {
    throw new Unresolved(messages.target(message, token, hints));
  }

  // ------------------------------------------------------------------------------------------------- entry

  bind(node: TargetNode): DraftExpression {
    switch (node.kind) {
      case 'enum': {
        const value = this.symbols.enumerator(node.name.value);
        if (value === undefined) this.fail(`unable to find enumerator '${node.name.value}'`);
        return this.number(value);
      }
      case 'const': {
        const text = node.text.value.trim();
        if (/^-?(?:0[xX][\da-fA-F]{1,16}|\d{1,19})$/.test(text)) {
          const negative = text.startsWith('-');
          const magnitude = BigInt(negative ? text.slice(1) : text);
          return this.number(BigInt.asIntN(64, negative ? -magnitude : magnitude));
        }
        const enumerator = /^[A-Za-z_]\w*$/.test(text) ? this.symbols.enumerator(text) : undefined;
        if (enumerator !== undefined) return this.number(enumerator);
        return this.make({ kind: 'embedded', code: text, pragmas: ['pure', 'unprivileged', 'stable'] }, 'long');
      }
      case 'register': {
        const register = this.constant(node.register, 'register number');
        return this.make(
          { kind: 'context', source: { kind: 'register', number: register, space: node.space } },
          'long',
        );
      }
      case 'dereference': {
        const place = this.dereference(node);
        return this.make({ kind: 'load', place }, 'long');
      }
      case 'perf':
        return this.make(
          { kind: 'context', source: { kind: 'perf-counter', probe: -1 }, counter: node.operand.value },
          'long',
        );
      case 'cast': {
        const type = this.namedType(node);
        const operand = this.binder.expression(node.operand, this.scope);
        // `&@cast(p, "t")` is p itself, now known to point to a t.
        if (node.addressOf && node.path.length === 0)
          return { ...operand, typed: { ...type, space: this.space(type) } };
        return this.finish({ held: true, value: operand, type }, node);
      }
      case 'member': {
        const operand = this.binder.expression(node.operand, this.scope);
        if (!operand.typed) this.fail('unknown type in dereference', this.binder.tokens.token(node));
        return this.finish({ held: true, value: operand, type: operand.typed }, node);
      }
      case 'target-variable':
        return this.variable(node.name, node);
      case 'var': {
        const global = this.globalVariable(node);
        if (global) return this.finish(global, node);
        return this.variable(node.variable.value, node);
      }
    }
  }

  assign(
    node: Expression,
    operator: ArithmeticOperator | '.' | undefined,
    value: DraftExpression,
    token: Token,
  ): DraftExpression {
    if (node.kind === 'target-variable' && node.path.length === 0 && node.pretty === 0) {
      const found = this.lookup(node.name);
      if (found?.writable === 'always' || (found?.writable === 'guru' && this.guru())) {
        return this.storeContext(found, operator, value);
      }
      if (found && this.guru() && operator !== '.' && this.isRegister(found)) {
        return this.storeContext(found, operator, value);
      }
    }
    const words = node.kind === 'target-variable' ? this.scope.probe?.variables?.words : undefined;
    if (node.kind === 'target-variable' && words?.structure && (node.path.length > 0 || node.addressOf)) {
      this.noParts(node.name, node);
    }
    if (!this.guru()) {
      if (node.kind === 'target-variable' && words?.readOnly) this.fail(words.readOnly(node.name));
      const what = node.kind === 'cast' ? '@cast context variable' : 'target variable';
      throw new Unresolved(messages.needsGuru(`write to ${what} not permitted`, this.token));
    }
    // Nobody's register or memory: guru mode changes nothing.
    if (node.kind === 'target-variable' && words?.structure && words.readOnly) this.fail(words.readOnly(node.name));
    if (operator === '.') this.fail('cannot append to a target variable', token);
    const place = this.memory(node);
    if (operator === undefined) return this.make({ kind: 'store', place, value }, 'long');
    // The address is worked out once, for the load and the store alike.
    const local = this.temporary('address');
    const again: DraftPlace = { ...place, address: this.read(local) };
    const sum = this.make(
      { kind: 'arithmetic', operator, left: this.make({ kind: 'load', place: again }, 'long'), right: value },
      'long',
    );
    const body = this.make({ kind: 'store', place: { ...again, address: this.read(local) }, value: sum }, 'long');
    return this.make({ kind: 'let', local, value: place.address, body }, 'long');
  }

  private guru(): boolean {
    return this.binder.guru || this.library;
  }

  /**
   * Whether assigning to a variable sets a register of the probed code: a parameter where the function is entered, or
   * `$return`. A parameter in a return probe is a copy of what it was, and a structure is no register.
   */
  private isRegister(found: PointVariable): boolean {
    const { kind } = found.source;
    if (typeof found.type === 'string') return false;
    if (kind === 'location') {
      if (this.scope.probe?.variables?.return) return false;
      const { location } = found.source;
      if (location.kind !== 'value' || location.value.kind !== 'register') return false;
    } else if (kind !== 'parameter' && kind !== 'return-value') return false;
    if (kind === 'parameter' && this.scope.probe?.variables?.return) return false;
    const facts = this.facts({ type: found.type, pointers: found.pointsTo ? 1 : 0 }).facts.kind;
    return facts !== 'struct' && facts !== 'union' && facts !== 'array';
  }

  private storeContext(
    found: PointVariable,
    operator: ArithmeticOperator | '.' | undefined,
    value: DraftExpression,
  ): DraftExpression {
    const type = found.type === 'string' ? 'string' : 'long';
    const source = this.contextSource(found);
    if (operator !== undefined && operator !== '.') {
      const left = found.source.kind === 'location' ? this.load(this.variablePlace(found)) : this.contextValue(found);
      const sum = this.make({ kind: 'arithmetic', operator, left, right: value }, 'long');
      return this.make({ kind: 'context-store', source, append: false, value: sum }, type);
    }
    return this.make({ kind: 'context-store', source, append: operator === '.', value }, type);
  }

  /** What an assignment to a variable of the context sets. */
  private contextSource(found: PointVariable): ContextSource {
    if (found.source.kind !== 'location') return found.source;
    const { location } = found.source;
    if (location.kind !== 'value' || location.value.kind !== 'register') {
      this.fail('the value is not held in a register and cannot be written');
    }
    return { kind: 'register', number: location.value.number, space: 'kernel' };
  }

  private contextValue(found: PointVariable): DraftExpression {
    const type = found.type === 'string' ? 'string' : 'long';
    if (found.source.kind === 'location') return this.load(this.variablePlace(found));
    return this.make({ kind: 'context', source: found.source }, type);
  }

  private temporary(name: string): LocalSymbol {
    return this.binder.temporary(this.scope, name, this.token);
  }

  private read(local: LocalSymbol): DraftExpression {
    return { kind: 'local', token: this.token, library: this.library, cell: local.cell, symbol: local };
  }

  private constant(node: Expression, what: string): number {
    if (node.kind !== 'number') this.fail(`${what} must be a literal number`, this.binder.tokens.token(node));
    return Number(node.value);
  }

  private dereference(node: DereferenceOperation): DraftPlace {
    const size = this.constant(node.size, 'size');
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8) {
      this.fail('size must be 1, 2, 4 or 8', this.binder.tokens.token(node.size));
    }
    const address = this.binder.expression(node.address, this.scope);
    return {
      address,
      space: node.space,
      size,
      signed: false,
      ...(node.space === 'kernel' ? { kernelOnly: true } : {}),
    };
  }

  /** The memory that an assignment goes to. */
  private memory(node: Expression): DraftPlace {
    if (node.kind === 'dereference') return this.dereference(node);
    if (node.kind !== 'target-variable' && node.kind !== 'cast' && node.kind !== 'member' && node.kind !== 'var') {
      this.fail('not a place that can be written');
    }
    if (node.pretty !== 0 || node.addressOf) this.fail('not a place that can be written');
    let place: Place;
    if (node.kind === 'cast') {
      place = { held: true, value: this.binder.expression(node.operand, this.scope), type: this.namedType(node) };
    } else if (node.kind === 'member') {
      const operand = this.binder.expression(node.operand, this.scope);
      if (!operand.typed) this.fail('unknown type in dereference');
      place = { held: true, value: operand, type: operand.typed };
    } else if (node.kind === 'var') {
      place = this.globalVariable(node) ?? this.variablePlace(this.find(node.variable.value));
    } else {
      place = this.variablePlace(this.find(node.name));
    }
    const end = this.walk(place, node.path);
    if (end.held) {
      if (end.parts?.kind === 'memory') this.fail('the value is not in one place and cannot be written');
      this.fail('the value is held in a register and cannot be written');
    }
    return this.placeOf(end);
  }

  // --------------------------------------------------------------------------------------------- variables

  private lookup(name: string): PointVariable | undefined {
    const variables = this.scope.probe?.variables;
    return variables?.variables.find((variable) => variable.name === name) ?? variables?.more?.(name);
  }

  private find(name: string): PointVariable {
    const variables = this.scope.probe?.variables;
    const found = this.lookup(name);
    if (found && variables) {
      if (found.group === 'return' && this.scope.mode === 'entry') {
        this.fail(`'$${name}' is not available at function entry`);
      }
      return found;
    }
    if (variables?.words?.unknown) this.fail(variables.words.unknown(name));
    if (!variables || variables.variables.length === 0) {
      this.fail(
        variables?.function === undefined
          ? 'unresolved target-symbol expression'
          : `unable to find local '${name}' in ${variables.function}`,
      );
    }
    const names = (variables.all?.() ?? variables.variables).map((variable) => variable.name);
    const near = byLikeness(name, names)
      .map((one) => `$${one}`)
      .slice(0, 10);
    const where = variables.function === undefined ? '' : ` in ${variables.function}`;
    this.fail(`unable to find local '${name}'${where} (alternatives: ${near.join(', ')})`);
  }

  private variablePlace(found: PointVariable): Place {
    if (typeof found.type === 'string') {
      this.fail(`'$${found.name}' has no members`);
    }
    const type: CType = { type: found.type, pointers: found.pointsTo ? 1 : 0 };
    if (found.source.kind === 'location') return this.locationPlace(found.source.location, type);
    return { held: true, value: this.make({ kind: 'context', source: found.source }, 'long'), type };
  }

  /** An object where debug information says it is. */
  private locationPlace(location: CodeLocation, type: CType): Place {
    switch (location.kind) {
      case 'memory':
        return { held: false, address: this.codeValue(location.address), type };
      case 'absent': {
        const place = this.scope.probe?.variables?.place;
        const where = place === undefined ? '' : ` (pc: ${hexadecimal(place.address)})`;
        this.fail(
          location.reason === 'not accessible at this address'
            ? `${location.reason}${where} [man error::dwarf]`
            : `not accessible at this address${where}: ${location.reason} [man error::dwarf]`,
        );
        break;
      }
      default: {
        const { facts } = this.facts(type);
        const isWhole = facts.kind !== 'struct' && facts.kind !== 'union' && facts.kind !== 'array';
        if (location.kind === 'value' && isWhole) {
          return { held: true, value: this.extended(this.codeValue(location.value), type), type };
        }
        return { held: true, parts: location, bitOffset: 0, type };
      }
    }
  }

  /** A value as wide as its type: registers may hold anything above it. */
  private extended(value: DraftExpression, type: CType): DraftExpression {
    const width = type.pointers > 0 ? undefined : scalarSize(this.symbols, type.type);
    if (!width || width.size === 8) return value;
    return this.cut(value, width.size * 8, width.signed);
  }

  private cut(value: DraftExpression, bits: number, signed: boolean): DraftExpression {
    if (value.kind === 'number') {
      return this.number(signed ? BigInt.asIntN(bits, value.value) : BigInt.asUintN(bits, value.value));
    }
    const both = (operator: ArithmeticOperator, left: DraftExpression, right: bigint) =>
      this.make({ kind: 'arithmetic', operator, left, right: this.number(right) }, 'long');
    if (!signed) return both('&', value, (1n << BigInt(bits)) - 1n);
    return both('>>', both('<<', value, BigInt(64 - bits)), BigInt(64 - bits));
  }

  /** Some bits of an object that is not in memory as a whole. */
  private partValue(location: CodeLocation, bitOffset: number, bits: number): DraftExpression {
    switch (location.kind) {
      case 'value': {
        const value = this.codeValue(location.value);
        if (bitOffset === 0) return value;
        return this.make({ kind: 'arithmetic', operator: '>>>', left: value, right: this.number(bitOffset) }, 'long');
      }
      case 'memory': {
        const first = Math.floor(bitOffset / 8);
        const size = bits + (bitOffset % 8) <= 8 ? 1 : bits + (bitOffset % 8) <= 16 ? 2 : bits <= 32 ? 4 : 8;
        const address = this.add(this.codeValue(location.address), this.number(first));
        const word = this.make({ kind: 'load', place: { address, space: 'kernel', size, signed: false } }, 'long');
        if (bitOffset % 8 === 0) return word;
        const right = this.number(bitOffset % 8);
        return this.make({ kind: 'arithmetic', operator: '>>>', left: word, right }, 'long');
      }
      case 'absent':
        this.fail(`not accessible at this address: ${location.reason} [man error::dwarf]`);
        break;
      case 'pieces': {
        let start = 0;
        let joined: DraftExpression | undefined;
        for (const piece of location.pieces) {
          const end = start + piece.size * 8;
          const from = Math.max(start, bitOffset);
          const to = Math.min(end, bitOffset + bits);
          if (from < to) {
            const part = this.partValue(piece.location, from - start, to - from);
            if (from === bitOffset && to === bitOffset + bits) return part;
            const own = this.cut(part, to - from, false);
            const shifted =
              from === bitOffset
                ? own
                : this.make(
                    { kind: 'arithmetic', operator: '<<', left: own, right: this.number(from - bitOffset) },
                    'long',
                  );
            joined = joined
              ? this.make({ kind: 'arithmetic', operator: '|', left: joined, right: shifted }, 'long')
              : shifted;
          }
          start = end;
        }
        return joined ?? this.fail('not accessible at this address: optimized out [man error::dwarf]');
      }
    }
  }

  /** The expression that comes to what debug information says a number is. */
  private codeValue(value: CodeValue): DraftExpression {
    switch (value.kind) {
      case 'constant':
        return this.number(value.value);
      case 'register':
        return this.make(
          { kind: 'context', source: { kind: 'register', number: value.number, space: 'kernel' } },
          'long',
        );
      case 'read': {
        const address = this.codeValue(value.address);
        const { size, signed } = value;
        return this.make({ kind: 'load', place: { address, space: 'kernel', size, signed } }, 'long');
      }
      case 'unary':
        return this.make({ kind: 'unary', operator: value.operator, operand: this.codeValue(value.operand) }, 'long');
      case 'binary': {
        const left = this.codeValue(value.left);
        const right = this.codeValue(value.right);
        const { operator } = value;
        if (operator === '<' || operator === '<=' || operator === '==' || operator === '!=') {
          return this.make({ kind: 'comparison', operator, left, right }, 'long');
        }
        if (operator === '+') return this.add(left, right);
        return this.make({ kind: 'arithmetic', operator, left, right }, 'long');
      }
      case 'choice':
        return this.make(
          {
            kind: 'conditional',
            condition: this.codeValue(value.condition),
            // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
            then: this.codeValue(value.then),
            else: this.codeValue(value.else),
          },
          'long',
        );
      case 'symbol':
        return this.make(
          {
            kind: 'context',
            source: {
              kind: 'symbol-address',
              name: value.name,
              ...(value.module === undefined ? {} : { module: value.module }),
              offset: value.offset,
            },
          },
          'long',
        );
      case 'per-cpu-base':
        return this.make({ kind: 'context', source: { kind: 'per-cpu-base' } }, 'long');
    }
  }

  /**
   * `@var("NAME@FILE")`, `@var("NAME", "MODULE")` and, where no variable of the context has the name, `@var("NAME")`:
   * a variable outside functions.
   */
  private globalVariable(node: VarOperation): Place | undefined {
    const text = node.variable.value;
    const at = text.indexOf('@');
    const name = at < 0 ? text : text.slice(0, at);
    const file = at < 0 ? undefined : text.slice(at + 1);
    const isPlain = file === undefined && node.module === undefined;
    const variables = this.scope.probe?.variables;
    if (isPlain && (name.startsWith('$') || this.lookup(name))) return undefined;
    const named = node.module?.value ?? variables?.place?.module ?? variables?.variables[0]?.module;
    const module = named === undefined || named === 'kernel' || named === 'vmlinux' ? undefined : named;
    // BTF knows the types of per-CPU variables, and no others.
    const known = file === undefined && !this.symbols.codeOnly ? this.symbols.variable?.(name, module) : undefined;
    const found =
      known ?? (this.symbols.code?.has(module) ? this.symbols.code.variable?.(name, file, module) : undefined);
    if (found) return this.locationPlace(found.location, { type: found.type, pointers: 0 });
    if (isPlain && variables) return undefined;
    const where = file === undefined ? '' : ` in ${file}`;
    this.fail(
      `unable to find global '${name}'${where}${module === undefined ? '' : ` in ${module}`}`,
      this.token,
      this.symbols.code?.has(module) ? [] : ['variables outside functions need DWARF debug information (stap-prep)'],
    );
  }

  /** Says that a plain value has neither members nor an address. */
  private noParts(name: string, node: { readonly path: readonly PathStep[]; readonly addressOf: boolean }): never {
    const words = this.scope.probe?.variables?.words;
    const step = node.path[0];
    if (step) this.fail(words?.structure?.(name) ?? `'$${name}' has no members`, this.stepToken(step));
    this.fail(words?.addressOf?.(name) ?? `cannot take address of '$${name}'`);
  }

  private variable(name: string, node: TargetVariable | VarOperation): DraftExpression {
    if (name.startsWith('$')) return this.group(name.slice(1), node);
    const found = this.find(name);
    const variables = this.scope.probe?.variables;
    if (typeof found.type === 'string') {
      if (node.path.length > 0 || node.addressOf) this.noParts(name, node);
      const unreadable = variables?.words?.unreadable?.(name);
      if (unreadable !== undefined) this.fail(unreadable);
      if (node.pretty > 0 && found.type === 'long') return this.format(['%i'], [this.contextValue(found)]);
      return this.contextValue(found);
    }
    return this.atEntry(isSaved(found), () => this.finish(this.variablePlace(found), node));
  }

  /** In a return probe, what hangs on a parameter is what it was when the function was entered. */
  private atEntry(parameter: boolean, make: () => DraftExpression): DraftExpression {
    const { probe } = this.scope;
    if (!probe?.variables?.return || !parameter || this.scope.mode === 'entry') return make();
    const outer = this.scope.mode;
    this.scope.mode = 'entry';
    try {
      const value = make();
      const slot = probe.entryValues.push(value) - 1;
      return { ...this.make({ kind: 'entry-value', slot }, undefined, value.typed), cell: value.cell };
    } finally {
      this.scope.mode = outer;
    }
  }

  /** `$$parms`, `$$vars`, `$$locals`, `$$return`, and `$$name` and `$$system` of tracepoints. */
  private group(name: string, node: TargetVariable | VarOperation): DraftExpression {
    const variables = this.scope.probe?.variables;
    const text = variables?.strings?.[name];
    if (text !== undefined) return this.make({ kind: 'string', value: text }, 'string');
    if (!variables || !['vars', 'parms', 'locals', 'return'].includes(name)) {
      this.fail('unresolved target-symbol expression');
    }
    if (node.path.length > 0) this.fail(`'$$${name}' has no members`);
    if (name === 'return' && !variables.return) this.fail('unresolved target-symbol expression');
    const pieces: DraftPiece[] = [];
    const values: DraftExpression[] = [];
    const seen = new Set<string>();
    const all = name === 'vars' || name === 'locals' ? (variables.all?.() ?? variables.variables) : variables.variables;
    const groups = GROUPS[name]!;
    // Parameters come first, then what was declared later.
    for (const group of groups) {
      for (const variable of all) {
        if (variable.group !== group || seen.has(variable.name)) continue;
        seen.add(variable.name);
        pieces.push({ kind: 'text', text: `${seen.size > 1 ? ' ' : ''}${variable.name}=` });
        this.groupMember(variable, node.pretty, pieces, values);
      }
    }
    return this.make({ kind: 'format', pieces: joinTexts(pieces), arguments: values }, 'string');
  }

  /** One variable of `$$vars`: a number, or, where it is not there, a question mark. */
  private groupMember(
    variable: PointVariable,
    pretty: 0 | 1 | 2,
    pieces: DraftPiece[],
    values: DraftExpression[],
  ): void {
    const saved = isSaved(variable);
    try {
      if (pretty > 0) {
        values.push(
          this.atEntry(saved, () =>
            typeof variable.type === 'string'
              ? this.format(['%i'], [this.contextValue(variable)])
              : this.pretty(this.variablePlace(variable), pretty as 1 | 2),
          ),
        );
        pieces.push({ kind: 'directive', conversion: 's', flags: '' });
        return;
      }
      if (typeof variable.type === 'number' && !variable.pointsTo && !scalarSize(this.symbols, variable.type)) {
        const { facts } = strip(this.symbols, variable.type);
        // What is not there does not even say what it would be.
        if (variable.source.kind === 'location') this.variablePlace(variable);
        const isOpen = facts.kind === 'struct' || facts.kind === 'union';
        pieces.push({ kind: 'text', text: isOpen ? '{...}' : facts.kind === 'array' ? '[...]' : '?' });
        return;
      }
      values.push(this.atEntry(saved, () => this.contextValue(variable)));
      pieces.push({ kind: 'directive', conversion: 'x', flags: '#' });
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      pieces.push({ kind: 'text', text: '?' });
    }
  }

  // ------------------------------------------------------------------------------------------------- paths

  private namedType(node: CastOperation): CType {
    let text = node.type.value
      .replace(/\b(?:const|volatile)\b/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    let stars = 0;
    while (text.endsWith('*') || text.endsWith(' ')) {
      if (text.endsWith('*')) stars++;
      text = text.slice(0, -1);
    }
    const bare = text.replace(/^(?:struct|union|enum) /, '');
    const variables = this.scope.probe?.variables;
    const own = variables?.place?.module ?? variables?.variables[0]?.module;
    // "If the module is not specified, it will default either to the probe module for dwarf probes, or to kernel."
    const modules = node.module ? splitModules(node.module.value) : [...(own === undefined ? [] : [own]), 'kernel'];
    for (const name of modules) {
      // A kernel header's types are the kernel's own as a rule, and the header's only where the kernel has no such type.
      const isHeader = name.includes('<');
      const places = !isHeader ? [name] : name.startsWith('kernel') ? ['kernel', name] : [name];
      for (const place of places) {
        if (!isHeader && !this.isModule(place)) continue;
        const module = place === 'kernel' || place === '' || place === 'vmlinux' ? undefined : place;
        const found = this.symbols.type(text, module) ?? (bare === text ? undefined : this.symbols.type(bare, module));
        if (found === undefined) continue;
        const { facts } = strip(this.symbols, found);
        // "The type may be given as the pointer's own or as what it points to."
        const pointers = stars > 0 ? stars : facts.kind === 'pointer' ? 0 : 1;
        return { type: found, pointers };
      }
    }
    this.fail(`type definition '${node.type.value}' not found in '${node.module?.value ?? modules.join(':')}'`);
  }

  /** Whether a name of `@cast`'s list is the kernel or a module of it, as far as that is known. */
  private isModule(name: string): boolean {
    if (name === 'kernel' || name === '' || name === 'vmlinux') return true;
    return this.symbols.modules === undefined || this.symbols.modules(name).length > 0;
  }

  /** What a type is, pointers on top included. */
  private facts(type: CType): { readonly pointer?: CType; readonly facts: TypeFacts; readonly id: number } {
    if (type.pointers > 0) {
      return {
        pointer: { type: type.type, pointers: type.pointers - 1 },
        facts: { kind: 'pointer', target: type.type, size: 8 },
        id: type.type,
      };
    }
    const { id, facts } = strip(this.symbols, type.type);
    if (facts.kind === 'pointer') return { pointer: { type: facts.target, pointers: 0 }, facts, id };
    return { facts, id };
  }

  /** Whose memory an object of a type is in: a user-space header describes the process's. */
  private space(type: CType): 'kernel' | 'user' {
    return this.symbols.isUserType?.(type.type) ? 'user' : 'kernel';
  }

  private typeText(type: CType): string {
    return typeName(this.symbols, type.type) + '*'.repeat(type.pointers);
  }

  /** A type as SystemTap's messages name it: what a typedef stands for. */
  private bareTypeText(type: CType): string {
    return type.pointers > 0 ? this.typeText(type) : typeName(this.symbols, strip(this.symbols, type.type).id);
  }

  private size(type: CType): number | undefined {
    return type.pointers > 0 ? 8 : byteSize(this.symbols, type.type);
  }

  private stepToken(step: PathStep): Token {
    return { text: step.kind === 'field' ? "operator '->'" : "operator '['", span: step.span };
  }

  private walk(place: Place, path: readonly PathStep[]): Place {
    let at = place;
    for (const step of path) {
      at = step.kind === 'field' ? this.field(at, step.name, this.stepToken(step)) : this.index(at, step);
    }
    return at;
  }

  private field(place: Place, name: string, token: Token): Place {
    const { pointer, facts } = this.facts(place.type);
    if (pointer) {
      const target = this.facts(pointer);
      // As in SystemTap, a pointer to a pointer is followed as far as it goes.
      if (target.pointer) return this.field({ held: false, address: this.load(place), type: pointer }, name, token);
      if (target.facts.kind !== 'struct' && target.facts.kind !== 'union') {
        if (target.facts.kind === 'forward') {
          this.fail(`the members of ${this.typeText(pointer)} are not known here`, token);
        }
        this.fail(`invalid access '->${name}' vs. ${this.typeText(place.type)}`, token);
      }
      return this.field({ held: false, address: this.load(place), type: pointer }, name, token);
    }
    if (facts.kind !== 'struct' && facts.kind !== 'union') {
      this.fail(`invalid access '->${name}' vs. ${this.bareTypeText(place.type)}`, token);
    }
    if (place.held && !place.parts) {
      this.fail(`'${this.typeText(place.type)}' is passed by value, and where it is only DWARF tells`, token);
    }
    const found = this.member(facts, name, 0, 0);
    if (!found) {
      const names = this.memberNames(facts, 0);
      const near = byLikeness(name, names).slice(0, 20);
      this.fail(
        `unable to find member '${name}' for ${this.typeText(place.type)} (alternatives: ${near.join(', ')})`,
        token,
      );
    }
    const type: CType = { type: found.member.type, pointers: 0 };
    if (place.held) return this.part(place, found.bitOffset, type, found.member.bitSize);
    if (found.member.bitSize !== undefined) {
      return {
        held: false,
        address: place.address,
        type,
        bits: { bitOffset: found.bitOffset, bitSize: found.member.bitSize },
      };
    }
    return { held: false, address: this.add(place.address, this.number(Math.floor(found.bitOffset / 8))), type };
  }

  /** A part of an object that is in registers or in pieces. */
  private part(place: Place & { held: true }, bitOffset: number, type: CType, bitSize?: number): Place {
    if (!place.parts) this.fail(`'${this.typeText(place.type)}' is passed by value, and where it is only DWARF tells`);
    const offset = place.bitOffset + bitOffset;
    return { held: true, parts: place.parts, bitOffset: offset, type, ...(bitSize === undefined ? {} : { bitSize }) };
  }

  private member(
    facts: TypeFacts & { kind: 'struct' | 'union' },
    name: string,
    bitOffset: number,
    depth: number,
  ): { member: MemberFacts; bitOffset: number } | undefined {
    for (const member of facts.members) {
      if (member.name === name) return { member, bitOffset: bitOffset + member.bitOffset };
      if (member.name !== '' || depth >= DEEPEST_ANONYMOUS) continue;
      const inner = strip(this.symbols, member.type).facts;
      if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
      const found = this.member(inner, name, bitOffset + member.bitOffset, depth + 1);
      if (found) return found;
    }
    return undefined;
  }

  private memberNames(facts: TypeFacts & { kind: 'struct' | 'union' }, depth: number): string[] {
    return facts.members.flatMap((member) => {
      if (member.name !== '') return [member.name];
      const inner = strip(this.symbols, member.type).facts;
      return depth < DEEPEST_ANONYMOUS && (inner.kind === 'struct' || inner.kind === 'union')
        ? this.memberNames(inner, depth + 1)
        : [];
    });
  }

  private index(place: Place, step: PathStep & { kind: 'index' }): Place {
    const token = this.stepToken(step);
    const { pointer, facts } = this.facts(place.type);
    const shown = (): string => `[${step.index.kind === 'number' ? step.index.value : '...'}]`;
    let element: CType;
    let address: DraftExpression;
    if (pointer) {
      element = pointer;
      address = this.load(place);
    } else if (facts.kind === 'array' && !place.held) {
      element = { type: facts.element, pointers: 0 };
      address = place.address;
    } else if (facts.kind === 'array' && place.held && place.parts && step.index.kind === 'number') {
      element = { type: facts.element, pointers: 0 };
      return this.part(place, Number(step.index.value) * (this.size(element) ?? 0) * 8, element);
    } else {
      this.fail(`invalid access '${shown()}' vs. ${this.bareTypeText(place.type)}`, token);
    }
    const size = this.size(element);
    if (size === undefined) this.fail(`invalid access '${shown()}' vs. ${this.typeText(place.type)}`, token);
    if (step.index.kind === 'number') {
      const offset = BigInt.asIntN(64, BigInt(step.index.value) * BigInt(size));
      return { held: false, address: this.add(address, this.number(offset)), type: element };
    }
    const index = this.binder.expression(step.index, this.scope);
    const scaled = this.make({ kind: 'arithmetic', operator: '*', left: index, right: this.number(size) }, 'long');
    return { held: false, address: this.add(address, scaled), type: element };
  }

  /** The bytes that hold a scalar object. */
  private placeOf(place: Place & { held: false }, token: Token = this.token): DraftPlace {
    const pointer = place.type.pointers > 0;
    const width = pointer ? { size: 8 as const, signed: false } : scalarSize(this.symbols, place.type.type);
    if (!width) {
      const { facts } = strip(this.symbols, place.type.type);
      this.fail(
        facts.kind === 'struct' || facts.kind === 'union'
          ? this.instead(place.type, facts)
          : `'${this.typeText(place.type)}' is not a value that can be read`,
        token,
      );
    }
    const space = this.space(place.type);
    if (!place.bits) return { address: place.address, space, ...width };
    const { bitOffset, bitSize } = place.bits;
    const unit = width.size * 8;
    const start = Math.floor(bitOffset / unit) * width.size;
    const offset = bitOffset - start * 8;
    if (offset + bitSize <= unit) {
      return {
        address: this.add(place.address, this.number(start)),
        space,
        ...width,
        bits: { offset, width: bitSize },
      };
    }
    const byte = Math.floor(bitOffset / 8);
    return {
      address: this.add(place.address, this.number(byte)),
      space,
      size: 8,
      signed: width.signed,
      bits: { offset: bitOffset - byte * 8, width: bitSize },
    };
  }

  private instead(type: CType, facts: TypeFacts & { kind: 'struct' | 'union' }): string {
    const such = this.memberNames(facts, 0)[0];
    return `'${this.typeText(type)}' is being accessed instead of a member${such === undefined ? '' : ` such as '->${such}'`}`;
  }

  /** The value of a scalar; the address of an array, as C has it. */
  private load(place: Place, token: Token = this.token): DraftExpression {
    const { facts } = this.facts(place.type);
    const typed: TypedValue = { ...place.type, space: this.space(place.type) };
    if (place.held) {
      if (facts.kind === 'struct' || facts.kind === 'union') {
        this.fail(this.instead(place.type, facts), token);
      }
      if (place.parts) {
        const width = place.type.pointers > 0 ? { size: 8, signed: false } : scalarSize(this.symbols, place.type.type);
        if (!width) this.fail(`'${this.typeText(place.type)}' is not a value that can be read`);
        const bits = place.bitSize ?? width.size * 8;
        const value = this.partValue(place.parts, place.bitOffset, bits);
        return { ...(bits === 64 ? value : this.cut(value, bits, width.signed)), typed };
      }
      return place.value.typed ? place.value : { ...place.value, typed };
    }
    if (facts.kind === 'array') {
      return { ...place.address, typed: { type: facts.element, pointers: 1, space: this.space(place.type) } };
    }
    return this.make({ kind: 'load', place: this.placeOf(place, token) }, 'long', typed);
  }

  private finish(
    start: Place,
    node: { readonly path: readonly PathStep[]; readonly pretty: 0 | 1 | 2; readonly addressOf: boolean },
  ): DraftExpression {
    const place = this.walk(start, node.path);
    if (node.addressOf) {
      if (place.held || place.bits) this.fail('cannot take the address of a value that is not in memory');
      return {
        ...place.address,
        typed: { type: place.type.type, pointers: place.type.pointers + 1, space: this.space(place.type) },
      };
    }
    if (node.pretty > 0) return this.pretty(place, node.pretty as 1 | 2);
    const last = node.path.at(-1);
    return this.load(place, last && this.stepToken(last));
  }

  // ------------------------------------------------------------------------------------------- pretty print

  private format(parts: readonly ('%i' | '%u' | '%s')[], values: DraftExpression[]): DraftExpression {
    const pieces: DraftPiece[] = parts.map((part) => ({ kind: 'directive', conversion: part[1] as 'i', flags: '' }));
    return this.make({ kind: 'format', pieces, arguments: values }, 'string');
  }

  /**
   * `$x$` and `$x$$`: a function of the elaborator's own formats the object, and gives "ERROR" where memory can't be
   * read, as SystemTap's does.
   */
  private pretty(place: Place, levels: 1 | 2): DraftExpression {
    let at = place;
    // A pointer to a structure prints what it points to; one to char, the string.
    const outer = this.facts(at.type);
    if (outer.pointer) {
      const target = this.facts(outer.pointer).facts;
      if (target.kind === 'struct' || target.kind === 'union') {
        at = { held: false, address: this.load(at), type: outer.pointer };
      }
    }
    if (!at.held && at.bits) at = { held: true, value: this.load(at), type: at.type };
    if (at.held && at.parts) {
      // What is in no one place can't be handed to a function.
      const pieces: DraftPiece[] = [];
      const values: DraftExpression[] = [];
      this.prettyValue(at, levels, pieces, values, true);
      return this.make({ kind: 'format', pieces: joinTexts(pieces), arguments: values }, 'string');
    }
    const argument = at.held ? at.value : at.address;
    const type = at.type;
    const held = at.held;
    const key = `pretty\0${type.type}\0${type.pointers}\0${levels}\0${held}\0${this.library}`;
    const symbol = this.binder.synthesize(key, () => this.prettyFunction(type, held, levels));
    return {
      ...this.make({ kind: 'call', function: symbol, arguments: [argument] }, 'string'),
      cell: symbol.result,
    };
  }

  private prettyFunction(type: CType, held: boolean, levels: 1 | 2): FunctionSymbol {
    const parameter: LocalSymbol = {
      kind: 'local',
      name: 'object',
      token: this.token,
      cell: newCell('long', this.token),
      parameter: true,
      hidden: true,
    };
    const object = this.read(parameter);
    const pieces: DraftPiece[] = [];
    const values: DraftExpression[] = [];
    const place: Place = held ? { held: true, value: object, type } : { held: false, address: object, type };
    this.prettyValue(place, levels, pieces, values, true);
    const common = { token: this.token, library: true };
    const value = this.make({ kind: 'format', pieces: joinTexts(pieces), arguments: values }, 'string');
    const symbol: FunctionSymbol = {
      kind: 'function',
      name: '__pretty_print',
      token: this.token,
      library: true,
      file: this.token.span.file,
      parameters: [parameter],
      result: newCell('string', this.token),
      returns: true,
      returned: [],
      body: { kind: 'block', ...common, statements: [] },
      span: this.token.span,
    };
    symbol.body = {
      kind: 'try',
      ...common,
      body: { kind: 'return', ...common, function: symbol, value },
      handler: {
        kind: 'return',
        ...common,
        function: symbol,
        value: this.make({ kind: 'string', value: 'ERROR' }, 'string'),
      },
    };
    return symbol;
  }

  /** The string at an address in quotes: the kernel's, or where that can't be read, the process's. */
  private quoted(address: DraftExpression): DraftExpression {
    const symbol = this.binder.synthesize('kernel_or_user_string_quoted', () => ({
      kind: 'function',
      name: 'kernel_or_user_string_quoted',
      token: this.token,
      library: true,
      file: this.token.span.file,
      parameters: [
        {
          kind: 'local',
          name: 'addr',
          token: this.token,
          cell: newCell('long', this.token),
          parameter: true,
          hidden: true,
        },
      ],
      result: newCell('string', this.token),
      returns: true,
      returned: [],
      body: { kind: 'block', token: this.token, library: true, statements: [] },
      embedded: {
        code: ' /* pure */ /* runtime: stapkit_fn_kernel_or_user_string_quoted */ ',
        pragmas: ['pure', 'runtime: stapkit_fn_kernel_or_user_string_quoted'],
        span: this.token.span,
      },
      span: this.token.span,
    }));
    return { ...this.make({ kind: 'call', function: symbol, arguments: [address] }, 'string'), cell: symbol.result };
  }

  /** An enumerator's name by its value; a number that no enumerator has, as it is. */
  private enumeratorName(value: DraftExpression, type: CType, facts: TypeFacts & { kind: 'enum' }): DraftExpression {
    const key = `enumerator\0${type.type}\0${this.library}`;
    const symbol = this.binder.synthesize(key, () => {
      const common = { token: this.token, library: true };
      const parameter: LocalSymbol = {
        kind: 'local',
        name: 'value',
        token: this.token,
        cell: newCell('long', this.token),
        parameter: true,
        hidden: true,
      };
      const made: FunctionSymbol = {
        kind: 'function',
        name: '__enumerator_name',
        token: this.token,
        library: true,
        file: this.token.span.file,
        parameters: [parameter],
        result: newCell('string', this.token),
        returns: true,
        returned: [],
        body: { kind: 'block', ...common, statements: [] },
        span: this.token.span,
      };
      // Of two names for one value the first counts.
      const names = new Map<bigint, string>();
      for (const { name, value: text } of facts.values) {
        if (!names.has(BigInt(text))) names.set(BigInt(text), name);
      }
      const sorted = [...names].sort(([x], [y]) => (x < y ? -1 : 1));
      made.body = {
        kind: 'return',
        ...common,
        function: made,
        value: this.enumeratorSearch(parameter, sorted, facts.signed),
      };
      return made;
    });
    return { ...this.make({ kind: 'call', function: symbol, arguments: [value] }, 'string'), cell: symbol.result };
  }

  /** Halves the enumerators until one is left. */
  private enumeratorSearch(
    value: LocalSymbol,
    sorted: readonly (readonly [bigint, string])[],
    signed: boolean,
  ): DraftExpression {
    const other = () => this.format([signed ? '%i' : '%u'], [this.read(value)]);
    const middle = Math.floor(sorted.length / 2);
    const at = sorted[middle];
    if (!at) return other();
    const isOne = sorted.length === 1;
    return this.make(
      {
        kind: 'conditional',
        condition: this.make(
          {
            kind: 'comparison',
            operator: isOne ? '==' : '<',
            left: this.read(value),
            right: this.number(at[0]),
          },
          'long',
        ),
        // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
        then: isOne
          ? this.make({ kind: 'string', value: at[1] }, 'string')
          : this.enumeratorSearch(value, sorted.slice(0, middle), signed),
        else: isOne ? other() : this.enumeratorSearch(value, sorted.slice(middle), signed),
      },
      'string',
    );
  }

  private prettyValue(
    place: Place,
    levels: 1 | 2,
    pieces: DraftPiece[],
    values: DraftExpression[],
    top: boolean,
    depth = 0,
  ): void {
    const text = (words: string): void => {
      pieces.push({ kind: 'text', text: words });
    };
    const value = (conversion: 'i' | 'u' | 'p' | 's' | 'c', flags: string, expression: DraftExpression): void => {
      pieces.push({ kind: 'directive', conversion, flags });
      values.push(expression);
    };
    const { pointer, facts } = this.facts(place.type);
    const isOpen = (top || levels === 2) && depth < DEEPEST_PRETTY;
    if (pointer) {
      const target = this.facts(pointer).facts;
      if (target.kind === 'integer' && target.char) value('s', '', this.quoted(this.load(place)));
      else if (target.kind === 'function' && top) {
        text('<function>:');
        value('p', '', this.load(place));
      } else value('p', '', this.load(place));
      return;
    }
    switch (facts.kind) {
      case 'integer': {
        const isField = place.held ? place.parts && place.bitSize !== undefined : place.bits !== undefined;
        if (facts.char && !isField) {
          text("'");
          value('c', '#', this.load(place));
          text("'");
        } else if (widthKnown(facts.size)) value(facts.signed || facts.bool ? 'i' : 'u', '', this.load(place));
        else text('?');
        return;
      }
      case 'enum':
        value('s', '', this.enumeratorName(this.load(place), place.type, facts));
        return;
      case 'array': {
        const element: CType = { type: facts.element, pointers: 0 };
        const inner = this.facts(element).facts;
        if (!isOpen) {
          text('[...]');
          return;
        }
        if (inner.kind === 'integer' && inner.char && !place.held) {
          value('s', '', this.quoted(place.address));
          return;
        }
        text('[');
        // As SystemTap: the first element whatever the length, and also where C leaves the length open.
        const first: Place = place.held ? this.part(place, 0, element) : { ...place, type: element };
        this.prettyValue(first, levels, pieces, values, false, depth + 1);
        text(', ...]');
        return;
      }
      case 'struct':
      case 'union': {
        if (!isOpen) {
          text('{...}');
          return;
        }
        text('{');
        for (const [index, member] of facts.members.entries()) {
          if (index > 0) text(', ');
          if (values.length >= MOST_PRETTY) {
            text('...');
            break;
          }
          text(member.name === '' ? `<${this.isUnion(member.type) ? 'union' : 'class'}>=` : `.${member.name}=`);
          this.prettyValue(this.memberPlace(place, member), levels, pieces, values, false, depth + 1);
        }
        text('}');
        return;
      }
      default:
        text('?');
    }
  }

  private isUnion(type: number): boolean {
    return strip(this.symbols, type).facts.kind === 'union';
  }

  private memberPlace(place: Place, member: MemberFacts): Place {
    const type: CType = { type: member.type, pointers: 0 };
    if (place.held) return this.part(place, member.bitOffset, type, member.bitSize);
    if (member.bitSize === undefined) {
      return { held: false, address: this.add(place.address, this.number(Math.floor(member.bitOffset / 8))), type };
    }
    const bits = { bitOffset: member.bitOffset, bitSize: member.bitSize };
    return { held: false, address: place.address, type, bits };
  }
}

function widthKnown(size: number): boolean {
  return size === 1 || size === 2 || size === 4 || size === 8;
}

/** Makes neighbouring texts one piece. */
function joinTexts(pieces: readonly DraftPiece[]): DraftPiece[] {
  const joined: DraftPiece[] = [];
  for (const piece of pieces) {
    const last = joined[joined.length - 1];
    if (piece.kind === 'text' && last?.kind === 'text') {
      joined[joined.length - 1] = { kind: 'text', text: last.text + piece.text };
    } else {
      joined.push(piece);
    }
  }
  return joined;
}
