// Expressions, by precedence climbing. The levels, loosest first, as SystemTap has them (stap(1), "EXPRESSIONS", which
// points to C and awk; measured with `stap -p1` where the page leaves it open):
//
//   assignment (right) · ?: (right) · || · && · | · ^ · & · in · comparisons, =~ and !~ · << >> >>> · . · + - · * / %
//   · unary + - ! ~ (right) · ++ -- · -> [] $
//
// Three things differ from C: all six comparisons are on one level, `.` joins strings above the shifts and below
// addition, and the three bit operators bind looser than comparisons but tighter than &&. After `a in b` and after
// `x =~ "…"` no tighter operator goes on with the result: the next word begins a statement of its own.
import type {
  ArrayElement,
  AssignmentOperator,
  BinaryOperator,
  EmbeddedCode,
  Expression,
  HistogramOperation,
  Identifier,
  NumberLiteral,
  PathStep,
  PrintName,
  StatisticName,
  StringLiteral,
} from '../ast.js';
import { compareVersions } from '../lexical/conditions.js';
import { negate, numberValue, pragmasOf, stringValue } from '../lexical/literals.js';
import type { Place, ScriptToken } from '../lexical/token.js';
import { checkFormat } from './formats.js';
import type { Reader } from './reader.js';

const ASSIGNMENTS: ReadonlySet<string> = new Set([
  '=',
  '<<<',
  '.=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '<<=',
  '>>=',
  '>>>=',
  '&=',
  '^=',
  '|=',
]);

const IN = 6;
const COMPARISON = 7;
const TIGHTEST = 11;

const LEVELS: ReadonlyMap<string, number> = new Map([
  ['||', 1],
  ['&&', 2],
  ['|', 3],
  ['^', 4],
  ['&', 5],
  ['in', IN],
  ['<', COMPARISON],
  ['>', COMPARISON],
  ['<=', COMPARISON],
  ['>=', COMPARISON],
  ['==', COMPARISON],
  ['!=', COMPARISON],
  ['=~', COMPARISON],
  ['!~', COMPARISON],
  ['<<', 8],
  ['>>', 8],
  ['>>>', 8],
  ['.', 9],
  ['+', 10],
  ['-', 10],
  ['*', TIGHTEST],
  ['/', TIGHTEST],
  ['%', TIGHTEST],
]);

/** The level of a binary operator, 1 to 11; undefined for anything else. The printer goes by it too. */
export function levelOf(operator: string): number | undefined {
  return LEVELS.get(operator);
}

/** What an expression begins with is missing: SystemTap's words for it. */
const EXPECTED_VALUE = 'expected literal string or number';

const PRINT_NAMES: ReadonlySet<string> = new Set<PrintName>([
  'print',
  'println',
  'printd',
  'printdln',
  'printf',
  'sprint',
  'sprintln',
  'sprintd',
  'sprintdln',
  'sprintf',
]);

const STATISTICS: ReadonlySet<string> = new Set<StatisticName>(['count', 'sum', 'min', 'max', 'avg', 'variance']);

/** The statistic that `@name` extracts, where it is one. */
export function statisticOf(symbol: string): StatisticName | undefined {
  const name = symbol.slice(1);
  return symbol.startsWith('@') && STATISTICS.has(name) ? (name as StatisticName) : undefined;
}

/** Reads an expression with assignments. */
export function readExpression(reader: Reader): Expression {
  reader.enter();
  const first = reader.token;
  const left = readTernary(reader);
  const operator = reader.token.symbol;
  if (!ASSIGNMENTS.has(operator)) {
    reader.leave();
    return left;
  }
  const leftHeight = reader.height;
  reader.take();
  const value = readExpression(reader);
  reader.raise(Math.max(leftHeight, reader.height));
  reader.leave();
  return {
    kind: 'assignment',
    ...reader.place(first),
    operator: operator as AssignmentOperator,
    target: left,
    value,
  };
}

function readTernary(reader: Reader): Expression {
  const first = reader.token;
  const condition = readBinary(reader, 1);
  if (reader.token.symbol !== '?') return condition;
  let height = reader.height;
  reader.enter();
  reader.take();
  const then = readExpression(reader);
  height = Math.max(height, reader.height);
  reader.expect(':');
  // Up to 3.3, an assignment could stand there without parentheses (NEWS, 4.0).
  const otherwise = isBefore40(reader) ? readExpression(reader) : readTernary(reader);
  reader.raise(Math.max(height, reader.height));
  reader.leave();
  return { kind: 'conditional', ...reader.place(first), condition, then, else: otherwise };
}

function isBefore40(reader: Reader): boolean {
  const version = reader.stream.options.facts.systemtapVersion;
  return version !== undefined && compareVersions(version, '3.3') <= 0;
}

function readBinary(reader: Reader, minimum: number): Expression {
  const first = reader.token;
  let left: Expression;
  if (first.symbol === '[' && minimum <= IN) {
    // `[a, *] in map`; SystemTap takes a lone `[a]` for a.
    const keys = readKeys(reader);
    if (reader.token.symbol !== 'in' && keys.length === 1 && keys[0]) left = keys[0];
    else {
      const height = reader.height;
      if (!reader.accept('in')) reader.fail('expected', 'unexpected comma-separated expression list');
      left = membership(reader, first, keys, height);
      return continueBinary(reader, first, left, minimum, IN - 1);
    }
  } else left = readUnary(reader);
  return continueBinary(reader, first, left, minimum, TIGHTEST);
}

function continueBinary(
  reader: Reader,
  first: ScriptToken,
  start: Expression,
  minimum: number,
  tightest: number,
): Expression {
  let left = start;
  let most = tightest;
  for (;;) {
    const operator = reader.token.symbol;
    if (operator === '') return left;
    const level = LEVELS.get(operator);
    if (level === undefined || level < minimum || level > most) return left;
    const height = reader.height;
    if (level === IN) {
      reader.take();
      left = membership(reader, first, [left], height);
      most = IN - 1;
    } else if (operator === '=~' || operator === '!~') {
      // Behind a comparison, `=~` does not go on with it.
      if (left.kind === 'binary' && LEVELS.get(left.operator) === COMPARISON && most === COMPARISON) return left;
      reader.take();
      const pattern = readString(reader, 'expected literal string');
      reader.raise(height);
      left = { kind: 'regex', ...reader.place(first), negated: operator === '!~', subject: left, pattern };
      most = COMPARISON - 1;
    } else {
      reader.take();
      reader.enter();
      const right = readBinary(reader, level + 1);
      reader.leave();
      reader.raise(Math.max(height, reader.height));
      left = { kind: 'binary', ...reader.place(first), operator: operator as BinaryOperator, left, right };
      most = level;
    }
  }
}

function membership(
  reader: Reader,
  first: ScriptToken,
  keys: readonly (Expression | null)[],
  height: number,
): Expression {
  if (reader.token.kind !== 'identifier') {
    reader.fail('expected', 'expected identifier or statistical operation');
  }
  const array = readIdentifier(reader);
  reader.raise(height);
  return { kind: 'membership', ...reader.place(first), keys, array };
}

function readUnary(reader: Reader): Expression {
  const first = reader.token;
  switch (first.symbol) {
    case '+':
    case '-':
    case '!':
    case '~': {
      reader.enter();
      reader.take();
      const operand = readUnary(reader);
      reader.leave();
      reader.raise(reader.height);
      return { kind: 'unary', ...reader.place(first), operator: first.symbol, operand };
    }
    case '++':
    case '--': {
      reader.take();
      const operand = readTarget(reader);
      reader.raise(reader.height);
      return { kind: 'update', ...reader.place(first), operator: first.symbol, prefix: true, operand };
    }
  }
  const operand = readTarget(reader);
  const { symbol } = reader.token;
  if (symbol !== '++' && symbol !== '--') return operand;
  reader.take();
  reader.raise(reader.height);
  return { kind: 'update', ...reader.place(first), operator: symbol, prefix: false, operand };
}

/** A value with what may follow and precede every target: a path, `$` or `$$`, and `&`. */
function readTarget(reader: Reader): Expression {
  const first = reader.token;
  if (first.symbol !== '&') return readSteps(reader, first, readValue(reader));
  reader.take();
  const inner = reader.token;
  if (inner.symbol === '&') reader.fail('expected', EXPECTED_VALUE);
  const operand = readSteps(reader, inner, readValue(reader));
  switch (operand.kind) {
    case 'target-variable':
    case 'cast':
    case 'var':
    case 'member':
      if (operand.addressOf) reader.error('address', 'cannot take address more than once', first, { verb: 'at' });
      return withPlace({ ...operand, addressOf: true }, reader.place(first));
  }
  reader.raise(reader.height);
  return { kind: 'member', ...reader.place(first), operand, path: [], pretty: 0, addressOf: true };
}

function readSteps(reader: Reader, first: ScriptToken, value: Expression): Expression {
  const { symbol, text } = reader.token;
  if (symbol !== '->' && symbol !== '[' && text !== '$' && text !== '$$') return value;
  const height = reader.height;
  const path: PathStep[] = [];
  let pretty: 0 | 1 | 2 = 0;
  let highest = height;
  while (pretty === 0) {
    const step = reader.token;
    if (step.symbol === '->') {
      reader.take();
      const name = reader.token;
      if (name.kind !== 'identifier' && name.kind !== 'keyword') {
        reader.fail('expected', 'expected identifier or keyword');
      }
      const split = splitPretty(name.text);
      reader.take();
      if (split.name !== '') path.push({ kind: 'field', ...reader.place(step), name: split.name });
      pretty = split.pretty;
    } else if (step.symbol === '[') {
      reader.take();
      const index = readExpression(reader);
      highest = Math.max(highest, reader.height);
      reader.expect(']');
      path.push({ kind: 'index', ...reader.place(step), index });
    } else if (step.text === '$' || step.text === '$$') {
      pretty = step.text === '$' ? 1 : 2;
      reader.take();
    } else break;
  }
  reader.raise(highest);
  const place = reader.place(first);
  switch (value.kind) {
    case 'target-variable':
    case 'cast':
    case 'var':
    case 'member':
      // `$x$` and `&$x` were complete; a path behind them is another target's.
      if (value.pretty === 0 && !value.addressOf) {
        return withPlace({ ...value, path: [...value.path, ...path], pretty }, place);
      }
  }
  return { kind: 'member', ...place, operand: value, path, pretty, addressOf: false };
}

/** A copy of a node at another place. */
function withPlace<T extends Expression>(node: T, place: Place): T {
  const { origin: _, ...rest } = node;
  return { ...rest, ...place } as T;
}

/** Takes the `$` and `$$` suffix off a name. */
function splitPretty(text: string): { name: string; pretty: 0 | 1 | 2 } {
  if (text.endsWith('$$')) return { name: text.slice(0, -2), pretty: 2 };
  if (text.endsWith('$')) return { name: text.slice(0, -1), pretty: 1 };
  return { name: text, pretty: 0 };
}

function readValue(reader: Reader): Expression {
  const { token } = reader;
  reader.height = 1;
  switch (token.kind) {
    case 'identifier':
      return readName(reader);
    case 'number':
      return readNumber(reader);
    case 'string':
      return readString(reader, EXPECTED_VALUE);
    case 'embedded-code':
      return readEmbedded(reader, 'embedded expression code');
    case 'operator':
      if (token.symbol === '(') return readGroup(reader);
      if (token.symbol.charCodeAt(0) === 0x40) return readOperation(reader);
      break;
  }
  return reader.fail('expected-value', EXPECTED_VALUE, hintsFor(token));
}

function hintsFor(token: ScriptToken): { hints?: readonly string[] } {
  switch (token.symbol) {
    case '=':
      return { hints: ['comparison is written =='] };
    case '=~':
    case '!~':
      return { hints: ['put the comparison or match before it in parentheses'] };
    case '==':
    case '!=':
    case '<':
    case '>':
      return { hints: ['put a match with =~ or a test with in in parentheses to compare its result'] };
  }
  return {};
}

function readGroup(reader: Reader): Expression {
  reader.take();
  const inner = readExpression(reader);
  reader.expect(')');
  return inner;
}

/** Reads a number, with a sign before it where that is allowed. */
export function readNumber(reader: Reader, message = 'expected number'): NumberLiteral {
  const first = reader.token;
  const negative = reader.accept('-');
  const { token } = reader;
  if (token.kind !== 'number') reader.fail('expected', message);
  const value = numberValue(token.text);
  if (value === undefined) {
    reader.error('number', 'number invalid or out of range', token, {
      hints: /^0[0-9]+$/.test(token.text)
        ? ['a number that begins with 0 is octal: its digits are 0 to 7']
        : ['numbers have 64 bits: up to 18446744073709551615 or 0xffffffffffffffff'],
    });
  }
  reader.take();
  const text = value ?? '0';
  reader.height = 1;
  return { kind: 'number', ...reader.place(first), value: negative ? negate(text) : text };
}

/** Reads a string, with the literals next to it joined. */
export function readString(reader: Reader, message: string): StringLiteral {
  const first = reader.token;
  if (first.kind !== 'string') reader.fail('expected', message);
  let value = stringValue(first.text);
  reader.take();
  if (reader.token.kind === 'string') {
    const parts = [value];
    while (reader.token.kind === 'string') parts.push(stringValue(reader.take().text));
    value = parts.join('');
  }
  reader.height = 1;
  return { kind: 'string', ...reader.place(first), value };
}

/** Reads a string that must say something. */
function readText(reader: Reader, message: string): StringLiteral {
  const text = readString(reader, message);
  if (text.value === '') reader.error('empty-string', 'expected non-empty string', reader.token);
  return text;
}

/** Reads the name of a variable. */
export function readIdentifier(reader: Reader): Identifier {
  const token = reader.expectIdentifier();
  reader.height = 1;
  return { kind: 'identifier', ...reader.place(token), name: token.text };
}

/** Operators that reach into the kernel unchecked are for guru mode and tapset files. */
function checkPrivileged(reader: Reader, token: ScriptToken): void {
  if (reader.stream.options.embeddedCode) return;
  reader.error('privileged-operator', `using ${token.symbol} operator not permitted; need stap -g`, token);
}

/** Reads `%{ … %}`; SystemTap allows it in privileged scripts alone. */
export function readEmbedded(reader: Reader, what = 'embedded code'): EmbeddedCode {
  const { token } = reader;
  if (!reader.stream.options.embeddedCode) {
    reader.error('embedded-code', `${what} in unprivileged script; need stap -g`, token);
  }
  reader.take();
  const code = token.text.endsWith('%}') && token.text.length >= 4 ? token.text.slice(2, -2) : token.text.slice(2);
  reader.height = 1;
  return { kind: 'embedded-code', ...reader.place(token), code, pragmas: pragmasOf(code) };
}

function readName(reader: Reader): Expression {
  const token = reader.take();
  const name = token.text;
  if (name.charCodeAt(0) === 0x24) {
    const split = splitPretty(name.slice(1));
    if (split.name === '') return reader.fail('target', 'expected a name behind the dollar sign', {}, token);
    return {
      kind: 'target-variable',
      ...reader.place(token),
      name: split.name,
      path: [],
      pretty: split.pretty,
      addressOf: false,
    };
  }
  const behind = reader.token;
  if (behind.symbol === '(') {
    if (PRINT_NAMES.has(name)) return readPrint(reader, token);
    reader.take();
    const args = readArguments(reader, "expected one of ') ,'");
    return { kind: 'call', ...reader.place(token), name, nameSpan: token.span, arguments: args };
  }
  if (PRINT_NAMES.has(name)) return reader.fail('expected', "expected '('");
  const identifier: Identifier = { kind: 'identifier', ...reader.place(token), name };
  if (behind.symbol !== '[') return identifier;
  const keys = readKeys(reader, BAD_INDEX);
  reader.raise(reader.height);
  return { kind: 'array-element', ...reader.place(token), array: identifier, keys };
}

/** The arguments of a call, behind the parenthesis, which may be empty; `expected` is what SystemTap says of a bad end. */
function readArguments(reader: Reader, expected: string, checkFirst?: (argument: Expression) => void): Expression[] {
  const args: Expression[] = [];
  let height = 0;
  if (!reader.accept(')')) {
    for (;;) {
      const argument = readExpression(reader);
      if (args.length === 0) checkFirst?.(argument);
      args.push(argument);
      height = Math.max(height, reader.height);
      if (reader.accept(')')) break;
      if (!reader.accept(',')) reader.fail('expected', expected);
    }
  }
  reader.raise(height);
  return args;
}

const BAD_INDEX = "expected one of '] ,'";

/** `[a, *, b]` */
export function readKeys(reader: Reader, expected = "expected ',' or ']'"): (Expression | null)[] {
  reader.expect('[');
  const keys: (Expression | null)[] = [];
  let height = 0;
  for (;;) {
    if (reader.token.symbol === '*') {
      reader.take();
      keys.push(null);
    } else {
      keys.push(readExpression(reader));
      height = Math.max(height, reader.height);
    }
    if (reader.accept(']')) break;
    if (!reader.accept(',')) reader.fail('expected', expected);
  }
  reader.height = height;
  return keys;
}

function readPrint(reader: Reader, token: ScriptToken): Expression {
  const name = token.text as PrintName;
  const formatted = name.endsWith('printf');
  const delimited = !formatted && (name.endsWith('printd') || name.endsWith('printdln'));
  reader.take();
  const first = reader.token;
  if (first.symbol === ')' && !name.endsWith('ln') && !formatted && !delimited) {
    reader.fail('expected-value', EXPECTED_VALUE);
  }
  if (formatted || delimited) {
    if (first.kind !== 'string') reader.fail('expected', 'expected literal string');
    if (formatted) checkFormat(reader, first);
  }
  // A whole histogram can be printed, by itself.
  const histogram = !formatted && !delimited && isHistogram(first) ? first : undefined;
  if (histogram) reader.printed = histogram;
  const args = readArguments(reader, "expected one of ', )'", (argument) => {
    const alone = argument.kind === 'histogram' && reader.token.symbol === ')';
    if (histogram && reader.bare === histogram && !alone) bareHistogram(reader, histogram);
  });
  if (delimited && args.length < 3) {
    reader.fail('expected-value', EXPECTED_VALUE, { hints: [`${name} takes a delimiter and two or more values`] });
  }
  return { kind: 'print', ...reader.place(token), name, arguments: args };
}

function isHistogram(token: ScriptToken): boolean {
  return token.symbol === '@hist_log' || token.symbol === '@hist_linear';
}

function bareHistogram(reader: Reader, token: ScriptToken): void {
  reader.error('histogram', 'base histogram operator where expression expected', token, {
    verb: 'at',
    hints: ['print it by itself, take one bucket of it with [index], or walk it with foreach'],
  });
}

function readOperation(reader: Reader): Expression {
  const token = reader.take();
  const name = token.symbol;
  const statistic = statisticOf(name);
  if (statistic) {
    reader.expect('(');
    const operand = readExpression(reader);
    reader.raise(reader.height);
    const { height } = reader;
    let shift: NumberLiteral | undefined;
    if (statistic === 'variance' && reader.accept(',')) shift = readNumber(reader);
    reader.height = height;
    if (reader.token.symbol === ',') {
      const most = statistic === 'variance' ? '2 parameters' : '1 parameter';
      reader.fail('statistic-parameters', `not more than ${most} allowed`, { verb: 'at' });
    }
    reader.expect(')');
    return {
      kind: 'statistic',
      ...reader.place(token),
      name: statistic,
      operand,
      ...(shift ? { shift } : {}),
    };
  }
  switch (name) {
    case '@hist_linear':
    case '@hist_log':
      return readHistogramElement(reader, token);
    case '@cast': {
      reader.expect('(');
      const operand = readExpression(reader);
      reader.raise(reader.height);
      const { height } = reader;
      reader.expect(',');
      const type = readText(reader, 'expected string');
      const module = reader.accept(',') ? readString(reader, 'expected string') : undefined;
      reader.expect(')');
      reader.height = height;
      return {
        kind: 'cast',
        ...reader.place(token),
        operand,
        type,
        ...(module ? { module } : {}),
        path: [],
        pretty: 0,
        addressOf: false,
      };
    }
    case '@var': {
      reader.expect('(');
      const variable = readString(reader, 'expected string');
      const module = reader.accept(',') ? readString(reader, 'expected string') : undefined;
      reader.expect(')');
      reader.raise(1);
      return {
        kind: 'var',
        ...reader.place(token),
        variable,
        ...(module ? { module } : {}),
        path: [],
        pretty: 0,
        addressOf: false,
      };
    }
    case '@errno': {
      // stapprobes(3stap): the C library's errno. The library is found by its name, wherever it is installed.
      const place = reader.place(token);
      reader.height = 2;
      return {
        kind: 'var',
        ...place,
        variable: { kind: 'string', ...place, value: 'errno' },
        module: { kind: 'string', ...place, value: 'libc.so.6' },
        path: [],
        pretty: 0,
        addressOf: false,
      };
    }
    case '@defined':
    case '@entry': {
      reader.expect('(');
      const operand = readExpression(reader);
      reader.expect(')');
      reader.raise(reader.height);
      return { kind: name === '@entry' ? 'entry' : 'defined', ...reader.place(token), operand };
    }
    case '@choose_defined': {
      reader.expect('(');
      const first = readExpression(reader);
      const { height } = reader;
      reader.expect(',');
      const second = readExpression(reader);
      reader.expect(')');
      reader.raise(Math.max(height, reader.height));
      return { kind: 'choose-defined', ...reader.place(token), first, second };
    }
    case '@perf': {
      reader.expect('(');
      const operand = readText(reader, 'expected literal string');
      reader.expect(')');
      reader.raise(1);
      return { kind: 'perf', ...reader.place(token), operand };
    }
    case '@probewrite': {
      reader.expect('(');
      const at = reader.token;
      if (at.kind !== 'identifier') reader.fail('expected', 'expected identifier');
      const variable = readExpression(reader);
      if (variable.kind !== 'identifier' && variable.kind !== 'target-variable') {
        reader.fail('probewrite', 'expected a script variable or a target variable', {}, at);
      }
      reader.expect(')');
      reader.raise(reader.height);
      return { kind: 'probewrite', ...reader.place(token), variable };
    }
    case '@const': {
      checkPrivileged(reader, token);
      reader.expect('(');
      const text = readText(reader, 'expected string');
      reader.expect(')');
      reader.raise(1);
      return { kind: 'const', ...reader.place(token), text };
    }
    case '@enum': {
      reader.expect('(');
      const enumerator = readText(reader, 'expected string');
      const module = reader.accept(',') ? readString(reader, 'expected string') : undefined;
      reader.expect(')');
      reader.raise(1);
      return { kind: 'enum', ...reader.place(token), name: enumerator, ...(module ? { module } : {}) };
    }
    case '@kderef':
    case '@uderef': {
      if (name === '@kderef') checkPrivileged(reader, token);
      reader.expect('(');
      const size = readNumber(reader);
      reader.expect(',');
      const address = readExpression(reader);
      reader.expect(')');
      reader.raise(reader.height);
      return {
        kind: 'dereference',
        ...reader.place(token),
        space: name === '@kderef' ? 'kernel' : 'user',
        size,
        address,
      };
    }
    case '@kregister':
    case '@uregister': {
      if (name === '@kregister') checkPrivileged(reader, token);
      reader.expect('(');
      const register = readNumber(reader);
      reader.expect(')');
      reader.raise(1);
      return { kind: 'register', ...reader.place(token), space: name === '@kregister' ? 'kernel' : 'user', register };
    }
  }
  const near = reader.stream.options.nearestMacros?.(name.slice(1)) ?? [];
  return reader.fail(
    'unknown-operator',
    `unknown operator ${name}`,
    near.length > 0 ? { hints: [`similar macros: ${near.map((macro) => `@${macro}`).join(', ')}`] } : {},
    token,
  );
}

/** The operators that a macro's name would hide. */
export function isBuiltinOperator(name: string): boolean {
  return STATISTICS.has(name) || OPERATIONS.has(name);
}

const OPERATIONS: ReadonlySet<string> = new Set([
  'hist_linear',
  'hist_log',
  'cast',
  'var',
  'errno',
  'defined',
  'entry',
  'choose_defined',
  'perf',
  'probewrite',
  'const',
  'enum',
  'kderef',
  'uderef',
  'kregister',
  'uregister',
]);

/** `@hist_log(x)` or `@hist_linear(x, low, high, interval)`; the operator was passed. */
export function readHistogram(reader: Reader, token: ScriptToken): HistogramOperation {
  const linear = token.symbol === '@hist_linear';
  reader.expect('(');
  const operand = readExpression(reader);
  reader.raise(reader.height);
  const { height } = reader;
  const parameters: NumberLiteral[] = [];
  if (linear) {
    for (let count = 0; count < 3; count++) {
      reader.expect(',');
      parameters.push(readNumber(reader));
    }
  }
  reader.expect(')');
  reader.height = height;
  return { kind: 'histogram', ...reader.place(token), name: linear ? 'linear' : 'log', operand, parameters };
}

function readHistogramElement(reader: Reader, token: ScriptToken): HistogramOperation | ArrayElement {
  // Asked before the operand is read, which may hold prints of its own.
  const printed = reader.printed === token;
  const array = readHistogram(reader, token);
  if (reader.token.symbol !== '[') {
    if (printed) reader.bare = token;
    else bareHistogram(reader, token);
    return array;
  }
  const { height } = reader;
  const keys = readKeys(reader, BAD_INDEX);
  reader.raise(Math.max(height, reader.height));
  return { kind: 'array-element', ...reader.place(token), array, keys };
}
