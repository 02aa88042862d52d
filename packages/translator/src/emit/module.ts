// The module's C from top to bottom: declarations, globals, functions, handlers, and the tables by which the runtime
// knows them.
import type {
  Elaborated,
  GlobalVariable,
  LocalVariable,
  ResolvedFunction,
  ResolvedProbe,
  Statement,
} from '@stapkit/elaborator';
import { formatScriptGlobals, LIMITS, type LimitName, limitValues } from '@stapkit/pass';
import type { TranslateOptions } from '../backend.js';
import type { CModule } from '../c-module.js';
import { type ModuleDescription, PROTOCOL_VERSION } from '../description.js';
import { familyOf } from '../families/table.js';
import { guardBodies } from '../guard.js';
import { type Instrumented, instrument } from '../instrument.js';
import { BodyEmission } from './body.js';
import { cNumber, cString } from './c-text.js';
import { functionToCall } from './call.js';
import { embeddedBlock, embeddedDeclaration, printUnit } from './embedded-unit.js';
import { emitNumber } from './expression.js';
import { printGlobals } from './print-globals.js';
import { printAutomaton } from './regex.js';
import { ScriptEmission } from './script.js';
import { emitStatements } from './statement.js';
import { emitStringInto, entryStrings, entryValue } from './string.js';
import { Writer } from './writer.js';

/** The fields of `struct stapkit_limits` that come from limits with SystemTap's names. */
const LIMIT_FIELDS: Readonly<Partial<Record<LimitName, string>>> = {
  MAXACTION: 'maxaction',
  MAXACTION_INTERRUPTIBLE: 'maxaction_interruptible',
  MAXNESTING: 'maxnesting',
  MAXMAPENTRIES: 'maxmapentries',
  MAXERRORS: 'maxerrors',
  MAXSKIPPED: 'maxskipped',
  INTERRUPTIBLE: 'interruptible',
  MAXTRYLOCK: 'maxtrylock',
  TRYLOCKDELAY: 'trylockdelay',
  MAXBACKTRACE: 'maxbacktrace',
  MINSTACKSPACE: 'minstackspace',
  STP_OVERLOAD_INTERVAL: 'overload_interval',
  STP_OVERLOAD_THRESHOLD: 'overload_threshold',
  STP_PROCFS_BUFSIZE: 'procfs_bufsize',
};

const DEFAULT_BUFFER = 2 << 20;

/** Families in the order in which their probes are armed: what only listens first, what fires by itself last. */
const ARMING_ORDER = [
  'stapkit_family_begin',
  'stapkit_family_end',
  'stapkit_family_error',
  'stapkit_family_never',
  'stapkit_family_procfs',
  'stapkit_family_input',
  'stapkit_family_uprobe',
  'stapkit_family_process',
  'stapkit_family_netfilter',
  'stapkit_family_watchpoint',
  'stapkit_family_perf',
  'stapkit_family_kretprobe',
  'stapkit_family_kprobe',
  'stapkit_family_tracepoint',
  'stapkit_family_profile',
  'stapkit_family_timer',
];

/** Translates a whole script. */
export function emitModule(given: Elaborated, options: TranslateOptions): CModule {
  const limits = limitValues(options.defines);
  const instrumented = instrument(guardBodies(given), options);
  const { script } = instrumented;
  const module = new ScriptEmission(script, limits, limits.MAXSTRINGLEN, options.skipBadVariables);
  for (const text of script.embedded) embeddedBlock(module, text.code, text.span);

  const functions = script.functions.map((declared, index) => emitFunction(module, declared, index));
  const probes = script.probes.map((probe, index) => emitProbe(module, probe, index));
  const { locals, statements } = printGlobals(script.globals);
  const printer = emitPrinter(module, 'print_globals', locals, statements);
  const reporter = emitPrinter(module, 'report', [], instrumented.report);

  const out = new Writer();
  out.line('// SPDX-License-Identifier: GPL-2.0 OR MIT');
  out.line('#include "stapkit_abi.h"');
  const section = (parts: readonly string[]): void => {
    if (parts.length === 0) return;
    out.line('');
    for (const part of parts) out.put(part.split('\n'));
  };
  section([...module.externals.values()]);
  section(script.globals.map((global, index) => printGlobal(module, global, index)));
  section([...module.locks.locked].sort((a, b) => a - b).map((index) => printLock(module, index)));
  section([...module.usedAutomata].map((index) => printAutomaton(index, script.automata[index]!)));
  section(module.tables);
  section(probes.flatMap((p) => p.declaration ?? []));
  section(functions.flatMap((f) => f?.declaration ?? []));
  section([...functions.flatMap((f) => (f ? ['', ...f.lines] : [])), ...probes.flatMap((p) => ['', ...p.lines])]);
  section(instrumented.timings.flatMap((global, index) => printTimed(module, global, index)));
  section([...printer, ...reporter]);
  section(printTables(module, options, instrumented, describe(module, options)));

  const unit = printUnit(module);
  const modules = new Set(script.probes.flatMap(({ point }) => ('module' in point && point.module) || []));
  return {
    kind: 'c-module',
    release: script.target.release,
    architecture: script.target.architecture,
    ...(script.target.buildId === undefined ? {} : { buildId: script.target.buildId }),
    source: out.toString(),
    units: unit === undefined ? [] : [{ name: 'embedded', source: unit }],
    defines: { ...options.defines },
    sources: script.sources,
    ...(modules.size === 0 ? {} : { modules: [...modules].sort() }),
    counts: {
      probes: script.probes.length,
      functions: script.functions.length,
      globals: script.globals.length,
    },
  };
}

/** What a module made of the script will say about itself. */
export function describeScript(given: Elaborated, options: TranslateOptions): ModuleDescription {
  const limits = limitValues(options.defines);
  const { script, report } = instrument(given, options);
  const module = new ScriptEmission(script, limits, limits.MAXSTRINGLEN);
  // Print sites are numbered as they are emitted.
  for (const [index, declared] of script.functions.entries()) emitFunction(module, declared, index);
  for (const [index, probe] of script.probes.entries()) emitProbe(module, probe, index);
  const { locals, statements } = printGlobals(script.globals);
  emitPrinter(module, 'print_globals', locals, statements);
  emitPrinter(module, 'report', [], report);
  return description(module, options);
}

function describe(module: ScriptEmission, options: TranslateOptions): string {
  // ASCII only: the kernel and the C compiler pass it on byte by byte.
  return JSON.stringify(description(module, options)).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function description(module: ScriptEmission, options: TranslateOptions): ModuleDescription {
  const { script } = module;
  return {
    protocol: PROTOCOL_VERSION,
    script: script.sources[0]?.name ?? '<input>',
    release: script.target.release,
    architecture: script.target.architecture,
    sites: module.sites,
    probes: script.probes.map((probe, id) => ({
      id,
      name: probe.name,
      written: probe.written,
      place: module.places.place(probe.span),
      family: probe.point.family,
    })),
    globals: script.globals.map(({ name, type, keys, library }) => ({ name, type, keys, library })),
    limits: limitValues(options.defines),
    ...(options.timing ? { timing: true } : {}),
  };
}

function printGlobal(module: ScriptEmission, global: GlobalVariable, index: number): string {
  const name = module.globalName(index);
  // The unit of embedded C reaches scalars by name.
  const linkage = module.embedded.length > 0 ? '' : 'static ';
  if (global.keys.length > 0) return `${linkage}struct stapkit_map *${name};`;
  if (global.type === 'statistic') return `static struct stapkit_statistic *${name};`;
  if (global.type === 'string') {
    return `${linkage}char *${name};`;
  }
  const initial = global.initial?.kind === 'number' ? ` = ${cNumber(global.initial.value)}` : '';
  return `${linkage}s64 ${name}${initial};`;
}

function printLock(module: ScriptEmission, index: number): string {
  const { name } = module.script.globals[index]!;
  return `static struct stapkit_lock ${module.lockName(index)} = { .name = ${cString(name)} };`;
}

interface Emitted {
  readonly declaration?: string;
  readonly lines: readonly string[];
}

/** Opens a body: its frame, and every local at zero or empty. */
function printPrologue(out: Writer, b: BodyEmission, from: number): void {
  b.locals.forEach((local, index) => {
    if (b.isDirect(index) || index < from) return;
    out.line(local.type === 'string' ? `${b.local(index)}[0] = '\\0';` : `${b.local(index)} = 0;`);
  });
}

function printFrame(b: BodyEmission, kind: 'probe' | 'function'): string[] {
  const { module } = b;
  if (kind === 'probe') module.probeStrings = Math.max(module.probeStrings, b.frameStrings);
  else module.functionStrings = Math.max(module.functionStrings, b.frameStrings);
  const members = b.frameMembers();
  return [`struct ${b.name}_locals {`, ...(members.length ? members : ['\ts64 none;']), '};', ''];
}

function emitFunction(module: ScriptEmission, declared: ResolvedFunction, index: number): Emitted | undefined {
  if (module.runtimeFunction(declared) !== undefined) return undefined;
  const name = module.functionName(index);
  const { body } = declared;
  if (body.kind === 'embedded') {
    embeddedDeclaration(module, index, declared);
    return undefined;
  }
  const b = new BodyEmission(module, declared.locals, name, declared.result, declared.probe);
  const assigned = module.effects.assignedLocals(body);
  const parameters = declared.locals.slice(0, declared.parameters);
  parameters.forEach((_, local) => {
    if (!assigned.has(local)) b.bindParameter(local, `a${local}`);
  });
  b.bindWalkLocals(body, declared.parameters);
  const fallback = declared.fallback;
  if (fallback !== undefined) {
    b.fallback = () => {
      const values = parameters.map((_, local) => `a${local}`);
      const call = `${functionToCall(module, fallback)}(${['c', ...(declared.result === 'string' ? ['result'] : []), ...values].join(', ')})`;
      b.out.line(declared.result === 'long' ? `result = ${call};` : `${call};`);
    };
  }
  b.out.open('');
  emitStatements(b, [body]);

  const signature = [
    'struct stapkit_context *c',
    ...(declared.result === 'string' ? ['char *result'] : []),
    ...parameters.map((parameter, local) => `${parameter.type === 'string' ? 'const char *' : 's64 '}a${local}`),
  ].join(', ');
  // STAP_NEXT of an embedded function calls it from another unit.
  const shared = module.script.functions.some((each) => each.body.kind === 'embedded' && each.fallback === index);
  const head = `${shared ? '' : 'static '}${declared.result === 'long' ? 's64' : 'void'} ${name}(${signature})`;
  const out = new Writer();
  out.at(module.places.position(declared.span).line, declared.span.file);
  out.line(head);
  out.open('{');
  out.line(`struct ${name}_locals *const l = stapkit_push(c, ${b.frameSize});`);
  if (declared.result === 'long') out.line('s64 result = 0;');
  out.line('');
  if (declared.result === 'string') out.line("result[0] = '\\0';");
  out.open('if (unlikely(!l)) {');
  out.line(`stapkit_fail(c, "MAXNESTING exceeded", ${cString(module.places.near(declared.span))});`);
  out.line(declared.result === 'long' ? 'return 0;' : 'return;');
  out.close();
  printPrologue(out, b, declared.parameters);
  parameters.forEach((parameter, local) => {
    if (b.isDirect(local)) return;
    if (parameter.type === 'string') out.line(`stapkit_copy(c, ${b.local(local)}, a${local});`);
    else out.line(`${b.local(local)} = a${local};`);
  });
  out.put(b.out.toString().split('\n').slice(1, -1));
  if (b.usedLabels.has('done')) out.label('done');
  out.line('stapkit_pop(c, l);');
  if (declared.result === 'long') out.line('return result;');
  out.close();
  return { declaration: `${head};`, lines: [...printFrame(b, 'function'), ...out.toString().trimEnd().split('\n')] };
}

/** The statements of a probe's body, taken apart where they are one block. */
function topStatements(body: Statement): readonly Statement[] {
  return body.kind === 'block' ? body.statements.flatMap((s) => (s.kind === 'block' ? topStatements(s) : [s])) : [body];
}

function emitProbe(module: ScriptEmission, probe: ResolvedProbe, index: number): Emitted {
  const name = module.probeName(index);
  const point = familyOf(probe.point).printPoint(probe.point, `probe_${index}_point`, probe, index, module);
  const condition = printCondition(module, probe, index);
  if (module.sharesHandler(index)) return { lines: [...condition, point] };
  const b = new BodyEmission(module, probe.locals, name, undefined, index);
  b.bindWalkLocals(probe.body, 0);
  b.out.open('');
  emitLockedBody(b, probe);
  const lines = [
    ...printEntry(module, probe, index),
    ...printFrame(b, 'probe'),
    ...printHandler(module, probe, b, name),
    ...condition,
    '',
    point,
  ];
  const entry = printEntryStructure(probe, index);
  return { lines, ...(entry === undefined ? {} : { declaration: entry }) };
}

/** What holds the numbers for @entry, before the strings; functions that are the probe's own read it too. */
function printEntryStructure(probe: ResolvedProbe, index: number): string | undefined {
  if (probe.entryValues.length === 0) return undefined;
  const members = probe.entryValues.flatMap((value, slot) => (value.type === 'string' ? [] : [`\ts64 e${slot};`]));
  if (members.length === 0) members.push('\ts64 none;');
  return [`struct entry_${index} {`, ...members, '};'].join('\n');
}

function printHandler(module: ScriptEmission, probe: ResolvedProbe, b: BodyEmission, name: string): string[] {
  const out = new Writer();
  out.at(module.places.position(probe.span).line, probe.span.file);
  out.line(`static void ${name}(struct stapkit_context *c)`);
  out.open('{');
  const frame = b.hasFrame;
  if (frame || b.calls) out.line(`struct ${name}_locals *const l = (void *)c->frame;`);
  if (b.needsFinished) out.line('bool finished = false;');
  out.line('');
  if (b.calls) out.line(`c->frame += ${b.frameSize};`);
  printPrologue(out, b, 0);
  out.put(b.out.toString().split('\n').slice(1, -1));
  if (b.usedLabels.has('done')) out.label('done');
  out.line(b.calls ? 'c->frame = (void *)l;' : 'return;');
  out.close();
  return out.toString().trimEnd().split('\n');
}

/** A handler's body, with the locks it needs around the statements that need them. */
function emitLockedBody(b: BodyEmission, probe: ResolvedProbe): void {
  const { module } = b;
  const statements = topStatements(probe.body);
  const locks = module.locks.locksFor(probe.point.family, module.effects.ofStatement(probe.body));
  if (locks.length === 0) {
    emitStatements(b, statements);
    return;
  }
  const touched = statements.map((s) =>
    [...module.effects.ofStatement(s).keys()].some((global) => module.locks.locked.has(global)),
  );
  const first = touched.indexOf(true);
  const last = touched.lastIndexOf(true);
  emitStatements(b, statements.slice(0, first));
  locks.forEach(({ global, exclusive }, index) => {
    b.out.line(`if (!stapkit_lock_${exclusive ? 'write' : 'read'}(c, &${module.lockName(global)}))`);
    b.out.line(`\t${b.goto(index === 0 ? 'done' : `unlock_${index - 1}`)}`);
  });
  const unlock = `unlock_${locks.length - 1}`;
  const rest = statements.slice(last + 1);
  // `next` and errors within the locked part end the handler: what comes behind it must not run.
  const inner = b.captured(() =>
    b.withTargets({ fail: unlock, done: unlock }, () => emitStatements(b, statements.slice(first, last + 1))),
  );
  const ends = rest.length > 0 && b.usedLabels.has(unlock);
  b.out.put(inner.lines);
  if (ends) {
    b.out.line('finished = true;');
    b.needsFinished = true;
  }
  for (let index = locks.length - 1; index >= 0; index--) {
    const { global, exclusive } = locks[index]!;
    b.label(`unlock_${index}`);
    b.out.line(`stapkit_unlock_${exclusive ? 'write' : 'read'}(&${module.lockName(global)});`);
  }
  if (ends) {
    b.out.line('if (!finished)');
    b.out.line(`\t${b.goto('done')}`);
  }
  emitStatements(b, rest);
}

/** The function that takes the values for @entry. */
function printEntry(module: ScriptEmission, probe: ResolvedProbe, index: number): string[] {
  if (probe.entryValues.length === 0) return [];
  const b = new BodyEmission(module, probe.locals, `entry_${index}_handler`, undefined, index);
  b.out.open('');
  probe.entryValues.forEach((value, slot) => {
    b.scoped(() => {
      b.out.open('{');
      if (value.type === 'string') emitStringInto(b, value, entryValue(probe, slot, 'e'));
      else b.out.line(`e->e${slot} = ${emitNumber(b, value)};`);
      b.out.close();
    });
  });
  const out = new Writer();
  out.line(`static void entry_${index}_take(struct stapkit_context *c)`);
  out.open('{');
  out.line(`struct entry_${index} *const e = c->entry_data;`);
  if (b.hasFrame || b.calls) out.line(`struct ${b.name}_locals *const l = (void *)c->frame;`);
  out.line('');
  if (b.calls) out.line(`c->frame += ${b.frameSize};`);
  probe.entryValues.forEach((value, slot) => {
    out.line(value.type === 'string' ? `${entryValue(probe, slot, 'e')}[0] = '\\0';` : `e->e${slot} = 0;`);
  });
  printPrologue(out, b, 0);
  out.put(b.out.toString().split('\n').slice(1, -1));
  if (b.usedLabels.has('done')) out.label('done');
  out.line(b.calls ? 'c->frame = (void *)l;' : 'return;');
  out.close();
  return [...printFrame(b, 'probe'), ...out.toString().trimEnd().split('\n'), ''];
}

function printCondition(module: ScriptEmission, probe: ResolvedProbe, index: number): string[] {
  const { condition } = probe;
  if (!condition) return [];
  const b = new BodyEmission(module, [], `condition_${index}`, undefined, index);
  b.out.open('');
  b.out.line(`holds = !!(${emitNumber(b, condition)});`);
  const out = new Writer();
  out.line(`static bool condition_${index}_holds(struct stapkit_context *c)`);
  out.open('{');
  if (b.hasFrame) out.line(`struct ${b.name}_locals *const l = (void *)c->frame;`);
  out.line('bool holds = false;');
  out.line('');
  out.put(b.out.toString().split('\n').slice(1, -1));
  if (b.usedLabels.has('done')) out.label('done');
  out.line('return holds && !c->error;');
  out.close();
  return ['', ...printFrame(b, 'probe'), ...out.toString().trimEnd().split('\n')];
}

/** The handler that the probe table names where handlers are measured: it runs the probe's own and adds its cycles. */
function printTimed(module: ScriptEmission, global: number | undefined, index: number): string[] {
  if (global === undefined) return [];
  return [
    ...(index === 0 ? ['s64 stapkit_fn_get_cycles(struct stapkit_context *c);'] : []),
    '',
    `static void timed_${index}(struct stapkit_context *c)`,
    '{',
    '\ts64 start = stapkit_fn_get_cycles(c);',
    '',
    `\t${module.probeName(index)}(c);`,
    `\tstapkit_statistic_add(c, ${module.globalName(global)}, stapkit_fn_get_cycles(c) - start);`,
    '}',
  ];
}

/** A function that prints when the probes are done; no lines where it would print nothing. */
function emitPrinter(
  module: ScriptEmission,
  name: string,
  locals: readonly LocalVariable[],
  statements: readonly Statement[],
): string[] {
  if (statements.length === 0) return [];
  const b = new BodyEmission(module, locals, name, undefined);
  b.bindWalkLocals({ kind: 'block', span: statements[0]!.span, statements }, 0);
  b.out.open('');
  emitStatements(b, statements);
  const out = new Writer();
  out.line(`static void ${name}(struct stapkit_context *c)`);
  out.open('{');
  if (b.hasFrame) out.line(`struct ${name}_locals *const l = (void *)c->frame;`);
  out.line('');
  out.put(b.out.toString().split('\n').slice(1, -1));
  if (b.usedLabels.has('done')) out.label('done');
  out.line('return;');
  out.close();
  return ['', ...printFrame(b, 'probe'), ...out.toString().trimEnd().split('\n')];
}

/** Buckets of a histogram, with those for values below and above. */
export function bucketCount(global: GlobalVariable): number {
  const histogram = global.statistic?.histogram;
  if (!histogram) return 0;
  if (histogram.kind === 'log') return 128;
  return Math.floor((histogram.high - histogram.low) / histogram.interval) + 3;
}

function printTables(
  module: ScriptEmission,
  options: TranslateOptions,
  { script, timings, report }: Instrumented,
  description: string,
): string[] {
  const parts: string[] = [];
  script.globals.forEach((global, index) => {
    const needs = global.statistic;
    if (global.type !== 'statistic' || !needs) return;
    const { histogram } = needs;
    const linear = histogram?.kind === 'linear' ? histogram : undefined;
    parts.push(
      `static const struct stapkit_statistic_kind kind_${index} = { .histogram = ${histogram ? (linear ? 1 : 2) : 0}, .variance = ${needs.operations.includes('variance')}, .variance_shift = ${needs.varianceShift}, .buckets = ${bucketCount(global)}, .low = ${linear?.low ?? 0}, .high = ${linear?.high ?? 0}, .interval = ${linear?.interval ?? 0} };`,
    );
  });
  parts.push(...printGlobalTable(module, script), ...printProbeTable(module, script, timings));
  if (module.sites.length > 0) parts.push(`static u64 site_losses[${module.sites.length}];`, '');
  parts.push(
    `static const struct stapkit_family *const families[] = { ${usedFamilies(script)
      .map((family) => `&${family}`)
      .join(', ')} };`,
    '',
  );
  const depth = module.effects.callDepth();
  parts.push(...printFrames(script, module, report.length > 0 ? ['report'] : []));
  const globals = script.globals.length;
  const fields: Record<string, string> = {
    abi: 'STAPKIT_ABI_VERSION',
    string_size: 'STAPKIT_STRING',
    probe_count: String(script.probes.length),
    global_count: String(globals),
    site_count: String(module.sites.length),
    family_count: String(usedFamilies(script).length),
    probe_frame: 'sizeof(union probe_frames)',
    function_frame: 'sizeof(union function_frames)',
    probe_strings: String(module.probeStrings),
    function_strings: String(module.functionStrings),
    call_depth: depth === undefined ? '~0u' : String(depth),
    probes: script.probes.length > 0 ? 'probes' : 'NULL',
    globals: globals > 0 ? 'globals' : 'NULL',
    site_losses: module.sites.length > 0 ? 'site_losses' : 'NULL',
    families: 'families',
    description: 'description',
    description_length: 'sizeof(description) - 1',
    buckets: String(Math.max(0, ...script.globals.map(bucketCount))),
  };
  if (script.ownProcesses) fields.own_processes = 'true';
  if (script.globals.some((global) => global.printAtEnd)) fields.print_globals = 'print_globals';
  if (report.length > 0) fields.report = 'report';
  if (module.symbols.length > 0) {
    parts.push(...printSymbolTable(module));
    fields.start = 'stapkit_script_symbols_start';
    fields.stop = 'stapkit_script_symbols_stop';
  }
  parts.push(`static const char description[] =\n${printLong(description)};`, '');
  parts.push(...printSettings(module, script));
  parts.push('struct stapkit_script stapkit_script = {');
  for (const [field, value] of Object.entries(fields)) parts.push(`\t.${field} = ${value},`);
  parts.push('\t.limits = {', ...printLimits(options).map((line) => `\t\t${line}`), '\t},', '};');
  return parts;
}

/** Limits: a define that is not a number is left to the C compiler. */
function printLimits(options: TranslateOptions): string[] {
  const defines = options.defines ?? {};
  const values = limitValues(defines);
  const lines: string[] = [];
  for (const [name, field] of Object.entries(LIMIT_FIELDS) as [LimitName, string][]) {
    const given = defines[name];
    const text = given === undefined ? String(LIMITS[name].default) : given;
    // Not given, the size of procfs buffers is that of strings, which may be set when the module is loaded.
    const follows = name === 'STP_PROCFS_BUFSIZE' && given === undefined;
    const value = follows ? '0' : Number.isFinite(Number(text)) && text !== '' ? String(values[name]) : name;
    const unlimited = name === 'STP_OVERLOAD_THRESHOLD' && 'STP_NO_OVERLOAD' in defines;
    lines.push(`.${field} = ${unlimited ? '9223372036854775807LL' : value},`);
  }
  lines.push(`.hist_elision = ${Number.parseInt(defines.HIST_ELISION ?? '2', 10) || 0},`);
  lines.push(`.buffer_size = ${options.bufferMegabytes ? options.bufferMegabytes * 1048576 : DEFAULT_BUFFER},`);
  lines.push(`.suppress_errors = ${options.suppressHandlerErrors ? 1 : 0},`);
  lines.push(`.suppress_time_limits = ${options.suppressTimeLimits ? 1 : 0},`);
  return lines;
}

function probeNames(module: ScriptEmission): readonly string[] {
  return [...new Set(module.script.probes.map((_, index) => module.probeName(index)))];
}

/** Unions of all frames: their sizes are what a context must hold. */
function printFrames(script: Elaborated, module: ScriptEmission, others: readonly string[]): string[] {
  const union = (name: string, structures: readonly string[]): string[] => [
    `union ${name}_frames {`,
    '\ts64 none;',
    ...structures.map((structure, index) => `\tstruct ${structure}_locals m${index};`),
    '};',
    '',
  ];
  const functions = script.functions.flatMap((declared, index) =>
    declared.body.kind === 'embedded' ? [] : [module.functionName(index)],
  );
  const entries = script.probes.flatMap((probe, index) => [
    ...(probe.entryValues.length > 0 ? [`entry_${index}_handler`] : []),
    ...(probe.condition ? [`condition_${index}`] : []),
  ]);
  const printer = script.globals.some((global) => global.printAtEnd) ? ['print_globals'] : [];
  return [
    ...union('probe', [...probeNames(module), ...entries, ...printer, ...others]),
    ...union('function', functions),
  ];
}

/** A long literal, in lines of bearable length. */
function printLong(text: string): string {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += 100) lines.push(`\t${cString(text.slice(at, at + 100))}`);
  return lines.length > 0 ? lines.join('\n') : '\t""';
}

function usedFamilies(script: Elaborated): readonly string[] {
  const used = new Set(script.probes.map((probe) => familyOf(probe.point).runtimeFamily(probe.point)));
  for (const always of ['begin', 'end', 'error']) used.add(`stapkit_family_${always}`);
  return [...used].sort((a, b) => ARMING_ORDER.indexOf(a) - ARMING_ORDER.indexOf(b));
}

function printGlobalTable(module: ScriptEmission, script: Elaborated): string[] {
  if (script.globals.length === 0) return [];
  const rows = script.globals.map((global, index) => {
    const type = { long: 'STAPKIT_LONG', string: 'STAPKIT_STRING_TYPE', statistic: 'STAPKIT_STATISTIC' }[global.type];
    const fields = [
      `.name = ${cString(global.name)}`,
      `.type = ${type}`,
      `.keys = ${global.keys.length}`,
      `.library = ${global.library}`,
      `.wrap = ${global.wrap}`,
      ...(global.keys.length > 0
        ? [`.key_types = { ${global.keys.map((key) => (key === 'string' ? 1 : 0)).join(', ')} }`]
        : []),
      ...(global.size === undefined ? [] : [`.size = ${global.size}`]),
      ...(module.orders.has(index) ? [`.orders = ${module.orders.get(index)}`] : []),
      `.storage = &${module.globalName(index)}`,
      ...(global.statistic && global.type === 'statistic' ? [`.statistic = &kind_${index}`] : []),
      ...(global.keys.length > 0 ? ['.kind = &stapkit_map_kind'] : []),
      ...(global.keys.length === 0 && global.type === 'string' ? ['.kind = &stapkit_string_kind'] : []),
      ...(global.initial?.kind === 'string' ? [`.initial = ${cString(global.initial.value)}`] : []),
      ...(global.keys.length === 0 && global.type === 'statistic' ? ['.kind = &stapkit_statistic_kind'] : []),
    ];
    return `\t{ ${fields.join(', ')} },`;
  });
  return ['static struct stapkit_global globals[] = {', ...rows, '};', ''];
}

/** In the module's information: what staprun may set when it loads it, and how much a string holds. */
function printSettings(module: ScriptEmission, script: Elaborated): string[] {
  const own = script.globals.filter(({ library }) => !library);
  const names = formatScriptGlobals(own.map(({ name, type, keys }) => ({ name, type, keyed: keys.length > 0 })));
  const text = `stapkit_globals=${names}\\0stapkit_string_size=${module.stringSize}`;
  return [`static const char settings[] __attribute__((used, section(".modinfo"), aligned(1))) =\n\t"${text}";`, ''];
}

/** What the runtime looks up when the script is loaded. */
function printSymbolTable(module: ScriptEmission): string[] {
  const rows = module.symbols.map(({ name, module: owner }) => {
    const fields = [`.name = ${cString(name)}`, ...(owner === undefined ? [] : [`.module = ${cString(owner)}`])];
    return `\t{ ${fields.join(', ')} },`;
  });
  return [
    'struct stapkit_script_symbol stapkit_script_symbols[] = {',
    ...rows,
    '};',
    `const u32 stapkit_script_symbol_count = ${module.symbols.length};`,
    '',
  ];
}

function printProbeTable(module: ScriptEmission, script: Elaborated, timings: Instrumented['timings']): string[] {
  if (script.probes.length === 0) return [];
  const rows = script.probes.map((probe, index) => {
    const fields = [
      `.handler = ${timings[index] === undefined ? module.probeName(index) : `timed_${index}`}`,
      ...(probe.entryValues.length > 0
        ? [
            `.entry = entry_${index}_take`,
            `.entry_size = sizeof(struct entry_${index})`,
            `.entry_strings = ${entryStrings(probe)}`,
          ]
        : []),
      ...(probe.condition ? [`.condition = condition_${index}_holds`] : []),
      ...(module.changesCondition(probe) ? ['.changes_conditions = true'] : []),
      `.family = &${familyOf(probe.point).runtimeFamily(probe.point)}`,
      `.point = &probe_${index}_point`,
      `.name = ${cString(probe.name)}`,
      `.written = ${cString(probe.written)}`,
      `.place = ${cString(module.places.place(probe.span))}`,
      `.id = ${index}`,
    ];
    return `\t{ ${fields.join(', ')} },`;
  });
  return ['static struct stapkit_probe probes[] = {', ...rows, '};', ''];
}
