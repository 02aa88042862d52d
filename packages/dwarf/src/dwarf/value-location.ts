// Where a variable's value is at one place in the code, as a tree that a compiler can make code of. An expression is
// carried out with trees for numbers: what the file alone settles is folded, what only the running program has (its
// registers, its memory) is left as a leaf.
//
// Typed operations (DWARF 5, section 2.5.1.6) are followed for integers: a number is kept sign- or zero-extended to 64
// bits as its type asks. Floating point is not followed.
import { BinaryFault } from '../io/fault.js';
import { DW_AT, DW_ATE, DW_TAG, DW_OP as O } from './constants.js';
import type { Die } from './die.js';
import type { Operation } from './expression.js';
import type { FrameTable } from './frame.js';
import { expressionAt } from './location.js';
import type { DebugInfoOffset } from './offsets.js';
import { entryAddress, rangesOf } from './ranges.js';

/** Where a variable's value is, at one place. */
export type ValueLocation =
  /** In memory at an address. */
  | { readonly kind: 'memory'; readonly address: ValueTree }
  /** Nowhere but in a register or computed; it has no address. */
  | { readonly kind: 'value'; readonly value: ValueTree }
  /** Each piece so many bytes, from the lowest on. */
  | { readonly kind: 'pieces'; readonly pieces: readonly { readonly size: number; readonly location: ValueLocation }[] }
  /** Optimised out, or in a form that can't be followed; `reason` says which. */
  | { readonly kind: 'absent'; readonly reason: string };

/** How a number of 64 bits is come by when the place is hit. */
export type ValueTree =
  | { readonly kind: 'constant'; readonly value: string }
  /** By its DWARF number. */
  | { readonly kind: 'register'; readonly number: number }
  | { readonly kind: 'read'; readonly address: ValueTree; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly kind: 'unary'; readonly operator: 'negate' | 'complement'; readonly operand: ValueTree }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: ValueTree;
      readonly right: ValueTree;
    }
  | { readonly kind: 'choice'; readonly condition: ValueTree; readonly then: ValueTree; readonly else: ValueTree }
  /** The address that a symbol has where the program is loaded, and bytes past it. */
  | { readonly kind: 'symbol'; readonly name: string; readonly module?: string; readonly offset: number }
  /** Where this CPU's copies of per-CPU variables lie from their link-time addresses. */
  | { readonly kind: 'per-cpu-base' };

type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>' | '>>>' | '<' | '<=' | '==' | '!=';

/** The place that a location is asked for, and what may be asked about it. */
export interface LocationPlace {
  readonly address: bigint;
  /** The subprogram whose code holds the address, for its frame; undefined for variables outside functions. */
  readonly subprogram?: Die;
  readonly frames: readonly FrameTable[];
  /** What a link-time address is when the program is loaded; undefined where nothing is known of it. */
  relocate(address: bigint): ValueTree | undefined;
}

/** Says why a location can't be followed; it never leaves this file. */
class Absent extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

const OPTIMIZED_OUT = 'optimized out';
/** Operations that may be carried out, over all branches. */
const MOST_STEPS = 2000;
/** Nodes of a tree: duplicating operations could let it grow without bounds. */
const MOST_NODES = 4000;

/**
 * Where the value of a variable or parameter is at a place.
 *
 * @throws BinaryFault where the debug information is damaged
 */
export function valueLocation(die: Die, place: LocationPlace): ValueLocation {
  const owner = die.owner(DW_AT.location);
  if (owner) {
    const operations = expressionAt(owner, place.address);
    if (!operations) return { kind: 'absent', reason: 'not accessible at this address' };
    return followOperations(operations, owner, place);
  }
  const constant = die.owner(DW_AT.const_value);
  if (constant) return constantOf(constant, die);
  return { kind: 'absent', reason: OPTIMIZED_OUT };
}

/** Follows an expression that stands in a unit. */
export function followOperations(operations: readonly Operation[], within: Die, place: LocationPlace): ValueLocation {
  try {
    return new Follower(within, place).follow(operations);
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    return { kind: 'absent', reason: error.reason };
  }
}

function constantOf(owner: Die, die: Die): ValueLocation {
  const block = owner.block(DW_AT.const_value);
  if (block) return bytesOf(block, die.unit.dwarf.elf.littleEndian);
  const text = owner.string(DW_AT.const_value);
  if (text !== undefined) return bytesOf(Buffer.from(`${text}\0`, 'utf8'), die.unit.dwarf.elf.littleEndian);
  const type = integerType(die.type);
  const value = owner.constant(DW_AT.const_value, type?.signed ?? false);
  if (value === undefined) return { kind: 'absent', reason: OPTIMIZED_OUT };
  return { kind: 'value', value: number(type ? trim(value, type) : value) };
}

/** Bytes that stand in the debug information instead of the program. */
function bytesOf(bytes: Uint8Array, littleEndian: boolean): ValueLocation {
  const part = (from: number, to: number): ValueLocation => {
    let value = 0n;
    for (let at = from; at < to; at++) value = (value << 8n) | BigInt(bytes[littleEndian ? to - 1 - (at - from) : at]!);
    return { kind: 'value', value: number(value) };
  };
  if (bytes.length <= 8) return part(0, bytes.length);
  const pieces: { size: number; location: ValueLocation }[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const size = Math.min(8, bytes.length - at);
    pieces.push({ size, location: part(at, at + size) });
  }
  return { kind: 'pieces', pieces };
}

// --------------------------------------------------------------------------------------------------------- numbers

/** Width in bytes and sign of an integer type. */
interface IntegerType {
  readonly size: number;
  readonly signed: boolean;
}

/** What a base type, or what stands for one, is as an integer; undefined for anything else. */
function integerType(die: Die | undefined): IntegerType | undefined {
  let type = die;
  for (let hops = 0; type && hops < 64; hops++) {
    switch (type.tag) {
      case DW_TAG.base_type: {
        const encoding = type.number(DW_AT.encoding);
        const size = type.number(DW_AT.byte_size) ?? 0;
        if (encoding === DW_ATE.float || encoding === DW_ATE.complex_float || encoding === DW_ATE.decimal_float) {
          return undefined;
        }
        return size >= 1 && size <= 8
          ? { size, signed: encoding === DW_ATE.signed || encoding === DW_ATE.signed_char }
          : undefined;
      }
      case DW_TAG.enumeration_type: {
        const under = integerType(type.type);
        return under ?? { size: type.number(DW_AT.byte_size) ?? 4, signed: false };
      }
      case DW_TAG.pointer_type:
      case DW_TAG.reference_type:
        return { size: type.unit.header.addressSize, signed: false };
      case DW_TAG.structure_type:
      case DW_TAG.class_type:
      case DW_TAG.union_type:
      case DW_TAG.array_type:
        return undefined;
      default:
        type = type.type;
    }
  }
  return undefined;
}

function trim(value: bigint, type: IntegerType): bigint {
  const bits = type.size * 8;
  return type.signed ? BigInt.asIntN(bits, value) : BigInt.asIntN(64, BigInt.asUintN(bits, value));
}

function number(value: bigint): ValueTree {
  return { kind: 'constant', value: BigInt.asIntN(64, value).toString() };
}

function constantValue(tree: ValueTree): bigint | undefined {
  return tree.kind === 'constant' ? BigInt(tree.value) : undefined;
}

const unsigned = (value: bigint) => BigInt.asUintN(64, value);

function fold(operator: BinaryOperator, a: bigint, b: bigint): bigint | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0n ? undefined : a / b;
    case '%':
      return b === 0n ? undefined : unsigned(a) % unsigned(b);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<<':
      return unsigned(b) > 63n ? 0n : a << b;
    case '>>':
      return a >> (unsigned(b) > 63n ? 63n : b);
    case '>>>':
      return unsigned(b) > 63n ? 0n : unsigned(a) >> b;
    case '<':
      return a < b ? 1n : 0n;
    case '<=':
      return a <= b ? 1n : 0n;
    case '==':
      return a === b ? 1n : 0n;
    case '!=':
      return a !== b ? 1n : 0n;
  }
}

/** Makes a node, or what it comes to. */
export function binaryTree(operator: BinaryOperator, left: ValueTree, right: ValueTree): ValueTree {
  const [a, b] = [constantValue(left), constantValue(right)];
  if (a !== undefined && b !== undefined) {
    const folded = fold(operator, a, b);
    if (folded !== undefined) return number(folded);
  }
  if (operator === '-' && b !== undefined) return binaryTree('+', left, number(-b));
  if (operator === '+') {
    if (a !== undefined && b === undefined) return binaryTree('+', right, left);
    if (b === 0n && left.kind !== 'register') return left;
    if (b !== undefined && left.kind === 'symbol') {
      const offset = left.offset + Number(b);
      if (Number.isSafeInteger(offset)) return { ...left, offset };
    }
    // Offsets one after another become one.
    if (b !== undefined && left.kind === 'binary' && left.operator === '+') {
      const inner = constantValue(left.right);
      if (inner !== undefined) return binaryTree('+', left.left, number(inner + b));
    }
  }
  return { kind: 'binary', operator, left, right };
}

function choiceTree(condition: ValueTree, then: ValueTree, other: ValueTree): ValueTree {
  return { kind: 'choice', condition, then, else: other };
}

/** A value cut to an integer type's width and extended to 64 bits again. */
function trimmed(tree: ValueTree, type: IntegerType): ValueTree {
  const value = constantValue(tree);
  if (value !== undefined) return number(trim(value, type));
  if (type.size >= 8) return tree;
  const bits = BigInt(type.size * 8);
  if (!type.signed) return binaryTree('&', tree, number((1n << bits) - 1n));
  const up = number(64n - bits);
  return binaryTree('>>', binaryTree('<<', tree, up), up);
}

// ------------------------------------------------------------------------------------------------------ operations

/** A stack entry; without a type it is of the generic type, as wide as an address. */
interface Entry {
  readonly tree: ValueTree;
  readonly type?: IntegerType;
}

/** What the operations so far describe, besides the stack. */
type Found = { readonly kind: 'register'; readonly number: number } | { readonly kind: 'done'; at: ValueLocation };

class Follower {
  private steps = 0;
  private nodes = 0;

  constructor(
    private readonly within: Die,
    private readonly place: LocationPlace,
  ) {}

  follow(operations: readonly Operation[], depth = 0): ValueLocation {
    if (operations.length === 0) throw new Absent(OPTIMIZED_OUT);
    if (depth > 4) throw new Absent('expressions within expressions without end');
    return this.run(operations, 0, [], [], depth);
  }

  private run(
    operations: readonly Operation[],
    from: number,
    stack: Entry[],
    pieces: { size: number; location: ValueLocation }[],
    depth: number,
  ): ValueLocation {
    let found: Found | undefined;
    const pop = (): Entry => stack.pop() ?? absent('an expression that takes from an empty stack');
    const push = (tree: ValueTree, type?: IntegerType): void => {
      if (++this.nodes > MOST_NODES || stack.length > 256) absent('an expression without end');
      stack.push(type ? { tree, type } : { tree });
    };
    const take = (): ValueLocation => {
      const location: ValueLocation =
        found?.kind === 'register'
          ? { kind: 'value', value: { kind: 'register', number: found.number } }
          : (found?.at ??
            (stack.length > 0 ? { kind: 'memory', address: pop().tree } : { kind: 'absent', reason: OPTIMIZED_OUT }));
      found = undefined;
      return location;
    };
    for (let index = from; index < operations.length; index++) {
      if (++this.steps > MOST_STEPS) absent('an expression without end');
      const operation = operations[index]!;
      const { op, operands } = operation;
      const [first, second] = operands;
      if (op >= O.lit0 && op < O.reg0) {
        push(number(BigInt(op - O.lit0)));
        continue;
      }
      if (op >= O.reg0 && op < O.breg0) {
        found = { kind: 'register', number: op - O.reg0 };
        continue;
      }
      if (op >= O.breg0 && op < O.breg0 + 32) {
        push(binaryTree('+', { kind: 'register', number: op - O.breg0 }, number(first as bigint)));
        continue;
      }
      switch (op) {
        case O.addr:
        case O.addrx:
        case O.GNU_addr_index:
          push(this.place.relocate(first as bigint) ?? absent('at an address that nothing is known of'));
          break;
        case O.const1u:
        case O.const1s:
        case O.const2u:
        case O.const2s:
        case O.const4u:
        case O.const4s:
        case O.const8u:
        case O.const8s:
        case O.constu:
        case O.consts:
        case O.constx:
        case O.GNU_const_index:
          push(number(BigInt(first as number | bigint)));
          break;
        case O.dup:
        case O.over:
        case O.pick: {
          const deep = op === O.dup ? 0 : op === O.over ? 1 : (first as number);
          const entry = stack[stack.length - 1 - deep] ?? absent('an expression that takes from an empty stack');
          push(entry.tree, entry.type);
          break;
        }
        case O.drop:
          pop();
          break;
        case O.swap: {
          const [b, a] = [pop(), pop()];
          stack.push(b, a);
          break;
        }
        case O.rot: {
          const [c, b, a] = [pop(), pop(), pop()];
          stack.push(c, a, b);
          break;
        }
        case O.deref:
          push(this.read(pop().tree, this.within.unit.header.addressSize, false));
          break;
        case O.deref_size:
          push(this.read(pop().tree, first as number, false));
          break;
        case O.deref_type:
        case O.GNU_deref_type: {
          const type = this.baseType(second as number);
          push(this.read(pop().tree, first as number, type?.signed ?? false), type);
          break;
        }
        case O.abs: {
          const { tree, type } = pop();
          const value = constantValue(tree);
          if (value !== undefined) push(number(value < 0n ? -value : value), type);
          else {
            const condition = binaryTree('<', tree, number(0n));
            push(choiceTree(condition, { kind: 'unary', operator: 'negate', operand: tree }, tree), type);
          }
          break;
        }
        case O.neg:
        case O.not: {
          const { tree, type } = pop();
          const value = constantValue(tree);
          const made: ValueTree =
            value !== undefined
              ? number(op === O.neg ? -value : ~value)
              : { kind: 'unary', operator: op === O.neg ? 'negate' : 'complement', operand: tree };
          push(type ? trimmed(made, type) : made, type);
          break;
        }
        case O.plus_uconst: {
          const { tree, type } = pop();
          push(this.typed(binaryTree('+', tree, number(first as bigint)), type), type);
          break;
        }
        case O.and:
        case O.or:
        case O.xor:
        case O.plus:
        case O.minus:
        case O.mul:
        case O.div:
        case O.mod:
        case O.shl:
        case O.shr:
        case O.shra:
          this.arithmetic(op, pop, push);
          break;
        case O.eq:
        case O.ne:
        case O.lt:
        case O.gt:
        case O.le:
        case O.ge: {
          const [b, a] = [pop(), pop()];
          push(this.compare(op, a, b));
          break;
        }
        case O.skip:
        case O.bra: {
          // Branches are counted from behind their operand; one to the end ends the expression.
          const target = operation.offset + 3 + (first as number);
          const at = operations.findIndex((other) => other.offset === target);
          const to = at < 0 ? operations.length : at;
          if (op === O.bra) {
            const condition = pop().tree;
            const value = constantValue(condition);
            if (value === undefined) {
              const taken = this.run(operations, to, [...stack], [...pieces], depth);
              const passed = this.run(operations, index + 1, stack, pieces, depth);
              return merge(condition, taken, passed);
            }
            if (value === 0n) break;
          }
          index = to - 1;
          break;
        }
        case O.regx:
          found = { kind: 'register', number: first as number };
          break;
        case O.bregx:
          push(binaryTree('+', { kind: 'register', number: first as number }, number(second as bigint)));
          break;
        case O.regval_type:
        case O.GNU_regval_type: {
          const type = this.baseType(second as number);
          const register: ValueTree = { kind: 'register', number: first as number };
          push(this.typed(register, type), type);
          break;
        }
        case O.fbreg:
          push(binaryTree('+', this.frameBase(depth), number(first as bigint)));
          break;
        case O.call_frame_cfa:
          push(this.callFrameAddress(depth));
          break;
        case O.form_tls_address:
        case O.GNU_push_tls_address:
          absent('thread-local');
          break;
        case O.entry_value:
        case O.GNU_entry_value:
          push(this.entryValue(operation.inner ?? [], depth));
          break;
        case O.stack_value:
          found = { kind: 'done', at: { kind: 'value', value: pop().tree } };
          break;
        case O.implicit_value:
          found = { kind: 'done', at: bytesOf(first as Uint8Array, this.within.unit.dwarf.elf.littleEndian) };
          break;
        case O.implicit_pointer:
        case O.GNU_implicit_pointer:
          found = { kind: 'done', at: { kind: 'absent', reason: 'a pointer to something that has no address' } };
          break;
        case O.piece: {
          pieces.push({ size: first as number, location: take() });
          // What is left on the stack belongs to the pieces that follow.
          break;
        }
        case O.bit_piece: {
          const bits = first as number;
          if (bits % 8 !== 0 || second !== 0) absent('in pieces that are no whole bytes');
          pieces.push({ size: bits / 8, location: take() });
          break;
        }
        case O.const_type:
        case O.GNU_const_type: {
          const type = this.baseType(first as number);
          const bytes = second as Uint8Array;
          let value = 0n;
          const little = this.within.unit.dwarf.elf.littleEndian;
          if (bytes.length > 8) absent('a constant of more than 64 bits');
          for (let at = 0; at < bytes.length; at++) {
            value = (value << 8n) | BigInt(bytes[little ? bytes.length - 1 - at : at]!);
          }
          push(number(type ? trim(value, type) : value), type);
          break;
        }
        case O.convert:
        case O.GNU_convert:
        case O.reinterpret:
        case O.GNU_reinterpret: {
          const type = this.baseType(first as number);
          push(this.typed(pop().tree, type), type);
          break;
        }
        case O.nop:
        case O.GNU_uninit:
          break;
        default:
          absent(`${operation.name} is not supported`);
      }
    }
    if (pieces.length > 0) return { kind: 'pieces', pieces };
    return take();
  }

  /** The type that a typed operation names; undefined for the generic one. */
  private baseType(offset: number): IntegerType | undefined {
    if (offset === 0) return undefined;
    const { unit } = this.within;
    const die = unit.dieAt((unit.header.offset + offset) as DebugInfoOffset);
    return integerType(die) ?? absent('a value of floating-point type');
  }

  private typed(tree: ValueTree, type: IntegerType | undefined): ValueTree {
    return type ? trimmed(tree, type) : tree;
  }

  private read(address: ValueTree, size: number, signed: boolean): ValueTree {
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8) absent(`a read of ${size} bytes`);
    return { kind: 'read', address, size, signed };
  }

  private arithmetic(op: number, pop: () => Entry, push: (tree: ValueTree, type?: IntegerType) => void): void {
    const [b, a] = [pop(), pop()];
    const type = a.type;
    // Numbers are kept extended, so signed operations of 64 bits do, except on the widest unsigned ones.
    const wide = !!type && !type.signed && type.size === 8;
    switch (op) {
      case O.div:
        if (wide && constantValue(a.tree) === undefined) absent('an unsigned division of 64 bits');
        push(this.typed(binaryTree('/', a.tree, b.tree), type), type);
        break;
      case O.mod:
        push(this.typed(binaryTree('%', a.tree, b.tree), type), type);
        break;
      case O.shr: {
        const bare = type?.signed ? trimmed(a.tree, { size: type.size, signed: false }) : a.tree;
        push(this.typed(binaryTree('>>>', bare, b.tree), type), type);
        break;
      }
      case O.shra: {
        const extended = type && !type.signed ? trimmed(a.tree, { size: type.size, signed: true }) : a.tree;
        push(this.typed(binaryTree('>>', extended, b.tree), type), type);
        break;
      }
      case O.and:
        push(binaryTree('&', a.tree, b.tree), type);
        break;
      case O.or:
        push(binaryTree('|', a.tree, b.tree), type);
        break;
      case O.xor:
        push(binaryTree('^', a.tree, b.tree), type);
        break;
      case O.shl:
        push(this.typed(binaryTree('<<', a.tree, b.tree), type), type);
        break;
      case O.mul:
        push(this.typed(binaryTree('*', a.tree, b.tree), type), type);
        break;
      case O.minus:
        push(this.typed(binaryTree('-', a.tree, b.tree), type), type);
        break;
      default:
        push(this.typed(binaryTree('+', a.tree, b.tree), type), type);
        break;
    }
  }

  private compare(op: number, a: Entry, b: Entry): ValueTree {
    // The generic type compares signed (DWARF 5, section 2.5.1.5); wide unsigned numbers do with their top bit turned.
    const wide = !!a.type && !a.type.signed && a.type.size === 8;
    const turn = (tree: ValueTree) => (wide ? binaryTree('^', tree, number(1n << 63n)) : tree);
    switch (op) {
      case O.eq:
        return binaryTree('==', a.tree, b.tree);
      case O.ne:
        return binaryTree('!=', a.tree, b.tree);
      case O.lt:
        return binaryTree('<', turn(a.tree), turn(b.tree));
      case O.gt:
        return binaryTree('<', turn(b.tree), turn(a.tree));
      case O.le:
        return binaryTree('<=', turn(a.tree), turn(b.tree));
      default:
        return binaryTree('<=', turn(b.tree), turn(a.tree));
    }
  }

  // ----------------------------------------------------------------------------------------------------- frames

  private frameBase(depth: number): ValueTree {
    const { subprogram, address } = this.place;
    const owner = subprogram?.owner(DW_AT.frame_base) ?? absent('in a frame that nothing is known of');
    const operations = expressionAt(owner, address, DW_AT.frame_base) ?? absent('in a frame that is not set up here');
    const base = new Follower(owner, this.place).follow(operations, depth + 1);
    // A frame base may be a register's contents as well as an address that was worked out.
    if (base.kind === 'value') return base.value;
    if (base.kind === 'memory') return base.address;
    return absent('in a frame that nothing is known of');
  }

  private callFrameAddress(depth: number): ValueTree {
    for (const table of this.place.frames) {
      const entry = table.find(this.place.address);
      const row = entry && table.rowAt(entry, this.place.address);
      if (!row) continue;
      const { cfa } = row;
      if (cfa.kind === 'register') {
        return binaryTree('+', { kind: 'register', number: cfa.register }, number(BigInt(cfa.offset)));
      }
      const followed = this.follow(cfa.operations, depth + 1);
      if (followed.kind === 'memory') return followed.address;
    }
    return absent('in a frame that nothing is known of');
  }

  /** What something was when the function was entered: known there alone. */
  private entryValue(inner: readonly Operation[], depth: number): ValueTree {
    const { subprogram, address } = this.place;
    if (!subprogram || entryAddress(subprogram) !== address) absent('known only where the function is entered');
    const followed = this.follow(inner, depth + 1);
    if (followed.kind === 'value') return followed.value;
    if (followed.kind === 'memory') return followed.address;
    return absent('known only where the function is entered');
  }
}

function absent(reason: string): never {
  throw new Absent(reason);
}

function merge(condition: ValueTree, then: ValueLocation, other: ValueLocation): ValueLocation {
  if (then.kind === 'memory' && other.kind === 'memory') {
    return { kind: 'memory', address: choiceTree(condition, then.address, other.address) };
  }
  if (then.kind === 'value' && other.kind === 'value') {
    return { kind: 'value', value: choiceTree(condition, then.value, other.value) };
  }
  return { kind: 'absent', reason: 'in a place that varies' };
}

// ------------------------------------------------------------------------------------------------------- variables

/** A variable of a function and where it is. */
export interface PlacedVariable {
  readonly name: string;
  /** The entry that tells its name and type; an origin's where a copy has none. */
  readonly die: Die;
  readonly parameter: boolean;
  readonly location: ValueLocation;
}

/**
 * The variables that are visible at an address of a function or inlined copy: those of the blocks around the address,
 * innermost first, then the parameters in their order, then the function's own. What a copy lacks of its origin's is there
 * as absent.
 *
 * @param scope DW_TAG_subprogram or DW_TAG_inlined_subroutine
 * @throws BinaryFault where the debug information is damaged
 */
export function placedVariables(scope: Die, place: LocationPlace): PlacedVariable[] {
  const blocks: PlacedVariable[][] = [];
  const ranks = new Map<string, number>();
  const seen = new Set<string>();
  const key = (die: Die) => `${die.unit.section}:${die.offset}`;
  const placed = (die: Die, location = variableLocation(die, place)): PlacedVariable[] => {
    const name = die.fullName;
    for (let at: Die | undefined = die, hops = 0; at && hops < 16; at = at.origin, hops++) seen.add(key(at));
    return name === undefined ? [] : [{ name, die, parameter: die.tag === DW_TAG.formal_parameter, location }];
  };
  const collect = (die: Die, depth: number): PlacedVariable[] => {
    const own: PlacedVariable[] = [];
    for (const child of die.children()) {
      if (child.tag === DW_TAG.formal_parameter || child.tag === DW_TAG.variable) own.push(...placed(child));
      else if (child.tag === DW_TAG.lexical_block && depth < 256) {
        const ranges = rangesOf(child);
        if (ranges.some(({ start, end }) => start <= place.address && place.address < end)) {
          blocks.unshift(collect(child, depth + 1));
        }
      }
    }
    return own;
  };
  const own = collect(scope, 0);
  // A copy may lack what its origin declares, and may list parameters in another order.
  for (const child of scope.reference(DW_AT.abstract_origin)?.children() ?? []) {
    if (child.tag !== DW_TAG.formal_parameter && child.tag !== DW_TAG.variable) continue;
    ranks.set(key(child), ranks.size);
    if (seen.has(key(child))) continue;
    const isPlaced = child.has(DW_AT.location) || child.has(DW_AT.const_value);
    own.push(...(isPlaced ? placed(child) : placed(child, { kind: 'absent', reason: OPTIMIZED_OUT })));
  }
  const rank = ({ die, parameter }: PlacedVariable) => {
    const declared = ranks.get(key(die.origin ?? die)) ?? ranks.get(key(die)) ?? 0;
    return declared + (parameter ? 0 : 2 ** 20);
  };
  return [...blocks.flat(), ...own.sort((a, b) => rank(a) - rank(b))];
}

/** One variable's damaged location does not hide the others. */
function variableLocation(die: Die, place: LocationPlace): ValueLocation {
  try {
    return valueLocation(die, place);
  } catch (error) {
    if (!(error instanceof BinaryFault)) throw error;
    return { kind: 'absent', reason: error.message };
  }
}
