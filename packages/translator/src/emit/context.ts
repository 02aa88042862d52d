// Values that only a probe's own context has: parameters, registers, the arguments of a tracepoint.
import type { Expression } from '@stapkit/elaborator';
import { unreachable } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { cNumber } from './c-text.js';
import { emitNumber } from './expression.js';
import { emitString } from './string.js';

export function emitContext(b: BodyEmission, e: Extract<Expression, { kind: 'context' }>): string {
  const { source } = e;
  switch (source.kind) {
    case 'parameter':
      return checked(b, e, extend(`stapkit_parameter(c, ${source.index})`, source.size, source.signed));
    case 'return-value':
      return extend('stapkit_return_value(c)', source.size, source.signed);
    case 'register':
      b.expectOwnProcess('a register', e.span);
      return checked(b, e, `stapkit_register(c, ${source.number}, ${source.space === 'user'})`);
    case 'symbol-address': {
      b.expectReadable('kernel', e.span);
      const address = `stapkit_script_symbol_address(c, ${b.module.symbol(source.name, source.module)})`;
      const start = checked(b, e, address);
      return source.offset === 0 ? start : `(${start} + ${cNumber(String(source.offset))})`;
    }
    case 'per-cpu-base':
      return 'stapkit_per_cpu_base()';
    case 'tracepoint-argument':
      return `(s64)c->arguments[${source.index}]`;
    case 'perf-counter':
      return checked(b, e, `stapkit_perf_counter(c, ${source.probe})`);
    case 'hook-argument':
      return `(s64)c->arguments[${source.index}]`;
    case 'procfs-value':
      // A string; see `emitString`.
      return '0';
    default:
      return unreachable(source, 'context value');
  }
}

function checked(b: BodyEmission, e: Extract<Expression, { kind: 'context' }>, text: string): string {
  const value = b.number(text);
  b.failOnError(e.span);
  return value;
}

function extend(value: string, size: number, signed: boolean): string {
  return size === 8 ? value : `stapkit_extend(${value}, ${size}, ${signed})`;
}

/**
 * What a probe gives back: `$value` of a procfs read probe, `$verdict` of a netfilter hook, and in guru mode a register
 * of the probed function.
 */
export function emitContextStore(b: BodyEmission, e: Extract<Expression, { kind: 'context-store' }>): string {
  if (e.type === 'string') {
    const text = emitString(b, e.value);
    b.out.line(`stapkit_procfs_set(c, ${text}, ${e.append});`);
    return '0';
  }
  const value = b.number(emitNumber(b, e.value));
  const { source } = e;
  if (source.kind === 'parameter' || source.kind === 'return-value') {
    const kept = extend(value, source.size, source.signed);
    const to =
      source.kind === 'parameter' ? `stapkit_set_parameter(c, ${source.index}, ` : 'stapkit_set_return_value(c, ';
    b.out.line(`${to}${kept});`);
    b.failOnError(e.span);
    return value;
  }
  if (source.kind === 'register') {
    b.out.line(`stapkit_set_register(c, ${source.number}, ${value});`);
    b.failOnError(e.span);
    return value;
  }
  b.out.line(`c->result = ${value};`);
  return value;
}
