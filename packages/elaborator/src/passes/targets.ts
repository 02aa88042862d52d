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
import type { ArithmeticOperator } from '../elaborated.js';
import type { PointVariable } from '../families/family.js';
import type { DraftPiece } from '../formats.js';
import { similarNames } from '../similar.js';
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
  | { readonly held: true; readonly value: DraftExpression; readonly type: CType }
  /** An object in memory. */
  | {
      readonly held: false;
      readonly address: DraftExpression;
      readonly type: CType;
      readonly bits?: { readonly bitOffset: number; readonly bitSize: number };
    };

/** Ends a walk with a message; it never leaves this file. */
class Unresolved extends Error {
  constructor(readonly diagnostic: Diagnostic) {
    super(diagnostic.message);
  }
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

/** Most steps into anonymous members of one another. */
const DEEPEST_ANONYMOUS = 16;
/** Most levels that `$x$$` opens. */
const DEEPEST_PRETTY = 12;
/** Most values that `$x$$` prints: beyond it, structures show as `{...}`. */
const MOST_PRETTY = 400;

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
        const name = node.variable.value;
        if (node.module || name.includes('@')) {
          this.fail(`unable to find global '${name}'`, this.token, [
            '@var of a file or module needs DWARF debug information',
          ]);
        }
        return this.variable(name, node);
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
      const found = this.scope.probe?.variables?.variables.find((variable) => variable.name === node.name);
      if (found?.writable === 'always' || (found?.writable === 'guru' && this.guru())) {
        return this.storeContext(found, operator, value);
      }
      if (found && this.guru() && operator !== '.' && this.isRegister(found)) {
        return this.storeContext(found, operator, value);
      }
    }
    if (!this.guru()) {
      throw new Unresolved(messages.needsGuru('write to target variable not permitted', this.token));
    }
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
    if (typeof found.type === 'string' || (kind !== 'parameter' && kind !== 'return-value')) return false;
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
    if (operator !== undefined && operator !== '.') {
      const sum = this.make(
        {
          kind: 'arithmetic',
          operator,
          left: this.make({ kind: 'context', source: found.source }, 'long'),
          right: value,
        },
        'long',
      );
      return this.make({ kind: 'context-store', source: found.source, append: false, value: sum }, type);
    }
    return this.make({ kind: 'context-store', source: found.source, append: operator === '.', value }, type);
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
    return { address, space: node.space, size, signed: false };
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
    } else {
      const name = node.kind === 'var' ? node.variable.value : node.name;
      place = this.variablePlace(this.find(name));
    }
    const end = this.walk(place, node.path);
    if (end.held) this.fail('the value is held in a register and cannot be written');
    return this.placeOf(end);
  }

  // --------------------------------------------------------------------------------------------- variables

  private find(name: string): PointVariable {
    const variables = this.scope.probe?.variables;
    const found = variables?.variables.find((variable) => variable.name === name);
    if (found && variables) {
      if (found.group === 'return' && this.scope.mode === 'entry') {
        this.fail(`'$${name}' is not available at function entry`);
      }
      return found;
    }
    if (!variables || variables.variables.length === 0) {
      this.fail(
        variables?.function === undefined
          ? 'unresolved target-symbol expression'
          : `unable to find local '${name}' in ${variables.function}`,
      );
    }
    const names = variables.variables.map((variable) => variable.name);
    const near = [...new Set([...similarNames(name, names), ...names])].map((one) => `$${one}`).slice(0, 10);
    const where = variables.function === undefined ? '' : ` in ${variables.function}`;
    this.fail(`unable to find local '${name}'${where} (alternatives: ${near.join(', ')})`);
  }

  private variablePlace(found: PointVariable): Place {
    if (typeof found.type === 'string') {
      this.fail(`'$${found.name}' has no members`);
    }
    return {
      held: true,
      value: this.make({ kind: 'context', source: found.source }, 'long'),
      type: { type: found.type, pointers: found.pointsTo ? 1 : 0 },
    };
  }

  private variable(name: string, node: TargetVariable | VarOperation): DraftExpression {
    if (name.startsWith('$')) return this.group(name.slice(1), node);
    const found = this.find(name);
    if (typeof found.type === 'string') {
      if (node.path.length > 0 || node.addressOf) this.fail(`'$${name}' has no members`);
      if (node.pretty > 0 && found.type === 'long') {
        return this.format(['%i'], [this.make({ kind: 'context', source: found.source }, 'long')]);
      }
      return this.make({ kind: 'context', source: found.source }, found.type);
    }
    return this.atEntry(found.group === 'parameter', () => this.finish(this.variablePlace(found), node));
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
    if (name === 'locals') return this.make({ kind: 'string', value: '' }, 'string');
    if (name === 'return' && !variables.return) this.fail('unresolved target-symbol expression');
    const chosen = variables.variables.filter((variable) =>
      name === 'return' ? variable.group === 'return' : variable.group === 'parameter',
    );
    const pieces: DraftPiece[] = [];
    const values: DraftExpression[] = [];
    for (const [index, variable] of chosen.entries()) {
      pieces.push({ kind: 'text', text: `${index > 0 ? ' ' : ''}${variable.name}=` });
      if (node.pretty > 0) {
        values.push(
          this.atEntry(variable.group === 'parameter', () =>
            typeof variable.type === 'string'
              ? this.format(['%i'], [this.make({ kind: 'context', source: variable.source }, 'long')])
              : this.pretty(this.variablePlace(variable), node.pretty as 1 | 2),
          ),
        );
        pieces.push({ kind: 'directive', conversion: 's', flags: '' });
        continue;
      }
      if (typeof variable.type === 'number' && !variable.pointsTo && !scalarSize(this.symbols, variable.type)) {
        const { facts } = strip(this.symbols, variable.type);
        pieces.push({ kind: 'text', text: facts.kind === 'struct' || facts.kind === 'union' ? '{...}' : '?' });
        continue;
      }
      values.push(
        this.atEntry(variable.group === 'parameter', () =>
          this.make({ kind: 'context', source: variable.source }, 'long'),
        ),
      );
      pieces.push({ kind: 'directive', conversion: 'x', flags: '#' });
    }
    return this.make({ kind: 'format', pieces: joinTexts(pieces), arguments: values }, 'string');
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
    const modules = (node.module?.value ?? '').split(':').map((name) => name.trim());
    const shown = node.module?.value ?? 'kernel';
    for (const name of modules) {
      // Header specifications name what BTF has anyway, so they fall back to the kernel's types.
      const module = name === '' || name.startsWith('kernel') || name.includes('<') ? undefined : name;
      const found =
        this.symbols.type(text, module) ??
        (bare === text ? undefined : this.symbols.type(bare, module)) ??
        this.symbols.type(text) ??
        this.symbols.type(bare);
      if (found !== undefined) {
        const { facts } = strip(this.symbols, found);
        // "The type may be given as the pointer's own or as what it points to."
        const pointers = stars > 0 ? stars : facts.kind === 'pointer' ? 0 : 1;
        return { type: found, pointers };
      }
    }
    this.fail(`type definition '${node.type.value}' not found in '${shown}'`);
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

  private typeText(type: CType): string {
    return typeName(this.symbols, type.type) + '*'.repeat(type.pointers);
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
      if (target.facts.kind !== 'struct' && target.facts.kind !== 'union') {
        if (target.facts.kind === 'forward') {
          this.fail(`the members of ${this.typeText(pointer)} are not known here`, token);
        }
        this.fail(`invalid access '->${name}' vs. ${this.typeText(place.type)}`, token);
      }
      return this.field({ held: false, address: this.load(place), type: pointer }, name, token);
    }
    if (facts.kind !== 'struct' && facts.kind !== 'union') {
      this.fail(`invalid access '->${name}' vs. ${this.typeText(place.type)}`, token);
    }
    if (place.held) this.fail(`'${this.typeText(place.type)}' is passed by value, which is not supported`, token);
    const found = this.member(facts, name, 0, 0);
    if (!found) {
      const names = this.memberNames(facts, 0);
      const near = [...new Set([...similarNames(name, names), ...names])].slice(0, 20);
      this.fail(
        `unable to find member '${name}' for ${this.typeText(place.type)} (alternatives: ${near.join(', ')})`,
        token,
      );
    }
    const type: CType = { type: found.member.type, pointers: 0 };
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
    } else {
      this.fail(`invalid access '${shown()}' vs. ${this.typeText(place.type)}`, token);
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
  private placeOf(place: Place & { held: false }): DraftPlace {
    const pointer = place.type.pointers > 0;
    const width = pointer ? { size: 8 as const, signed: false } : scalarSize(this.symbols, place.type.type);
    if (!width) {
      const { facts } = strip(this.symbols, place.type.type);
      this.fail(
        facts.kind === 'struct' || facts.kind === 'union'
          ? this.instead(place.type, facts)
          : `'${this.typeText(place.type)}' is not a value that can be read`,
      );
    }
    if (!place.bits) return { address: place.address, space: 'kernel', ...width };
    const { bitOffset, bitSize } = place.bits;
    const unit = width.size * 8;
    const start = Math.floor(bitOffset / unit) * width.size;
    const offset = bitOffset - start * 8;
    if (offset + bitSize <= unit) {
      return {
        address: this.add(place.address, this.number(start)),
        space: 'kernel',
        ...width,
        bits: { offset, width: bitSize },
      };
    }
    const byte = Math.floor(bitOffset / 8);
    return {
      address: this.add(place.address, this.number(byte)),
      space: 'kernel',
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
  private load(place: Place): DraftExpression {
    const { facts } = this.facts(place.type);
    const typed: TypedValue = { ...place.type, space: 'kernel' };
    if (place.held) {
      if (facts.kind === 'struct' || facts.kind === 'union') this.fail(this.instead(place.type, facts));
      return place.value.typed ? place.value : { ...place.value, typed };
    }
    if (facts.kind === 'array') {
      return { ...place.address, typed: { type: facts.element, pointers: 1, space: 'kernel' } };
    }
    return this.make({ kind: 'load', place: this.placeOf(place) }, 'long', typed);
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
        typed: { type: place.type.type, pointers: place.type.pointers + 1, space: 'kernel' },
      };
    }
    if (node.pretty > 0) return this.pretty(place, node.pretty as 1 | 2);
    return this.load(place);
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
    this.prettyValue(place, levels, 0, pieces, values, true);
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

  private quoted(address: DraftExpression): DraftExpression {
    const symbol = this.binder.synthesize('kernel_string_quoted', () => ({
      kind: 'function',
      name: 'kernel_string_quoted',
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
      body: { kind: 'block', token: this.token, library: true, statements: [] },
      embedded: {
        code: ' /* pure */ /* runtime: stapkit_fn_kernel_string_quoted */ ',
        pragmas: ['pure', 'runtime: stapkit_fn_kernel_string_quoted'],
        span: this.token.span,
      },
      span: this.token.span,
    }));
    return { ...this.make({ kind: 'call', function: symbol, arguments: [address] }, 'string'), cell: symbol.result };
  }

  private prettyValue(
    place: Place,
    levels: 1 | 2,
    depth: number,
    pieces: DraftPiece[],
    values: DraftExpression[],
    top: boolean,
  ): void {
    const text = (words: string): void => {
      pieces.push({ kind: 'text', text: words });
    };
    const value = (conversion: 'i' | 'u' | 'p' | 's' | 'c', flags: string, expression: DraftExpression): void => {
      pieces.push({ kind: 'directive', conversion, flags });
      values.push(expression);
    };
    const { pointer, facts } = this.facts(place.type);
    const isOpen = top || levels === 2;
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
      case 'integer':
        if (facts.char) {
          text("'");
          value('c', '#', this.load(place));
          text("'");
        } else if (widthKnown(facts.size)) value(facts.signed || facts.bool ? 'i' : 'u', '', this.load(place));
        else text('?');
        return;
      case 'enum':
        value(facts.signed ? 'i' : 'u', '', this.load(place));
        return;
      case 'array': {
        const element: CType = { type: facts.element, pointers: 0 };
        const inner = this.facts(element).facts;
        if (!isOpen || place.held || values.length > MOST_PRETTY || depth > DEEPEST_PRETTY) {
          text('[...]');
          return;
        }
        if (inner.kind === 'integer' && inner.char) {
          value('s', '', this.quoted(place.address));
          return;
        }
        text('[');
        if (facts.length > 0) this.prettyValue({ ...place, type: element }, levels, depth + 1, pieces, values, false);
        text(facts.length > 1 ? ', ...]' : ']');
        return;
      }
      case 'struct':
      case 'union': {
        if (!isOpen || place.held || values.length > MOST_PRETTY || depth > DEEPEST_PRETTY) {
          text('{...}');
          return;
        }
        text('{');
        for (const [index, member] of facts.members.entries()) {
          if (index > 0) text(', ');
          text(member.name === '' ? `<${'class'}>=` : `.${member.name}=`);
          const at: Place =
            member.bitSize === undefined
              ? {
                  held: false,
                  address: this.add(place.address, this.number(Math.floor(member.bitOffset / 8))),
                  type: { type: member.type, pointers: 0 },
                }
              : {
                  held: false,
                  address: place.address,
                  type: { type: member.type, pointers: 0 },
                  bits: { bitOffset: member.bitOffset, bitSize: member.bitSize },
                };
          this.prettyValue(at, levels, depth + 1, pieces, values, false);
        }
        text('}');
        return;
      }
      default:
        text('?');
    }
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
