// Names AST nodes the way SystemTap's messages do: `identifier 'x'`, `number '1'`, `operator '='`.
import type { Ast, AstNode, Expression } from '@stapkit/parser';
import type { Span } from '@stapkit/pass';
import type { Token } from './draft.js';

/** Gives the token that a message about a node names; it looks at the source text for operators. */
export interface TokenNamer {
  token(node: Exclude<AstNode, Ast>): Token;
}

/**
 * Makes a namer over the script's sources.
 *
 * @param texts file name → text
 */
export function tokenNamer(texts: ReadonlyMap<string, string>): TokenNamer {
  return {
    token(node) {
      const origin = 'origin' in node ? node.origin : undefined;
      const at = (text: string, span: Span = node.span): Token => (origin ? { text, span, origin } : { text, span });
      switch (node.kind) {
        case 'identifier':
          return at(`identifier '${node.name}'`);
        case 'number':
          return at(`number '${sliceOf(texts, node.span) ?? node.value}'`);
        case 'string':
          return at(`string '${node.value}'`);
        case 'call':
          return at(`identifier '${node.name}'`, node.nameSpan);
        case 'function':
        case 'global':
          return at(`identifier '${node.name}'`, node.nameSpan);
        case 'parameter':
          return at(`identifier '${node.name}'`);
        case 'print':
          return at(`identifier '${node.name}'`);
        case 'target-variable':
          return at(`identifier '$${node.name}'`);
        case 'cast':
          return at("operator '@cast'");
        case 'var':
          return at("operator '@var'");
        case 'defined':
          return at("operator '@defined'");
        case 'choose-defined':
          return at("operator '@choose_defined'");
        case 'entry':
          return at("operator '@entry'");
        case 'perf':
          return at("operator '@perf'");
        case 'probewrite':
          return at("operator '@probewrite'");
        case 'const':
          return at("operator '@const'");
        case 'enum':
          return at("operator '@enum'");
        case 'dereference':
          return at(`operator '${node.space === 'kernel' ? '@kderef' : '@uderef'}'`);
        case 'register':
          return at(`operator '${node.space === 'kernel' ? '@kregister' : '@uregister'}'`);
        case 'statistic':
          return at(`operator '@${node.name}'`);
        case 'histogram':
          return at(`operator '@hist_${node.name}'`);
        case 'unary':
          return at(`operator '${node.operator}'`);
        case 'binary':
        case 'assignment':
          return at(
            `operator '${node.operator}'`,
            between(
              texts,
              node.kind === 'binary' ? node.left : node.target,
              node.kind === 'binary' ? node.right : node.value,
              node.operator,
            ) ?? node.span,
          );
        case 'update':
          return at(
            `operator '${node.operator}'`,
            node.prefix ? node.span : { ...node.span, start: Math.max(node.span.start, node.span.end - 2) },
          );
        case 'regex':
          return at(
            `operator '${node.negated ? '!~' : '=~'}'`,
            between(texts, node.subject, node.pattern, node.negated ? '!~' : '=~') ?? node.span,
          );
        case 'conditional':
          return at("operator '?'", between(texts, node.condition, node.then, '?') ?? node.span);
        case 'membership':
          return at("keyword 'in'");
        case 'member':
          return at("operator '->'", node.path[0]?.span ?? node.span);
        case 'array-element':
          return this.token(node.array);
        case 'embedded-code':
          return at('embedded-code');
        case 'probe-part':
          return at(`identifier '${node.name}'`);
        case 'probe-point': {
          const first = node.parts[0];
          return first ? this.token(first) : at('identifier');
        }
        case 'expression-statement':
          return this.token(node.expression);
        default:
          return at('keyword');
      }
    },
  };
}

function sliceOf(texts: ReadonlyMap<string, string>, span: Span): string | undefined {
  const text = texts.get(span.file)?.slice(span.start, span.end);
  return text !== undefined && /^\w{1,40}$/.test(text) ? text : undefined;
}

/** Finds an operator between its two operands; undefined where a macro has moved one of them to another file. */
function between(
  texts: ReadonlyMap<string, string>,
  left: Expression,
  right: Expression,
  operator: string,
): Span | undefined {
  const { file } = left.span;
  if (right.span.file !== file || right.span.start < left.span.end || right.span.start - left.span.end > 1000) {
    return undefined;
  }
  const gap = texts.get(file)?.slice(left.span.end, right.span.start);
  const at = gap?.indexOf(operator) ?? -1;
  if (at < 0) return undefined;
  const start = left.span.end + at;
  return { file, start, end: start + operator.length };
}
