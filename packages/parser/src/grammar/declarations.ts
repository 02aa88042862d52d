// Declarations, composed with typescript-parsec's combinators; the parts that most of a script is made of (statements,
// expressions, probe points) are hand-written parsers of the same interface.
import { apply, opt_sc, type Parser, seq } from 'typescript-parsec';
import type {
  Block,
  Declaration,
  EmbeddedCode,
  FunctionDeclaration,
  GlobalDeclaration,
  Parameter,
  ProbeAlias,
  ProbePoint,
  ValueTypeName,
} from '../ast.js';
import { parseError } from '../diagnostics.js';
import { joinPlaces, type ScriptToken, type TokenKind } from '../lexical/token.js';
import type { TokenStream } from '../lexical/token-stream.js';
import { readEmbedded, readNumber } from './expressions.js';
import { probePoints, readLiteral } from './probe-points.js';
import { type Reader, reading, separated, symbol } from './reader.js';
import { readBlock } from './statements.js';

// -------------------------------------------------------------------------------------------------------- shared

const identifier: Parser<TokenKind, ScriptToken> = reading((reader) => reader.expectIdentifier());

/** `:TYPE` where it is given. */
const typeMark: Parser<TokenKind, ValueTypeName | undefined> = reading(readType);

function readType(reader: Reader): ValueTypeName | undefined {
  if (!reader.accept(':')) return undefined;
  const { symbol: name } = reader.token;
  if (name !== 'string' && name !== 'long') {
    return reader.fail('type', "expected 'string' or 'long'", {
      ...(reader.token.text === 'int' ? { hints: ["numbers have the type 'long'"] } : {}),
    });
  }
  reader.take();
  return name;
}

// -------------------------------------------------------------------------------------------------------- probes

/** `=` or `+=` behind an alias's name. */
const aliasMark: Parser<TokenKind, ScriptToken> = reading((reader) =>
  reader.token.symbol === '=' || reader.token.symbol === '+=' ? reader.take() : reader.fail('expected', "expected '='"),
);

/** `, { … }` behind a prologue. */
const epiloguePart: Parser<TokenKind, { comma: ScriptToken; block: Block } | undefined> = reading((reader) => {
  if (reader.token.symbol !== ',') return undefined;
  return { comma: reader.take(), block: readBlock(reader) };
});

const probeHandler: Parser<TokenKind, Block> = reading((reader) =>
  reader.token.symbol === '{'
    ? readBlock(reader)
    : reader.fail('expected', "expected one of ', { } = +='", hintBehindPoint(reader.token)),
);

/** Behind the first mark: `POINTS`, or more names, each with a mark of its own: `NAME = … = POINTS`. */
const aliasPoints: Parser<TokenKind, AliasPoints> = {
  parse(token) {
    const names: ProbePoint[] = [];
    let epilogue = false;
    for (let at = token; ; ) {
      const output = probePoints.parse(at);
      if (!output.successful) return output;
      const candidate = output.candidates[0]!;
      const behind = candidate.nextToken as ScriptToken;
      if ((behind.symbol !== '=' && behind.symbol !== '+=') || candidate.result.length !== 1) {
        const result = { names, points: candidate.result, epilogue };
        return {
          candidates: [{ firstToken: token, nextToken: behind, result }],
          successful: true,
          error: output.error,
        };
      }
      names.push(...candidate.result);
      epilogue ||= behind.symbol === '+=';
      at = behind.next;
    }
  },
};

const aliasHandler = seq(aliasMark, aliasPoints, probeHandler, epiloguePart);

/** What follows the points of `probe …`: the rest of an alias, or a handler. */
const probeTail: Parser<TokenKind, Block | AliasTail> = {
  parse(token) {
    const { symbol: mark } = token as ScriptToken;
    return mark === '=' || mark === '+=' ? aliasHandler.parse(token) : probeHandler.parse(token);
  },
};

interface AliasPoints {
  readonly names: ProbePoint[];
  readonly points: ProbePoint[];
  /** One of the marks behind the first is `+=`. */
  readonly epilogue: boolean;
}

type AliasTail = [ScriptToken, AliasPoints, Block, { comma: ScriptToken; block: Block } | undefined];

function hintBehindPoint(token: ScriptToken): { hints?: readonly string[] } {
  if (token.symbol === '->') return { hints: ["the parts of a probe point are joined with '.'"] };
  if (token.kind === 'identifier' || token.kind === 'keyword') {
    return { hints: ["several probe points are separated by ','"] };
  }
  return {};
}

const probe: Parser<TokenKind, Declaration[]> = apply(
  seq(symbol('probe'), probePoints, probeTail),
  ([keyword, points, tail]): Declaration[] => {
    if (!Array.isArray(tail)) return [{ kind: 'probe', ...joinPlaces(keyword, tail), points, body: tail }];
    return [makeAlias(keyword, points, tail)];
  },
);

function makeAlias(keyword: ScriptToken, first: readonly ProbePoint[], tail: AliasTail): ProbeAlias {
  const [mark, { names: more, points, epilogue: late }, body, epilogue] = tail;
  const names = [...first, ...more];
  const stream = streamOf(keyword);
  if (first.length !== 1) {
    stream.report(
      parseError('alias-names', 'expected probe point specifier', mark, {
        hints: ["several names of an alias are joined by '=': probe one = two = POINTS"],
      }),
    );
  }
  for (const name of names) {
    if (!name.optional && !name.sufficient && !name.condition) continue;
    const what = name.condition ? 'have a condition' : 'be optional nor sufficient';
    stream.report({
      code: 'parser/alias-suffix',
      severity: 'error',
      class: 'parse',
      message: `probe point alias name cannot ${what}`,
      span: name.span,
    });
  }
  const prologue = mark.symbol === '=' && !late;
  if (epilogue && !prologue) {
    stream.report(
      parseError('alias-epilogue', "Combined prologue and epilogue cannot be defined with '+='", epilogue.comma),
    );
  }
  return {
    kind: 'probe-alias',
    ...joinPlaces(keyword, epilogue?.block ?? body),
    names,
    style: prologue ? 'prologue' : 'epilogue',
    points,
    body,
    ...(epilogue ? { epilogue: epilogue.block } : {}),
  };
}

function streamOf(token: ScriptToken): TokenStream {
  return token.supply as TokenStream;
}

// ----------------------------------------------------------------------------------------------------- functions

const parameters: Parser<TokenKind, readonly Parameter[]> = reading((reader) => {
  const list: Parameter[] = [];
  const names = new Set<string>();
  reader.expect('(');
  if (reader.accept(')')) return list;
  for (;;) {
    const token = reader.expectIdentifier();
    if (names.has(token.text)) reader.error('duplicate-parameter', 'duplicate parameter names', token);
    names.add(token.text);
    const type = readType(reader);
    list.push({ kind: 'parameter', ...reader.place(token), name: token.text, ...(type ? { type } : {}) });
    if (reader.accept(')')) return list;
    if (!reader.accept(',')) reader.fail('expected', "expected ',' or ')'");
  }
});

const priority: Parser<TokenKind, number | undefined> = reading((reader) => {
  if (!reader.accept(':')) return undefined;
  const { token } = reader;
  if (token.kind !== 'number' && token.symbol !== '-') {
    return reader.fail('expected-value', 'expected literal string or number');
  }
  const value = Number(readNumber(reader).value);
  if (value <= 0 || value > 0x7fffffff) reader.error('priority', 'specified priority must be > 0', token);
  return value;
});

const functionBody: Parser<TokenKind, Block | EmbeddedCode> = reading((reader) => {
  if (reader.token.kind === 'embedded-code') return readEmbedded(reader);
  reader.inFunction = true;
  return readBlock(reader);
});

const functionDeclaration: Parser<TokenKind, FunctionDeclaration> = apply(
  seq(symbol('function'), identifier, typeMark, parameters, priority, functionBody),
  ([keyword, name, result, list, rank, body]): FunctionDeclaration => ({
    kind: 'function',
    ...joinPlaces(keyword, body),
    name: name.text,
    nameSpan: name.span,
    private: false,
    ...(result ? { result } : {}),
    parameters: list,
    ...(rank !== undefined ? { priority: rank } : {}),
    body,
  }),
);

// ------------------------------------------------------------------------------------------------------- globals

const globalName = (isPrivate: boolean): Parser<TokenKind, GlobalDeclaration> =>
  reading((reader) => {
    const name = reader.expectIdentifier();
    const earlier = reader.stream.globals.get(name.text);
    if (earlier) {
      const conflict = isPrivate !== reader.stream.privates.has(name.text);
      const message = conflict ? 'global versus private variable declaration conflict' : 'duplicate global name';
      reader.error('duplicate-global', message, name, {
        related: [{ message: `'${name.text}' is declared here`, span: earlier.span }],
      });
    } else {
      reader.stream.globals.set(name.text, name);
      if (isPrivate) reader.stream.privates.add(name.text);
    }
    const type = readType(reader);
    const wrap = reader.accept('%');
    let size: number | undefined;
    if (reader.accept('[')) {
      const at = reader.token;
      size = Number(readNumber(reader).value);
      if (size <= 0 || size > 0x7fffffff) {
        reader.error('array-size', 'array size out of range', at);
        size = undefined;
      }
      reader.expect(']');
      if (reader.token.symbol === '%') {
        reader.fail('expected', "expected 'probe', 'global', 'private', 'function', or '%{'", {
          hints: [`the wrapping mark comes before the size: ${name.text}%[${size ?? 'SIZE'}]`],
        });
      }
    }
    let initial: GlobalDeclaration['initial'];
    if (reader.token.symbol === '=') {
      if (size !== undefined || wrap) reader.fail('initial', 'only scalar globals can be initialized');
      reader.take();
      initial = readLiteral(reader);
    }
    return {
      kind: 'global',
      ...reader.place(name),
      name: name.text,
      nameSpan: name.span,
      private: isPrivate,
      ...(type ? { type } : {}),
      ...(size !== undefined ? { size } : {}),
      wrap,
      ...(initial ? { initial } : {}),
    };
  });

const globalNames = (isPrivate: boolean): Parser<TokenKind, Declaration[]> =>
  apply(seq(separated(globalName(isPrivate), ','), opt_sc(symbol(';'))), ([names]): Declaration[] => names);

const names = { open: globalNames(false), private: globalNames(true) };

const globals = apply(seq(symbol('global'), names.open), ([, nodes]) => nodes);

const privateGlobals = apply(seq(symbol('global'), names.private), ([, nodes]) => nodes);

/** `private function …`, `private global …`, `private NAME` */
const privateDeclaration: Parser<TokenKind, Declaration[]> = {
  parse(token) {
    const behind = (token as ScriptToken).next!;
    switch (behind.symbol) {
      case 'function':
        return apply(functionDeclaration, (node): Declaration[] => [
          { ...node, ...joinPlaces(token as ScriptToken, node), private: true },
        ]).parse(behind);
      case 'global':
        return privateGlobals.parse(behind);
    }
    if (behind.kind !== 'identifier') {
      return reading((reader) => reader.fail('expected', "expected 'function' or identifier")).parse(behind);
    }
    return names.private.parse(behind);
  },
};

// --------------------------------------------------------------------------------------------------- declarations

const embedded: Parser<TokenKind, Declaration[]> = apply(
  reading((reader) => readEmbedded(reader)),
  (node): Declaration[] => [node],
);

const functions: Parser<TokenKind, Declaration[]> = apply(functionDeclaration, (node): Declaration[] => [node]);

/** One declaration; `global a, b` gives two nodes. */
export const declaration: Parser<TokenKind, Declaration[]> = {
  parse(token) {
    const first = token as ScriptToken;
    switch (first.symbol) {
      case 'probe':
        return probe.parse(first);
      case 'function':
        return functions.parse(first);
      case 'global':
        return globals.parse(first);
      case 'private':
        return privateDeclaration.parse(first);
    }
    if (first.kind === 'embedded-code') return embedded.parse(first);
    return reading((reader) =>
      reader.fail('expected-declaration', "expected 'probe', 'global', 'private', 'function', or '%{'"),
    ).parse(first);
  },
};
