// @stapkit/parser: pass 1, text to AST and back. It touches no file system and knows nothing about kernels beyond the
// facts that `%( … %)` asks for.
export {
  type ArrayElement,
  type AssignmentExpression,
  type AssignmentOperator,
  type Ast,
  type AstKind,
  type AstNode,
  type BinaryExpression,
  type BinaryOperator,
  type Block,
  type CallExpression,
  type CastOperation,
  CHILD_FIELDS,
  type ChooseDefinedOperation,
  type ConditionalExpression,
  type ConstOperation,
  type Declaration,
  type DefinedOperation,
  type DeleteStatement,
  type DereferenceOperation,
  type EmbeddedCode,
  type EmptyStatement,
  type EntryOperation,
  type EnumOperation,
  type Expression,
  type ExpressionStatement,
  type ForeachStatement,
  type ForStatement,
  type FunctionDeclaration,
  type GlobalDeclaration,
  type HistogramOperation,
  type Identifier,
  type IfStatement,
  type JumpStatement,
  type MemberAccess,
  type MembershipExpression,
  type NumberLiteral,
  type Origin,
  type Parameter,
  type PathStep,
  type PerfOperation,
  type PrintExpression,
  type PrintName,
  type ProbeAlias,
  type ProbeDeclaration,
  type ProbePart,
  type ProbePoint,
  type ProbewriteOperation,
  type RegexExpression,
  type RegisterOperation,
  type ReturnStatement,
  type ScriptFile,
  type Statement,
  type StatisticName,
  type StatisticOperation,
  type StringLiteral,
  type TargetVariable,
  type TryStatement,
  type UnaryExpression,
  type UpdateExpression,
  type ValueTypeName,
  type VarOperation,
  type WhileStatement,
} from './ast.js';
export { checkSpans, type SpanFault } from './check-spans.js';
export {
  MAXIMUM_BRACES,
  MAXIMUM_DEPTH,
  MAXIMUM_ERRORS,
  MAXIMUM_EXPANSION,
  MAXIMUM_MACRO_DEPTH,
  MAXIMUM_TOKENS,
} from './diagnostics.js';
export { formatParse } from './format-parse.js';
export { compareVersions } from './lexical/conditions.js';
export { decodeScript } from './lexical/literals.js';
export { type Macro, type PreprocessorFacts, SYSTEMTAP_VERSION } from './lexical/preprocessor.js';
export { type Comment, isKeyword } from './lexical/scanner.js';
export { dottedName, NameCollector, type ReferencedNames } from './names.js';
export { type LibraryFile, ParsedLibrary, type ParseInput, parse, parsePass, type ScriptLibrary } from './parse.js';
export {
  type MacroFile,
  NO_FACTS,
  type ParseScriptOptions,
  parseMacros,
  parseScript,
  type ScriptOutcome,
} from './parse-script.js';
export { printAst } from './print.js';
export { type Dotted, DottedTree, dotted, mayReach } from './reach.js';
export { type SyntaxKind, type SyntaxToken, tokenize } from './tokenize.js';
export { childrenOf, type VisitAction, visitNode } from './visitor.js';
