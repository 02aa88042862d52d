// AST to source. What is printed parses to the same AST, places aside; parentheses are written only where the
// precedence asks for them. Every simple statement ends in `;`, so that no statement runs on into the next.
import type {
  AstNode,
  Block,
  Declaration,
  EmbeddedCode,
  Expression,
  ForeachStatement,
  NumberLiteral,
  Parameter,
  PathStep,
  ProbePart,
  ProbePoint,
  Statement,
} from './ast.js';
import { levelOf } from './grammar/expressions.js';
import { stringLiteral } from './lexical/literals.js';

// Levels beyond those of binary operators, which are 1 to 11.
const ASSIGNMENT = 0;
const TERNARY = 0.5;
const MEMBERSHIP = 6;
const MATCH = 6.5;
const UNARY = 12;
const UPDATE = 13;
const TARGET = 13.5;
// `$x$`: complete, no path goes on behind it.
const SHOWN = 13.7;
const VALUE = 14;

/**
 * Prints any node as source text. Files and whole ASTs end in a newline; an AST prints its user scripts.
 *
 * @param node what to print
 */
export function printAst(node: AstNode): string {
  switch (node.kind) {
    case 'ast':
      return node.user.map(printAst).join('\n');
    case 'script-file':
      return node.declarations.map((declaration) => `${printDeclaration(declaration)}\n`).join('\n');
    case 'probe':
    case 'probe-alias':
    case 'function':
    case 'global':
      return printDeclaration(node);
    case 'parameter':
      return printParameter(node);
    case 'probe-point':
      return printPoint(node);
    case 'probe-part':
      return printPart(node);
    case 'block':
    case 'empty':
    case 'expression-statement':
    case 'if':
    case 'while':
    case 'for':
    case 'foreach':
    case 'return':
    case 'delete':
    case 'next':
    case 'break':
    case 'continue':
    case 'try':
      return printStatement(node, '');
    default:
      return printExpression(node, ASSIGNMENT);
  }
}

// ---------------------------------------------------------------------------------------------------- declarations

function printDeclaration(node: Declaration): string {
  switch (node.kind) {
    case 'probe':
      return `probe ${printPoints(node.points)} ${printBlock(node.body, '')}`;
    case 'probe-alias': {
      const mark = node.style === 'prologue' ? '=' : '+=';
      const epilogue = node.epilogue ? `, ${printBlock(node.epilogue, '')}` : '';
      const names = node.names.map((name) => printPoints([name])).join(' = ');
      const head = `probe ${names} ${mark} ${printPoints(node.points)}`;
      return `${head} ${printBlock(node.body, '')}${epilogue}`;
    }
    case 'function': {
      const result = node.result ? `:${node.result}` : '';
      const priority = node.priority !== undefined ? `:${node.priority}` : '';
      const parameters = node.parameters.map(printParameter).join(', ');
      const body = node.body.kind === 'block' ? printBlock(node.body, '') : printEmbedded(node.body);
      return `${node.private ? 'private ' : ''}function ${node.name}${result}(${parameters})${priority} ${body}`;
    }
    case 'global': {
      const type = node.type ? `:${node.type}` : '';
      const size = node.size !== undefined ? `[${node.size}]` : '';
      const initial = node.initial ? ` = ${printArgument(node.initial)}` : '';
      const words = node.private ? 'private global' : 'global';
      return `${words} ${node.name}${type}${node.wrap ? '%' : ''}${size}${initial}`;
    }
    case 'embedded-code':
      return printEmbedded(node);
  }
}

function printParameter(node: Parameter): string {
  return node.type ? `${node.name}:${node.type}` : node.name;
}

function printPoints(points: readonly ProbePoint[]): string {
  return points.map(printPoint).join(', ');
}

function printPoint(node: ProbePoint): string {
  const mark = node.sufficient ? '!' : node.optional ? '?' : '';
  const condition = node.condition ? ` if (${printExpression(node.condition, ASSIGNMENT)})` : '';
  return `${node.parts.map(printPart).join('.')}${mark}${condition}`;
}

function printPart(node: ProbePart): string {
  return node.argument ? `${node.name}(${printArgument(node.argument)})` : node.name;
}

/** A literal where a sign may stand before a number. */
function printArgument(node: NumberLiteral | Expression): string {
  return node.kind === 'number' ? node.value : printExpression(node, ASSIGNMENT);
}

function printEmbedded(node: EmbeddedCode): string {
  return `%{${node.code}%}`;
}

// ------------------------------------------------------------------------------------------------------ statements

const STEP = '  ';

function printBlock(node: Block, indent: string): string {
  if (node.statements.length === 0) return '{ }';
  const inner = indent + STEP;
  const lines = node.statements.map((statement) => `${inner}${printStatement(statement, inner)}\n`);
  return `{\n${lines.join('')}${indent}}`;
}

function printStatement(node: Statement, indent: string): string {
  switch (node.kind) {
    case 'block':
      return printBlock(node, indent);
    case 'empty':
      return ';';
    case 'embedded-code':
      return `${printEmbedded(node)};`;
    case 'expression-statement':
      return `${printExpression(node.expression, ASSIGNMENT)};`;
    case 'if': {
      const head = `if (${printExpression(node.condition, ASSIGNMENT)}) `;
      if (!node.else) return head + printStatement(node.then, indent);
      // An `else` would go with an inner `if` that has none.
      const then = endsInOpenIf(node.then) ? printBlock(blockOf(node.then), indent) : printStatement(node.then, indent);
      return `${head}${then} else ${printStatement(node.else, indent)}`;
    }
    case 'while':
      return `while (${printExpression(node.condition, ASSIGNMENT)}) ${printStatement(node.body, indent)}`;
    case 'for': {
      const [initial, condition, step] = [node.initial, node.condition, node.step].map((part) =>
        part ? printExpression(part, ASSIGNMENT) : '',
      );
      return `for (${initial}; ${condition}; ${step}) ${printStatement(node.body, indent)}`;
    }
    case 'foreach':
      return printForeach(node, indent);
    case 'return':
      return node.value ? `return ${printExpression(node.value, ASSIGNMENT)};` : 'return;';
    case 'delete':
      return `delete ${printExpression(node.target, ASSIGNMENT)};`;
    case 'next':
    case 'break':
    case 'continue':
      return `${node.kind};`;
    case 'try': {
      const variable = node.variable ? ` (${node.variable.name})` : '';
      return `try ${printBlock(node.body, indent)} catch${variable} ${printBlock(node.handler, indent)}`;
    }
  }
}

function blockOf(statement: Statement): Block {
  return { kind: 'block', span: statement.span, statements: [statement] };
}

function endsInOpenIf(node: Statement): boolean {
  switch (node.kind) {
    case 'if':
      return node.else ? endsInOpenIf(node.else) : true;
    case 'while':
    case 'for':
    case 'foreach':
      return endsInOpenIf(node.body);
    default:
      return false;
  }
}

function printForeach(node: ForeachStatement, indent: string): string {
  const { sort } = node;
  const mark = sort?.direction === 'ascending' ? '+' : '-';
  const keys = node.keys.map((key, index) => (sort?.column === index + 1 ? key.name + mark : key.name)).join(', ');
  const value = node.value ? `${node.value.name} = ` : '';
  const target = printExpression(node.target, VALUE);
  const slice = node.slice ? printKeys(node.slice) : '';
  const by = sort?.by ? ` @${sort.by}` : '';
  const sorted = sort?.column === 0 ? `${by}${mark}` : '';
  const limit = node.limit ? ` limit ${printExpression(node.limit, ASSIGNMENT)}` : '';
  return `foreach (${value}[${keys}] in ${target}${slice}${sorted}${limit}) ${printStatement(node.body, indent)}`;
}

// ----------------------------------------------------------------------------------------------------- expressions

function printKeys(keys: readonly (Expression | null)[]): string {
  return `[${keys.map((key) => (key ? printExpression(key, ASSIGNMENT) : '*')).join(', ')}]`;
}

function printList(nodes: readonly Expression[]): string {
  return nodes.map((node) => printExpression(node, ASSIGNMENT)).join(', ');
}

function printPath(path: readonly PathStep[], pretty: 0 | 1 | 2): string {
  const steps = path.map((step) =>
    step.kind === 'field' ? `->${step.name}` : `[${printExpression(step.index, ASSIGNMENT)}]`,
  );
  return steps.join('') + '$'.repeat(pretty);
}

/** Prints an expression where nothing looser than a level may stand without parentheses. */
function printExpression(node: Expression, minimum: number): string {
  const [text, level] = printBare(node);
  return level < minimum ? `(${text})` : text;
}

/** The text of an expression, and the level of its outermost operator. */
function printBare(node: Expression): [text: string, level: number] {
  switch (node.kind) {
    case 'number':
      // A negative value as a literal of its own is one above 2**63.
      return [
        node.value.startsWith('-') ? `0x${BigInt.asUintN(64, BigInt(node.value)).toString(16)}` : node.value,
        VALUE,
      ];
    case 'string':
      return [stringLiteral(node.value), VALUE];
    case 'identifier':
      return [node.name, VALUE];
    case 'array-element':
      return [`${printExpression(node.array, VALUE)}${printKeys(node.keys)}`, VALUE];
    case 'call':
    case 'print':
      return [`${node.name}(${printList(node.arguments)})`, VALUE];
    case 'unary': {
      const operand = printExpression(node.operand, UNARY);
      // `- -x` and `! ~x` must not run together into other operators.
      const gap = operand.startsWith(node.operator) || (node.operator === '!' && operand.startsWith('~'));
      return [`${node.operator}${gap ? ' ' : ''}${operand}`, UNARY];
    }
    case 'update': {
      const operand = printExpression(node.operand, TARGET);
      return [node.prefix ? `${node.operator}${operand}` : `${operand}${node.operator}`, UPDATE];
    }
    case 'binary': {
      const level = levelOf(node.operator)!;
      return [`${printExpression(node.left, level)} ${node.operator} ${printExpression(node.right, level + 1)}`, level];
    }
    case 'conditional': {
      const condition = printExpression(node.condition, 1);
      const then = printExpression(node.then, ASSIGNMENT);
      return [`${condition} ? ${then} : ${printExpression(node.else, TERNARY)}`, TERNARY];
    }
    case 'assignment': {
      const target = printExpression(node.target, TERNARY);
      return [`${target} ${node.operator} ${printExpression(node.value, ASSIGNMENT)}`, ASSIGNMENT];
    }
    case 'membership': {
      const [only] = node.keys;
      const keys = node.keys.length === 1 && only?.kind === 'identifier' ? only.name : printKeys(node.keys);
      return [`${keys} in ${node.array.name}`, MEMBERSHIP];
    }
    case 'regex': {
      const subject = printExpression(node.subject, 8);
      return [`${subject} ${node.negated ? '!~' : '=~'} ${stringLiteral(node.pattern.value)}`, MATCH];
    }
    case 'target-variable': {
      // The suffix goes on the name itself where there is no path.
      const text = `$${node.name}${printPath(node.path, node.pretty)}`;
      return asTarget(node, text);
    }
    case 'cast': {
      const parts = [printExpression(node.operand, ASSIGNMENT), stringLiteral(node.type.value)];
      if (node.module) parts.push(stringLiteral(node.module.value));
      const text = `@cast(${parts.join(', ')})${printPath(node.path, node.pretty)}`;
      return asTarget(node, text);
    }
    case 'var': {
      const parts = [stringLiteral(node.variable.value)];
      if (node.module) parts.push(stringLiteral(node.module.value));
      const text = `@var(${parts.join(', ')})${printPath(node.path, node.pretty)}`;
      return asTarget(node, text);
    }
    case 'member':
      return asTarget(node, printMember(node));
    case 'defined':
      return [`@defined(${printExpression(node.operand, ASSIGNMENT)})`, VALUE];
    case 'choose-defined':
      return [`@choose_defined(${printList([node.first, node.second])})`, VALUE];
    case 'entry':
      return [`@entry(${printExpression(node.operand, ASSIGNMENT)})`, VALUE];
    case 'perf':
      return [`@perf(${stringLiteral(node.operand.value)})`, VALUE];
    case 'probewrite':
      return [`@probewrite(${printExpression(node.variable, ASSIGNMENT)})`, VALUE];
    case 'const':
      return [`@const(${stringLiteral(node.text.value)})`, VALUE];
    case 'enum': {
      const module = node.module ? `, ${stringLiteral(node.module.value)}` : '';
      return [`@enum(${stringLiteral(node.name.value)}${module})`, VALUE];
    }
    case 'dereference': {
      const name = node.space === 'kernel' ? '@kderef' : '@uderef';
      return [`${name}(${printArgument(node.size)}, ${printExpression(node.address, ASSIGNMENT)})`, VALUE];
    }
    case 'register':
      return [`${node.space === 'kernel' ? '@kregister' : '@uregister'}(${printArgument(node.register)})`, VALUE];
    case 'statistic': {
      const shift = node.shift ? `, ${node.shift.value}` : '';
      return [`@${node.name}(${printExpression(node.operand, ASSIGNMENT)}${shift})`, VALUE];
    }
    case 'histogram': {
      const parameters = node.parameters.map((parameter) => `, ${parameter.value}`).join('');
      return [`@hist_${node.name}(${printExpression(node.operand, ASSIGNMENT)}${parameters})`, VALUE];
    }
    case 'embedded-code':
      return [printEmbedded(node), VALUE];
  }
}

/** What every target may have around it: `&`, and the suffix that ends its path. */
function asTarget(node: { addressOf: boolean; pretty: 0 | 1 | 2 }, text: string): [text: string, level: number] {
  if (node.addressOf) return [`&${text}`, TARGET];
  return [text, node.pretty > 0 ? SHOWN : VALUE];
}

function printMember(node: Extract<Expression, { kind: 'member' }>): string {
  const { operand, path, pretty } = node;
  let base = printExpression(operand, VALUE);
  // `x[1]` and `@hist_log(x)[1]` would be elements of arrays.
  const takesIndex = operand.kind === 'identifier' || operand.kind === 'histogram';
  if (path[0]?.kind === 'index' && takesIndex) base = `(${base})`;
  // `x$` is a name; `$x$` behind nothing is the variable's own suffix.
  if (path.length === 0 && pretty > 0) return `${base}->${'$'.repeat(pretty)}`;
  return base + printPath(path, pretty);
}
