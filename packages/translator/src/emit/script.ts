// What all the emitters of one module share: the script, its analyses, and the tables that fill up while code is
// written (print sites, formats, automata, walk slots).
import type { Elaborated, Expression, Format, ResolvedFunction, ResolvedProbe } from '@stapkit/elaborator';
import type { LimitValues } from '@stapkit/pass';
import { Effects } from '../analysis/effects.js';
import { type LockPlan, planLocks } from '../analysis/locks.js';
import type { PrintSite } from '../description.js';
import { cName, cString } from './c-text.js';
import { Places } from './places.js';

export class ScriptEmission {
  readonly effects: Effects;
  readonly locks: LockPlan;
  readonly places: Places;
  readonly sites: PrintSite[] = [];
  /** Static tables that handlers refer to: formats, automata. */
  readonly tables: string[] = [];
  /** Functions of the runtime that tapset functions stand for: name → prototype. */
  readonly externals = new Map<string, string>();
  /** Embedded C that needs kernel headers. */
  readonly embedded: string[] = [];
  /** How many sorted walks each array has. */
  readonly orders = new Map<number, number>();
  usedAutomata = new Set<number>();
  /** The most strings in any frame of a handler, and of a function. */
  probeStrings = 0;
  functionStrings = 0;
  /** The kernel's symbols that handlers take the addresses of, in the order of their numbers. */
  readonly symbols: { readonly name: string; readonly module?: string }[] = [];
  private readonly symbolNumbers = new Map<string, number>();
  private readonly formats = new Map<string, string>();

  /** For each probe the one whose handler it has: a pattern stands for thousands of probes that all do the same. */
  private readonly handlers: readonly number[];
  private readonly conditions: readonly Expression[];

  constructor(
    readonly script: Elaborated,
    readonly limits: LimitValues,
    /** Bytes of a string with its NUL. */
    readonly stringSize: number,
    /** Memory that can't be read is 0. */
    readonly skipBadVariables = false,
  ) {
    this.effects = new Effects(script);
    this.locks = planLocks(script, this.effects);
    this.places = new Places(script.sources);
    this.handlers = sharedHandlers(script.probes);
    this.conditions = script.probes.flatMap((probe) => (probe.condition ? [probe.condition] : []));
  }

  /** The C name of a global's storage, of its lock, of a function, of a probe's handler. */
  globalName(index: number): string {
    return `global_${index}_${cName(this.script.globals[index]!.name)}`;
  }

  lockName(index: number): string {
    return `lock_${index}_${cName(this.script.globals[index]!.name)}`;
  }

  functionName(index: number): string {
    return `function_${index}_${cName(this.script.functions[index]!.name)}`;
  }

  probeName(index: number): string {
    return `probe_${this.handlers[index]}`;
  }

  /** Whether a probe's handler is that of another one before it. */
  sharesHandler(index: number): boolean {
    return this.handlers[index] !== index;
  }

  /** The runtime function that a tapset function stands for, by its pragma `runtime: NAME`. */
  runtimeFunction(declared: ResolvedFunction): string | undefined {
    if (declared.body.kind !== 'embedded') return undefined;
    for (const pragma of declared.body.pragmas) {
      const match = /^runtime\s*:\s*([A-Za-z_]\w*)$/.exec(pragma.trim());
      if (match) return match[1];
    }
    return undefined;
  }

  /** True where a handler of this probe may change the value of a point's `if (…)`. */
  changesCondition(probe: ResolvedProbe): boolean {
    const uses = this.effects.ofStatement(probe.body);
    for (const condition of this.conditions) {
      for (const global of this.effects.ofExpression(condition).keys()) {
        const use = uses.get(global);
        if (use && use.writes + use.adds > 0) return true;
      }
    }
    return false;
  }

  /** Takes one of an array's orders for a sorted walk of its own. */
  takeOrder(global: number): number {
    const slot = this.orders.get(global) ?? 0;
    this.orders.set(global, slot + 1);
    return slot;
  }

  /** The number of a symbol in the table that the runtime fills in. */
  symbol(name: string, module: string | undefined): number {
    const key = `${module ?? ''}:${name}`;
    let number = this.symbolNumbers.get(key);
    if (number === undefined) {
      number = this.symbols.push({ name, ...(module === undefined ? {} : { module }) }) - 1;
      this.symbolNumbers.set(key, number);
    }
    return number;
  }

  /** A static table of a format's pieces; returns its name. */
  formatTable(format: Format): string {
    const rows = format.pieces.map((piece) => {
      if (piece.kind === 'text')
        return `\t{ .text = ${cString(piece.text)}, .length = sizeof(${cString(piece.text)}) - 1 },`;
      const flags = [...piece.flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0);
      const width = piece.width === 'argument' ? -2 : (piece.width ?? -1);
      const precision = piece.precision === 'argument' ? -2 : (piece.precision ?? -1);
      return `\t{ .conversion = '${piece.conversion}', .flags = ${flags}, .size = ${sizeBytes(piece.size)}, .width = ${width}, .precision = ${precision} },`;
    });
    const text = rows.join('\n');
    const known = this.formats.get(text);
    if (known !== undefined) return known;
    const name = `format_${this.formats.size}`;
    this.formats.set(text, name);
    this.tables.push(`static const struct stapkit_piece ${name}[] = {\n${text}\n};`);
    return name;
  }
}

const FLAGS: Readonly<Record<string, number>> = { '-': 1, '+': 2, ' ': 4, '#': 8, '0': 16 };

/** Bytes of a size modifier: a number, or C's `hh`, `h`, `l`, `ll`. */
function sizeBytes(size: string | undefined): number {
  switch (size) {
    case undefined:
      return 0;
    case 'hh':
      return 1;
    case 'h':
      return 2;
    case 'l':
    case 'll':
    case 'L':
      return 8;
    default:
      return Number.parseInt(size, 10) || 0;
  }
}

/** Handlers that do the same are one. Those that take values at entry are made for their own probe. */
function sharedHandlers(probes: readonly ResolvedProbe[]): number[] {
  const known = new Map<string, number>();
  return probes.map((probe, index) => {
    if (probe.entryValues.length > 0) return index;
    const { span, locals, body, point } = probe;
    const key = JSON.stringify([point.family, span, locals, body]);
    const same = known.get(key);
    if (same === undefined) known.set(key, index);
    return same ?? index;
  });
}
