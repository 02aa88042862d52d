// Statements. A block never fails: it reports what is wrong in it, goes on at the next statement, and returns what it
// understood. `;` ends a statement where it follows one, and is an empty statement where it stands alone.
import type {
  ArrayElement,
  Block,
  ForeachStatement,
  HistogramOperation,
  Identifier,
  Statement,
  StatisticName,
} from '../ast.js';
import type { ScriptToken } from '../lexical/token.js';
import { readExpression, readHistogram, readIdentifier, readKeys, statisticOf } from './expressions.js';
import { Failure, type Reader, reportFailure } from './reader.js';

/** Keywords that begin a statement: where reading goes on after an error. */
const STATEMENT_WORDS: ReadonlySet<string> = new Set([
  'if',
  'while',
  'for',
  'foreach',
  'return',
  'delete',
  'next',
  'break',
  'continue',
  'try',
]);

/** Keywords that begin a declaration: a block that meets one lacks its brace. */
const DECLARATION_WORDS: ReadonlySet<string> = new Set(['probe', 'function', 'global', 'private']);

/** True where a token begins a declaration. */
export function beginsDeclaration(token: ScriptToken): boolean {
  return token.kind === 'keyword' && DECLARATION_WORDS.has(token.symbol);
}

/** Reads `{ … }`. */
export function readBlock(reader: Reader): Block {
  const first = reader.expect('{');
  reader.enter();
  const statements: Statement[] = [];
  let height = 0;
  for (;;) {
    const { token } = reader;
    if (token.symbol === '}') {
      reader.take();
      break;
    }
    if (token.kind === 'end' || beginsDeclaration(token) || reader.stream.exhausted) {
      reportFailure(reader.stream, missingBrace(reader, first));
      break;
    }
    const { depth } = reader;
    try {
      statements.push(readStatement(reader));
      if (reader.height > height) height = reader.height;
    } catch (error) {
      if (!(error instanceof Failure) || error.fatal) throw error;
      reader.depth = depth;
      reportFailure(reader.stream, error);
      recover(reader, token);
    }
  }
  reader.leave();
  reader.raise(height);
  const { span, origin } = reader.place(first);
  // An array that was filled has room for more; a tree of many small blocks should not.
  const exact = statements.length < 16 ? statements.slice() : statements;
  return origin ? { kind: 'block', span, origin, statements: exact } : { kind: 'block', span, statements: exact };
}

function missingBrace(reader: Reader, open: ScriptToken): Failure {
  try {
    return reader.fail('open-block', 'expected statement', {
      related: [{ message: 'the block begins here', span: open.span }],
      hints: ["a '}' may be missing"],
    });
  } catch (error) {
    return error as Failure;
  }
}

/**
 * Moves to where the next statement may begin: behind a `;`, at the `}` of the block, at a word that begins a statement
 * or declaration, or at the first token of a line whose forerunner looks like an end.
 */
function recover(reader: Reader, begin: ScriptToken): void {
  if (reader.token === begin && !isStop(reader.token)) reader.take();
  let depth = 0;
  for (;;) {
    const { token } = reader;
    if (token.kind === 'end' || beginsDeclaration(token)) return;
    switch (token.symbol) {
      case '{':
      case '(':
      case '[':
        depth += 1;
        break;
      case '}':
        if (depth === 0) return;
        depth -= 1;
        break;
      case ')':
      case ']':
        if (depth > 0) depth -= 1;
        break;
      case ';':
        if (depth === 0) {
          reader.take();
          return;
        }
        break;
      default:
        if (depth === 0 && STATEMENT_WORDS.has(token.symbol)) return;
        if (depth === 0 && token.kind === 'identifier' && endsStatement(reader.previous) && newLine(reader)) return;
    }
    reader.take();
  }
}

function isStop(token: ScriptToken): boolean {
  return token.symbol === '}' || token.kind === 'end' || beginsDeclaration(token);
}

function endsStatement(token: ScriptToken): boolean {
  if (token.kind !== 'operator') return token.kind !== 'keyword';
  return token.symbol === ')' || token.symbol === ']' || token.symbol === '++' || token.symbol === '--';
}

function newLine(reader: Reader): boolean {
  const { previous, token } = reader;
  if (previous.source !== token.source || previous.end > token.start) return true;
  return previous.source.text.slice(previous.end, token.start).includes('\n');
}

/** Reads one statement, with the `;` that may end it. */
export function readStatement(reader: Reader): Statement {
  // A block counts its own level.
  if (reader.token.symbol === '{') return readBlock(reader);
  reader.enter();
  const statement = readBareStatement(reader);
  reader.leave();
  return statement;
}

function readBareStatement(reader: Reader): Statement {
  const first = reader.token;
  switch (first.symbol) {
    case ';':
      reader.take();
      reader.height = 1;
      return { kind: 'empty', ...reader.place(first) };
    case 'if':
      return readIf(reader, first);
    case 'while': {
      reader.take();
      reader.expect('(');
      const condition = readExpression(reader);
      const { height } = reader;
      reader.expect(')');
      const body = readStatement(reader);
      reader.raise(Math.max(height, reader.height));
      return { kind: 'while', ...reader.place(first), condition, body };
    }
    case 'for':
      return readFor(reader, first);
    case 'foreach':
      return readForeach(reader, first);
    case 'try':
      return readTry(reader, first);
    case 'return': {
      if (!reader.inFunction)
        reader.error('return', "found 'return' not in function context", first, {
          hints: ["'next' leaves a probe handler"],
        });
      reader.take();
      reader.height = 0;
      const bare = reader.token.symbol === ';' || reader.token.symbol === '}';
      const value = bare ? undefined : readExpression(reader);
      reader.raise(reader.height);
      const place = reader.place(first);
      reader.accept(';');
      return { kind: 'return', ...place, ...(value ? { value } : {}) };
    }
    case 'delete': {
      reader.take();
      const target = readExpression(reader);
      reader.raise(reader.height);
      const place = reader.place(first);
      reader.accept(';');
      return { kind: 'delete', ...place, target };
    }
    case 'next':
    case 'break':
    case 'continue': {
      reader.take();
      const place = reader.place(first);
      reader.height = 1;
      reader.accept(';');
      return { kind: first.symbol, ...place };
    }
  }
  if (first.kind === 'keyword') {
    const hints =
      first.symbol === 'else'
        ? ["the statement behind 'if (…)' has ended before this 'else'; put it in braces"]
        : first.symbol === 'global'
          ? ['globals are declared outside of probes and functions']
          : [];
    reader.fail('expected', 'expected statement', { hints });
  }
  if (first.kind === 'end') reader.fail('expected', 'expected statement');
  // Embedded C by itself is a statement; followed by an operator it is a value.
  const expression = readExpression(reader);
  const place = reader.place(first);
  if (expression.kind === 'embedded-code') {
    reader.accept(';');
    return expression;
  }
  reader.raise(reader.height);
  reader.accept(';');
  return { kind: 'expression-statement', span: place.span, ...originOf(place), expression };
}

function originOf<T extends { origin?: unknown }>(place: T): { origin?: T['origin'] } {
  return place.origin ? { origin: place.origin } : {};
}

function readIf(reader: Reader, first: ScriptToken): Statement {
  reader.take();
  reader.expect('(');
  const condition = readExpression(reader);
  let { height } = reader;
  reader.expect(')');
  const then = readStatement(reader);
  height = Math.max(height, reader.height);
  if (reader.token.symbol !== 'else') {
    reader.raise(height);
    return { kind: 'if', ...reader.place(first), condition, then };
  }
  reader.take();
  const otherwise = readStatement(reader);
  reader.raise(Math.max(height, reader.height));
  return { kind: 'if', ...reader.place(first), condition, then, else: otherwise };
}

function readFor(reader: Reader, first: ScriptToken): Statement {
  reader.take();
  reader.expect('(');
  let height = 0;
  const part = (end: string) => {
    if (reader.accept(end)) return undefined;
    const expression = readExpression(reader);
    height = Math.max(height, reader.height);
    reader.expect(end);
    return expression;
  };
  const initial = part(';');
  const condition = part(';');
  const step = part(')');
  const body = readStatement(reader);
  reader.raise(Math.max(height, reader.height));
  return {
    kind: 'for',
    ...reader.place(first),
    ...(initial ? { initial } : {}),
    ...(condition ? { condition } : {}),
    ...(step ? { step } : {}),
    body,
  };
}

type Sort = NonNullable<ForeachStatement['sort']>;

function readForeach(reader: Reader, first: ScriptToken): Statement {
  reader.take();
  reader.expect('(');
  let sort: Sort | undefined;
  const direction = (column: number, by?: StatisticName): boolean => {
    const { token } = reader;
    if (token.symbol !== '+' && token.symbol !== '-') return false;
    if (sort) reader.fail('sort', 'multiple sort directives');
    reader.take();
    sort = { column, direction: token.symbol === '+' ? 'ascending' : 'descending', ...(by ? { by } : {}) };
    return true;
  };
  let value: Identifier | undefined;
  let keys: Identifier[] = [];
  if (reader.token.symbol !== '[') {
    const name = readIdentifier(reader);
    const before = sort as Sort | undefined;
    direction(1);
    if (reader.accept('=')) {
      value = name;
      if (!before && sort) sort = { ...(sort as Sort), column: 0 };
    } else keys = [name];
  }
  if (keys.length === 0) {
    if (reader.accept('[')) {
      for (;;) {
        keys.push(readIdentifier(reader));
        direction(keys.length);
        if (reader.accept(']')) break;
        if (!reader.accept(',')) reader.fail('expected', "expected ',' or ']'");
      }
    } else {
      keys.push(readIdentifier(reader));
      direction(1);
    }
  }
  reader.expect('in');
  const at = reader.token;
  let target: Identifier | ArrayElement | HistogramOperation;
  let height = 1;
  if (at.symbol === '@hist_log' || at.symbol === '@hist_linear') {
    reader.take();
    target = readHistogram(reader, at);
    height = reader.height;
  } else if (at.kind === 'identifier') target = readIdentifier(reader);
  else reader.fail('expected', 'expected identifier or statistical operation');
  let slice: ReturnType<typeof readKeys> | undefined;
  if (target.kind === 'identifier' && reader.token.symbol === '[') {
    slice = readKeys(reader);
    height = Math.max(height, reader.height);
  }
  const { token } = reader;
  if (token.symbol.charCodeAt(0) === 0x40) {
    const by = statisticOf(token.symbol);
    if (!by) reader.fail('expected', 'expected statistical operation');
    reader.take();
    if (!direction(0, by)) reader.fail('sort', 'expected sort directive', { hints: ["write '+' or '-' behind it"] });
  } else direction(0);
  let limit: ForeachStatement['limit'];
  if (reader.accept('limit')) {
    limit = readExpression(reader);
    height = Math.max(height, reader.height);
  }
  reader.expect(')');
  const body = readStatement(reader);
  reader.raise(Math.max(height, reader.height));
  return {
    kind: 'foreach',
    ...reader.place(first),
    ...(value ? { value } : {}),
    keys,
    target,
    ...(slice ? { slice } : {}),
    ...(sort ? { sort } : {}),
    ...(limit ? { limit } : {}),
    body,
  };
}

function readTry(reader: Reader, first: ScriptToken): Statement {
  reader.take();
  const body = readBlock(reader);
  const { height } = reader;
  reader.expect('catch');
  let variable: Identifier | undefined;
  if (reader.accept('(')) {
    variable = readIdentifier(reader);
    reader.expect(')');
  }
  const handler = readBlock(reader);
  reader.raise(Math.max(height, reader.height));
  return { kind: 'try', ...reader.place(first), body, ...(variable ? { variable } : {}), handler };
}
