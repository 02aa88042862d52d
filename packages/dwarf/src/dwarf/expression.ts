// Expressions (DWARF 5, section 2.5): decoding them, and evaluating them where registers and memory are at hand. A
// compiler that wants to make code of one walks the decoded operations instead.
import { Cursor } from '../io/cursor.js';
import { DW_OP as O, operationName } from './constants.js';
import type { Unit } from './unit.js';

/** One operation. */
export interface Operation {
  /** DW_OP_…; `lit`, `reg` and `breg` with their number. */
  readonly op: number;
  readonly name: string;
  /** From the expression's start; branches name operations by it. */
  readonly offset: number;
  /** As the standard lists them: numbers, or a block's bytes. Addresses of an index are looked up. */
  readonly operands: readonly (number | bigint | Uint8Array)[];
  /** What DW_OP_entry_value asks for the value of. */
  readonly inner?: readonly Operation[];
}

/** What decoding needs to know of where an expression stands. */
export interface ExpressionContext {
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
  readonly version: number;
  readonly littleEndian: boolean;
  readonly file: string;
  readonly section: string;
  /** The offset of the expression's first byte in the section. */
  readonly offset: number;
  /** For addrx and constx. */
  indexedAddress?(index: number): bigint;
}

/** The context of an expression in a unit. */
export function expressionContext(unit: Unit, section: string = unit.section, offset = 0): ExpressionContext {
  return {
    addressSize: unit.header.addressSize,
    offsetSize: unit.header.offsetSize,
    version: unit.version,
    littleEndian: unit.dwarf.elf.littleEndian,
    file: unit.dwarf.elf.name,
    section,
    offset,
    indexedAddress: (index) => unit.indexedAddress(index),
  };
}

/**
 * Decodes an expression.
 *
 * @throws BinaryFault on an operation that is not known or is cut off
 */
export function decodeExpression(bytes: Uint8Array, context: ExpressionContext, depth = 0): Operation[] {
  const c = new Cursor(
    bytes,
    { file: context.file, section: context.section, base: context.offset },
    context.littleEndian,
  );
  const operations: Operation[] = [];
  const offsetOperand = () => (context.offsetSize === 8 ? c.offset64() : c.u32());
  const address = () => c.unsigned(context.addressSize);
  const reference = () => (context.version <= 2 ? Number(address()) : offsetOperand());
  while (!c.atEnd) {
    const offset = c.position;
    const op = c.u8();
    let operands: (number | bigint | Uint8Array)[] = [];
    let inner: Operation[] | undefined;
    switch (op) {
      case O.addr:
        operands = [address()];
        break;
      case O.const1u:
      case O.pick:
      case O.deref_size:
      case O.xderef_size:
        operands = [c.u8()];
        break;
      case O.const1s:
        operands = [c.i8()];
        break;
      case O.const2u:
      case O.call2:
        operands = [c.u16()];
        break;
      case O.const2s:
      case O.skip:
      case O.bra:
        operands = [c.i16()];
        break;
      case O.const4u:
      case O.call4:
      case O.GNU_parameter_ref:
        operands = [c.u32()];
        break;
      case O.const4s:
        operands = [c.i32()];
        break;
      case O.const8u:
        operands = [c.u64()];
        break;
      case O.const8s:
        operands = [c.i64()];
        break;
      case O.constu:
      case O.plus_uconst:
        operands = [c.uleb64()];
        break;
      case O.regx:
      case O.piece:
      case O.convert:
      case O.reinterpret:
      case O.GNU_convert:
      case O.GNU_reinterpret:
        operands = [c.uleb()];
        break;
      case O.consts:
      case O.fbreg:
        operands = [c.sleb64()];
        break;
      case O.bregx:
        operands = [c.uleb(), c.sleb64()];
        break;
      case O.bit_piece:
      case O.regval_type:
      case O.GNU_regval_type:
        operands = [c.uleb(), c.uleb()];
        break;
      case O.call_ref:
      case O.GNU_variable_value:
        operands = [reference()];
        break;
      case O.implicit_value:
        operands = [c.run(c.uleb())];
        break;
      case O.implicit_pointer:
      case O.GNU_implicit_pointer:
        operands = [reference(), c.sleb64()];
        break;
      case O.addrx:
      case O.constx:
      case O.GNU_addr_index:
      case O.GNU_const_index: {
        const index = c.uleb();
        operands = [context.indexedAddress?.(index) ?? c.fail('an indexed address without a unit', offset)];
        break;
      }
      case O.entry_value:
      case O.GNU_entry_value: {
        const block = c.run(c.uleb());
        if (depth > 8) c.fail('expressions are nested too deeply', offset);
        inner = decodeExpression(block, { ...context, offset: c.offset - block.length }, depth + 1);
        operands = [block];
        break;
      }
      case O.const_type:
      case O.GNU_const_type:
        operands = [c.uleb(), c.run(c.u8())];
        break;
      case O.deref_type:
      case O.xderef_type:
      case O.GNU_deref_type:
        operands = [c.u8(), c.uleb()];
        break;
      default:
        if (op >= O.breg0 && op < O.breg0 + 32) operands = [c.sleb64()];
        else if (!isPlain(op)) c.fail(`unknown operation ${operationName(op)}`, offset);
    }
    operations.push({ op, name: operationName(op), offset, operands, ...(inner ? { inner } : {}) });
  }
  return operations;
}

/** Operations without operands. */
function isPlain(op: number): boolean {
  return (
    op === O.deref ||
    (op >= O.dup && op <= O.over) ||
    (op >= O.swap && op <= O.plus) ||
    (op >= O.shl && op <= O.xor) ||
    (op >= O.eq && op <= O.ne) ||
    (op >= O.lit0 && op < O.breg0) ||
    op === O.nop ||
    op === O.push_object_address ||
    op === O.form_tls_address ||
    op === O.call_frame_cfa ||
    op === O.stack_value ||
    op === O.GNU_push_tls_address ||
    op === O.GNU_uninit
  );
}

/** Where (a piece of) a value is. */
export type Location =
  | { readonly kind: 'memory'; readonly address: bigint }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'implicit'; readonly bytes: Uint8Array }
  /** Optimised out, or behind an implicit pointer, whose target has no address. */
  | { readonly kind: 'absent' };

/** A part of a value; `bits` is undefined where the location is the whole value's. */
export interface Piece {
  readonly location: Location;
  readonly bits?: number;
  /** From the start of the location's bits; other than 0 only after DW_OP_bit_piece. */
  readonly bitOffset?: number;
}

/** What evaluation may ask for. What is not given makes an expression that needs it fail. */
export interface Machine {
  readonly addressSize: number;
  readonly littleEndian: boolean;
  register?(number: number): bigint;
  /** Reads `size` bytes of memory. */
  memory?(address: bigint, size: number): Uint8Array;
  /** What DW_AT_frame_base of the function comes to. */
  frameBase?(): bigint;
  /** The canonical frame address, from call-frame information. */
  callFrameAddress?(): bigint;
  /** The value that an expression had at the function's entry, e.g. from the caller's call site. */
  entryValue?(inner: readonly Operation[]): bigint | undefined;
  /** The address of thread-local storage at an offset. */
  threadLocal?(offset: bigint): bigint;
  /** What DW_OP_push_object_address pushes. */
  objectAddress?(): bigint;
  /** What the machine's files were loaded away from their link-time addresses; 0 where not given. */
  readonly bias?: bigint;
}

/** Says why an expression has no value here; no fault of the file. */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EvaluationError';
  }
}

/** Operations that may be carried out before a loop is assumed. */
const MOST_STEPS = 10_000;
const MOST_STACK = 4096;

/**
 * Evaluates an expression.
 *
 * @param operations as decoded
 * @param machine registers, memory and frame
 * @param initial what is on the stack at the start, e.g. the CFA in expressions of call-frame rules
 * @returns the pieces of the location; one without `bits` as a rule, none for an empty expression's absent value
 * @throws EvaluationError where something is asked for that the machine does not give, or the expression is ill-formed
 */
export function evaluate(operations: readonly Operation[], machine: Machine, initial: readonly bigint[] = []): Piece[] {
  const stack = [...initial];
  const pieces: Piece[] = [];
  const width = machine.addressSize * 8;
  const trim = (value: bigint) => BigInt.asUintN(width, value);
  const signed = (value: bigint) => BigInt.asIntN(width, value);
  const pop = (): bigint => {
    const value = stack.pop();
    if (value === undefined) throw new EvaluationError('the expression takes from an empty stack');
    return value;
  };
  const push = (value: bigint) => {
    if (stack.length >= MOST_STACK) throw new EvaluationError('the expression’s stack grows without end');
    stack.push(trim(value));
  };
  const need = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new EvaluationError(`${what} is not known here`);
    return value;
  };
  const register = (number: number) => need(machine.register, 'a register')(number);
  const read = (address: bigint, size: number) => {
    const bytes = need(machine.memory, 'memory')(address, size);
    let value = 0n;
    for (let index = 0; index < size; index++) {
      const byte = BigInt(bytes[machine.littleEndian ? size - 1 - index : index] ?? 0);
      value = (value << 8n) | byte;
    }
    return value;
  };
  const binary = (apply: (a: bigint, b: bigint) => bigint) => {
    const b = pop();
    push(apply(pop(), b));
  };
  const compare = (apply: (a: bigint, b: bigint) => boolean) => {
    const b = signed(pop());
    push(apply(signed(pop()), b) ? 1n : 0n);
  };
  const positions = new Map<number, number>();
  for (const [index, operation] of operations.entries()) positions.set(operation.offset, index);
  const end = operations.at(-1);

  // What the operations so far describe; undefined means the top of the stack is an address.
  let location: Location | undefined;
  const takeLocation = (): Location => {
    const taken =
      location ?? (stack.length > 0 ? { kind: 'memory' as const, address: pop() } : { kind: 'absent' as const });
    location = undefined;
    return taken;
  };

  let steps = 0;
  for (let index = 0; index < operations.length; index++) {
    if (++steps > MOST_STEPS) throw new EvaluationError('the expression does not end');
    const { op, operands, inner, name } = operations[index]!;
    const [first, second] = operands;
    if (op >= O.lit0 && op < O.reg0) {
      push(BigInt(op - O.lit0));
      continue;
    }
    if (op >= O.reg0 && op < O.breg0) {
      location = { kind: 'register', register: op - O.reg0 };
      continue;
    }
    if (op >= O.breg0 && op < O.breg0 + 32) {
      push(register(op - O.breg0) + (first as bigint));
      continue;
    }
    switch (op) {
      case O.addr:
      case O.addrx:
      case O.GNU_addr_index:
        push((first as bigint) + (machine.bias ?? 0n));
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
        push(BigInt(first as number | bigint));
        break;
      case O.dup: {
        const value = pop();
        push(value);
        push(value);
        break;
      }
      case O.drop:
        pop();
        break;
      case O.over:
      case O.pick: {
        const depth = op === O.over ? 1 : (first as number);
        push(need(stack[stack.length - 1 - depth], 'a stack entry that deep'));
        break;
      }
      case O.swap: {
        const [b, a] = [pop(), pop()];
        push(b);
        push(a);
        break;
      }
      case O.rot: {
        const [c, b, a] = [pop(), pop(), pop()];
        push(c);
        push(a);
        push(b);
        break;
      }
      case O.deref:
        push(read(pop(), machine.addressSize));
        break;
      case O.deref_size: {
        const size = first as number;
        if (size < 1 || size > machine.addressSize) throw new EvaluationError(`${size} bytes can't be read at once`);
        push(read(pop(), size));
        break;
      }
      case O.deref_type:
      case O.GNU_deref_type:
        push(read(pop(), Math.min(8, Math.max(1, first as number))));
        break;
      case O.abs: {
        const value = signed(pop());
        push(value < 0n ? -value : value);
        break;
      }
      case O.and:
        binary((a, b) => a & b);
        break;
      case O.div:
        binary((a, b) => {
          if (b === 0n) throw new EvaluationError('the expression divides by zero');
          return signed(a) / signed(b);
        });
        break;
      case O.minus:
        binary((a, b) => a - b);
        break;
      case O.mod:
        binary((a, b) => {
          if (b === 0n) throw new EvaluationError('the expression divides by zero');
          return a % b;
        });
        break;
      case O.mul:
        binary((a, b) => a * b);
        break;
      case O.neg:
        push(-signed(pop()));
        break;
      case O.not:
        push(~pop());
        break;
      case O.or:
        binary((a, b) => a | b);
        break;
      case O.plus:
        binary((a, b) => a + b);
        break;
      case O.plus_uconst:
        push(pop() + (first as bigint));
        break;
      case O.shl:
        binary((a, b) => (b >= BigInt(width) ? 0n : a << b));
        break;
      case O.shr:
        binary((a, b) => (b >= BigInt(width) ? 0n : a >> b));
        break;
      case O.shra:
        binary((a, b) => signed(a) >> (b >= BigInt(width) ? BigInt(width - 1) : b));
        break;
      case O.xor:
        binary((a, b) => a ^ b);
        break;
      case O.eq:
        compare((a, b) => a === b);
        break;
      case O.ne:
        compare((a, b) => a !== b);
        break;
      case O.lt:
        compare((a, b) => a < b);
        break;
      case O.le:
        compare((a, b) => a <= b);
        break;
      case O.gt:
        compare((a, b) => a > b);
        break;
      case O.ge:
        compare((a, b) => a >= b);
        break;
      case O.skip:
      case O.bra: {
        if (op === O.bra && pop() === 0n) break;
        const target = operations[index]!.offset + 3 + (first as number);
        // A branch to the end ends the evaluation.
        const to = positions.get(target);
        if (to === undefined && end && target <= end.offset)
          throw new EvaluationError('a branch leads into an operation');
        index = (to ?? operations.length) - 1;
        break;
      }
      case O.regx:
        location = { kind: 'register', register: first as number };
        break;
      case O.bregx:
        push(register(first as number) + (second as bigint));
        break;
      case O.regval_type:
      case O.GNU_regval_type:
        push(register(first as number));
        break;
      case O.fbreg:
        push(need(machine.frameBase, 'the frame base')() + (first as bigint));
        break;
      case O.call_frame_cfa:
        push(need(machine.callFrameAddress, 'the call frame')());
        break;
      case O.push_object_address:
        push(need(machine.objectAddress, 'the object')());
        break;
      case O.form_tls_address:
      case O.GNU_push_tls_address:
        push(need(machine.threadLocal, 'thread-local storage')(pop()));
        break;
      case O.entry_value:
      case O.GNU_entry_value:
        push(need(machine.entryValue?.(inner ?? []), 'a value at the function’s entry'));
        break;
      case O.stack_value:
        location = { kind: 'value', value: pop() };
        break;
      case O.implicit_value:
        location = { kind: 'implicit', bytes: first as Uint8Array };
        break;
      case O.implicit_pointer:
      case O.GNU_implicit_pointer:
        location = { kind: 'absent' };
        break;
      case O.piece:
        pieces.push({ location: takeLocation(), bits: (first as number) * 8 });
        break;
      case O.bit_piece:
        pieces.push({ location: takeLocation(), bits: first as number, bitOffset: second as number });
        break;
      case O.const_type:
      case O.GNU_const_type: {
        const bytes = second as Uint8Array;
        if (bytes.length > 8) throw new EvaluationError(`a constant of ${bytes.length} bytes is not supported`);
        let value = 0n;
        for (let at = 0; at < bytes.length; at++) {
          value = (value << 8n) | BigInt(bytes[machine.littleEndian ? bytes.length - 1 - at : at]!);
        }
        push(value);
        break;
      }
      case O.convert:
      case O.reinterpret:
      case O.GNU_convert:
      case O.GNU_reinterpret:
        // Conversions to the generic type and among integers keep the bits; floating-point ones are not supported.
        if (first !== 0) throw new EvaluationError(`${name} to a typed value is not supported`);
        break;
      case O.nop:
      case O.GNU_uninit:
        break;
      default:
        throw new EvaluationError(`${name} is not supported`);
    }
  }
  if (pieces.length > 0) return pieces;
  return [{ location: takeLocation() }];
}

/** Prints an expression as objdump does: `DW_OP_fbreg -24; DW_OP_deref`. */
export function printExpression(operations: readonly Operation[]): string {
  return operations
    .map(({ name, operands, inner }) => {
      const texts = inner ? [`(${printExpression(inner)})`] : operands.map(printOperand);
      return [name, ...texts].join(' ');
    })
    .join('; ');
}

function printOperand(operand: number | bigint | Uint8Array): string {
  return operand instanceof Uint8Array ? Buffer.from(operand).toString('hex') : operand.toString();
}
