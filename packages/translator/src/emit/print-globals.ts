// Globals that are only written are printed when the run ends, in SystemTap's words: `name=5`, `name["k",3]=4` in
// descending order, `name @count=1 @min=… …`. The statements are made here as IR and go through the same emitters.
import type {
  Expression,
  FormatPiece,
  GlobalVariable,
  LocalVariable,
  Statement,
  StatisticSource,
} from '@stapkit/elaborator';

export interface GlobalPrinter {
  readonly locals: readonly LocalVariable[];
  readonly statements: readonly Statement[];
}

const OPERATIONS = ['count', 'min', 'max', 'sum', 'avg'] as const;

/** Makes the statements that print all such globals. */
export function printGlobals(globals: readonly GlobalVariable[]): GlobalPrinter {
  const locals: LocalVariable[] = [];
  const statements: Statement[] = [];
  globals.forEach((global, index) => {
    if (!global.printAtEnd) return;
    statements.push(global.keys.length > 0 ? printArray(global, index, locals) : printScalar(global, index));
  });
  return { locals, statements };
}

function printScalar(global: GlobalVariable, index: number): Statement {
  const { span } = global;
  if (global.type !== 'statistic') {
    const value: Expression = { kind: 'global', type: global.type, global: index };
    return print(span, [text(`${global.name}=`), ...valuePieces(global.type), text('\n')], [value]);
  }
  const source: StatisticSource = { kind: 'global', global: index };
  return {
    kind: 'if',
    span,
    condition: {
      kind: 'comparison',
      type: 'long',
      operator: '==',
      operands: 'long',
      left: { kind: 'statistic', type: 'long', span, operation: 'count', source },
      right: { kind: 'number', type: 'long', value: '0' },
    },
    // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
    then: print(span, [text(`${global.name} @count=0x0\n`)], []),
    else: printStatistic(global, source, [text(global.name)], []),
  };
}

function printArray(global: GlobalVariable, index: number, locals: LocalVariable[]): Statement {
  const { span } = global;
  const keys = global.keys.map((type, key) => {
    locals.push({ span, name: `key${key}`, type });
    return locals.length - 1;
  });
  const values: Expression[] = keys.map((local, key) => ({ kind: 'local', type: global.keys[key]!, local }));
  const pieces: FormatPiece[] = [text(`${global.name}[`)];
  global.keys.forEach((type, key) => {
    if (key > 0) pieces.push(text(','));
    pieces.push(...valuePieces(type, '#'));
  });
  const common = {
    kind: 'foreach',
    span,
    global: index,
    keys,
    slice: [],
    sort: { column: 0, direction: 'descending' },
  } as const;
  if (global.type === 'statistic') {
    const source: StatisticSource = { kind: 'element', global: index, keys: values };
    return { ...common, body: printStatistic(global, source, [...pieces, text(']')], values) };
  }
  locals.push({ span, name: 'value', type: global.type });
  const value = locals.length - 1;
  return {
    ...common,
    value,
    body: print(
      span,
      [...pieces, text(']='), ...valuePieces(global.type), text('\n')],
      [...values, { kind: 'local', type: global.type, local: value }],
    ),
  };
}

function printStatistic(
  global: GlobalVariable,
  source: StatisticSource,
  head: readonly FormatPiece[],
  values: readonly Expression[],
): Statement {
  const { span } = global;
  const pieces: FormatPiece[] = [...head];
  for (const operation of OPERATIONS) pieces.push(text(` @${operation}=`), directive('d', '#'));
  pieces.push(text('\n'));
  const numbers: Expression[] = OPERATIONS.map((operation) => ({
    kind: 'statistic',
    type: 'long',
    span,
    operation,
    source,
  }));
  return print(span, pieces, [...values, ...numbers]);
}

/** A number, or a string in quotes with its special characters escaped. */
function valuePieces(type: 'long' | 'string', flags = ''): FormatPiece[] {
  return type === 'long' ? [directive('d', flags)] : [text('"'), directive('s', '#'), text('"')];
}

function text(value: string): FormatPiece {
  return { kind: 'text', text: value };
}

function directive(conversion: 'd' | 's', flags: string): FormatPiece {
  return { kind: 'directive', conversion, flags };
}

function print(span: Statement['span'], pieces: readonly FormatPiece[], values: readonly Expression[]): Statement {
  return {
    kind: 'expression',
    span,
    expression: { kind: 'print', type: 'long', span, format: { pieces, arguments: values } },
  };
}
