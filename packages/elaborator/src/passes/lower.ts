// Lowers the inferred draft to the Elaborated IR: symbols become indexes, cells become types, regular expressions become
// automata, and what must be kept of each statistic is added up.
import type { Diagnostic, SourceText } from '@stapkit/pass';
import { errorLimit, messages } from '../diagnostics.js';
import {
  type Draft,
  type DraftExpression,
  type DraftPlace,
  type DraftStatement,
  type DraftStatisticSource,
  type FunctionSymbol,
  findCell,
  type GlobalSymbol,
  type LocalSymbol,
  type Token,
} from '../draft.js';
import type {
  Elaborated,
  Expression,
  Format,
  FormatPiece,
  GlobalVariable,
  Histogram,
  LocalVariable,
  MemoryPlace,
  RegexAutomaton,
  ResolvedFunction,
  ResolvedProbe,
  Statement,
  StatisticNeeds,
  StatisticSource,
  TargetKernel,
  ValueType,
  Variable,
} from '../elaborated.js';
import { compileRegex, newRegexBudget } from '../regex.js';

export interface LowerOptions {
  readonly kernel: TargetKernel;
  readonly sources: readonly SourceText[];
  readonly guru: boolean;
  /** Globals that are only written: printed at the end. */
  readonly writeOnly: ReadonlySet<GlobalSymbol>;
  /** A handler asks for the groups of regular expressions. */
  readonly matchedGroups: boolean;
  /** Globals that a probe writes, for `@probewrite`. */
  readonly probeWritten: ReadonlySet<GlobalSymbol>;
}

type StatisticOperation = StatisticNeeds['operations'][number];

/** @returns the IR, and an error for each name without a type and each bad regular expression */
export function lower(
  draft: Draft,
  options: LowerOptions,
): { readonly elaborated: Elaborated; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const reported = new Set<string>();
  const globalIndexes = new Map<GlobalSymbol, number>();
  const functionIndexes = new Map<FunctionSymbol, number>();
  const automata: RegexAutomaton[] = [];
  const automatonIndexes = new Map<string, number>();
  const needs = new Map<GlobalSymbol, { operations: Set<StatisticOperation>; shift: number; histogram?: Histogram }>();
  for (const [index, symbol] of draft.globals.entries()) globalIndexes.set(symbol, index);
  for (const [index, symbol] of draft.functions.entries()) functionIndexes.set(symbol, index);

  /** One error a name or expression: further uses of it say nothing new. */
  function unresolvedType(token: Token): void {
    const key = `${token.text}\0${token.span.file}`;
    if (reported.has(key)) return;
    reported.add(key);
    diagnostics.push(messages.unresolvedType(token));
  }

  /** A global that is only looked into or emptied has no type: that is said where it is used. */
  function settledGlobal(symbol: GlobalSymbol, token: Token): number {
    if (findCell(symbol.cell).type === undefined) unresolvedType(token);
    return globalOf(symbol);
  }

  function typeOf(node: DraftExpression): ValueType {
    const { type } = findCell(node.cell);
    if (type === 'long' || type === 'string') return type;
    if (type === 'stats') diagnostics.push(messages.invalidType('stats', node.token));
    else unresolvedType(node.token);
    return 'long';
  }

  function globalOf(symbol: GlobalSymbol): number {
    return globalIndexes.get(symbol) ?? 0;
  }

  function need(symbol: GlobalSymbol) {
    let entry = needs.get(symbol);
    if (!entry) {
      entry = { operations: new Set(), shift: 0 };
      needs.set(symbol, entry);
    }
    return entry;
  }

  function needHistogram(symbol: GlobalSymbol, histogram: Histogram, token: Token): void {
    const entry = need(symbol);
    if (entry.histogram && JSON.stringify(entry.histogram) !== JSON.stringify(histogram)) {
      diagnostics.push(messages.conflictingHistogram(symbol.name, token));
      return;
    }
    entry.histogram = histogram;
  }

  // A body is lowered with its own locals; they are numbered as they are met.
  class Body {
    readonly locals: LocalVariable[] = [];
    /** Where each entry value of the draft went. */
    entrySlots: readonly number[] = [];
    private readonly indexes = new Map<LocalSymbol, number>();

    local(symbol: LocalSymbol): number {
      let index = this.indexes.get(symbol);
      if (index === undefined) {
        const { type } = findCell(symbol.cell);
        if (type === undefined) unresolvedType(symbol.token);
        index =
          this.locals.push({
            name: symbol.name,
            type: type === 'string' ? 'string' : 'long',
            span: symbol.token.span,
          }) - 1;
        this.indexes.set(symbol, index);
      }
      return index;
    }

    variable(node: DraftExpression & { kind: 'local' | 'global' | 'element' }): Variable {
      const type = typeOf(node);
      if (node.kind === 'local') return { kind: 'local', type, local: this.local(node.symbol) };
      if (node.kind === 'global') return { kind: 'global', type, global: globalOf(node.symbol) };
      return {
        kind: 'element',
        type,
        global: globalOf(node.symbol),
        keys: node.keys.map((key) => this.expression(key)),
      };
    }

    source(source: DraftStatisticSource): StatisticSource {
      const global = globalOf(source.global);
      if (!source.keys) return { kind: 'global', global };
      return { kind: 'element', global, keys: source.keys.map((key) => key && this.expression(key)) };
    }

    place(place: DraftPlace): MemoryPlace {
      return {
        address: this.expression(place.address),
        space: place.space,
        size: place.size,
        signed: place.signed,
        ...(place.bits ? { bits: place.bits } : {}),
      };
    }

    format(node: DraftExpression & { kind: 'format' | 'print' }): Format {
      const pieces: FormatPiece[] = [];
      let at = 0;
      for (const piece of node.pieces) {
        if (piece.kind === 'auto') {
          const argument = node.arguments[at++];
          const type = argument ? typeOf(argument) : 'long';
          pieces.push({ kind: 'directive', conversion: type === 'string' ? 's' : 'd', flags: '' });
          continue;
        }
        pieces.push(piece);
        if (piece.kind === 'directive') {
          at += 1 + (piece.width === 'argument' ? 1 : 0) + (piece.precision === 'argument' ? 1 : 0);
        }
      }
      return { pieces, arguments: node.arguments.map((argument) => this.expression(argument)) };
    }

    expression(node: DraftExpression): Expression {
      const { span } = node.token;
      switch (node.kind) {
        case 'number':
          return { kind: 'number', type: 'long', value: node.value.toString() };
        case 'string':
          return { kind: 'string', type: 'string', value: node.value };
        case 'local':
        case 'global':
        case 'element':
          return this.variable(node);
        case 'call': {
          const { type } = findCell(node.cell);
          return {
            kind: 'call',
            type: type === 'long' || type === 'string' ? type : 'none',
            span,
            function: functionIndexes.get(node.function) ?? 0,
            arguments: node.arguments.map((argument) => this.expression(argument)),
          };
        }
        case 'unary':
          return { kind: node.operator, type: 'long', operand: this.expression(node.operand) };
        case 'arithmetic':
          return {
            kind: 'arithmetic',
            type: 'long',
            span,
            operator: node.operator,
            left: this.expression(node.left),
            right: this.expression(node.right),
          };
        case 'comparison':
          return {
            kind: 'comparison',
            type: 'long',
            operator: node.operator,
            operands: typeOf(node.left),
            left: this.expression(node.left),
            right: this.expression(node.right),
          };
        case 'logical':
          return {
            kind: node.operator,
            type: 'long',
            left: this.expression(node.left),
            right: this.expression(node.right),
          };
        case 'concatenation':
          return { kind: 'concatenation', type: 'string', parts: node.parts.map((part) => this.expression(part)) };
        case 'conditional':
          return {
            kind: 'conditional',
            type: typeOf(node),
            condition: this.expression(node.condition),
            // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
            then: this.expression(node.then),
            else: this.expression(node.else),
          };
        case 'assignment':
          return {
            kind: 'assignment',
            type: typeOf(node.target),
            span,
            target: this.variable(node.target),
            ...(node.operator ? { operator: node.operator } : {}),
            value: this.expression(node.value),
          };
        case 'update':
          return {
            kind: 'update',
            type: 'long',
            span,
            target: this.variable(node.target),
            delta: node.delta,
            prefix: node.prefix,
          };
        case 'accumulate': {
          need(node.target.global);
          const global = globalOf(node.target.global);
          const keys: Expression[] = [];
          for (const key of node.target.keys ?? []) {
            if (key) keys.push(this.expression(key));
            else diagnostics.push(messages.sliceOutside(node.token));
          }
          return {
            kind: 'accumulate',
            type: 'long',
            span,
            target: node.target.keys ? { kind: 'element', global, keys } : { kind: 'global', global },
            value: this.expression(node.value),
          };
        }
        case 'membership':
          return {
            kind: 'membership',
            type: 'long',
            global: settledGlobal(node.global, node.arrayToken),
            keys: node.keys.map((key) => key && this.expression(key)),
          };
        case 'regex':
          return {
            kind: 'regex',
            type: 'long',
            automaton: automaton(node.pattern, node.patternToken),
            negated: node.negated,
            subject: this.expression(node.subject),
          };
        case 'statistic': {
          const entry = need(node.source.global);
          entry.operations.add(node.operation);
          if (node.operation === 'variance') entry.shift = Math.max(entry.shift, node.shift ?? 0);
          return {
            kind: 'statistic',
            type: 'long',
            span,
            operation: node.operation,
            ...(node.shift === undefined ? {} : { shift: node.shift }),
            source: this.source(node.source),
          };
        }
        case 'bucket':
          needHistogram(node.source.global, node.histogram, node.token);
          return {
            kind: 'bucket',
            type: 'long',
            span,
            source: this.source(node.source),
            index: this.expression(node.index),
          };
        case 'print-histogram':
          needHistogram(node.source.global, node.histogram, node.token);
          return { kind: 'print-histogram', type: 'long', span, source: this.source(node.source) };
        case 'load':
          return { kind: 'load', type: 'long', span, place: this.place(node.place) };
        case 'store':
          return {
            kind: 'store',
            type: 'long',
            span,
            place: this.place(node.place),
            value: this.expression(node.value),
          };
        case 'string-load':
          return {
            kind: 'string-load',
            type: 'string',
            span,
            address: this.expression(node.address),
            space: node.space,
            ...(node.length ? { length: this.expression(node.length) } : {}),
          };
        case 'context': {
          if (node.counter !== undefined) {
            const probe = draft.probes.findIndex(
              ({ point }) => point.family === 'perf' && point.counter === node.counter,
            );
            if (probe < 0) {
              diagnostics.push(messages.target(`perf counter '${node.counter}' not defined`, node.token));
            }
            return { kind: 'context', type: 'long', span, source: { kind: 'perf-counter', probe: Math.max(0, probe) } };
          }
          return { kind: 'context', type: typeOf(node), span, source: node.source };
        }
        case 'context-store':
          return {
            kind: 'context-store',
            type: typeOf(node),
            span,
            source: node.source,
            append: node.append,
            value: this.expression(node.value),
          };
        case 'entry-value':
          return { kind: 'entry-value', type: typeOf(node), slot: this.entrySlots[node.slot] ?? node.slot };
        case 'let': {
          const value = this.expression(node.value);
          const local = this.local(node.local);
          return { kind: 'let', type: typeOf(node.body), local, value, body: this.expression(node.body) };
        }
        case 'format':
          return { kind: 'format', type: 'string', span, format: this.format(node) };
        case 'print':
          return { kind: 'print', type: 'long', span, format: this.format(node) };
        case 'embedded':
          return { kind: 'embedded', type: typeOf(node), span, code: node.code, pragmas: node.pragmas };
        case 'probewrite':
          return {
            kind: 'number',
            type: 'long',
            value: node.global && options.probeWritten.has(node.global) ? '1' : '0',
          };
        case 'unresolved':
          return { kind: 'number', type: 'long', value: '0' };
      }
    }

    statement(node: DraftStatement): Statement {
      const { span } = node.token;
      switch (node.kind) {
        case 'block':
          return { kind: 'block', span, statements: node.statements.map((inner) => this.statement(inner)) };
        case 'expression':
          return { kind: 'expression', span, expression: this.expression(node.expression) };
        case 'if':
          return {
            kind: 'if',
            span,
            condition: this.expression(node.condition),
            // biome-ignore lint/suspicious/noThenProperty: `then` is the IR's word; the node is no promise.
            then: this.statement(node.then),
            ...(node.else ? { else: this.statement(node.else) } : {}),
          };
        case 'loop':
          return {
            kind: 'loop',
            span,
            ...(node.condition ? { condition: this.expression(node.condition) } : {}),
            ...(node.step ? { step: this.expression(node.step) } : {}),
            body: this.statement(node.body),
          };
        case 'foreach': {
          if (node.sort) {
            const isStatistic = findCell(node.global.cell).type === 'stats';
            if (isStatistic && node.sort.column === 0) need(node.global).operations.add(node.sort.by ?? 'count');
          }
          return {
            kind: 'foreach',
            span,
            global: globalOf(node.global),
            keys: node.keys.map((key) => this.local(key)),
            ...(node.value ? { value: this.local(node.value) } : {}),
            slice: node.slice.map((key) => key && this.expression(key)),
            ...(node.sort ? { sort: node.sort } : {}),
            ...(node.limit ? { limit: this.expression(node.limit) } : {}),
            body: this.statement(node.body),
          };
        }
        case 'foreach-bucket':
          needHistogram(node.source.global, node.histogram, node.token);
          return {
            kind: 'foreach-bucket',
            span,
            key: this.local(node.key),
            ...(node.value ? { value: this.local(node.value) } : {}),
            source: this.source(node.source),
            ...(node.limit ? { limit: this.expression(node.limit) } : {}),
            body: this.statement(node.body),
          };
        case 'return':
          return { kind: 'return', span, ...(node.value ? { value: this.expression(node.value) } : {}) };
        case 'next':
        case 'break':
        case 'continue':
          return { kind: node.kind, span };
        case 'delete': {
          const global = settledGlobal(node.global, node.token);
          if (!node.keys) return { kind: 'delete', span, target: { kind: 'global', global } };
          const keys = node.keys.map((key) => key && this.expression(key));
          return {
            kind: 'delete',
            span,
            target: keys.every((key) => key !== null)
              ? { kind: 'element', global, keys: keys as Expression[] }
              : { kind: 'slice', global, keys },
          };
        }
        case 'delete-local': {
          const local = this.local(node.local);
          const type = this.locals[local]?.type ?? 'long';
          return {
            kind: 'expression',
            span,
            expression: {
              kind: 'assignment',
              type,
              span,
              target: { kind: 'local', type, local },
              value:
                type === 'string'
                  ? { kind: 'string', type: 'string', value: '' }
                  : { kind: 'number', type: 'long', value: '0' },
            },
          };
        }
        case 'try':
          return {
            kind: 'try',
            span,
            body: this.statement(node.body),
            ...(node.variable ? { variable: this.local(node.variable) } : {}),
            handler: this.statement(node.handler),
          };
        case 'embedded':
          return { kind: 'embedded', span, code: node.code, pragmas: node.pragmas };
      }
    }
  }

  const regexBudget = newRegexBudget();
  const isExhausted = errorLimit(diagnostics);

  function automaton(pattern: string, token: Token): number {
    let index = automatonIndexes.get(pattern);
    if (index === undefined) {
      if (isExhausted()) return 0;
      const compiled = compileRegex(pattern, options.matchedGroups, regexBudget);
      if ('fault' in compiled) {
        diagnostics.push(messages.badRegex(compiled.fault, token));
        return 0;
      }
      index = automata.push(compiled) - 1;
      automatonIndexes.set(pattern, index);
    }
    return index;
  }

  const entrySlots = new Map<object, readonly number[]>();
  const probes = draft.probes.map((probe): ResolvedProbe => {
    const body = new Body();
    const condition = probe.condition && body.expression(probe.condition);
    const entryValues: Expression[] = [];
    const slots = new Map<string, number>();
    body.entrySlots = probe.entryValues.map((value) => {
      const lowered = body.expression(value);
      // Equal values share a slot; where they were written makes no difference.
      const key = JSON.stringify(lowered, (name, part) => (name === 'span' ? undefined : part));
      let slot = slots.get(key);
      if (slot === undefined) {
        slot = entryValues.push(lowered) - 1;
        slots.set(key, slot);
      }
      return slot;
    });
    entrySlots.set(probe.context, body.entrySlots);
    return {
      name: probe.name,
      written: probe.written,
      declared: probe.declared,
      chain: probe.chain,
      point: probe.point,
      ...(condition ? { condition } : {}),
      entryValues,
      locals: body.locals,
      body: body.statement(probe.body),
      span: probe.span,
    };
  });

  // A function that is a probe's own reads its entry values, whose slots are settled now.
  const functions = draft.functions.map((symbol): ResolvedFunction => {
    const body = new Body();
    const probe = symbol.context && draft.probes.findIndex(({ context }) => context === symbol.context);
    body.entrySlots = (symbol.context && entrySlots.get(symbol.context)) ?? [];
    for (const parameter of symbol.parameters) body.local(parameter);
    const { type } = findCell(symbol.result);
    const fallback = symbol.fallback && functionIndexes.get(symbol.fallback);
    return {
      name: symbol.name,
      parameters: symbol.parameters.length,
      locals: body.locals,
      result: type === 'long' || type === 'string' ? type : 'none',
      body: symbol.embedded
        ? {
            kind: 'embedded',
            code: symbol.embedded.code,
            pragmas: symbol.embedded.pragmas,
            span: symbol.embedded.span,
          }
        : body.statement(symbol.body),
      ...(fallback === undefined ? {} : { fallback }),
      ...(probe === undefined || probe < 0 ? {} : { probe }),
      library: symbol.library,
      span: symbol.span,
    };
  });

  const globals = draft.globals.map((symbol): GlobalVariable => {
    const { type } = findCell(symbol.cell);
    if (type === undefined) unresolvedType(symbol.token);
    const entry = needs.get(symbol);
    const printAtEnd = options.writeOnly.has(symbol);
    if (printAtEnd && entry)
      for (const name of ['count', 'min', 'max', 'sum', 'avg'] as const) entry.operations.add(name);
    return {
      name: symbol.name,
      type: type === 'stats' ? 'statistic' : (type ?? 'long'),
      keys: (symbol.keys ?? []).map((cell) => {
        const key = findCell(cell);
        if (key.type === undefined) unresolvedType(symbol.token);
        return key.type === 'string' ? 'string' : 'long';
      }),
      ...(symbol.size === undefined ? {} : { size: symbol.size }),
      wrap: symbol.wrap,
      ...(symbol.initial
        ? {
            initial:
              symbol.initial.kind === 'number'
                ? { kind: 'number', type: 'long', value: symbol.initial.value.toString() }
                : { kind: 'string', type: 'string', value: symbol.initial.value },
          }
        : {}),
      ...(type === 'stats'
        ? {
            statistic: {
              operations: [...(entry?.operations ?? [])],
              varianceShift: entry?.shift ?? 0,
              ...(entry?.histogram ? { histogram: entry.histogram } : {}),
            },
          }
        : {}),
      printAtEnd,
      library: symbol.library,
      span: symbol.token.span,
    };
  });

  return {
    elaborated: {
      kind: 'elaborated',
      target: options.kernel,
      sources: options.sources,
      globals,
      functions,
      probes,
      embedded: draft.embedded.map(({ code, pragmas, span }) => ({ kind: 'embedded', code, pragmas, span })),
      automata,
      guru: options.guru,
    },
    diagnostics,
  };
}
