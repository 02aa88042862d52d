// The zod schema of the AST: it checks JSON from outside (`--from FILE.json`). It is an entry of its own,
// `@stapkit/parser/schema`, so that an ordinary run does not load zod. The schema of each kind is checked against the
// type of ast.ts, so that neither can change alone.
import { z } from 'zod';
import type * as ast from './ast.js';

const Span = z.strictObject({ file: z.string(), start: z.int().nonnegative(), end: z.int().nonnegative() });

const SourceText = z.strictObject({ name: z.string(), text: z.string() });

export const Origin: z.ZodType<ast.Origin> = z.strictObject({
  kind: z.enum(['macro', 'argument']),
  name: z.string(),
  use: Span,
  get outer() {
    return Origin.optional();
  },
});

const place = { span: Span, origin: Origin.optional() };

const Decimal = z.string().regex(/^-?(?:0|[1-9][0-9]*)$/);

// Recursive parts go through functions that zod calls when it first needs them.
const expression = (): z.ZodType<ast.Expression> => z.lazy(() => Expression);
const statement = (): z.ZodType<ast.Statement> => z.lazy(() => Statement);
const keys = (): z.ZodType<readonly (ast.Expression | null)[]> => z.array(expression().nullable());

// ----------------------------------------------------------------------------------------------------- expressions

const NumberLiteral = z.strictObject({ kind: z.literal('number'), ...place, value: Decimal });
const StringLiteral = z.strictObject({ kind: z.literal('string'), ...place, value: z.string() });
const Identifier = z.strictObject({ kind: z.literal('identifier'), ...place, name: z.string() });
const EmbeddedCode = z.strictObject({
  kind: z.literal('embedded-code'),
  ...place,
  code: z.string(),
  pragmas: z.array(z.string()),
});

const PathStep = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('field'), ...place, name: z.string() }),
  z.strictObject({ kind: z.literal('index'), ...place, index: expression() }),
]);

const target = {
  ...place,
  path: z.array(PathStep),
  pretty: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  addressOf: z.boolean(),
};

const TargetVariable = z.strictObject({ kind: z.literal('target-variable'), ...target, name: z.string() });

const StatisticName = z.enum(['count', 'sum', 'min', 'max', 'avg', 'variance']);

const HistogramOperation = z.strictObject({
  kind: z.literal('histogram'),
  ...place,
  name: z.enum(['linear', 'log']),
  operand: expression(),
  parameters: z.array(NumberLiteral),
});

const ArrayElement = z.strictObject({
  kind: z.literal('array-element'),
  ...place,
  array: z.discriminatedUnion('kind', [Identifier, HistogramOperation]),
  keys: keys(),
});

const Space = z.enum(['kernel', 'user']);

export const Expression: z.ZodType<ast.Expression> = z.discriminatedUnion('kind', [
  NumberLiteral,
  StringLiteral,
  Identifier,
  EmbeddedCode,
  ArrayElement,
  HistogramOperation,
  TargetVariable,
  z.strictObject({
    kind: z.literal('call'),
    ...place,
    name: z.string(),
    nameSpan: Span,
    arguments: z.array(expression()),
  }),
  z.strictObject({
    kind: z.literal('unary'),
    ...place,
    operator: z.enum(['+', '-', '!', '~']),
    operand: expression(),
  }),
  z.strictObject({
    kind: z.literal('update'),
    ...place,
    operator: z.enum(['++', '--']),
    prefix: z.boolean(),
    operand: expression(),
  }),
  z.strictObject({
    kind: z.literal('binary'),
    ...place,
    operator: z.enum([
      ...(['*', '/', '%', '+', '-', '<<', '>>', '>>>', '.', '<', '>', '<=', '>='] as const),
      ...(['==', '!=', '&', '^', '|', '&&', '||'] as const),
    ]),
    left: expression(),
    right: expression(),
  }),
  z.strictObject({
    kind: z.literal('conditional'),
    ...place,
    condition: expression(),
    // biome-ignore lint/suspicious/noThenProperty: the AST names the branch so; it holds no function.
    then: expression(),
    else: expression(),
  }),
  z.strictObject({
    kind: z.literal('assignment'),
    ...place,
    operator: z.enum([
      ...(['=', '<<<', '.=', '+=', '-=', '*=', '/=', '%='] as const),
      ...(['<<=', '>>=', '>>>=', '&=', '^=', '|='] as const),
    ]),
    target: expression(),
    value: expression(),
  }),
  z.strictObject({ kind: z.literal('membership'), ...place, keys: keys(), array: Identifier }),
  z.strictObject({
    kind: z.literal('regex'),
    ...place,
    negated: z.boolean(),
    subject: expression(),
    pattern: StringLiteral,
  }),
  z.strictObject({
    kind: z.literal('cast'),
    ...target,
    operand: expression(),
    type: StringLiteral,
    module: StringLiteral.optional(),
  }),
  z.strictObject({ kind: z.literal('var'), ...target, variable: StringLiteral, module: StringLiteral.optional() }),
  z.strictObject({ kind: z.literal('member'), ...target, operand: expression() }),
  z.strictObject({ kind: z.literal('defined'), ...place, operand: expression() }),
  z.strictObject({ kind: z.literal('choose-defined'), ...place, first: expression(), second: expression() }),
  z.strictObject({ kind: z.literal('entry'), ...place, operand: expression() }),
  z.strictObject({ kind: z.literal('perf'), ...place, operand: StringLiteral }),
  z.strictObject({
    kind: z.literal('probewrite'),
    ...place,
    variable: z.discriminatedUnion('kind', [Identifier, TargetVariable]),
  }),
  z.strictObject({ kind: z.literal('const'), ...place, text: StringLiteral }),
  z.strictObject({ kind: z.literal('enum'), ...place, name: StringLiteral, module: StringLiteral.optional() }),
  z.strictObject({
    kind: z.literal('dereference'),
    ...place,
    space: Space,
    size: expression(),
    address: expression(),
  }),
  z.strictObject({ kind: z.literal('register'), ...place, space: Space, register: expression() }),
  z.strictObject({
    kind: z.literal('statistic'),
    ...place,
    name: StatisticName,
    operand: expression(),
    shift: NumberLiteral.optional(),
  }),
  z.strictObject({
    kind: z.literal('print'),
    ...place,
    name: z.enum([
      ...(['print', 'println', 'printd', 'printdln', 'printf'] as const),
      ...(['sprint', 'sprintln', 'sprintd', 'sprintdln', 'sprintf'] as const),
    ]),
    arguments: z.array(expression()),
  }),
]);

// ------------------------------------------------------------------------------------------------------ statements

const Block = z.strictObject({ kind: z.literal('block'), ...place, statements: z.array(statement()) });

export const Statement: z.ZodType<ast.Statement> = z.discriminatedUnion('kind', [
  Block,
  EmbeddedCode,
  z.strictObject({ kind: z.literal('empty'), ...place }),
  z.strictObject({ kind: z.literal('expression-statement'), ...place, expression: expression() }),
  z.strictObject({
    kind: z.literal('if'),
    ...place,
    condition: expression(),
    // biome-ignore lint/suspicious/noThenProperty: the AST names the branch so; it holds no function.
    then: statement(),
    else: statement().optional(),
  }),
  z.strictObject({ kind: z.literal('while'), ...place, condition: expression(), body: statement() }),
  z.strictObject({
    kind: z.literal('for'),
    ...place,
    initial: expression().optional(),
    condition: expression().optional(),
    step: expression().optional(),
    body: statement(),
  }),
  z.strictObject({
    kind: z.literal('foreach'),
    ...place,
    value: Identifier.optional(),
    keys: z.array(Identifier),
    target: z.discriminatedUnion('kind', [Identifier, ArrayElement, HistogramOperation]),
    slice: keys().optional(),
    sort: z
      .strictObject({
        column: z.int().nonnegative(),
        direction: z.enum(['ascending', 'descending']),
        by: StatisticName.optional(),
      })
      .optional(),
    limit: expression().optional(),
    body: statement(),
  }),
  z.strictObject({ kind: z.literal('return'), ...place, value: expression().optional() }),
  z.strictObject({ kind: z.literal('delete'), ...place, target: expression() }),
  z.strictObject({ kind: z.enum(['next', 'break', 'continue']), ...place }),
  z.strictObject({
    kind: z.literal('try'),
    ...place,
    body: Block,
    variable: Identifier.optional(),
    handler: Block,
  }),
]);

// ---------------------------------------------------------------------------------------------------- declarations

const Literal = z.discriminatedUnion('kind', [NumberLiteral, StringLiteral]);

const ValueTypeName = z.enum(['long', 'string']);

const ProbePart = z.strictObject({
  kind: z.literal('probe-part'),
  ...place,
  name: z.string(),
  argument: Literal.optional(),
});

const ProbePoint = z.strictObject({
  kind: z.literal('probe-point'),
  ...place,
  parts: z.array(ProbePart),
  optional: z.boolean(),
  sufficient: z.boolean(),
  condition: expression().optional(),
});

const Parameter = z.strictObject({
  kind: z.literal('parameter'),
  ...place,
  name: z.string(),
  type: ValueTypeName.optional(),
});

export const Declaration: z.ZodType<ast.Declaration> = z.discriminatedUnion('kind', [
  EmbeddedCode,
  z.strictObject({ kind: z.literal('probe'), ...place, points: z.array(ProbePoint), body: Block }),
  z.strictObject({
    kind: z.literal('probe-alias'),
    ...place,
    names: z.array(ProbePoint),
    style: z.enum(['prologue', 'epilogue']),
    points: z.array(ProbePoint),
    body: Block,
    epilogue: Block.optional(),
  }),
  z.strictObject({
    kind: z.literal('function'),
    ...place,
    name: z.string(),
    nameSpan: Span,
    private: z.boolean(),
    result: ValueTypeName.optional(),
    parameters: z.array(Parameter),
    priority: z.int().optional(),
    body: z.discriminatedUnion('kind', [Block, EmbeddedCode]),
  }),
  z.strictObject({
    kind: z.literal('global'),
    ...place,
    name: z.string(),
    nameSpan: Span,
    private: z.boolean(),
    type: ValueTypeName.optional(),
    size: z.int().positive().optional(),
    wrap: z.boolean(),
    initial: Literal.optional(),
  }),
]);

export const ScriptFile: z.ZodType<ast.ScriptFile> = z.strictObject({
  kind: z.literal('script-file'),
  span: Span,
  name: z.string(),
  privileged: z.boolean(),
  declarations: z.array(Declaration),
});

/** Pass 1's output as JSON. */
export const Ast: z.ZodType<ast.Ast> = z.strictObject({
  kind: z.literal('ast'),
  user: z.array(ScriptFile),
  library: z.array(ScriptFile),
  sources: z.array(SourceText),
  arguments: z.array(z.string()),
});
