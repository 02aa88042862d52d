// Small questions about C types: what is behind typedefs and qualifiers, how wide a value is, how C spells a type.
import type { SymbolSource, TypeFacts } from './symbol-source.js';

/** Typedef chains in damaged debug information can be cyclic. */
const MOST_STEPS = 64;

/** Follows typedefs and qualifiers to the type itself. */
export function strip(symbols: SymbolSource, id: number): { id: number; facts: TypeFacts } {
  let facts = symbols.typeFacts(id);
  for (let step = 0; step < MOST_STEPS && (facts.kind === 'typedef' || facts.kind === 'qualifier'); step++) {
    id = facts.target;
    facts = symbols.typeFacts(id);
  }
  return { id, facts };
}

/** Width and sign of a value that fits a register; undefined for structures, floats and void. */
export function scalarSize(
  symbols: SymbolSource,
  id: number,
): { readonly size: 1 | 2 | 4 | 8; readonly signed: boolean } | undefined {
  const { facts } = strip(symbols, id);
  switch (facts.kind) {
    case 'integer':
      return widthOf(facts.size, facts.signed && !facts.bool);
    case 'enum':
      return widthOf(facts.size, facts.signed);
    case 'pointer':
      return widthOf(facts.size, false);
    default:
      return undefined;
  }
}

function widthOf(size: number, signed: boolean): { size: 1 | 2 | 4 | 8; signed: boolean } | undefined {
  return size === 1 || size === 2 || size === 4 || size === 8 ? { size, signed } : undefined;
}

/** Bytes that a value of a type takes in memory; undefined where it is not known. */
export function byteSize(symbols: SymbolSource, id: number, depth = 0): number | undefined {
  const { facts } = strip(symbols, id);
  switch (facts.kind) {
    case 'integer':
    case 'float':
    case 'pointer':
    case 'struct':
    case 'union':
    case 'enum':
      return facts.size;
    case 'array': {
      const element = depth < MOST_STEPS ? byteSize(symbols, facts.element, depth + 1) : undefined;
      return element === undefined ? undefined : element * facts.length;
    }
    case 'void':
    case 'function':
      // What gcc counts them as in pointer arithmetic.
      return 1;
    default:
      return undefined;
  }
}

/** Spells a type the way C and SystemTap's `-L` do: `struct file*`, `char const*`, `int`. */
export function typeName(symbols: SymbolSource, id: number, depth = 0): string {
  if (depth > MOST_STEPS) return '?';
  const facts = symbols.typeFacts(id);
  switch (facts.kind) {
    case 'void':
      return 'void';
    case 'integer':
    case 'float':
      return facts.name;
    case 'typedef':
      return facts.name;
    case 'struct':
    case 'union':
    case 'enum':
      return facts.name === '' ? `${facts.kind} {...}` : `${facts.kind} ${facts.name}`;
    case 'forward':
      return `${facts.of} ${facts.name}`;
    case 'pointer': {
      const target = symbols.typeFacts(facts.target);
      if (target.kind === 'function') return `${functionName(symbols, target, '(*) ', depth)}`;
      return `${typeName(symbols, facts.target, depth + 1)}*`;
    }
    case 'qualifier': {
      // "char const*": what it belongs to comes first.
      return `${typeName(symbols, facts.target, depth + 1)} ${facts.qualifier}`;
    }
    case 'array': {
      let element = facts.element;
      let dimensions = `[${facts.length}]`;
      for (let step = 0; step < MOST_STEPS; step++) {
        const inner = symbols.typeFacts(element);
        if (inner.kind !== 'array') break;
        dimensions += `[${inner.length}]`;
        element = inner.element;
      }
      return `${typeName(symbols, element, depth + 1)}${dimensions}`;
    }
    case 'function':
      return functionName(symbols, facts, '', depth);
  }
}

function functionName(
  symbols: SymbolSource,
  facts: TypeFacts & { kind: 'function' },
  name: string,
  depth: number,
): string {
  const result = facts.result === undefined ? 'void' : typeName(symbols, facts.result, depth + 1);
  const parameters = facts.parameters.map((parameter) => typeName(symbols, parameter.type, depth + 1));
  return `${result} ${name}(${parameters.length > 0 ? parameters.join(', ') : 'void'})`;
}
