// Carries out the trees of value-location.ts over a made-up machine, to compare them with `evaluate`.
import type { ValueLocation, ValueTree } from '../../src/index.js';

export interface TreeMachine {
  register(number: number): bigint;
  read(address: bigint, size: number): bigint;
  symbol(name: string, offset: number): bigint;
}

/** The number that a tree comes to, unsigned. */
export function treeValue(tree: ValueTree, machine: TreeMachine): bigint {
  return BigInt.asUintN(64, value(tree, machine));
}

function value(tree: ValueTree, machine: TreeMachine): bigint {
  const signed = (part: ValueTree) => BigInt.asIntN(64, value(part, machine));
  switch (tree.kind) {
    case 'constant':
      return BigInt(tree.value);
    case 'register':
      return machine.register(tree.number);
    case 'read': {
      const bytes = machine.read(treeValue(tree.address, machine), tree.size);
      return tree.signed ? BigInt.asIntN(tree.size * 8, bytes) : bytes;
    }
    case 'unary':
      return tree.operator === 'negate' ? -signed(tree.operand) : ~signed(tree.operand);
    case 'choice':
      return signed(tree.condition) !== 0n ? signed(tree.then) : signed(tree.else);
    case 'symbol':
      return machine.symbol(tree.name, tree.offset);
    case 'per-cpu-base':
      return 0n;
    case 'binary': {
      const [a, b] = [signed(tree.left), signed(tree.right)];
      switch (tree.operator) {
        case '+':
          return a + b;
        case '-':
          return a - b;
        case '*':
          return a * b;
        case '/':
          return a / b;
        case '%':
          return BigInt.asUintN(64, a) % BigInt.asUintN(64, b);
        case '&':
          return a & b;
        case '|':
          return a | b;
        case '^':
          return a ^ b;
        case '<<':
          return a << (b & 63n);
        case '>>':
          return a >> (b & 63n);
        case '>>>':
          return BigInt.asUintN(64, a) >> (b & 63n);
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
  }
}

/** A location in words, its trees carried out: `memory 10`, `value 3`, `8:value 1 8:absent`. */
export function describeLocation(location: ValueLocation, machine: TreeMachine): string {
  switch (location.kind) {
    case 'memory':
      return `memory ${treeValue(location.address, machine)}`;
    case 'value':
      return `value ${treeValue(location.value, machine)}`;
    case 'pieces':
      return location.pieces.map((piece) => `${piece.size}:${describeLocation(piece.location, machine)}`).join(' ');
    case 'absent':
      return 'absent';
  }
}
