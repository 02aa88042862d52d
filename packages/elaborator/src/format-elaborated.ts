// Prints the Elaborated IR as `stap -p2` prints an analyzed script: globals, functions and probes with their inferred
// types, expressions fully parenthesised.
import type {
  DeleteTarget,
  Elaborated,
  Expression,
  Format,
  GlobalVariable,
  LocalVariable,
  ResolvedFunction,
  ResolvedPoint,
  Statement,
  StatisticSource,
} from './elaborated.js';

/** What of a script is printed. */
export interface FormatElaboratedOptions {
  /** Also the functions' and probes' bodies and the globals' values, as `stap -v -p2` prints them; so by default. */
  readonly bodies?: boolean;
}

/**
 * Prints a script.
 *
 * @returns lines of text, the last one with its newline
 */
export function formatElaborated(script: Elaborated, { bodies = true }: FormatElaboratedOptions = {}): string {
  const lines: string[] = [];
  if (script.embedded.length > 0) {
    lines.push('# global embedded code');
    for (const { code } of script.embedded) lines.push(`%{${code}%}`);
  }
  if (script.globals.length > 0) {
    lines.push('# globals');
    for (const global of script.globals) lines.push(formatGlobal(global, bodies));
  }
  if (script.functions.length > 0) {
    lines.push('# functions');
    for (const symbol of script.functions) {
      const parameters = symbol.locals.slice(0, symbol.parameters);
      const result = symbol.result === 'none' ? 'unknown' : symbol.result;
      lines.push(`${symbol.name}:${result} (${parameters.map((one) => `${one.name}:${one.type}`).join(', ')})`);
      pushLocals(lines, symbol.locals.slice(symbol.parameters));
      if (bodies) lines.push(new Printer(script, symbol.locals).body(symbol.body));
    }
  }
  if (script.probes.length > 0) {
    lines.push('# probes');
    for (const probe of script.probes) {
      const printer = new Printer(script, probe.locals, probe.entryValues);
      // The aliases that it came through, the innermost first, then what the script says.
      const from = [...probe.chain].reverse().flatMap(({ alias }) => (alias === undefined ? [] : [`<- ${alias} `]));
      const address = formatAddress(probe.point);
      const condition = probe.condition ? ` if (${printer.expression(probe.condition)})` : '';
      lines.push(`${probe.name}${condition}${address} /* ${from.join('')}<- ${probe.declared ?? probe.written} */`);
      pushLocals(lines, probe.locals);
      if (bodies) lines.push(printer.body(probe.body));
    }
  }
  for (const global of script.globals) {
    if (global.printAtEnd) pushEndProbe(lines, global, bodies);
  }
  return `${lines.join('\n')}\n`;
}

/** Where in the code a probe goes, where its name does not say. */
function formatAddress(point: ResolvedPoint): string {
  if (point.family !== 'kprobe' || point.symbol === undefined || point.offset === 0) return '';
  return ` /* pc=${point.symbol}+0x${point.offset.toString(16)} */`;
}

/** The probe that prints a global which is only written (stap(1), "Variables"). */
function pushEndProbe(lines: string[], global: GlobalVariable, bodies: boolean): void {
  const { name, keys, type } = global;
  const indices = keys.map((key, index) => ({ name: `__idx${index}`, type: key }));
  lines.push('end /* <- end */');
  if (indices.length > 0) {
    lines.push('  # locals');
    for (const index of indices) lines.push(`  ${index.name}:${index.type}`);
    if (type !== 'statistic') lines.push(`  __val:${type}`);
  }
  if (!bodies) return;
  const subscripts = indices.map((index) => index.name).join(', ');
  const shown = indices.map((index) => (index.type === 'string' ? '\\"%#s\\"' : '%#d')).join(',');
  const label = keys.length === 0 ? name : `${name}[${shown}]`;
  if (type === 'statistic') {
    const source = keys.length === 0 ? name : `${name}[${subscripts}]`;
    const extractors = ['count', 'min', 'max', 'sum', 'avg'];
    const format = `"${label} ${extractors.map((extractor) => `@${extractor}=%#d`).join(' ')}\\n"`;
    const values = extractors.map((extractor) => `@${extractor}(${source})`);
    const print = `printf(${[format, ...indices.map((index) => index.name), ...values].join(', ')})`;
    lines.push(
      keys.length === 0
        ? `{ {\nif ((@count(${name})) == (0)) printf("${name} @count=0x0\\n")\nelse ${print}\n;\n} }`
        : `{ {\nforeach ([${subscripts}] in ${name}-) ${print};\n} }`,
    );
    return;
  }
  const value = type === 'string' ? '\\"%#s\\"' : '%d';
  lines.push(
    keys.length === 0
      ? `{ {\nprintf("${name}=${value}\\n", ${name});\n} }`
      : `{ {\nforeach (__val = [${subscripts}] in ${name}-) printf("${label}=${value}\\n", ${subscripts}, __val);\n} }`,
  );
}

function formatGlobal(global: GlobalVariable, values: boolean): string {
  const type = global.type === 'statistic' ? 'stats' : global.type;
  const wrap = global.wrap ? '%' : '';
  const size = global.size === undefined ? '' : `[${global.size}]`;
  const keys = global.keys.length === 0 ? '' : ` [${global.keys.join(', ')}]`;
  const initial =
    global.initial === undefined || !values
      ? ''
      : ` = ${global.initial.kind === 'number' ? global.initial.value : quote(global.initial.value)}`;
  return `${global.name}${wrap}${size}:${type}${keys}${initial}`;
}

function pushLocals(lines: string[], locals: readonly LocalVariable[]): void {
  if (locals.length === 0) return;
  lines.push('  # locals');
  for (const local of locals) lines.push(`  ${local.name}:${local.type}`);
}

/** A string literal as scripts write it. */
function quote(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t').replace(/\r/g, '\\r');
  return `"${escaped.replace(/[\0-\x1f\x7f]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`;
}

class Printer {
  constructor(
    private readonly script: Elaborated,
    private readonly locals: readonly LocalVariable[],
    private readonly entryValues: readonly Expression[] = [],
  ) {}

  body(body: ResolvedFunction['body']): string {
    if (body.kind === 'embedded') return `{ %{${body.code}%} }`;
    return `{ ${this.statement(body)} }`;
  }

  private local(index: number): string {
    return this.locals[index]?.name ?? `<local ${index}>`;
  }

  private global(index: number): string {
    return this.script.globals[index]?.name ?? `<global ${index}>`;
  }

  statement(node: Statement): string {
    switch (node.kind) {
      case 'block':
        return `{\n${node.statements.map((inner) => `${this.statement(inner)};\n`).join('')}}`;
      case 'expression':
        return this.expression(node.expression);
      case 'if':
        return `if (${this.expression(node.condition)}) ${this.statement(node.then)}${
          node.else ? `\nelse ${this.statement(node.else)}` : ''
        }\n`;
      case 'loop':
        return `for (; ${node.condition ? this.expression(node.condition) : '1'}; ${
          node.step ? this.expression(node.step) : ''
        }) ${this.statement(node.body)}`;
      case 'foreach': {
        const mark = (column: number): string => {
          if (node.sort?.column !== column) return '';
          return `${node.sort.by ? ` @${node.sort.by} ` : ''}${node.sort.direction === 'ascending' ? '+' : '-'}`;
        };
        const names = node.keys.map((key, index) => `${this.local(key)}${mark(index + 1)}`).join(', ');
        const value = node.value === undefined ? '' : `${this.local(node.value)} = `;
        const slice = node.slice.length > 0 ? `[${this.keys(node.slice)}]` : '';
        const limit = node.limit ? ` limit ${this.expression(node.limit)}` : '';
        return `foreach (${value}[${names}] in ${this.global(node.global)}${slice}${mark(0)}${limit}) ${this.statement(
          node.body,
        )}`;
      }
      case 'foreach-bucket': {
        const value = node.value === undefined ? '' : `${this.local(node.value)} = `;
        const limit = node.limit ? ` limit ${this.expression(node.limit)}` : '';
        return `foreach (${value}${this.local(node.key)} in ${this.histogram(node.source)}${limit}) ${this.statement(
          node.body,
        )}`;
      }
      case 'return':
        return node.value ? `return ${this.expression(node.value)}` : 'return';
      case 'next':
      case 'break':
      case 'continue':
        return node.kind;
      case 'delete':
        return `delete ${this.deleted(node.target)}`;
      case 'try':
        return `try ${this.statement(node.body)} catch${
          node.variable === undefined ? '' : ` (${this.local(node.variable)})`
        } ${this.statement(node.handler)}`;
      case 'embedded':
        return `%{${node.code}%}`;
    }
  }

  private deleted(target: DeleteTarget): string {
    if (target.kind === 'global') return this.global(target.global);
    return `${this.global(target.global)}[${this.keys(target.keys)}]`;
  }

  private keys(keys: readonly (Expression | null)[]): string {
    return keys.map((key) => (key ? this.expression(key) : '*')).join(', ');
  }

  private source(source: StatisticSource): string {
    return source.kind === 'global'
      ? this.global(source.global)
      : `${this.global(source.global)}[${this.keys(source.keys)}]`;
  }

  private histogram(source: StatisticSource): string {
    const histogram = this.script.globals[source.global]?.statistic?.histogram;
    if (histogram?.kind !== 'linear') return `@hist_log(${this.source(source)})`;
    return `@hist_linear(${this.source(source)}, ${histogram.low}, ${histogram.high}, ${histogram.interval})`;
  }

  private print(name: string, format: Format): string {
    let text = '';
    for (const piece of format.pieces) {
      if (piece.kind === 'text') text += piece.text.replace(/%/g, '%%');
      else {
        const width = piece.width === undefined ? '' : piece.width === 'argument' ? '*' : `${piece.width}`;
        const precision =
          piece.precision === undefined ? '' : piece.precision === 'argument' ? '.*' : `.${piece.precision}`;
        text += `%${piece.flags}${width}${precision}${piece.size ?? ''}${piece.conversion}`;
      }
    }
    return `${name}(${[quote(text), ...format.arguments.map((one) => this.expression(one))].join(', ')})`;
  }

  expression(node: Expression): string {
    switch (node.kind) {
      case 'number':
        return node.value;
      case 'string':
        return quote(node.value);
      case 'local':
        return this.local(node.local);
      case 'global':
        return this.global(node.global);
      case 'element':
        return `${this.global(node.global)}[${this.keys(node.keys)}]`;
      case 'call':
        return `${this.script.functions[node.function]?.name ?? '<function>'}(${this.keys(node.arguments)})`;
      case 'negate':
        return `-(${this.expression(node.operand)})`;
      case 'complement':
        return `~(${this.expression(node.operand)})`;
      case 'not':
        return `!(${this.expression(node.operand)})`;
      case 'arithmetic':
      case 'comparison':
        return `(${this.expression(node.left)}) ${node.operator} (${this.expression(node.right)})`;
      case 'and':
        return `(${this.expression(node.left)}) && (${this.expression(node.right)})`;
      case 'or':
        return `(${this.expression(node.left)}) || (${this.expression(node.right)})`;
      case 'concatenation':
        return node.parts.map((part) => `(${this.expression(part)})`).join(' . ');
      case 'conditional':
        return `(${this.expression(node.condition)}) ? (${this.expression(node.then)}) : (${this.expression(
          node.else,
        )})`;
      case 'assignment':
        return `(${this.expression(node.target)}) ${node.operator ?? ''}= (${this.expression(node.value)})`;
      case 'update': {
        const operator = node.delta === 1 ? '++' : '--';
        const target = `(${this.expression(node.target)})`;
        return node.prefix ? `${operator}${target}` : `${target}${operator}`;
      }
      case 'accumulate':
        return `(${this.source(node.target)}) <<< (${this.expression(node.value)})`;
      case 'membership':
        return `[${this.keys(node.keys)}] in ${this.global(node.global)}`;
      case 'regex':
        return `(${this.expression(node.subject)}) ${node.negated ? '!~' : '=~'} ${quote(
          this.script.automata[node.automaton]?.pattern ?? '',
        )}`;
      case 'statistic':
        return `@${node.operation}(${this.source(node.source)}${node.shift === undefined ? '' : `, ${node.shift}`})`;
      case 'bucket':
        return `${this.histogram(node.source)}[${this.expression(node.index)}]`;
      case 'load':
      case 'store': {
        const { place } = node;
        const bits = place.bits ? `:${place.bits.offset}:${place.bits.width}` : '';
        const text = `@${place.space === 'kernel' ? 'k' : 'u'}deref(${place.size}${bits}, ${this.expression(
          place.address,
        )})`;
        return node.kind === 'load' ? text : `(${text}) = (${this.expression(node.value)})`;
      }
      case 'string-load':
        return `${node.space}_string(${this.expression(node.address)}${
          node.length ? `, ${this.expression(node.length)}` : ''
        })`;
      case 'context':
        return this.context(node);
      case 'context-store':
        return `(${this.context(node)}) ${node.append ? '.' : ''}= (${this.expression(node.value)})`;
      case 'entry-value': {
        const value = this.entryValues[node.slot];
        return `@entry(${value ? this.expression(value) : node.slot})`;
      }
      case 'let':
        return `${this.local(node.local)} := (${this.expression(node.value)}), (${this.expression(node.body)})`;
      case 'format':
        return this.print('sprintf', node.format);
      case 'print':
        return this.print('printf', node.format);
      case 'print-histogram':
        return `print(${this.histogram(node.source)})`;
      case 'embedded':
        return `%{${node.code}%}`;
    }
  }

  private context(node: Expression & { kind: 'context' | 'context-store' }): string {
    const { source } = node;
    switch (source.kind) {
      case 'parameter':
        return `$parameter[${source.index}]`;
      case 'return-value':
        return '$return';
      case 'register':
        return `@${source.space === 'kernel' ? 'k' : 'u'}register(${source.number})`;
      case 'symbol-address': {
        const name = source.module === undefined ? source.name : `${source.module}:${source.name}`;
        if (source.offset === 0) return `&${name}`;
        const distance = Math.abs(source.offset).toString(16);
        return `(&${name}${source.offset < 0 ? '-' : '+'}0x${distance})`;
      }
      case 'per-cpu-base':
        return '@percpu';
      case 'tracepoint-argument':
        return `$argument[${source.index}]`;
      case 'perf-counter':
        return `@perf(${source.probe})`;
      case 'hook-argument':
        return `$${['hooknum', 'skb', 'in', 'out', 'verdict'][source.index] ?? source.index}`;
      case 'procfs-value':
        return '$value';
    }
  }
}
