// What `-t` and `--monitor` add to a script before it is translated: more globals, more probes, conditions. They are made
// of the IR's own parts, so that locks, limits and conditions treat them like the script's.
import type {
  Elaborated,
  Expression,
  Format,
  FormatPiece,
  GlobalVariable,
  LocalVariable,
  ResolvedProbe,
  Statement,
  Variable,
} from '@stapkit/elaborator';
import { Places } from './emit/places.js';

/** A script with what was added, and where. */
export interface Instrumented {
  readonly script: Elaborated;
  /** For each probe the statistic that takes its handler's cycles; undefined where it is not measured. */
  readonly timings: readonly (number | undefined)[];
  /** Statements that print the report of `-t`. */
  readonly report: readonly Statement[];
}

/** What added globals and files are called: names that no script uses. */
export const MONITOR_PREFIX = '__monitor';

/** Between the fields of a row, and behind each row, of what the monitor reads. No text of a script's has them. */
const FIELD = '\x1f';
const ROW = '\x1e';

/** Rows of one file: a handler may run a limited number of statements (MAXACTION). */
const ROWS_PER_FILE = 200;
/** So many entries of an array are shown. */
const SHOWN_ENTRIES = 8;
const FILE_BYTES = 256 * 1024;

/** What is added stands in no script. */
const TIMING = { file: '<timing>', start: 0, end: 0 };
const MONITOR = { file: '<monitor>', start: 0, end: 0 };

/** Families whose probes can't be switched: they run when the session says so. */
const UNSWITCHED: ReadonlySet<string> = new Set(['begin', 'end', 'error', 'never']);

/** Adds what the options ask for. */
export function instrument(
  script: Elaborated,
  { timing, monitor }: { readonly timing?: boolean; readonly monitor?: boolean },
): Instrumented {
  if (!timing && !monitor) return { script, timings: [], report: [] };
  const globals = [...script.globals];
  const timings = script.probes.map((_, index) => {
    globals.push({
      name: `${MONITOR_PREFIX}_cycles_${index}`,
      type: 'statistic',
      keys: [],
      wrap: false,
      printAtEnd: false,
      library: true,
      span: TIMING,
      statistic: { operations: ['count', 'min', 'max', 'avg', 'variance'], varianceShift: 0 },
    });
    return globals.length - 1;
  });
  const timed = { ...script, globals };
  return {
    script: monitor ? addMonitor(timed, script, timings, MONITOR) : timed,
    timings,
    report: timing ? timingReport(script, timings, TIMING) : [],
  };
}

type Span = Statement['span'];

const number = (value: number): Expression => ({ kind: 'number', type: 'long', value: String(value) });
const literal = (value: string): Expression => ({ kind: 'string', type: 'string', value });
const text = (value: string): FormatPiece => ({ kind: 'text', text: value });
const directive = (conversion: 'd' | 's'): FormatPiece => ({ kind: 'directive', conversion, flags: '' });
const block = (span: Span, statements: readonly Statement[]): Statement => ({ kind: 'block', span, statements });
const run = (span: Span, expression: Expression): Statement => ({ kind: 'expression', span, expression });

function statistic(
  span: Span,
  global: number,
  operation: 'count' | 'min' | 'max' | 'avg' | 'variance' | 'sum',
): Expression {
  return { kind: 'statistic', type: 'long', span, operation, source: { kind: 'global', global } };
}

/** What stap(1) says of `-t`: how often each probe-point executed, how long it took, and what it was derived from. */
function timingReport(script: Elaborated, timings: readonly number[], span: Span): Statement[] {
  const places = new Places(script.sources);
  const print = (format: Format): Statement => run(span, { kind: 'print', type: 'long', span, format });
  return [
    print({ pieces: [text('Timing of probe-points, in cycles:\n')], arguments: [] }),
    ...script.probes.map((probe, index): Statement => {
      const global = timings[index]!;
      const count = statistic(span, global, 'count');
      const chain = [...probe.chain].reverse().map((step) => step.text);
      const pieces = [
        text(`${probe.name} at ${places.place(probe.span)}: hits: `),
        directive('d'),
        text(', average: '),
        directive('d'),
        text(', min: '),
        directive('d'),
        text(', max: '),
        directive('d'),
        text(', variance: '),
        directive('d'),
        text(`${chain.length > 0 ? `, derived from: ${chain.join(' from: ')}` : ''}\n`),
      ];
      const values = (['count', 'avg', 'min', 'max', 'variance'] as const).map((name) => statistic(span, global, name));
      // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
      return { kind: 'if', span, condition: count, then: print({ pieces, arguments: values }) };
    }),
  ];
}

/**
 * Adds a switch to each probe, files that tell its state and the globals', and one that takes commands:
 * `on N`, `off N`, `on`, `off` (all of them), `reset`.
 */
function addMonitor(timed: Elaborated, script: Elaborated, timings: readonly number[], span: Span): Elaborated {
  const globals: GlobalVariable[] = [...timed.globals];
  const switches = script.probes.map((probe, index) => {
    if (UNSWITCHED.has(probe.point.family)) return undefined;
    globals.push({
      name: `${MONITOR_PREFIX}_on_${index}`,
      type: 'long',
      keys: [],
      wrap: false,
      initial: { kind: 'number', type: 'long', value: '1' },
      printAtEnd: false,
      library: true,
      span,
    });
    return globals.length - 1;
  });
  const variable = (global: number): Variable & Expression => ({ kind: 'global', type: 'long', global });
  const probes = script.probes.map((probe, index) => {
    const own = switches[index];
    if (own === undefined) return probe;
    const on: Expression = variable(own);
    const { condition } = probe;
    return {
      ...probe,
      condition: condition ? ({ kind: 'and', type: 'long', left: on, right: condition } as const) : on,
    };
  });

  const set = (targets: readonly number[], value: number): Statement =>
    run(
      span,
      targets.reduce<Expression>(
        (inner, global) => ({ kind: 'assignment', type: 'long', span, target: variable(global), value: inner }),
        number(value),
      ),
    );
  const commands = new Map<string, Statement>();
  const all = switches.filter((global) => global !== undefined);
  commands.set('on', set(all, 1));
  commands.set('off', set(all, 0));
  commands.set('reset', block(span, resetGlobals(script, span)));
  switches.forEach((global, index) => {
    if (global === undefined) return;
    commands.set(`on ${index}`, set([global], 1));
    commands.set(`off ${index}`, set([global], 0));
  });

  const rows: { statement: Statement; locals: LocalVariable[] }[] = [
    ...script.probes.map((_, index) => ({
      statement: probeRow(span, index, timings[index]!, switches[index], variable),
      locals: [],
    })),
    ...script.globals.flatMap((global, index) => (global.library ? [] : [globalRow(span, global, index)])),
  ];
  const files: ResolvedProbe[] = [];
  for (let at = 0; at < rows.length; at += ROWS_PER_FILE) {
    const part = rows.slice(at, at + ROWS_PER_FILE);
    files.push(statusFile(span, files.length, part));
  }
  return {
    ...timed,
    globals,
    probes: [
      ...probes,
      ...files,
      {
        ...fileProbe(span, MONITOR_PREFIX, 'write'),
        body: decide(
          span,
          [...commands].sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
        locals: [],
      },
    ],
  };
}

function fileProbe(span: Span, path: string, direction: 'read' | 'write') {
  const name = `procfs("${path}").${direction}`;
  return {
    name,
    written: name,
    declared: name,
    chain: [],
    point: { family: 'procfs', path, direction, ...(direction === 'read' ? { maxsize: FILE_BYTES } : {}) },
    entryValues: [],
    span,
  } as const;
}

const value = (span: Span): Expression => ({ kind: 'context', type: 'string', span, source: { kind: 'procfs-value' } });

/** Runs the statement of one of many commands, found by halving: a chain of comparisons would be too many statements. */
function decide(span: Span, commands: readonly (readonly [string, Statement])[]): Statement {
  if (commands.length === 1) {
    const [name, statement] = commands[0]!;
    // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
    return { kind: 'if', span, condition: compare(span, '==', name), then: statement };
  }
  const middle = commands.length >> 1;
  return {
    kind: 'if',
    span,
    condition: compare(span, '<', commands[middle]![0]),
    // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
    then: decide(span, commands.slice(0, middle)),
    else: decide(span, commands.slice(middle)),
  };
}

function compare(span: Span, operator: '==' | '<', right: string): Expression {
  return { kind: 'comparison', type: 'long', operator, operands: 'string', left: value(span), right: literal(right) };
}

function resetGlobals(script: Elaborated, span: Span): Statement[] {
  return script.globals.flatMap((global, index): Statement[] => {
    if (global.library) return [];
    if (global.keys.length > 0 || global.type === 'statistic') {
      return [{ kind: 'delete', span, target: { kind: 'global', global: index } }];
    }
    const target: Variable = { kind: 'global', type: global.type, global: index };
    const initial: Expression = global.initial ?? (global.type === 'string' ? literal('') : number(0));
    return [run(span, { kind: 'assignment', type: global.type, span, target, value: initial })];
  });
}

/** Appends a formatted text to what a status file holds. */
function append(span: Span, pieces: readonly FormatPiece[], values: readonly Expression[]): Statement {
  return run(span, {
    kind: 'context-store',
    type: 'string',
    span,
    source: { kind: 'procfs-value' },
    append: true,
    value: { kind: 'format', type: 'string', span, format: { pieces, arguments: values } },
  });
}

function fields(...parts: readonly (string | FormatPiece)[]): FormatPiece[] {
  return parts.flatMap((part, index) => [
    ...(index > 0 ? [text(FIELD)] : []),
    typeof part === 'string' ? text(part) : part,
  ]);
}

/** `probe N ON COUNT MIN AVG MAX` */
function probeRow(
  span: Span,
  index: number,
  timing: number,
  own: number | undefined,
  variable: (global: number) => Expression,
): Statement {
  const on = own === undefined ? number(1) : variable(own);
  const count = statistic(span, timing, 'count');
  const head = fields('probe', String(index), directive('d'));
  const hit = [
    ...head,
    text(FIELD),
    ...fields(directive('d'), directive('d'), directive('d'), directive('d')),
    text(ROW),
  ];
  const numbers = (['count', 'min', 'avg', 'max'] as const).map((name) => statistic(span, timing, name));
  return {
    kind: 'if',
    span,
    condition: count,
    // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
    then: append(span, hit, [on, ...numbers]),
    else: append(span, [...head, text(`${FIELD}0${FIELD}0${FIELD}0${FIELD}0${ROW}`)], [on]),
  };
}

/** `global NAME VALUE`, for arrays one row an entry, `global NAME KEY … VALUE`. */
function globalRow(
  span: Span,
  global: GlobalVariable,
  index: number,
): { statement: Statement; locals: LocalVariable[] } {
  const { name, keys, type } = global;
  const end = text(ROW);
  if (keys.length === 0 && type !== 'statistic') {
    const pieces = [...fields('global', name, directive(type === 'long' ? 'd' : 's')), end];
    return { statement: append(span, pieces, [{ kind: 'global', type, global: index }]), locals: [] };
  }
  if (keys.length === 0) {
    const count = statistic(span, index, 'count');
    const pieces = [
      ...fields('global', name),
      text(`${FIELD}@count=`),
      directive('d'),
      text(' @sum='),
      directive('d'),
      text(' @avg='),
      directive('d'),
      end,
    ];
    const values = (['count', 'sum', 'avg'] as const).map((operation) => statistic(span, index, operation));
    return {
      // biome-ignore lint/suspicious/noThenProperty: the IR's name for it
      statement: { kind: 'if', span, condition: count, then: append(span, pieces, values) },
      locals: [],
    };
  }
  const locals = keys.map((key, at): LocalVariable => ({ span, name: `key${at}`, type: key }));
  const values: Expression[] = keys.map((key, local) => ({ kind: 'local', type: key, local }));
  const entry: Expression =
    type === 'statistic'
      ? {
          kind: 'statistic',
          type: 'long',
          span,
          operation: 'count',
          source: { kind: 'element', global: index, keys: values },
        }
      : { kind: 'element', type, global: index, keys: values };
  const shown = [...keys, type === 'string' ? 'string' : 'long'].map((key) => directive(key === 'string' ? 's' : 'd'));
  return {
    statement: {
      kind: 'foreach',
      span,
      global: index,
      keys: keys.map((_, local) => local),
      slice: [],
      limit: number(SHOWN_ENTRIES),
      body: append(span, [...fields('global', name, ...shown), end], [...values, entry]),
    },
    locals,
  };
}

function statusFile(
  span: Span,
  index: number,
  rows: readonly { readonly statement: Statement; readonly locals: readonly LocalVariable[] }[],
): ResolvedProbe {
  const locals: LocalVariable[] = [];
  const statements = rows.map((row) => {
    const first = locals.length;
    locals.push(...row.locals);
    return row.locals.length === 0 ? row.statement : shiftLocals(row.statement, first);
  });
  return {
    ...fileProbe(span, `${MONITOR_PREFIX}_${index}`, 'read'),
    body: block(span, statements),
    locals,
  };
}

/** Numbers the locals of a foreach anew. */
function shiftLocals(statement: Statement, by: number): Statement {
  const shift = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(shift);
    if (typeof node !== 'object' || node === null) return node;
    const copy = Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, shift(inner)]));
    if (copy['kind'] === 'local') copy['local'] = (copy['local'] as number) + by;
    if (copy['kind'] === 'foreach') copy['keys'] = (copy['keys'] as number[]).map((key) => key + by);
    return copy;
  };
  return shift(statement) as Statement;
}
