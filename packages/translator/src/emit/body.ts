// The emitter of one handler or function: its locals, temporaries, labels and lines. Expressions, strings, statements
// are in files of their own and work on this.
import type { Expression, LocalVariable, Statement, ValueType } from '@stapkit/elaborator';
import { invariant, type Span } from '@stapkit/pass';
import { findWalkLocals } from '../analysis/walk-locals.js';
import { cName, cString } from './c-text.js';
import type { ScriptEmission } from './script.js';
import { Writer } from './writer.js';

/** Where jumps of the current statement go. */
export interface Targets {
  /** An error's label: the handler's end, or the innermost catch. */
  readonly fail: string;
  /** `next`, `return` and running off the end. */
  readonly done: string;
  readonly break?: string;
  readonly continue?: string;
}

/** A foreach whose body is being emitted. */
export interface Walk {
  readonly global: number;
  /** The locals that take its keys. */
  readonly keys: readonly number[];
  /** C names of the array, of the element's node and of that one's number. */
  readonly map: string;
  readonly node: string;
  readonly index: string;
  /** The body changes the array. */
  readonly changes: boolean;
}

export class BodyEmission {
  readonly out = new Writer();
  targets: Targets;
  /** Labels that something jumps to; others are not written, for the compiler warns of them. */
  readonly usedLabels = new Set<string>();
  private numbers = 0;
  private stringsInUse = 0;
  private stringsAtMost = 0;
  /** Locals that are C's own: parameters that nothing assigns, and what only a foreach sets. */
  private readonly direct = new Map<number, string>();
  /** Of these, the ones that were asked for. */
  private used = new Set<number>();
  /** The foreach around the current statement, the innermost first. */
  walks: readonly Walk[] = [];
  /** In a function with overloads: emits the call that `next` stands for. */
  fallback: (() => void) | undefined;
  /** True where a handler's locked part can end it before the rest has run. */
  needsFinished = false;
  /** True where the body calls functions, and so must move the frame. */
  calls = false;

  constructor(
    readonly module: ScriptEmission,
    readonly locals: readonly LocalVariable[],
    /** The name of its `struct …_locals`. */
    readonly name: string,
    /** What `return` does: a function's result type, or undefined for a probe. */
    readonly result: ValueType | 'none' | undefined,
    /** The probe, for what only its context has. */
    readonly probe?: number,
  ) {
    this.targets = { fail: 'done', done: 'done' };
  }

  /** Makes a local stand for a C parameter. */
  bindParameter(local: number, name: string): void {
    this.direct.set(local, name);
  }

  /** Makes variables of their own of the locals that need no place in the frame. Before anything else is emitted. */
  bindWalkLocals(body: Statement, parameters: number): void {
    for (const local of findWalkLocals(body, this.locals, parameters, this.module.effects))
      this.direct.set(local, `v${local}_${cName(this.locals[local]!.name)}`);
  }

  /** Emits a foreach's body; tells which of C's own locals it asked for. */
  walking(walk: Walk, write: () => void): { readonly lines: readonly string[]; readonly used: ReadonlySet<number> } {
    const outer = { walks: this.walks, used: this.used };
    this.walks = [walk, ...outer.walks];
    const used = new Set<number>();
    this.used = used;
    const { lines } = this.captured(write);
    this.walks = outer.walks;
    this.used = outer.used;
    for (const local of used) outer.used.add(local);
    return { lines, used };
  }

  isDirect(local: number): boolean {
    return this.direct.has(local);
  }

  local(index: number): string {
    const direct = this.direct.get(index);
    if (direct !== undefined) {
      this.used.add(index);
      return direct;
    }
    if (this.localType(index) === 'string') return `STAPKIT_ROOM(l, ${this.stringLocals(index)})`;
    return `l->v${index}_${cName(this.locals[index]!.name)}`;
  }

  localType(index: number): ValueType {
    return this.locals[index]!.type;
  }

  /** A number for names that must be unique in this body. */
  unique(): number {
    this.numbers += 1;
    return this.numbers;
  }

  /** Declares a number at this place and returns its name. */
  number(value: string): string {
    const name = `t${this.unique()}`;
    this.out.line(`s64 ${name} = ${value};`);
    return name;
  }

  /** Room for a string until the statement ends. */
  stringRoom(): string {
    const name = `STAPKIT_ROOM(l, ${this.stringLocals(this.locals.length) + this.stringsInUse})`;
    this.stringsInUse += 1;
    this.stringsAtMost = Math.max(this.stringsAtMost, this.stringsInUse);
    return name;
  }

  /** Runs `write` and gives back the string room that it took. */
  scoped<T>(write: () => T): T {
    const mark = this.stringsInUse;
    try {
      return write();
    } finally {
      this.stringsInUse = mark;
    }
  }

  withTargets<T>(targets: Partial<Targets>, write: () => T): T {
    const outer = this.targets;
    this.targets = { ...outer, ...targets };
    try {
      return write();
    } finally {
      this.targets = outer;
    }
  }

  goto(label: string | undefined): string {
    invariant(label !== undefined, 'a jump without a target');
    this.usedLabels.add(label);
    return `goto ${label};`;
  }

  /** Writes a label where something jumps to it. */
  label(name: string): void {
    if (this.usedLabels.has(name)) this.out.label(name);
  }

  at(span: Span): void {
    this.out.at(this.module.places.position(span).line, span.file);
  }

  /** Ends the handler with an error where the condition holds. */
  failIf(condition: string, message: string, span: Span, operator?: string): void {
    this.out.open(`if (unlikely(${condition})) {`);
    this.out.line(`stapkit_fail(c, ${cString(message)}, ${cString(this.module.places.near(span, operator))});`);
    this.out.line(this.goto(this.targets.fail));
    this.out.close();
  }

  /** Ends the handler where the call before raised an error. */
  failOnError(span: Span | undefined): void {
    this.out.open('if (unlikely(c->error)) {');
    if (span) this.out.line(`stapkit_blame(c, ${cString(this.module.places.near(span))});`);
    this.out.line(this.goto(this.targets.fail));
    this.out.close();
  }

  /** At `--privilege=stapusr`, ends the run where the current process is not the user's own. */
  expectOwnProcess(what: string, span: Span): void {
    if (!this.module.script.ownProcesses) return;
    const place = this.module.places.near(span);
    const text = `${what} is only for the user's own processes at --privilege=stapusr`;
    this.out.open(`if (unlikely(!stapkit_expect_own_process(c, ${cString(text)}, ${cString(place)}))) {`);
    this.out.line(this.goto(this.targets.fail));
    this.out.close();
  }

  /** The same before memory is read; of the kernel's there is none to read at that level. */
  expectReadable(space: 'user' | 'kernel', span: Span): void {
    if (space === 'user') {
      this.expectOwnProcess('user memory', span);
      return;
    }
    if (!this.module.script.ownProcesses) return;
    const place = this.module.places.near(span);
    this.out.line(`stapkit_trespass(c, "kernel memory may not be read at --privilege=stapusr", ${cString(place)});`);
    this.failOnError(undefined);
  }

  /** `next` in a function: goes on with the next overload, and returns what that gives. */
  emitFallback(span: Span): void {
    if (this.fallback) {
      this.fallback();
      this.out.line(this.goto(this.targets.done));
      return;
    }
    this.out.line(`stapkit_fail(c, "all functions exhausted", ${cString(this.module.places.near(span))});`);
    this.out.line(this.goto(this.targets.fail));
  }

  /** Emits code that may turn out to have no statements of its own. */
  captured<T>(write: () => T): { readonly value: T; readonly lines: readonly string[] } {
    return this.out.capture(write);
  }

  changes(e: Expression): boolean {
    return this.module.effects.changes(e);
  }

  /** How many of the locals before one have room for a string in the frame. */
  private stringLocals(before: number): number {
    let count = 0;
    for (let index = 0; index < before; index++)
      if (!this.direct.has(index) && this.localType(index) === 'string') count += 1;
    return count;
  }

  /** How many strings lie in the frame behind its numbers: locals that are not parameters, then what expressions need. */
  get frameStrings(): number {
    return this.stringLocals(this.locals.length) + this.stringsAtMost;
  }

  /** C text for the frame's size. */
  get frameSize(): string {
    const strings = this.frameStrings;
    return strings === 0 ? 'sizeof(*l)' : `sizeof(*l) + ${strings} * stapkit_script.string_room`;
  }

  /** True where the body needs its frame. */
  get hasFrame(): boolean {
    return this.frameMembers().length > 0 || this.frameStrings > 0;
  }

  /** The frame's numbers: the locals that are not parameters. */
  frameMembers(): string[] {
    const members: string[] = [];
    this.locals.forEach((local, index) => {
      if (!this.direct.has(index) && local.type === 'long') members.push(`\ts64 v${index}_${cName(local.name)};`);
    });
    return members;
  }
}
