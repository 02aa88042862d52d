// Prints BTF types as C declarations, as one would write them: `struct file *`, `void (*)(int, char *)`.
import type { Btf } from './btf.js';

/** Pointers to pointers to functions …: deeper than this no real declaration goes, but a damaged file may. */
const DEEPEST = 100;

/**
 * Prints a declaration of a type.
 *
 * @param id the type; 0 is void
 * @param name what is declared; empty prints the type alone
 * @throws BinaryFault on a damaged entry or endless reference
 */
export function printCType(btf: Btf, id: number, name = ''): string {
  return declare(btf, id, name, 0);
}

function declare(btf: Btf, id: number, inner: string, depth: number): string {
  if (depth > DEEPEST) return `/* endless */ void ${inner}`.trim();
  const type = btf.type(id);
  const named = (text: string) => (inner === '' ? text : `${text} ${inner}`);
  if (!type) return named('void');
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'typedef':
      return named(type.name);
    case 'struct':
    case 'union':
    case 'enum':
      return named(type.name === '' ? `${type.kind} { … }` : `${type.kind} ${type.name}`);
    case 'forward':
      return named(`${type.of} ${type.name}`);
    case 'const':
    case 'volatile': {
      // A qualifier of a pointer stands behind the star, of anything else before the type.
      const target = btf.type(type.target);
      if (target?.kind === 'pointer')
        return declare(btf, type.target, `${type.kind}${inner ? ` ${inner}` : ''}`, depth + 1);
      return `${type.kind} ${declare(btf, type.target, inner, depth + 1)}`;
    }
    case 'restrict':
      return declare(btf, type.target, `restrict${inner ? ` ${inner}` : ''}`, depth + 1);
    case 'type-tag':
      return declare(btf, type.target, inner, depth + 1);
    case 'pointer': {
      const target = btf.type(skipTags(btf, type.target));
      const star = `*${inner}`;
      return target?.kind === 'prototype' || target?.kind === 'array'
        ? declare(btf, type.target, `(${star})`, depth + 1)
        : declare(btf, type.target, star, depth + 1);
    }
    case 'array':
      return declare(btf, type.element, `${inner}[${type.length === 0 ? '' : type.length}]`, depth + 1);
    case 'prototype': {
      const parameters = type.parameters.map((p) => declare(btf, p.type, p.name, depth + 1));
      if (type.variadic) parameters.push('...');
      return declare(btf, type.result, `${inner}(${parameters.join(', ') || 'void'})`, depth + 1);
    }
    case 'function':
      return declare(btf, type.prototype, inner || type.name, depth + 1);
    case 'variable':
      return declare(btf, type.type, inner || type.name, depth + 1);
    case 'data-section':
    case 'declaration-tag':
      return named(`/* ${type.name} */ void`);
  }
}

function skipTags(btf: Btf, id: number): number {
  for (let steps = 0; steps < DEEPEST; steps++) {
    const type = btf.type(id);
    if (type?.kind !== 'type-tag') return id;
    id = type.target;
  }
  return id;
}
