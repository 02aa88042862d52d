// The zod schema of the Elaborated IR: it checks JSON from outside (`--from FILE.json`). It is an entry of its own,
// `@stapkit/elaborator/schema`, so that an ordinary run does not load zod. Each schema is checked against the type of
// elaborated.ts, so that neither can change alone.
import { z } from 'zod';
import type * as ir from './elaborated.js';

const Span = z.strictObject({ file: z.string(), start: z.int().nonnegative(), end: z.int().nonnegative() });
const SourceText = z.strictObject({ name: z.string(), text: z.string() });
const Decimal = z.string().regex(/^-?(?:0|[1-9][0-9]*)$/);
const ValueType = z.enum(['long', 'string']);
const Index = z.int().nonnegative();

// Recursive parts go through functions that zod calls when it first needs them.
const expression = (): z.ZodType<ir.Expression> => z.lazy(() => Expression);
const statement = (): z.ZodType<ir.Statement> => z.lazy(() => Statement);
const keys = () => z.array(expression());
const sliceKeys = () => z.array(expression().nullable());

// ------------------------------------------------------------------------------------------------------- small parts

const NumberValue = z.strictObject({ kind: z.literal('number'), type: z.literal('long'), value: Decimal });
const StringValue = z.strictObject({ kind: z.literal('string'), type: z.literal('string'), value: z.string() });
const StatisticName = z.enum(['count', 'sum', 'min', 'max', 'avg', 'variance']);

const Histogram = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('log') }),
  z.strictObject({ kind: z.literal('linear'), low: z.int(), high: z.int(), interval: z.int().positive() }),
]);

const Embedded = z.strictObject({
  kind: z.literal('embedded'),
  span: Span,
  code: z.string(),
  pragmas: z.array(z.string()),
});

const Width = z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]);
const Space = z.enum(['kernel', 'user']);

const MemoryPlace = z.strictObject({
  address: expression(),
  space: Space,
  size: Width,
  signed: z.boolean(),
  bits: z.strictObject({ offset: Index, width: z.int().positive() }).optional(),
});

const ContextSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('parameter'), index: Index, size: Width, signed: z.boolean() }),
  z.strictObject({ kind: z.literal('return-value'), size: Width, signed: z.boolean() }),
  z.strictObject({ kind: z.literal('register'), number: z.int(), space: Space }),
  z.strictObject({ kind: z.literal('tracepoint-argument'), index: Index }),
  z.strictObject({
    kind: z.literal('symbol-address'),
    name: z.string(),
    module: z.string().optional(),
    offset: z.int(),
  }),
  z.strictObject({ kind: z.literal('per-cpu-base') }),
  z.strictObject({ kind: z.literal('perf-counter'), probe: Index }),
  z.strictObject({ kind: z.literal('hook-argument'), index: Index }),
  z.strictObject({ kind: z.literal('procfs-value') }),
]);

const FormatPiece = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  z.strictObject({
    kind: z.literal('directive'),
    conversion: z.enum(['b', 'c', 'd', 'i', 'm', 'M', 'o', 'p', 's', 'u', 'x', 'X', 'n']),
    flags: z.string().regex(/^[-+ #0]*$/),
    width: z.union([Index, z.literal('argument')]).optional(),
    precision: z.union([Index, z.literal('argument')]).optional(),
    size: z.string().optional(),
  }),
]);

const Format = z.strictObject({ pieces: z.array(FormatPiece), arguments: keys() });

const Local = z.strictObject({ kind: z.literal('local'), type: ValueType, local: Index });
const Global = z.strictObject({ kind: z.literal('global'), type: ValueType, global: Index });
const Element = z.strictObject({ kind: z.literal('element'), type: ValueType, global: Index, keys: keys() });
const Variable = z.discriminatedUnion('kind', [Local, Global, Element]);

const StatisticSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('global'), global: Index }),
  z.strictObject({ kind: z.literal('element'), global: Index, keys: sliceKeys() }),
]);

// ----------------------------------------------------------------------------------------------------- expressions

const long = { type: z.literal('long') };
const placed = { span: Span };
const ArithmeticOperator = z.enum(['+', '-', '*', '/', '%', '<<', '>>', '>>>', '&', '^', '|']);

export const Expression: z.ZodType<ir.Expression> = z.discriminatedUnion('kind', [
  NumberValue,
  StringValue,
  Local,
  Global,
  Element,
  z.strictObject({
    kind: z.literal('call'),
    type: z.enum(['long', 'string', 'none']),
    ...placed,
    function: Index,
    arguments: keys(),
  }),
  z.strictObject({ kind: z.enum(['negate', 'complement', 'not']), ...long, operand: expression() }),
  z.strictObject({
    kind: z.literal('arithmetic'),
    ...long,
    ...placed,
    operator: ArithmeticOperator,
    left: expression(),
    right: expression(),
  }),
  z.strictObject({
    kind: z.literal('comparison'),
    ...long,
    operator: z.enum(['<', '>', '<=', '>=', '==', '!=']),
    operands: ValueType,
    left: expression(),
    right: expression(),
  }),
  z.strictObject({ kind: z.enum(['and', 'or']), ...long, left: expression(), right: expression() }),
  z.strictObject({ kind: z.literal('concatenation'), type: z.literal('string'), parts: keys() }),
  z.strictObject({
    kind: z.literal('conditional'),
    type: ValueType,
    condition: expression(),
    // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
    then: expression(),
    else: expression(),
  }),
  z.strictObject({
    kind: z.literal('assignment'),
    type: ValueType,
    ...placed,
    target: Variable,
    operator: z.union([ArithmeticOperator, z.literal('.')]).optional(),
    value: expression(),
  }),
  z.strictObject({
    kind: z.literal('update'),
    ...long,
    ...placed,
    target: Variable,
    delta: z.union([z.literal(1), z.literal(-1)]),
    prefix: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('accumulate'),
    ...long,
    ...placed,
    target: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('global'), global: Index }),
      z.strictObject({ kind: z.literal('element'), global: Index, keys: keys() }),
    ]),
    value: expression(),
  }),
  z.strictObject({ kind: z.literal('membership'), ...long, global: Index, keys: sliceKeys() }),
  z.strictObject({
    kind: z.literal('regex'),
    ...long,
    automaton: Index,
    negated: z.boolean(),
    subject: expression(),
  }),
  z.strictObject({
    kind: z.literal('statistic'),
    ...long,
    ...placed,
    operation: StatisticName,
    shift: Index.optional(),
    source: StatisticSource,
  }),
  z.strictObject({ kind: z.literal('bucket'), ...long, ...placed, source: StatisticSource, index: expression() }),
  z.strictObject({ kind: z.literal('load'), ...long, ...placed, place: MemoryPlace }),
  z.strictObject({ kind: z.literal('store'), ...long, ...placed, place: MemoryPlace, value: expression() }),
  z.strictObject({
    kind: z.literal('string-load'),
    type: z.literal('string'),
    ...placed,
    address: expression(),
    space: Space,
    length: expression().optional(),
  }),
  z.strictObject({ kind: z.literal('context'), type: ValueType, ...placed, source: ContextSource }),
  z.strictObject({
    kind: z.literal('context-store'),
    type: ValueType,
    ...placed,
    source: ContextSource,
    append: z.boolean(),
    value: expression(),
  }),
  z.strictObject({ kind: z.literal('entry-value'), type: ValueType, slot: Index }),
  z.strictObject({ kind: z.literal('let'), type: ValueType, local: Index, value: expression(), body: expression() }),
  z.strictObject({ kind: z.literal('format'), type: z.literal('string'), ...placed, format: Format }),
  z.strictObject({ kind: z.literal('print'), ...long, ...placed, format: Format }),
  z.strictObject({ kind: z.literal('print-histogram'), ...long, ...placed, source: StatisticSource }),
  z.strictObject({
    kind: z.literal('embedded'),
    type: ValueType,
    ...placed,
    code: z.string(),
    pragmas: z.array(z.string()),
  }),
]);

// ------------------------------------------------------------------------------------------------------ statements

export const Statement: z.ZodType<ir.Statement> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('block'), ...placed, statements: z.array(statement()) }),
  z.strictObject({ kind: z.literal('expression'), ...placed, expression: expression() }),
  z.strictObject({
    kind: z.literal('if'),
    ...placed,
    condition: expression(),
    // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
    then: statement(),
    else: statement().optional(),
  }),
  z.strictObject({
    kind: z.literal('loop'),
    ...placed,
    condition: expression().optional(),
    step: expression().optional(),
    body: statement(),
  }),
  z.strictObject({
    kind: z.literal('foreach'),
    ...placed,
    global: Index,
    keys: z.array(Index),
    value: Index.optional(),
    slice: sliceKeys(),
    sort: z
      .strictObject({ column: Index, direction: z.enum(['ascending', 'descending']), by: StatisticName.optional() })
      .optional(),
    limit: expression().optional(),
    body: statement(),
  }),
  z.strictObject({
    kind: z.literal('foreach-bucket'),
    ...placed,
    key: Index,
    value: Index.optional(),
    source: StatisticSource,
    limit: expression().optional(),
    body: statement(),
  }),
  z.strictObject({ kind: z.literal('return'), ...placed, value: expression().optional() }),
  z.strictObject({ kind: z.enum(['next', 'break', 'continue']), ...placed }),
  z.strictObject({
    kind: z.literal('delete'),
    ...placed,
    target: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('global'), global: Index }),
      z.strictObject({ kind: z.literal('element'), global: Index, keys: keys() }),
      z.strictObject({ kind: z.literal('slice'), global: Index, keys: sliceKeys() }),
    ]),
  }),
  z.strictObject({
    kind: z.literal('try'),
    ...placed,
    body: statement(),
    variable: Index.optional(),
    handler: statement(),
  }),
  Embedded,
]);

// ---------------------------------------------------------------------------------------------------------- probes

/**
 * Families of third parties have shapes of their own, which only they and their translator know; the built-in ones are
 * checked in full.
 */
export const ResolvedPoint: z.ZodType<ir.ResolvedPoint> = z.discriminatedUnion('family', [
  z.strictObject({ family: z.literal('begin'), sequence: Decimal }),
  z.strictObject({ family: z.enum(['end', 'error']), sequence: Decimal }),
  z.strictObject({ family: z.literal('never') }),
  z.strictObject({
    family: z.literal('timer'),
    unit: z.enum(['ns', 'jiffies']),
    interval: Decimal,
    randomize: Decimal,
  }),
  z.strictObject({ family: z.literal('profile'), hertz: z.number().optional() }),
  z.strictObject({
    family: z.literal('kprobe'),
    symbol: z.string().optional(),
    offset: Index,
    address: Decimal.optional(),
    module: z.string().optional(),
    return: z.boolean(),
    maxactive: z.int().nonnegative().optional(),
    function: z.string().optional(),
    callers: z
      .array(
        z.array(z.strictObject({ above: Index, symbol: z.string(), offset: z.int(), module: z.string().optional() })),
      )
      .optional(),
  }),
  z.strictObject({
    family: z.literal('tracepoint'),
    name: z.string(),
    system: z.string().optional(),
    module: z.string().optional(),
    arguments: z.array(z.strictObject({ name: z.string(), size: Index, signed: z.boolean() })),
  }),
  z.strictObject({
    family: z.literal('perf'),
    type: Index,
    config: Decimal,
    sample: Decimal.optional(),
    hertz: z.number().optional(),
    process: z.string().optional(),
    counter: z.string().optional(),
  }),
  z.strictObject({
    family: z.literal('procfs'),
    path: z.string().optional(),
    direction: z.enum(['read', 'write']),
    umask: Index.optional(),
    maxsize: z.int().positive().optional(),
  }),
  z.strictObject({ family: z.literal('netfilter'), protocol: z.string(), hook: z.string(), priority: z.int() }),
  z.strictObject({
    family: z.literal('watchpoint'),
    address: Decimal.optional(),
    symbol: z.string().optional(),
    length: z.int().positive(),
    access: z.enum(['write', 'rw']),
  }),
  z.strictObject({
    family: z.literal('process'),
    event: z.enum(['begin', 'end', 'thread-begin', 'thread-end', 'syscall', 'syscall-return']),
    path: z.string().optional(),
    pid: z.int().optional(),
  }),
  z.strictObject({
    family: z.literal('uprobe'),
    path: z.string(),
    pid: z.int().positive().optional(),
    offset: Decimal,
    semaphore: Decimal.optional(),
    return: z.boolean(),
    function: z.string().optional(),
  }),
  z.strictObject({ family: z.literal('input'), line: z.boolean().optional() }),
]);

const LocalVariable = z.strictObject({ ...placed, name: z.string(), type: ValueType });

const ResolvedProbe = z.strictObject({
  ...placed,
  name: z.string(),
  written: z.string(),
  declared: z.string().optional(),
  chain: z.array(
    z.strictObject({
      ...placed,
      text: z.string(),
      how: z.enum(['written', 'alias', 'wildcard', 'resolved']),
      alias: z.string().optional(),
    }),
  ),
  point: ResolvedPoint,
  condition: expression().optional(),
  entryValues: keys(),
  locals: z.array(LocalVariable),
  body: statement(),
}) satisfies z.ZodType<ir.ResolvedProbe>;

// ---------------------------------------------------------------------------------------------------------- whole

const ResolvedFunction = z.strictObject({
  ...placed,
  name: z.string(),
  parameters: Index,
  locals: z.array(LocalVariable),
  result: z.enum(['long', 'string', 'none']),
  body: statement(),
  fallback: Index.optional(),
  probe: Index.optional(),
  library: z.boolean(),
}) satisfies z.ZodType<ir.ResolvedFunction>;

const GlobalVariable = z.strictObject({
  ...placed,
  name: z.string(),
  type: z.enum(['long', 'string', 'statistic']),
  keys: z.array(ValueType),
  size: z.int().optional(),
  wrap: z.boolean(),
  initial: z.discriminatedUnion('kind', [NumberValue, StringValue]).optional(),
  statistic: z
    .strictObject({ operations: z.array(StatisticName), varianceShift: Index, histogram: Histogram.optional() })
    .optional(),
  printAtEnd: z.boolean(),
  library: z.boolean(),
}) satisfies z.ZodType<ir.GlobalVariable>;

const RegexTag = z.strictObject({ register: Index, copyOf: Index.optional(), unset: z.boolean().optional() });

const RegexAutomaton = z.strictObject({
  pattern: z.string(),
  groups: Index,
  registers: Index,
  tagged: z.boolean(),
  states: z.array(
    z.strictObject({
      accepting: z.boolean(),
      transitions: z.array(
        z.strictObject({
          from: z.int().min(0).max(255),
          to: z.int().min(0).max(255),
          target: Index,
          tags: z.array(RegexTag),
        }),
      ),
      finish: z.array(RegexTag),
    }),
  ),
}) satisfies z.ZodType<ir.RegexAutomaton>;

export const Elaborated: z.ZodType<ir.Elaborated> = z.strictObject({
  kind: z.literal('elaborated'),
  target: z.strictObject({ release: z.string(), architecture: z.string(), buildId: z.string().optional() }),
  sources: z.array(SourceText),
  globals: z.array(GlobalVariable),
  functions: z.array(ResolvedFunction),
  probes: z.array(ResolvedProbe),
  embedded: z.array(Embedded),
  automata: z.array(RegexAutomaton),
  coverage: z
    .array(
      z.strictObject({
        point: z.string(),
        functions: Index,
        symbols: Index,
        variants: z.record(z.string(), Index),
        inlined: Index.optional(),
        probed: Index,
        withoutCode: Index,
      }),
    )
    .optional(),
  guru: z.boolean(),
  ownProcesses: z.boolean().optional(),
});
