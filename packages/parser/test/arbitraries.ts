// Random trees for the property tests: only shapes that the grammar can give, so that a printed tree must read back.
import fc from 'fast-check';
import type {
  Block,
  Declaration,
  Expression,
  HistogramOperation,
  Identifier,
  NumberLiteral,
  PathStep,
  ProbePart,
  ProbePoint,
  ScriptFile,
  Statement,
  StringLiteral,
} from '../src/index.js';

const span = { file: '<input>', start: 0, end: 0 };

const name = fc.constantFrom('a', 'b', 'foo', 'x1', '_y', 'printer', 'count', 'x$y', 'limits');

const numberLiteral: fc.Arbitrary<NumberLiteral> = fc
  .oneof(fc.constantFrom('0', '1', '8', '-1', '9223372036854775807', '-9223372036854775808'), fc.nat().map(String))
  .map((value) => ({ kind: 'number', span, value }));

/** A byte string: any code units below 256, escapes and quotes often. */
const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom('"', '\\', '\n', '%', '0', 'x', 'é'),
      fc.nat(255).map((unit) => String.fromCharCode(unit)),
    ),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(''));

const stringLiteral: fc.Arbitrary<StringLiteral> = bytes.map((value) => ({ kind: 'string', span, value }));

const filledString: fc.Arbitrary<StringLiteral> = stringLiteral.map((node) => ({ ...node, value: `${node.value}x` }));

const identifier: fc.Arbitrary<Identifier> = name.map((text) => ({ kind: 'identifier', span, name: text }));

const embedded = fc
  .constantFrom(' 1 ', '', ' /* string */ "x" ', ' a } b ', ' /* pure */ /* pragma:read:x */\n')
  .map((code) => ({
    kind: 'embedded-code' as const,
    span,
    code,
    pragmas: [...code.matchAll(/\/\* (\S+) \*\//g)].map((match) => match[1]!),
  }));

// An alias and not an interface: fast-check asks for the index signature that only an alias has.
type Trees = {
  expression: Expression;
  value: Expression;
  key: Expression | null;
  histogram: HistogramOperation;
  step: PathStep;
  statement: Statement;
  block: Block;
};

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** Drops the fields that are undefined, as the parser leaves them out. */
function dense<T extends object>(node: T): T {
  return Object.fromEntries(Object.entries(node).filter(([, value]) => value !== undefined)) as T;
}

// `then` is a field of the AST; these two are the places that build it.
function conditional(condition: Expression, yes: Expression, no: Expression): Expression {
  // biome-ignore lint/suspicious/noThenProperty: the AST names the branch so.
  return { kind: 'conditional', span, condition, then: yes, else: no };
}

function ifStatement(condition: Expression, yes: Statement, no: Statement | undefined): Statement {
  // biome-ignore lint/suspicious/noThenProperty: the AST names the branch so.
  return { kind: 'if', span, condition, then: yes, else: no };
}

const pretty = fc.constantFrom(0 as const, 0 as const, 1 as const, 2 as const);

const trees = fc.letrec<Trees>((tie) => {
  const target = {
    span: fc.constant(span),
    path: fc.array(tie('step'), { maxLength: 3 }),
    pretty,
    addressOf: fc.boolean(),
  };
  return {
    step: fc.oneof(
      fc.constantFrom('next', 'x', 'limit', 'a_b').map((field): PathStep => ({ kind: 'field', span, name: field })),
      tie('expression').map((index): PathStep => ({ kind: 'index', span, index })),
    ),
    key: fc.option(tie('expression'), { nil: null }),
    histogram: fc
      .record({
        operand: tie('expression'),
        parameters: fc.option(fc.array(numberLiteral, { minLength: 3, maxLength: 3 }), { nil: undefined }),
      })
      .map(({ operand, parameters }): HistogramOperation => {
        const positive = (parameters ?? []).map((parameter) => ({
          ...parameter,
          value: parameter.value.replace(/^-/, ''),
        }));
        const limited = positive.map((p) => (p.value === '9223372036854775808' ? { ...p, value: '7' } : p));
        return { kind: 'histogram', span, name: limited.length > 0 ? 'linear' : 'log', operand, parameters: limited };
      }),
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      identifier,
      numberLiteral,
      stringLiteral,
      embedded,
      fc
        .record({
          kind: fc.constant('target-variable' as const),
          name: fc.constantFrom('x', '$vars', 'return'),
          ...target,
        })
        .map((node): Expression => node),
      fc
        .record({ kind: fc.constant('cast' as const), operand: tie('expression'), type: filledString, ...target })
        .map((node): Expression => node),
      fc
        .record({ kind: fc.constant('var' as const), variable: stringLiteral, module: stringLiteral, ...target })
        .map((node): Expression => node),
      fc
        .record({
          kind: fc.constant('array-element' as const),
          span: fc.constant(span),
          array: fc.oneof(identifier, tie('histogram')),
          keys: fc.array(tie('key'), { minLength: 1, maxLength: 3 }),
        })
        .map((node): Expression => node),
      fc
        .record({ callee: name, args: fc.array(tie('expression'), { maxLength: 3 }) })
        .map(({ callee, args }): Expression => ({ kind: 'call', span, name: callee, nameSpan: span, arguments: args })),
    ),
    expression: fc.oneof(
      { maxDepth: 5, depthSize: 'small', withCrossShrink: true },
      tie('value'),
      fc
        .record({
          operator: fc.constantFrom('+' as const, '-' as const, '!' as const, '~' as const),
          operand: tie('expression'),
        })
        .map((node): Expression => ({ kind: 'unary', span, ...node })),
      fc
        .record({
          operator: fc.constantFrom('++' as const, '--' as const),
          prefix: fc.boolean(),
          operand: tie('value'),
        })
        .map((node): Expression => ({ kind: 'update', span, ...node })),
      fc
        .record({
          operator: fc.constantFrom(
            ...(['*', '/', '%', '+', '-', '<<', '>>', '>>>', '.', '<', '>', '<=', '>='] as const),
            ...(['==', '!=', '&', '^', '|', '&&', '||'] as const),
          ),
          left: tie('expression'),
          right: tie('expression'),
        })
        .map((node): Expression => ({ kind: 'binary', span, ...node })),
      fc
        .tuple(tie('expression'), tie('expression'), tie('expression'))
        .map(([condition, yes, no]): Expression => conditional(condition, yes, no)),
      fc
        .record({
          operator: fc.constantFrom(
            '=' as const,
            '<<<' as const,
            '.=' as const,
            '+=' as const,
            '>>>=' as const,
            '^=' as const,
          ),
          target: tie('expression'),
          value: tie('expression'),
        })
        .map((node): Expression => ({ kind: 'assignment', span, ...node })),
      fc
        .record({ keys: fc.array(tie('key'), { minLength: 1, maxLength: 3 }), array: identifier })
        .map((node): Expression => ({ kind: 'membership', span, ...node })),
      fc
        .record({ negated: fc.boolean(), subject: tie('expression'), pattern: stringLiteral })
        .map((node): Expression => ({ kind: 'regex', span, ...node })),
      fc
        .record({
          operand: tie('expression'),
          steps: fc.array(tie('step'), { minLength: 1, maxLength: 3 }),
          pretty,
          addressOf: fc.boolean(),
        })
        // A path on what takes one itself becomes a part of it.
        .filter(({ operand }) => !('path' in operand) || operand.pretty > 0 || operand.addressOf)
        .map((node) => ('path' in node.operand && node.operand.addressOf ? { ...node, addressOf: false } : node))
        .map(({ operand, steps, ...rest }): Expression => ({ kind: 'member', span, operand, path: steps, ...rest })),
      tie('expression').map((operand): Expression => ({ kind: 'defined', span, operand })),
      tie('expression').map((operand): Expression => ({ kind: 'entry', span, operand })),
      fc
        .tuple(tie('expression'), tie('expression'))
        .map(([first, second]): Expression => ({ kind: 'choose-defined', span, first, second })),
      filledString.map((operand): Expression => ({ kind: 'perf', span, operand })),
      identifier.map((variable): Expression => ({ kind: 'probewrite', span, variable })),
      filledString.map((text): Expression => ({ kind: 'const', span, text })),
      fc
        .tuple(filledString, optional(stringLiteral))
        .map(([text, module]): Expression => dense({ kind: 'enum', span, name: text, module })),
      fc
        .tuple(numberLiteral, tie('expression'))
        .map(([size, address]): Expression => ({ kind: 'dereference', span, space: 'user', size, address })),
      numberLiteral.map((register): Expression => ({ kind: 'register', span, space: 'kernel', register })),
      tie('expression').map(
        (operand): Expression => ({
          kind: 'statistic',
          span,
          name: 'variance',
          operand,
          shift: { kind: 'number', span, value: '3' },
        }),
      ),
      tie('expression').map((operand): Expression => ({ kind: 'statistic', span, name: 'avg', operand })),
      fc
        .record({
          which: fc.constantFrom('print' as const, 'println' as const, 'sprint' as const),
          args: fc.array(tie('expression'), { minLength: 1, maxLength: 3 }),
        })
        .map(({ which, args }): Expression => ({ kind: 'print', span, name: which, arguments: args })),
      tie('histogram').map((node): Expression => ({ kind: 'print', span, name: 'println', arguments: [node] })),
      fc
        .record({
          format: fc.constantFrom('%d\n', '%%', '%-5s "x"'),
          args: fc.array(tie('expression'), { maxLength: 2 }),
        })
        .map(
          ({ format, args }): Expression => ({
            kind: 'print',
            span,
            name: 'printf',
            arguments: [{ kind: 'string', span, value: format }, ...args],
          }),
        ),
    ),
    block: fc
      .array(tie('statement'), { maxLength: 3 })
      .map((statements): Block => ({ kind: 'block', span, statements })),
    statement: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      tie('expression').map(
        (expression): Statement =>
          expression.kind === 'embedded-code' ? expression : { kind: 'expression-statement', span, expression },
      ),
      fc.constant<Statement>({ kind: 'empty', span }),
      tie('block'),
      fc
        .record({ condition: tie('expression'), yes: tie('block'), no: optional(tie('statement')) })
        .map(({ condition, yes, no }): Statement => dense(ifStatement(condition, yes, no))),
      fc
        .record({ condition: tie('expression'), body: tie('statement') })
        .map((node): Statement => ({ kind: 'while', span, ...node })),
      fc
        .record({
          initial: optional(tie('expression')),
          condition: optional(tie('expression')),
          step: optional(tie('expression')),
          body: tie('statement'),
        })
        .map((node): Statement => dense({ kind: 'for', span, ...node })),
      fc
        .record({
          value: optional(identifier),
          keys: fc.array(identifier, { minLength: 1, maxLength: 3 }),
          slice: optional(fc.array(tie('key'), { minLength: 1, maxLength: 3 })),
          column: fc.constantFrom(undefined, 0, 1),
          direction: fc.constantFrom('ascending' as const, 'descending' as const),
          by: fc.constantFrom(undefined, 'sum' as const),
          limit: optional(tie('expression')),
          histogram: optional(tie('histogram')),
          body: tie('statement'),
        })
        .map(({ column, direction, by, histogram, slice, ...node }): Statement => {
          const sort =
            column === undefined ? undefined : dense({ column, direction, by: column === 0 ? by : undefined });
          const walked: Identifier = { kind: 'identifier', span, name: 'arr' };
          return dense({
            kind: 'foreach',
            span,
            ...node,
            target: histogram ?? walked,
            slice: histogram ? undefined : slice,
            sort,
          });
        }),
      tie('expression').map((target): Statement => ({ kind: 'delete', span, target })),
      optional(tie('expression')).map((value): Statement => dense({ kind: 'return', span, value })),
      fc
        .constantFrom('next' as const, 'break' as const, 'continue' as const)
        .map((kind): Statement => ({ kind, span })),
      fc
        .record({ body: tie('block'), variable: optional(identifier), handler: tie('block') })
        .map((node): Statement => dense({ kind: 'try', span, ...node })),
    ),
  };
});

const part: fc.Arbitrary<ProbePart> = fc
  .record({
    text: fc.constantFrom('kernel', 'function', '*', '**', 'sys*', '*d*', 'return', 'if'),
    argument: optional(fc.oneof(numberLiteral, stringLiteral)),
  })
  .map(({ text, argument }) => dense({ kind: 'probe-part' as const, span, name: text, argument }));

const point: fc.Arbitrary<ProbePoint> = fc
  .record({
    parts: fc.array(part, { minLength: 1, maxLength: 3 }),
    mark: fc.constantFrom('', '?', '!'),
    condition: optional(trees.expression),
  })
  .map(({ parts, mark, condition }) =>
    dense({ kind: 'probe-point' as const, span, parts, optional: mark === '?', sufficient: mark === '!', condition }),
  );

const type = fc.constantFrom(undefined, 'long' as const, 'string' as const);

const declaration: fc.Arbitrary<Declaration> = fc.oneof(
  fc
    .record({ points: fc.array(point, { minLength: 1, maxLength: 2 }), body: trees.block })
    .map((node): Declaration => ({ kind: 'probe', span, ...node, body: withoutReturns(node.body) })),
  fc
    .record({
      parts: fc.array(part, { minLength: 1, maxLength: 2 }),
      style: fc.constantFrom('prologue' as const, 'epilogue' as const),
      points: fc.array(point, { minLength: 1, maxLength: 2 }),
      body: trees.block,
      epilogue: optional(trees.block),
    })
    .map(({ parts, style, points, body, epilogue }): Declaration => {
      const alias: ProbePoint = { kind: 'probe-point', span, parts, optional: false, sufficient: false };
      const last = style === 'prologue' && epilogue ? withoutReturns(epilogue) : undefined;
      return dense({
        kind: 'probe-alias',
        span,
        names: [alias],
        style,
        points,
        body: withoutReturns(body),
        epilogue: last,
      });
    }),
  fc
    .record({
      private: fc.boolean(),
      result: type,
      first: type,
      priority: optional(fc.integer({ min: 1, max: 100 })),
      body: fc.oneof(trees.block, embedded),
    })
    .map(({ first, ...node }): Declaration => {
      const parameters = [dense({ kind: 'parameter' as const, span, name: 'p', type: first })];
      return dense({ kind: 'function', span, name: 'f', nameSpan: span, parameters, ...node });
    }),
  embedded,
);

/** A tree without `return`, which only functions may hold. */
function withoutReturns<T>(tree: T): T {
  return JSON.parse(JSON.stringify(tree), (_, value) =>
    value?.kind === 'return' ? { kind: 'next', span } : value,
  ) as T;
}

const globals = fc
  .uniqueArray(
    fc.record({
      private: fc.boolean(),
      name: fc.constantFrom('g', 'h', 'i', 'j'),
      type,
      wrap: fc.boolean(),
      size: optional(fc.integer({ min: 1, max: 9999 })),
      initial: optional(fc.oneof(numberLiteral, stringLiteral)),
    }),
    { selector: (node) => node.name, maxLength: 3 },
  )
  .map((nodes) =>
    nodes.map((node): Declaration => {
      const scalar = !node.wrap && node.size === undefined;
      return dense({ kind: 'global', span, nameSpan: span, ...node, initial: scalar ? node.initial : undefined });
    }),
  );

/** A whole script. */
export const script: fc.Arbitrary<ScriptFile> = fc
  .tuple(globals, fc.array(declaration, { minLength: 1, maxLength: 3 }))
  .map(([first, rest]) => ({
    kind: 'script-file',
    span,
    name: '<input>',
    privileged: false,
    declarations: [...first, ...rest],
  }));

/** One expression. */
export const expression: fc.Arbitrary<Expression> = trees.expression;

/** Pieces that mutations put into texts: everything the grammar gives a meaning to. */
export const SNIPPETS: readonly string[] = [
  ...[
    'probe ',
    'function ',
    'global ',
    'private ',
    'foreach (',
    'if (',
    'else',
    'try {',
    'catch',
    'return ',
    'delete ',
    'in ',
  ],
  ...['{', '}', '(', ')', '[', ']', '"', '\\', '%{', '%}', '%(', '%?', '%:', '%)', '/*', '*/', '#', '//', '\n'],
  ...[
    '@define ',
    '@define m %( @m %)',
    '@define n(a) %( @a %)',
    '@n(',
    '@m',
    '@1',
    '$1',
    '$#',
    '@#',
    '$9',
    '@count(',
    '@cast(',
  ],
  ...[
    '->',
    '$x',
    '$$',
    '$',
    '@hist_log(',
    '=~ "',
    '<<<',
    '!',
    '?',
    ':',
    ',',
    ';',
    '.',
    '*',
    '**',
    '0x',
    '08',
    '99999999999999999999',
  ],
  ...[
    'kernel_v',
    ' >= "4.*"',
    'CONFIG_X == "y"',
    'é',
    '\u0000',
    '\u{1f600}',
    ' limit ',
    '1',
    'x',
    '@',
    '%',
    '&&',
    '||',
    '-',
  ],
];
