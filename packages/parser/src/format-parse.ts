// The tree as `stap -p1` prints it: every operand in parentheses, loops in one form, places left out. Meant for eyes and
// for comparison with SystemTap; `printAst` gives source that can be parsed again.
import type { Ast, Block, Declaration, Expression, PathStep, ProbePoint, ScriptFile, Statement } from './ast.js';
import { stringLiteral } from './lexical/literals.js';

/**
 * Formats the user's scripts as `stap -p1` does.
 *
 * @param ast pass 1's output
 * @param options `library` adds the library files, as `-v` does
 * @returns the text with its final newline; an empty line stands behind the scripts, and behind each library file
 */
export function formatParse(ast: Ast, options: { readonly library?: boolean } = {}): string {
  const library = options.library ? ast.library.map((file) => `${formatFile(file)}\n`) : [];
  return `# parse tree dump\n${ast.user.map(formatFile).join('')}\n${library.join('')}`;
}

/** Formats one file; declarations come in SystemTap's order: embedded code, globals, aliases, probes, functions. */
function formatFile(file: ScriptFile): string {
  let out = `# file ${file.name}\n`;
  const of = <K extends Declaration['kind']>(kind: K) =>
    file.declarations.filter((node): node is Extract<Declaration, { kind: K }> => node.kind === kind);
  for (const node of of('embedded-code')) out += `%{${node.code}%}`;
  for (const node of of('global')) {
    const size = `${node.wrap ? '%' : ''}${node.size !== undefined ? `[${node.size}]` : ''}`;
    out += `global ${node.name}${size}${node.initial ? ` = ${expression(node.initial)}` : ''}\n`;
  }
  for (const node of of('probe-alias')) {
    const mark = node.style === 'prologue' ? '=' : '+=';
    out += `probe ${node.names.map(point).join(' = ')} ${mark} ${node.points.map(point).join(', ')}`;
    out += `${block(node.body)}\n`;
  }
  for (const node of of('probe')) out += `probe ${node.points.map(point).join(',')}${block(node.body)}\n`;
  for (const node of of('function')) {
    out += `function ${node.name} (${node.parameters.map((parameter) => parameter.name).join(', ')})\n`;
    out += node.body.kind === 'block' ? `${block(node.body)}\n` : `%{${node.body.code}%}\n`;
  }
  return out;
}

function point(node: ProbePoint): string {
  const parts = node.parts.map((part) => (part.argument ? `${part.name}(${expression(part.argument)})` : part.name));
  const mark = node.sufficient ? '!' : node.optional ? '?' : '';
  return `${parts.join('.')}${mark}${node.condition ? ` if (${expression(node.condition)})` : ''}`;
}

function block(node: Block): string {
  return `{\n${node.statements.map((inner) => `${statement(inner)};\n`).join('')}}`;
}

function statement(node: Statement): string {
  switch (node.kind) {
    case 'block':
      return block(node);
    case 'empty':
      return ';';
    case 'embedded-code':
      return expression(node);
    case 'expression-statement':
      return expression(node.expression);
    case 'if':
      return `if (${expression(node.condition)}) ${statement(node.then)}\n${
        node.else ? `else ${statement(node.else)}\n` : ''
      }`;
    case 'while':
      return `for (; ${expression(node.condition)}; ) ${statement(node.body)}`;
    case 'for': {
      const initial = node.initial ? expression(node.initial) : '';
      const condition = node.condition ? expression(node.condition) : '1';
      return `for (${initial}; ${condition}; ${node.step ? expression(node.step) : ''}) ${statement(node.body)}`;
    }
    case 'foreach': {
      const { sort } = node;
      const mark = sort?.direction === 'ascending' ? '+' : '-';
      const keys = node.keys.map((key, index) => (sort?.column === index + 1 ? key.name + mark : key.name));
      const sorted = sort?.column === 0 ? `${sort.by ? ` @${sort.by}` : ''}${mark}` : '';
      const slice = node.slice ? list(node.slice) : '';
      const limit = node.limit ? ` limit ${expression(node.limit)}` : '';
      const value = node.value ? `${node.value.name} = ` : '';
      const head = `${value}[${keys.join(', ')}] in ${expression(node.target)}${slice}${sorted}${limit}`;
      return `foreach (${head}) ${statement(node.body)}`;
    }
    case 'return':
      return node.value ? `return ${expression(node.value)}` : 'return';
    case 'delete':
      return `delete ${expression(node.target)}`;
    case 'next':
    case 'break':
    case 'continue':
      return node.kind;
    case 'try': {
      const variable = node.variable ? ` (${node.variable.name})` : '';
      return `try {\n${block(node.body)}\n} catch${variable} {\n${block(node.handler)}\n}\n`;
    }
  }
}

function list(keys: readonly (Expression | null)[]): string {
  return `[${keys.map((key) => (key ? expression(key) : '*')).join(', ')}]`;
}

function path(steps: readonly PathStep[], pretty: 0 | 1 | 2): string {
  const text = steps.map((step) => (step.kind === 'field' ? `->${step.name}` : `[${expression(step.index)}]`));
  return text.join('') + (pretty > 0 ? `->${'$'.repeat(pretty)}` : '');
}

function expression(node: Expression): string {
  switch (node.kind) {
    case 'number':
      return node.value;
    case 'string':
      return stringLiteral(node.value);
    case 'identifier':
      return node.name;
    case 'array-element':
      return `${expression(node.array)}${list(node.keys)}`;
    case 'call':
      return `${node.name}(${node.arguments.map(expression).join(', ')})`;
    case 'print': {
      const parts = node.arguments.map(expression);
      // SystemTap escapes the escapes of a format once more.
      if (node.name.endsWith('printf') && parts[0]) parts[0] = `"${parts[0].slice(1, -1).replace(/\\(?!")/g, '\\\\')}"`;
      return `${node.name}(${parts.join(', ')})`;
    }
    case 'unary':
      return `${node.operator}(${expression(node.operand)})`;
    case 'update':
      return node.prefix
        ? `${node.operator}(${expression(node.operand)})`
        : `(${expression(node.operand)})${node.operator}`;
    case 'binary':
      return `(${expression(node.left)}) ${node.operator} (${expression(node.right)})`;
    case 'conditional':
      return `(${expression(node.condition)})?(${expression(node.then)}):(${expression(node.else)})`;
    case 'assignment':
      return `(${expression(node.target)}) ${node.operator} (${expression(node.value)})`;
    case 'membership':
      return `${list(node.keys)} in ${node.array.name}`;
    case 'regex':
      return `(${expression(node.subject)}) ${node.negated ? '!~' : '=~'} ${stringLiteral(node.pattern.value)}`;
    case 'target-variable':
      return `${node.addressOf ? '&' : ''}$${node.name}${path(node.path, node.pretty)}`;
    case 'cast': {
      const module = node.module ? `, ${expression(node.module)}` : '';
      const head = `${node.addressOf ? '&' : ''}@cast(${expression(node.operand)}, ${expression(node.type)}${module})`;
      return head + path(node.path, node.pretty);
    }
    case 'var': {
      const module = node.module ? `, ${expression(node.module)}` : '';
      return `${node.addressOf ? '&' : ''}@var(${expression(node.variable)}${module})${path(node.path, node.pretty)}`;
    }
    case 'member':
      return `${node.addressOf ? '&' : ''}(${expression(node.operand)})${path(node.path, node.pretty)}`;
    case 'defined':
      return `@defined(${expression(node.operand)})`;
    case 'choose-defined':
      return `(@defined(${expression(node.first)}))?(${expression(node.first)}):(${expression(node.second)})`;
    case 'entry':
      return `@entry(${expression(node.operand)})`;
    case 'perf':
      return `@perf(${expression(node.operand)})`;
    case 'probewrite':
      return `@probewrite(${expression(node.variable)})`;
    case 'const':
      return `%{ /* pure */ /* unprivileged */ /* stable */ ${node.text.value} %}`;
    case 'enum':
      return `@enum(${expression(node.name)}${node.module ? `, ${expression(node.module)}` : ''})`;
    case 'dereference':
      return `${node.space === 'kernel' ? '@kderef' : '@uderef'}(${expression(node.size)}, ${expression(node.address)})`;
    case 'register':
      return `${node.space === 'kernel' ? '@kregister' : '@uregister'}(${expression(node.register)})`;
    case 'statistic':
      return `@${node.name}(${expression(node.operand)}${node.shift ? `, ${node.shift.value}` : ''})`;
    case 'histogram':
      return `@hist_${node.name}(${[node.operand, ...node.parameters].map(expression).join(', ')})`;
    case 'embedded-code':
      return `%{ ${node.code} %}`;
  }
}
