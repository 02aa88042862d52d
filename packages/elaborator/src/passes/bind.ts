// Binds the script: every name in a handler or function gets its symbol, every construct its draft node. Functions are
// bound when something first calls them, so the library costs only what is used. No types are inferred here, except
// that target variables bring their C types along.
import type {
  AssignmentExpression,
  Ast,
  Block,
  CallExpression,
  EmbeddedCode,
  Expression,
  ForeachStatement,
  FunctionDeclaration,
  GlobalDeclaration,
  HistogramOperation,
  Identifier,
  NumberLiteral,
  PrintExpression,
  ScriptFile,
  Statement,
  StatisticOperation,
  StringLiteral,
} from '@stapkit/parser';
import { compareVersions, visitNode } from '@stapkit/parser';
import { type Diagnostic, formatPlace } from '@stapkit/pass';
import { errorLimit, messages } from '../diagnostics.js';
import {
  type Cell,
  type Draft,
  type DraftExpression,
  type DraftProbe,
  type DraftStatement,
  type DraftStatisticSource,
  type FunctionSymbol,
  type GlobalSymbol,
  type LocalSymbol,
  newCell,
  type Token,
  type TypedValue,
} from '../draft.js';
import type { ArithmeticOperator, ComparisonOperator, Histogram } from '../elaborated.js';
import type { PointVariables } from '../families/family.js';
import { type DraftPiece, parseFormat } from '../formats.js';
import { similarNames } from '../similar.js';
import type { SymbolSource } from '../symbol-source.js';
import type { TokenNamer } from '../tokens.js';
import type { DerivedProbe } from './derive-probes.js';
import { DEEPEST_NESTING, findTooDeep } from './measure-depth.js';
import { writtenNames } from './prune-prologues.js';
import { assignTarget, bindTarget, isTarget } from './targets.js';

export interface BindOptions {
  readonly symbols: SymbolSource;
  readonly tokens: TokenNamer;
  readonly guru: boolean;
  /** `--compatible` */
  readonly languageVersion?: string;
  readonly nearestFunctions?: (name: string) => readonly string[];
}

/** Most keys of an array, as SystemTap documents it for arrays' indexes. */
const MOST_KEYS = 9;

/** What one handler or function body is bound in. */
export interface Scope {
  readonly locals: Map<string, LocalSymbol>;
  file: ScriptFile;
  readonly function?: FunctionSymbol;
  readonly probe?: {
    readonly variables?: PointVariables;
    readonly entryValues: DraftExpression[];
    /** Names that the declaration's own body assigns to. */
    readonly written: () => ReadonlySet<string>;
  };
  /** Set while an `@entry` operand or a probe condition is bound. */
  mode?: 'entry' | 'condition';
  loops: number;
}

/** The probe that a function's own copy is for. */
interface CallContext {
  readonly key: string;
  readonly probe: NonNullable<Scope['probe']>;
  readonly mode: 'entry' | undefined;
}

/** The binder's state; `targets.ts` works on it too. */
export interface Binder {
  readonly symbols: SymbolSource;
  readonly tokens: TokenNamer;
  readonly guru: boolean;
  readonly diagnostics: Diagnostic[];
  expression(node: Expression, scope: Scope): DraftExpression;
  /** A local of the elaborator's own. */
  temporary(scope: Scope, name: string, token: Token): LocalSymbol;
  /** A function of the elaborator's own; equal keys give the same one. */
  synthesize(key: string, make: () => FunctionSymbol): FunctionSymbol;
}

interface FunctionEntry {
  readonly declaration: FunctionDeclaration;
  readonly file: ScriptFile;
  symbol?: FunctionSymbol;
  /** Copies of a function that refers to the context it is called from, by the key of that context. */
  readonly copies: Map<string, FunctionSymbol>;
  /** Whether it names `$variables`, itself or through what it calls. */
  contextual?: boolean;
}

/** How deep in expressions a called function is bound at once; deeper ones wait until the probes are done. */
const DEEPEST_EAGER = 400;

/**
 * Binds the derived probes and everything that they use.
 *
 * @returns the draft and the errors; nodes that could not be bound are left out or `unresolved`
 */
export function bind(
  ast: Ast,
  probes: readonly DerivedProbe[],
  options: BindOptions,
): { readonly draft: Draft; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const isExhausted = errorLimit(diagnostics);
  const { tokens } = options;
  const globals: GlobalSymbol[] = [];
  const globalNames = new Map<string, GlobalSymbol>();
  const privateGlobals = new Map<string, GlobalSymbol>();
  const functionNames = new Map<string, FunctionEntry[]>();
  const functions: FunctionSymbol[] = [];
  const entries = new Map<FunctionSymbol, FunctionEntry>();
  const pending = new Map<FunctionSymbol, { entry: FunctionEntry; context: CallContext | undefined }>();
  const contextNumbers = new Map<object, number>();
  /** What is wrong within functions is told after what is wrong within probes. */
  const late: Diagnostic[] = [];
  /** How many statements and expressions deep the walk is. */
  let level = 0;
  const resolvedSets = new Map<string, FunctionSymbol[]>();
  const tooDeep = new Set<unknown>();
  const synthetic = new Map<string, FunctionSymbol>();

  // ------------------------------------------------------------------------------------------- declarations

  /** A global's type is what it is declared as, or else what it starts with. */
  function typeCell(node: GlobalDeclaration, token: Token): Cell {
    if (node.type) return newCell(node.type, token);
    if (node.initial) return newCell(node.initial.kind === 'number' ? 'long' : 'string', token);
    return newCell();
  }

  function declareGlobal(node: GlobalDeclaration, file: ScriptFile): void {
    const token = tokens.token(node);
    const symbol: GlobalSymbol = {
      kind: 'global',
      name: node.name,
      token,
      cell: typeCell(node, token),
      library: file.privileged,
      private: node.private,
      file: file.name,
      ...(node.size === undefined ? {} : { size: node.size }),
      wrap: node.wrap,
      ...(node.initial ? { initial: literal(node.initial, file) } : {}),
    };
    if (symbol.initial) {
      symbol.keys = [];
      symbol.arityPlace = token;
    }
    if (node.private) {
      privateGlobals.set(`${file.name}\0${node.name}`, symbol);
    } else {
      const known = globalNames.get(node.name);
      if (known) {
        // A tapset's global of the same name gives way to the script's own.
        if (!symbol.library || known.library) diagnostics.push(messages.duplicateGlobal(token, known.token));
        return;
      }
      globalNames.set(node.name, symbol);
    }
    globals.push(symbol);
  }

  function literal(
    node: NumberLiteral | StringLiteral,
    file: ScriptFile,
  ): DraftExpression & { kind: 'number' | 'string' } {
    const token = tokens.token(node);
    return node.kind === 'number'
      ? { kind: 'number', value: BigInt(node.value), token, library: file.privileged, cell: newCell('long', token) }
      : { kind: 'string', value: node.value, token, library: file.privileged, cell: newCell('string', token) };
  }

  const crossFile = new Set<string>();
  const wrappedScalars = new Set<GlobalSymbol>();
  /** The bit shift that each statistic's variance is asked for with. */
  const shifts = new Map<GlobalSymbol, number>();
  const embedded: { code: string; pragmas: readonly string[]; span: EmbeddedCode['span'] }[] = [];
  const files = [...ast.user, ...ast.library];
  for (const file of files) {
    for (const declaration of file.declarations) {
      const deep = findTooDeep(declaration);
      if (deep) {
        tooDeep.add(declaration);
        diagnostics.push(messages.tooDeep(tokens.token(deep), DEEPEST_NESTING));
        continue;
      }
      if (declaration.kind === 'global') declareGlobal(declaration, file);
      else if (declaration.kind === 'function') {
        const declared = functionNames.get(declaration.name);
        const entry: FunctionEntry = { declaration, file, copies: new Map() };
        if (declared) declared.push(entry);
        else functionNames.set(declaration.name, [entry]);
      } else if (declaration.kind === 'embedded-code') {
        embedded.push({ code: declaration.code, pragmas: declaration.pragmas, span: declaration.span });
      }
    }
  }
  if (tooDeep.size > 0) return { draft: { globals: [], functions: [], probes: [], embedded: [] }, diagnostics };

  function findGlobal(name: string, file: ScriptFile): GlobalSymbol | undefined {
    return privateGlobals.get(`${file.name}\0${name}`) ?? globalNames.get(name);
  }

  /** The overloads of a name and arity, first to be tried first; they are linked by `fallback`. */
  function overloads(name: string, arity: number, file: ScriptFile, scope?: Scope): FunctionSymbol[] {
    const chosen = candidates(name, arity, file);
    const context = scope?.probe && chosen.entries.some(isContextual) ? contextOf(scope, scope.probe) : undefined;
    const key = `${chosen.key}\0${context?.key ?? ''}`;
    const known = resolvedSets.get(key);
    if (known) return known;
    const set = chosen.entries.map((entry) => functionSymbol(entry, context));
    for (const [index, symbol] of set.entries()) {
      const next = set[index + 1];
      if (next) symbol.fallback = next;
    }
    resolvedSets.set(key, set);
    return set;
  }

  interface Candidates {
    readonly key: string;
    readonly entries: FunctionEntry[];
  }
  const knownCandidates = new Map<string, Candidates>();

  function candidates(name: string, arity: number, file: ScriptFile): Candidates {
    const key = `${file.name}\0${name}\0${arity}`;
    let known = knownCandidates.get(key);
    if (!known) {
      known = findCandidates(name, arity, file);
      knownCandidates.set(key, known);
    }
    return known;
  }

  function findCandidates(name: string, arity: number, file: ScriptFile): Candidates {
    const all = functionNames.get(name) ?? [];
    const own = all.filter((entry) => entry.declaration.private && entry.file === file);
    const isOwn = own.some((entry) => entry.declaration.parameters.length === arity);
    const key = `${isOwn ? file.name : ''}\0${name}\0${arity}`;
    const found = (isOwn ? own : all.filter((entry) => !entry.declaration.private)).filter(
      (entry) => entry.declaration.parameters.length === arity,
    );
    const priority = (entry: FunctionEntry): number => entry.declaration.priority ?? (entry.file.privileged ? 1 : 0);
    found.sort((a, b) => priority(a) - priority(b));
    return { key, entries: found };
  }

  function contextOf(scope: Scope, probe: NonNullable<Scope['probe']>): CallContext {
    let number = contextNumbers.get(probe);
    if (number === undefined) {
      number = contextNumbers.size;
      contextNumbers.set(probe, number);
    }
    const mode = scope.mode === 'entry' ? 'entry' : undefined;
    return { key: `${number}${mode ?? ''}`, probe, mode };
  }

  /** Whether a function, or one that it calls, refers to variables of the probe that calls it. */
  function isContextual(entry: FunctionEntry): boolean {
    if (entry.contextual !== undefined) return entry.contextual;
    const reached = new Set([entry]);
    for (const one of reached) {
      if (one.contextual === false) continue;
      let names = one.contextual === true;
      visitNode(one.declaration.body, (node) => {
        if (node.kind === 'target-variable') names = true;
        else if (node.kind === 'call') {
          for (const called of candidates(node.name, node.arguments.length, one.file).entries) reached.add(called);
        }
        return names ? 'stop' : undefined;
      });
      if (names) {
        entry.contextual = true;
        return true;
      }
    }
    // Nothing that was reached does.
    for (const one of reached) one.contextual = false;
    return false;
  }

  function functionSymbol(entry: FunctionEntry, context?: CallContext): FunctionSymbol {
    const known = context ? entry.copies.get(context.key) : entry.symbol;
    if (known) return known;
    const { declaration, file } = entry;
    const token = tokens.token(declaration);
    const library = file.privileged;
    const names = new Set<string>();
    const parameters = declaration.parameters.map((parameter): LocalSymbol => {
      const at = tokens.token(parameter);
      if (names.has(parameter.name) && entry.copies.size === 0) {
        diagnostics.push(messages.duplicateParameter(parameter.name, at));
      }
      names.add(parameter.name);
      return {
        kind: 'local',
        name: parameter.name,
        token: at,
        cell: parameter.type ? newCell(parameter.type, at) : newCell(),
        parameter: true,
      };
    });
    const symbol: FunctionSymbol = {
      kind: 'function',
      name: declaration.name,
      token,
      library,
      file: file.name,
      parameters,
      result: declaration.result ? newCell(declaration.result, token) : newCell(),
      returns: declaration.result !== undefined,
      returned: [],
      body: { kind: 'block', statements: [], token, library },
      ...(context ? { context: context.probe } : {}),
      span: declaration.span,
    };
    if (context) entry.copies.set(context.key, symbol);
    else entry.symbol = symbol;
    functions.push(symbol);
    entries.set(symbol, entry);
    pending.set(symbol, { entry, context });
    return symbol;
  }

  function bindFunction(symbol: FunctionSymbol): void {
    const work = pending.get(symbol);
    if (!work) return;
    pending.delete(symbol);
    const { entry, context } = work;
    const { body } = entry.declaration;
    if (body.kind === 'embedded-code') {
      // Up to 1.7 the script's C said THIS->x for STAP_ARG_x.
      const isOld = options.languageVersion !== undefined && compareVersions(options.languageVersion, '1.7') <= 0;
      const pragmas = isOld && !entry.file.privileged ? [...body.pragmas, 'unmangled'] : body.pragmas;
      symbol.embedded = { code: body.code, pragmas, span: body.span };
      symbol.typed = resultOf(body.pragmas);
      checkPragmas(body);
      return;
    }
    const scope: Scope = {
      locals: new Map(),
      file: entry.file,
      function: symbol,
      ...(context ? { probe: context.probe, mode: context.mode } : {}),
      loops: 0,
    };
    for (const parameter of symbol.parameters) scope.locals.set(parameter.name, parameter);
    // Whoever asks quietly wants to know of its own expression, not of the function's body.
    const before = diagnostics.length;
    symbol.body = statement(body, scope);
    late.push(...diagnostics.splice(before));
  }

  /** What embedded code says of itself must hold together, and the globals that it names must be there. */
  function checkPragmas(body: EmbeddedCode): void {
    const pragmas = body.pragmas.map((pragma) => pragma.trim());
    const token: Token = { text: 'embedded-code', span: body.span };
    if (pragmas.includes('stable') && !pragmas.includes('pure')) late.push(messages.stableNotPure(token));
    for (const pragma of pragmas) {
      const match = /^pragma:(read|write):\s*(\w+)$/.exec(pragma);
      if (match && !globalNames.has(match[2]!) && !privateGlobals.has(`${body.span.file}\0${match[2]}`)) {
        late.push(messages.unresolvedPragma(match[1]!, match[2]!, token));
      }
    }
  }

  /** The C type that embedded code says its result points to: `/* returns: task_struct *\/`. */
  function resultOf(pragmas: readonly string[]): TypedValue | undefined {
    for (const pragma of pragmas) {
      const name = /^returns\s*:\s*(\w+)$/.exec(pragma.trim())?.[1];
      const type = name === undefined ? undefined : options.symbols.type(name);
      if (type !== undefined) return { type, pointers: 1, space: 'kernel' };
    }
    return undefined;
  }

  /** Binds what a call leads to, so that the C type of its result is known; chains without end are left for later. */
  function bindEagerly(set: readonly FunctionSymbol[]): void {
    if (level > DEEPEST_EAGER) return;
    for (const symbol of set) bindFunction(symbol);
  }

  function bindPending(): void {
    for (const symbol of pending.keys()) bindFunction(symbol);
  }

  // --------------------------------------------------------------------------------------------- statements

  function base(node: Parameters<TokenNamer['token']>[0], scope: Scope): { token: Token; library: boolean } {
    return { token: tokens.token(node), library: scope.file.privileged };
  }

  function statement(node: Statement, scope: Scope): DraftStatement {
    if (isExhausted()) return { kind: 'block', ...base(node, scope), statements: [] };
    level++;
    const bound = bindStatement(node, scope);
    level--;
    return bound;
  }

  function bindStatement(node: Statement, scope: Scope): DraftStatement {
    const common = base(node, scope);
    switch (node.kind) {
      case 'block':
        return { kind: 'block', ...common, statements: node.statements.map((inner) => statement(inner, scope)) };
      case 'empty':
        return { kind: 'block', ...common, statements: [] };
      case 'expression-statement': {
        const bound = expression(node.expression, scope);
        const print = node.expression;
        if (bound.kind === 'print-histogram' && print.kind === 'print' && print.name === 'println') {
          const newline: DraftExpression = {
            kind: 'print',
            token: bound.token,
            library: bound.library,
            cell: newCell('long', bound.token),
            pieces: [{ kind: 'text', text: '\n' }],
            arguments: [],
          };
          return {
            kind: 'block',
            ...common,
            statements: [
              { kind: 'expression', ...common, expression: bound },
              { kind: 'expression', ...common, expression: newline },
            ],
          };
        }
        return { kind: 'expression', ...common, token: tokens.token(leftmost(print)), expression: bound };
      }
      case 'if':
        return {
          kind: 'if',
          ...common,
          condition: expression(node.condition, scope),
          // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
          then: statement(node.then, scope),
          ...(node.else ? { else: statement(node.else, scope) } : {}),
        };
      case 'while':
        return {
          kind: 'loop',
          ...common,
          condition: expression(node.condition, scope),
          body: loopBody(node.body, scope),
        };
      case 'for': {
        const initial = node.initial && expression(node.initial, scope);
        const loop: DraftStatement = {
          kind: 'loop',
          ...common,
          ...(node.condition ? { condition: expression(node.condition, scope) } : {}),
          ...(node.step ? { step: expression(node.step, scope) } : {}),
          body: loopBody(node.body, scope),
        };
        if (!initial) return loop;
        return { kind: 'block', ...common, statements: [{ kind: 'expression', ...common, expression: initial }, loop] };
      }
      case 'foreach':
        return foreach(node, scope);
      case 'return': {
        if (!scope.function) {
          diagnostics.push(messages.wrongContext('return', 'function', common.token));
          return { kind: 'block', ...common, statements: [] };
        }
        if (!node.value) return { kind: 'return', ...common, function: scope.function };
        scope.function.returns = true;
        const value = expression(node.value, scope);
        scope.function.returned.push(value);
        noteType(scope.function, value);
        return { kind: 'return', ...common, function: scope.function, value };
      }
      case 'next':
        return { kind: 'next', ...common };
      case 'break':
      case 'continue':
        if (scope.loops === 0) {
          diagnostics.push(messages.outsideLoop(node.kind, common.token));
          return { kind: 'block', ...common, statements: [] };
        }
        return { kind: node.kind, ...common };
      case 'delete':
        return deletion(node.target, scope, common);
      case 'try': {
        const body = statement(node.body, scope);
        const caught = node.variable && loopVariable(node.variable, scope);
        const handler = statement(node.handler, scope);
        return {
          kind: 'try',
          ...common,
          body,
          ...(caught ? { variable: caught.local } : {}),
          handler: caught ? withAssignments([caught], handler) : handler,
        };
      }
      case 'embedded-code':
        return { kind: 'embedded', ...common, code: node.code, pragmas: node.pragmas };
    }
  }

  function loopBody(node: Statement, scope: Scope): DraftStatement {
    scope.loops++;
    const body = statement(node, scope);
    scope.loops--;
    return body;
  }

  interface LoopVariable {
    readonly local: LocalSymbol;
    readonly token: Token;
    /** Set where the name is a global: the loop fills a hidden local, and the body starts by copying it. */
    readonly copy?: DraftStatement;
  }

  function loopVariable(node: Identifier, scope: Scope): LoopVariable {
    const bound = identifier(node, scope);
    const token = tokens.token(node);
    if (bound.kind === 'local') return { local: bound.symbol, token };
    const local = temporary(scope, node.name, token);
    const common = base(node, scope);
    if (bound.kind !== 'global') return { local, token };
    return {
      local,
      token,
      copy: {
        kind: 'expression',
        ...common,
        expression: {
          kind: 'assignment',
          ...common,
          cell: bound.cell,
          target: bound,
          value: { kind: 'local', ...common, cell: local.cell, symbol: local },
        },
      },
    };
  }

  function withAssignments(variables: readonly LoopVariable[], body: DraftStatement): DraftStatement {
    const copies = variables.flatMap((variable) => (variable.copy ? [variable.copy] : []));
    if (copies.length === 0) return body;
    return { kind: 'block', token: body.token, library: body.library, statements: [...copies, body] };
  }

  function foreach(node: ForeachStatement, scope: Scope): DraftStatement {
    const common = base(node, scope);
    const keys = node.keys.map((key) => loopVariable(key, scope));
    const value = node.value && loopVariable(node.value, scope);
    const variables = value ? [...keys, value] : keys;
    if (node.target.kind === 'histogram') {
      const histogram = histogramSource(node.target, scope);
      const limit = node.limit && expression(node.limit, scope);
      const body = withAssignments(variables, loopBody(node.body, scope));
      const key = keys[0];
      if (!histogram || !key || keys.length !== 1) {
        if (histogram) diagnostics.push(messages.inconsistentArity(1, keys.length, common.token, undefined));
        return { kind: 'block', ...common, statements: [] };
      }
      return {
        kind: 'foreach-bucket',
        ...common,
        key: key.local,
        ...(value ? { value: value.local } : {}),
        ...histogram,
        ...(limit ? { limit } : {}),
        body,
      };
    }
    const array = node.target.kind === 'identifier' ? node.target : node.target.array;
    const slice = node.slice ?? (node.target.kind === 'array-element' ? node.target.keys : []);
    const bound = array.kind === 'identifier' ? arrayGlobal(array, keys.length, scope) : undefined;
    const boundSlice = slice.map((key) => key && expression(key, scope));
    const limit = node.limit && expression(node.limit, scope);
    const body = withAssignments(variables, loopBody(node.body, scope));
    if (!bound) return { kind: 'block', ...common, statements: [] };
    if (boundSlice.length > 0 && boundSlice.length !== keys.length) {
      diagnostics.push(
        messages.inconsistentArity(keys.length, boundSlice.length, tokens.token(node.target), bound.arityPlace),
      );
    }
    return {
      kind: 'foreach',
      ...common,
      global: bound,
      keys: keys.map((key) => key.local),
      keyTokens: keys.map((key) => key.token),
      ...(value ? { value: value.local, valueToken: value.token } : {}),
      slice: boundSlice,
      ...(node.sort ? { sort: node.sort } : {}),
      ...(limit ? { limit } : {}),
      body,
    };
  }

  function deletion(target: Expression, scope: Scope, common: { token: Token; library: boolean }): DraftStatement {
    const nothing: DraftStatement = { kind: 'block', ...common, statements: [] };
    if (target.kind === 'identifier') {
      const local = scope.locals.get(target.name);
      if (local) return { kind: 'delete-local', ...common, local };
      const global = findGlobal(target.name, scope.file);
      if (global) return { kind: 'delete', ...common, token: tokens.token(target), global };
      diagnostics.push(messages.unresolvedDelete(tokens.token(target)));
      return nothing;
    }
    if (target.kind === 'array-element' && target.array.kind === 'identifier') {
      const global = arrayGlobal(target.array, target.keys.length, scope);
      const keys = target.keys.map((key) => key && expression(key, scope));
      return global ? { kind: 'delete', ...common, token: tokens.token(target.array), global, keys } : nothing;
    }
    diagnostics.push(messages.badDelete(tokens.token(target)));
    return nothing;
  }

  // ------------------------------------------------------------------------------------------------ names

  function localOf(node: Identifier, scope: Scope): LocalSymbol {
    let local = scope.locals.get(node.name);
    if (!local) {
      local = { kind: 'local', name: node.name, token: tokens.token(node), cell: newCell(), parameter: false };
      scope.locals.set(node.name, local);
    }
    return local;
  }

  function temporary(scope: Scope, name: string, token: Token): LocalSymbol {
    let unique = `__${name}`;
    for (let count = 1; scope.locals.has(unique); count++) unique = `__${name}${count}`;
    const local: LocalSymbol = { kind: 'local', name: unique, token, cell: newCell(), parameter: false, hidden: true };
    scope.locals.set(unique, local);
    return local;
  }

  function identifier(node: Identifier, scope: Scope): DraftExpression & { kind: 'local' | 'global' | 'unresolved' } {
    const common = base(node, scope);
    const known = scope.locals.get(node.name);
    const global = known ? undefined : findGlobal(node.name, scope.file);
    if (global) {
      noteCrossFile(global, common.token, scope);
      setArity(global, 0, common.token);
      return {
        kind: 'global',
        ...common,
        cell: global.cell,
        symbol: global,
        ...(global.typed ? { typed: global.typed } : {}),
      };
    }
    if (scope.mode === 'condition') {
      diagnostics.push(messages.conditionNotGlobal(common.token));
    }
    const symbol = known ?? localOf(node, scope);
    return {
      kind: 'local',
      ...common,
      cell: symbol.cell,
      symbol,
      ...(symbol.typed ? { typed: symbol.typed } : {}),
    };
  }

  /** The global array of a name; reports where there is none or its arity differs. */
  function arrayGlobal(node: Identifier, arity: number, scope: Scope): GlobalSymbol | undefined {
    const token = tokens.token(node);
    const global = scope.locals.has(node.name) ? undefined : findGlobal(node.name, scope.file);
    if (!global) {
      diagnostics.push(messages.unresolvedArray(node.name, arity, token));
      return undefined;
    }
    noteCrossFile(global, token, scope);
    return setArity(global, arity, token) ? global : undefined;
  }

  /** A function of the tapset that has a local of the name of the script's global takes that one, as in SystemTap. */
  function noteCrossFile(global: GlobalSymbol, token: Token, scope: Scope): void {
    if (global.library || !scope.file.privileged || !scope.function) return;
    const key = `${global.name}\0${scope.file.name}`;
    if (crossFile.has(key)) return;
    crossFile.add(key);
    const text = ast.sources.find((source) => source.name === global.token.span.file)?.text;
    const place = text === undefined ? global.token.span.file : formatPlace(global.token.span, text);
    late.push(messages.crossFile(`${global.token.text} at ${place}`, token));
  }

  function setArity(global: GlobalSymbol, arity: number, token: Token): boolean {
    if (arity > MOST_KEYS) {
      diagnostics.push(messages.tooManyKeys(token, MOST_KEYS));
      return false;
    }
    if (arity === 0 && global.size !== undefined) {
      diagnostics.push(messages.sizedScalar(global.token));
      return false;
    }
    if (arity === 0 && global.wrap && !wrappedScalars.has(global)) {
      wrappedScalars.add(global);
      diagnostics.push(messages.wrappedScalar(global.token));
      return false;
    }
    if (!global.keys) {
      global.keys = Array.from({ length: arity }, () => newCell());
      global.arityPlace = token;
      return true;
    }
    if (global.keys.length !== arity) {
      diagnostics.push(messages.inconsistentArity(global.keys.length, arity, token, global.arityPlace));
      return false;
    }
    return true;
  }

  /** Remembers the C type that goes into a local or comes out of a function; two different ones cancel out. */
  function noteType(symbol: { typed?: TypedValue | null }, value: DraftExpression): void {
    if (symbol.typed === null) return;
    if (!value.typed) {
      // A plain number (NULL, say) says nothing about what else is assigned.
      if (value.kind !== 'number') symbol.typed ??= undefined;
      return;
    }
    if (symbol.typed === undefined) symbol.typed = value.typed;
    else if (symbol.typed.type !== value.typed.type || symbol.typed.module !== value.typed.module) symbol.typed = null;
  }

  // ------------------------------------------------------------------------------------------- expressions

  function expression(node: Expression, scope: Scope): DraftExpression {
    level++;
    const bound = bindExpression(node, scope);
    level--;
    return bound;
  }

  function bindExpression(node: Expression, scope: Scope): DraftExpression {
    const common = base(node, scope);
    const long = () => newCell('long', common.token);
    const text = () => newCell('string', common.token);
    const unresolved = (diagnostic: Diagnostic): DraftExpression => ({
      kind: 'unresolved',
      ...common,
      cell: newCell(),
      diagnostic,
    });
    if (scope.mode === 'condition' && (node.kind === 'assignment' || node.kind === 'update')) {
      diagnostics.push(messages.conditionEmbedded('modify any variables', common.token));
    }
    switch (node.kind) {
      case 'number':
      case 'string':
        return literal(node, scope.file);
      case 'identifier':
        return identifier(node, scope);
      case 'array-element': {
        if (node.array.kind === 'histogram') {
          const histogram = histogramSource(node.array, scope);
          const key = node.keys[0];
          if (!key || node.keys.length !== 1) {
            diagnostics.push(messages.badHistogram('a histogram takes one index', common.token));
            return unresolved(messages.badHistogram('a histogram takes one index', common.token));
          }
          const index = expression(key, scope);
          if (!histogram) return number(0n, common);
          return { kind: 'bucket', ...common, cell: long(), ...histogram, index };
        }
        const keys: DraftExpression[] = [];
        for (const key of node.keys) {
          if (key) keys.push(expression(key, scope));
          else diagnostics.push(messages.sliceOutside(common.token));
        }
        const global = arrayGlobal(node.array, node.keys.length, scope);
        if (!global || keys.length !== node.keys.length) return number(0n, common);
        return { kind: 'element', ...common, cell: global.cell, symbol: global, keys };
      }
      case 'call':
        return call(node, scope);
      case 'unary': {
        const operand = expression(node.operand, scope);
        if (node.operator === '+') {
          return {
            kind: 'arithmetic',
            ...common,
            cell: long(),
            operator: '+',
            left: number(0n, common),
            right: operand,
          };
        }
        const operator = node.operator === '-' ? 'negate' : node.operator === '~' ? 'complement' : 'not';
        return { kind: 'unary', ...common, cell: long(), operator, operand };
      }
      case 'update': {
        const delta = node.operator === '++' ? 1 : -1;
        if (isTarget(node.operand)) {
          const one = number(1n, common);
          const stored = assignTarget(binder, node.operand, delta === 1 ? '+' : '-', one, common.token, scope);
          if (node.prefix) return stored;
          // `$x++` is the new value less the change.
          return {
            kind: 'arithmetic',
            ...common,
            cell: long(),
            operator: delta === 1 ? '-' : '+',
            left: stored,
            right: number(1n, common),
          };
        }
        const target = variable(node.operand, common.token, scope);
        if (!target) return number(0n, common);
        return { kind: 'update', ...common, cell: long(), delta, prefix: node.prefix, target };
      }
      case 'binary': {
        const left = expression(node.left, scope);
        const right = expression(node.right, scope);
        switch (node.operator) {
          case '&&':
            return { kind: 'logical', ...common, cell: long(), operator: 'and', left, right };
          case '||':
            return { kind: 'logical', ...common, cell: long(), operator: 'or', left, right };
          case '.': {
            const parts = left.kind === 'concatenation' ? [...left.parts, right] : [left, right];
            return { kind: 'concatenation', ...common, cell: text(), parts };
          }
          case '<':
          case '>':
          case '<=':
          case '>=':
          case '==':
          case '!=':
            return {
              kind: 'comparison',
              ...common,
              cell: long(),
              operator: node.operator satisfies ComparisonOperator,
              left,
              right,
            };
          default:
            return {
              kind: 'arithmetic',
              ...common,
              cell: long(),
              operator: node.operator satisfies ArithmeticOperator,
              left,
              right,
            };
        }
      }
      case 'conditional': {
        const condition = expression(node.condition, scope);
        const first = expression(node.then, scope);
        const second = expression(node.else, scope);
        const typed = first.typed && second.typed && first.typed.type === second.typed.type ? first.typed : undefined;
        return {
          kind: 'conditional',
          ...common,
          cell: newCell(),
          condition,
          // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
          then: first,
          else: second,
          ...(typed ? { typed } : {}),
        };
      }
      case 'assignment':
        return assignment(node, scope);
      case 'membership': {
        const global = arrayGlobal(node.array, node.keys.length, scope);
        const keys = node.keys.map((key) => key && expression(key, scope));
        if (!global) return number(0n, common);
        const arrayToken = tokens.token(node.array);
        return { kind: 'membership', ...common, cell: long(), global, keys, arrayToken };
      }
      case 'regex': {
        const subject = expression(node.subject, scope);
        return {
          kind: 'regex',
          ...common,
          cell: long(),
          negated: node.negated,
          subject,
          pattern: node.pattern.value,
          patternToken: tokens.token(node.pattern),
        };
      }
      case 'target-variable':
      case 'cast':
      case 'var':
      case 'member':
      case 'enum':
      case 'const':
      case 'register':
      case 'dereference':
      case 'perf':
        return bindTarget(binder, node, scope);
      case 'defined': {
        const found = quietly(() => expression(node.operand, scope));
        return number(found && isResolved(found) ? 1n : 0n, common);
      }
      case 'choose-defined': {
        const found = quietly(() => expression(node.first, scope));
        return found && isResolved(found) ? found : expression(node.second, scope);
      }
      case 'entry':
        return entry(node.operand, scope, common);
      case 'probewrite': {
        // "Written in the probe handler body": what an alias's own blocks do does not count.
        if (scope.probe) return number(scope.probe.written().has(node.variable.name) ? 1n : 0n, common);
        const global = scope.locals.has(node.variable.name) ? undefined : findGlobal(node.variable.name, scope.file);
        return { kind: 'probewrite', ...common, cell: long(), ...(global ? { global } : {}) };
      }
      case 'statistic':
        return statistic(node, scope);
      case 'histogram': {
        diagnostics.push(messages.badHistogram('histogram is only for print, foreach and indexing', common.token));
        return number(0n, common);
      }
      case 'print':
        return print(node, scope);
      case 'embedded-code': {
        const isString = node.pragmas.some((pragma) => pragma.trim() === 'string');
        return {
          kind: 'embedded',
          ...common,
          cell: isString ? text() : long(),
          code: node.code,
          pragmas: node.pragmas,
        };
      }
    }
  }

  function number(value: bigint, common: { token: Token; library: boolean }): DraftExpression {
    return { kind: 'number', ...common, value, cell: newCell('long', common.token) };
  }

  /** Binds without reporting; undefined where anything was reported. */
  function quietly(run: () => DraftExpression): DraftExpression | undefined {
    const before = diagnostics.length;
    const bound = run();
    if (diagnostics.length === before) return bound;
    diagnostics.length = before;
    return undefined;
  }

  function variable(
    node: Expression,
    operator: Token,
    scope: Scope,
  ): (DraftExpression & { kind: 'local' | 'global' | 'element' }) | undefined {
    if (node.kind === 'identifier' || (node.kind === 'array-element' && node.array.kind === 'identifier')) {
      const bound = expression(node, scope);
      if (bound.kind === 'local' || bound.kind === 'global' || bound.kind === 'element') return bound;
      return undefined;
    }
    expression(node, scope);
    diagnostics.push(messages.notAssignable(operator, tokens.token(node)));
    return undefined;
  }

  function assignment(node: AssignmentExpression, scope: Scope): DraftExpression {
    const common = base(node, scope);
    if (node.operator === '<<<') {
      const source = statisticSource(node.target, scope, common.token);
      const value = expression(node.value, scope);
      if (!source) return number(0n, common);
      return { kind: 'accumulate', ...common, cell: newCell('long', common.token), target: source, value };
    }
    const operator = node.operator === '=' ? undefined : (node.operator.slice(0, -1) as ArithmeticOperator | '.');
    if (isTarget(node.target)) {
      const value = expression(node.value, scope);
      return assignTarget(binder, node.target, operator, value, common.token, scope);
    }
    const target = variable(node.target, common.token, scope);
    const value = expression(node.value, scope);
    if (!target) return value;
    if (target.kind !== 'element' && !operator) noteType(target.symbol, value);
    return {
      kind: 'assignment',
      ...common,
      cell: target.cell,
      ...(operator ? { operator } : {}),
      target,
      value,
      ...(value.typed ? { typed: value.typed } : {}),
    };
  }

  function statisticSource(node: Expression, scope: Scope, operator: Token): DraftStatisticSource | undefined {
    const token = tokens.token(node);
    if (node.kind === 'identifier') {
      const global = scope.locals.has(node.name) ? undefined : findGlobal(node.name, scope.file);
      if (!global) {
        diagnostics.push(messages.statisticLocal(token));
        return undefined;
      }
      return setArity(global, 0, token) ? { global, token } : undefined;
    }
    if (node.kind === 'array-element' && node.array.kind === 'identifier') {
      const global = arrayGlobal(node.array, node.keys.length, scope);
      const keys = node.keys.map((key) => key && expression(key, scope));
      return global ? { global, token, keys } : undefined;
    }
    diagnostics.push(messages.notAssignable(operator, token));
    return undefined;
  }

  function statistic(node: StatisticOperation, scope: Scope): DraftExpression {
    const common = base(node, scope);
    const source = statisticSource(node.operand, scope, common.token);
    if (!source) return number(0n, common);
    const shift = node.shift ? Number(node.shift.value) : undefined;
    if (node.shift && shift !== undefined && !(shift >= 0 && shift <= 62)) {
      diagnostics.push(messages.badShift(node.shift.value, common.token));
    }
    if (node.name === 'variance') {
      // A shift of none may still become another one, as in SystemTap, but not the other way round.
      const before = shifts.get(source.global) ?? 0;
      if (before !== 0 && before !== (shift ?? 0)) diagnostics.push(messages.conflictingShift(before, common.token));
      shifts.set(source.global, shift ?? 0);
    }
    return {
      kind: 'statistic',
      ...common,
      cell: newCell('long', common.token),
      operation: node.name,
      ...(shift === undefined ? {} : { shift }),
      source,
    };
  }

  function histogramSource(
    node: HistogramOperation,
    scope: Scope,
  ): { source: DraftStatisticSource; histogram: Histogram } | undefined {
    const token = tokens.token(node);
    const source = statisticSource(node.operand, scope, token);
    if (!source) return undefined;
    if (node.name === 'log') return { source, histogram: { kind: 'log' } };
    const [low, high, interval] = node.parameters.map((parameter) => Number(parameter.value));
    if (low === undefined || high === undefined || interval === undefined) {
      diagnostics.push(messages.badHistogram('@hist_linear takes a low value, a high value and an interval', token));
      return undefined;
    }
    if (interval <= 0) {
      diagnostics.push(messages.badHistogram('interval must be positive', token));
      return undefined;
    }
    if (high <= low) {
      diagnostics.push(messages.badHistogram('invalid histogram limits', token));
      return undefined;
    }
    return { source, histogram: { kind: 'linear', low, high, interval } };
  }

  function call(node: CallExpression, scope: Scope): DraftExpression {
    const common = base(node, scope);
    if (scope.mode === 'condition') {
      diagnostics.push(messages.conditionEmbedded('reference function', common.token));
      return number(0n, common);
    }
    const bound = node.arguments.map((argument) => expression(argument, scope));
    const set = overloads(node.name, node.arguments.length, scope.file, scope);
    bindEagerly(set);
    const first = set[0];
    if (!first) {
      const others = (functionNames.get(node.name) ?? []).filter(
        (entry) => !entry.declaration.private || entry.file === scope.file,
      );
      if (others.length > 0) {
        const arities = [...new Set(others.map((entry) => entry.declaration.parameters.length))].sort((a, b) => a - b);
        const declared = others.map((entry) => tokens.token(entry.declaration));
        diagnostics.push(messages.arityMismatch(node.name, arities, common.token, declared));
      } else {
        const near = [
          ...new Set([
            ...similarNames(node.name, functionNames.keys()),
            ...(options.nearestFunctions?.(node.name) ?? []),
          ]),
        ].slice(0, 5);
        diagnostics.push(messages.unresolvedFunction(node.name, near, common.token));
      }
      return { kind: 'unresolved', ...common, cell: newCell(), diagnostic: messages.unresolvedType(common.token) };
    }
    const { body } = entries.get(first)!.declaration;
    if (body.kind === 'embedded-code' && body.pragmas.includes('guru') && !options.guru && !scope.file.privileged) {
      diagnostics.push(messages.guruFunction(common.token));
    }
    return {
      kind: 'call',
      ...common,
      cell: first.result,
      function: first,
      arguments: bound,
      ...(first.typed ? { typed: first.typed } : {}),
    };
  }

  function entry(operand: Expression, scope: Scope, common: { token: Token; library: boolean }): DraftExpression {
    const { probe } = scope;
    if (!probe?.variables?.return) {
      const diagnostic = messages.target('@entry is only valid in .return probes', common.token);
      return { kind: 'unresolved', ...common, cell: newCell(), diagnostic };
    }
    if (scope.mode === 'entry') return expression(operand, scope);
    const outer = scope.mode;
    scope.mode = 'entry';
    const value = expression(operand, scope);
    scope.mode = outer;
    if (!isResolved(value)) return value;
    const slot = probe.entryValues.push(value) - 1;
    return {
      kind: 'entry-value',
      ...common,
      cell: value.cell,
      slot,
      ...(value.typed ? { typed: value.typed } : {}),
    };
  }

  // ------------------------------------------------------------------------------------------------- prints

  function print(node: PrintExpression, scope: Scope): DraftExpression {
    const common = base(node, scope);
    const makesString = node.name.startsWith('s');
    const name = makesString ? node.name.slice(1) : node.name;
    const [first] = node.arguments;
    if (first?.kind === 'histogram' && node.arguments.length === 1 && (name === 'print' || name === 'println')) {
      const histogram = histogramSource(first, scope);
      if (makesString) {
        diagnostics.push(messages.badHistogram('a histogram can only be printed, not made a string', common.token));
        return number(0n, common);
      }
      if (!histogram) return number(0n, common);
      return {
        kind: 'print-histogram',
        ...common,
        token: tokens.token(first),
        cell: newCell('long', common.token),
        ...histogram,
      };
    }
    const finish = (pieces: DraftPiece[], bound: DraftExpression[]): DraftExpression => ({
      kind: makesString ? 'format' : 'print',
      ...common,
      cell: newCell(makesString ? 'string' : 'long', common.token),
      pieces,
      arguments: bound,
    });
    if (name === 'printf') {
      if (first?.kind !== 'string') {
        diagnostics.push(messages.badFormat('expected a format string literal', common.token));
        return finish([], []);
      }
      const format = parseFormat(first.value);
      const bound = node.arguments.slice(1).map((argument) => expression(argument, scope));
      if ('fault' in format) {
        diagnostics.push(messages.badFormat(format.fault, tokens.token(first)));
        return finish([], []);
      }
      if (format.arguments.length !== bound.length) {
        diagnostics.push(messages.wrongArgumentCount(common.token));
        return finish([], []);
      }
      return finish([...format.pieces], bound);
    }
    let values = node.arguments;
    let delimiter = '';
    if (name === 'printd' || name === 'printdln') {
      if (first?.kind !== 'string') {
        diagnostics.push(messages.badFormat('expected a delimiter string literal', common.token));
        return finish([], []);
      }
      delimiter = first.value;
      values = node.arguments.slice(1);
    }
    const pieces: DraftPiece[] = [];
    const bound: DraftExpression[] = [];
    for (const [index, value] of values.entries()) {
      if (index > 0 && delimiter !== '') pieces.push({ kind: 'text', text: delimiter });
      pieces.push({ kind: 'auto' });
      bound.push(expression(value, scope));
    }
    if (name.endsWith('ln')) pieces.push({ kind: 'text', text: '\n' });
    return finish(pieces, bound);
  }

  // ------------------------------------------------------------------------------------------------- probes

  const binder: Binder = {
    symbols: options.symbols,
    tokens,
    guru: options.guru,
    diagnostics,
    expression,
    temporary,
    synthesize(key, make) {
      let symbol = synthetic.get(key);
      if (!symbol) {
        symbol = make();
        synthetic.set(key, symbol);
        functions.push(symbol);
      }
      return symbol;
    },
  };

  function bindProbe(derived: DerivedProbe): DraftProbe {
    const variables = derived.variables?.();
    const scope: Scope = {
      locals: new Map(),
      file: derived.file,
      probe: {
        ...(variables ? { variables } : {}),
        entryValues: [],
        written: () => writtenNames(derived.declaration.body),
      },
      loops: 0,
    };
    const token = tokens.token(derived.declaration);
    const library = derived.file.privileged;
    const statements: DraftStatement[] = [];
    if (derived.point.family === 'input') statements.push(inputVariable(derived, scope, token));
    for (const part of derived.handler) {
      scope.file = part.file;
      statements.push(blockOf(part.block, scope));
    }
    let condition: DraftExpression | undefined;
    // The innermost alias's own comes first, as its prologue does.
    for (const { file, point } of [...derived.conditions].reverse()) {
      scope.file = file;
      scope.mode = 'condition';
      const one = expression(point.condition!, scope);
      scope.mode = undefined;
      condition = condition
        ? {
            kind: 'logical',
            token: one.token,
            library: one.library,
            cell: newCell('long', one.token),
            operator: 'and',
            left: condition,
            right: one,
          }
        : one;
    }
    return {
      span: derived.declaration.span,
      token,
      name: derived.name,
      written: derived.written,
      declared: derived.declared,
      chain: derived.chain,
      point: derived.point,
      library,
      ...(condition ? { condition } : {}),
      context: scope.probe!,
      entryValues: scope.probe!.entryValues,
      body: statements.length === 1 ? statements[0]! : { kind: 'block', token, library, statements },
    };
  }

  function blockOf(block: Block, scope: Scope): DraftStatement {
    return statement(block, scope);
  }

  /** `char` or `line` of input probes are plain variables, set before the handler starts. */
  function inputVariable(derived: DerivedProbe, scope: Scope, token: Token): DraftStatement {
    const name = derived.point.family === 'input' && derived.point.line ? 'line' : 'char';
    const local: LocalSymbol = { kind: 'local', name, token, cell: newCell('string', token), parameter: false };
    scope.locals.set(name, local);
    const common = { token, library: true };
    return {
      kind: 'expression',
      ...common,
      expression: {
        kind: 'assignment',
        ...common,
        cell: local.cell,
        target: { kind: 'local', ...common, cell: local.cell, symbol: local },
        value: { kind: 'context', ...common, cell: newCell('string', token), source: { kind: 'procfs-value' } },
      },
    };
  }

  const boundProbes = probes.map(bindProbe);
  // The user's own functions are checked even where nothing calls them.
  for (const declared of functionNames.values()) {
    for (const entry of declared) {
      // One that refers to a context means nothing without.
      if (!entry.file.privileged && !(isContextual(entry) && entry.copies.size > 0)) {
        overloads(entry.declaration.name, entry.declaration.parameters.length, entry.file);
        functionSymbol(entry);
      }
    }
  }
  bindPending();
  diagnostics.push(...late);
  return { draft: { globals, functions, probes: boundProbes, embedded }, diagnostics };
}

/** The node whose token an expression starts with: what SystemTap names a whole statement by. */
function leftmost(node: Expression): Expression {
  for (;;) {
    switch (node.kind) {
      case 'assignment':
        node = node.target;
        break;
      case 'binary':
        node = node.left;
        break;
      case 'update':
        if (node.prefix) return node;
        node = node.operand;
        break;
      case 'conditional':
        node = node.condition;
        break;
      case 'regex':
        node = node.subject;
        break;
      default:
        return node;
    }
  }
}

/** True where nothing in an expression is unresolved. */
export function isResolved(expression: DraftExpression): boolean {
  const stack: unknown[] = [expression];
  const seen = new Set<unknown>();
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item !== 'object' || item === null || seen.has(item)) continue;
    seen.add(item);
    if (Array.isArray(item)) {
      stack.push(...item);
      continue;
    }
    const node = item as { kind?: string };
    if (node.kind === 'unresolved') return false;
    // Symbols lead to whole functions; what they hold is their own matter.
    if (node.kind === 'local' && 'name' in node) continue;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'symbol' || key === 'function' || key === 'global' || key === 'cell' || key === 'token') continue;
      if (typeof value === 'object') stack.push(value);
    }
  }
  return true;
}
