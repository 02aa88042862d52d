// POSIX extended regular expressions (stap(1), "REGULAR EXPRESSIONS") to minimal deterministic automata.
//
// The pattern becomes an NFA whose edges carry tags (where a group starts or ends), and the NFA a DFA in which each
// state is a list of threads in order of preference, after Laurikari's tagged automata with one symbol of lookahead: a
// tag that lies between two bytes is set on the transition that consumes the second one. Preference follows Perl's
// leftmost rule with greedy repetition. A pattern matches anywhere in the subject unless it is anchored.
import type { RegexAutomaton, RegexState, RegexTag } from './elaborated.js';

/** The subject's end, read as its terminating NUL byte. */
const END = 0;
const MOST_NODES = 20_000;
const MOST_STATES = 4_000;
const DEEPEST_GROUPS = 200;
const MOST_REPEATS = 255;

/** How much work the patterns of one script may take together, in steps of threads. */
const MOST_STEPS = 600_000;

/** What is left of the work; patterns of one script share one. */
export interface RegexBudget {
  steps: number;
}

export function newRegexBudget(): RegexBudget {
  return { steps: MOST_STEPS };
}

export type RegexFault = { readonly fault: string };

// ------------------------------------------------------------------------------------------------------- syntax

type Node =
  | { kind: 'bytes'; set: Uint8Array }
  | { kind: 'sequence'; items: Node[] }
  | { kind: 'choice'; items: Node[] }
  | { kind: 'repeat'; item: Node; least: number; most: number }
  | { kind: 'group'; index: number; item: Node }
  | { kind: 'start' | 'end' };

/** Worded and counted as SystemTap does: a position is the offset of the byte that is wrong. */
class Fault {
  readonly message: string;
  constructor(why: string, position?: number) {
    this.message = position === undefined ? `: ${why}` : ` (at position ${position}): ${why}`;
  }
}

const CLASSES: Readonly<Record<string, (code: number) => boolean>> = {
  alpha: (c) => isAlpha(c),
  digit: (c) => c >= 48 && c <= 57,
  alnum: (c) => isAlpha(c) || (c >= 48 && c <= 57),
  upper: (c) => c >= 65 && c <= 90,
  lower: (c) => c >= 97 && c <= 122,
  space: (c) => c === 32 || (c >= 9 && c <= 13),
  blank: (c) => c === 32 || c === 9,
  punct: (c) => c > 32 && c < 127 && !isAlpha(c) && !(c >= 48 && c <= 57),
  print: (c) => c >= 32 && c < 127,
  graph: (c) => c > 32 && c < 127,
  cntrl: (c) => c < 32 || c === 127,
  xdigit: (c) => (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102),
};

function isAlpha(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

class Parser {
  private at = 0;
  private depth = 0;
  groups = 0;

  constructor(private readonly text: string) {}

  parse(): Node {
    const node = this.choice();
    if (this.at < this.text.length) throw new Fault("unbalanced ')'", this.at + 1);
    return node;
  }

  private choice(): Node {
    const items = [this.sequence()];
    while (this.text[this.at] === '|') {
      this.at++;
      items.push(this.sequence());
    }
    return items.length === 1 ? items[0]! : { kind: 'choice', items };
  }

  private sequence(): Node {
    const items: Node[] = [];
    while (this.at < this.text.length && this.text[this.at] !== '|' && this.text[this.at] !== ')') {
      items.push(this.repeated());
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  private repeated(): Node {
    let item = this.atom();
    for (;;) {
      const next = this.text[this.at];
      if (next !== undefined && '*+?{'.includes(next) && (item.kind === 'start' || item.kind === 'end')) {
        throw new Fault(`postfix closure '${next}' applied to anchoring operator`, this.at);
      }
      if (next === '*') item = { kind: 'repeat', item, least: 0, most: Number.POSITIVE_INFINITY };
      else if (next === '+') item = { kind: 'repeat', item, least: 1, most: Number.POSITIVE_INFINITY };
      else if (next === '?') item = { kind: 'repeat', item, least: 0, most: 1 };
      else if (next === '{') {
        const match = /^\{(\d+)(,(\d*))?\}/.exec(this.text.slice(this.at, this.at + 24));
        if (!match) throw this.malformedRepetition();
        const least = Number(match[1]);
        const most = match[2] === undefined ? least : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
        if (least > MOST_REPEATS || (Number.isFinite(most) && most > MOST_REPEATS)) {
          throw new Fault(`${Math.max(least, most)} is too large`, this.at + match[0].length);
        }
        if (most < least) throw new Fault(`invalid repetition range {${least},${most}}`, this.at);
        item = { kind: 'repeat', item, least, most };
        this.at += match[0].length;
        continue;
      } else return item;
      this.at++;
    }
  }

  private atom(): Node {
    const start = this.at;
    const char = this.text[this.at++]!;
    switch (char) {
      case '(': {
        if (++this.depth > DEEPEST_GROUPS) throw new Fault(`more than ${DEEPEST_GROUPS} nested groups`, start);
        const extension = this.text[this.at] === '?' ? (this.text[this.at + 1] ?? '') : undefined;
        // A group that is no sub-match is the one extension that SystemTap takes.
        if (extension !== undefined && extension !== ':') {
          throw new Fault(`unexpected '(?${extension}'`, this.at + 1);
        }
        if (extension !== undefined) this.at += 2;
        const index = extension === undefined ? ++this.groups : undefined;
        const item = this.choice();
        if (this.text[this.at] !== ')') throw new Fault('expected ), found end of regex', this.at - 1);
        this.at++;
        this.depth--;
        return index === undefined ? item : { kind: 'group', index, item };
      }
      case '[':
        return this.bracket();
      case '.': {
        const set = new Uint8Array(256).fill(1);
        set[END] = 0;
        return { kind: 'bytes', set };
      }
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new Fault(`unexpected '${char}'`, start);
      case '\\': {
        const escaped = this.text[this.at++];
        if (escaped === undefined) throw new Fault('unexpected end of regex', this.at - 1);
        return single(escaped.charCodeAt(0));
      }
      default:
        return single(char.charCodeAt(0));
    }
  }

  private bracket(): Node {
    const set = new Uint8Array(256);
    let negated = false;
    if (this.text[this.at] === '^') {
      negated = true;
      this.at++;
    }
    let first = true;
    for (;;) {
      if (this.at >= this.text.length) throw this.unclosed();
      if (this.text[this.at] === ']' && !first) {
        this.at++;
        break;
      }
      first = false;
      if (this.text.startsWith('[:', this.at)) {
        const close = this.text.indexOf(':]', this.at);
        const name = close < 0 ? '' : this.text.slice(this.at + 2, close);
        const contains = CLASSES[name];
        if (!contains) throw new Fault(`unknown character class '${name}'`);
        for (let code = 0; code < 256; code++) if (contains(code)) set[code] = 1;
        this.at = close + 2;
        continue;
      }
      const from = this.bracketByte();
      let to = from;
      if (this.text[this.at] === '-' && this.at + 1 < this.text.length && this.text[this.at + 1] !== ']') {
        this.at++;
        to = this.bracketByte();
        if (to < from)
          throw new Fault(`Inverted character range ${String.fromCharCode(from)}-${String.fromCharCode(to)}`, this.at);
      }
      for (let code = from; code <= to; code++) set[code] = 1;
    }
    if (negated) for (let code = 0; code < 256; code++) set[code] = set[code] ? 0 : 1;
    set[END] = 0;
    return { kind: 'bytes', set };
  }

  private unclosed(): Fault {
    return new Fault('unclosed character class', this.text.length - 1);
  }

  /** What follows a brace is no repetition. */
  private malformedRepetition(): Fault {
    const digits = /^\{\d*,?\d*/.exec(this.text.slice(this.at))![0];
    const end = this.at + digits.length;
    if (end >= this.text.length && digits.length > 1) return new Fault('unexpected end of regex', this.text.length);
    if (end >= this.text.length) return new Fault('expected number', this.text.length);
    return new Fault('expected number', this.at + 2);
  }

  private bracketByte(): number {
    let char = this.text[this.at++];
    // A backslash escapes inside brackets too, as SystemTap has it.
    if (char === '\\' && this.at < this.text.length) char = this.text[this.at++];
    if (char === undefined) throw this.unclosed();
    const code = char.charCodeAt(0);
    if (code > 255) throw new Fault('character above 0xff');
    return code;
  }
}

/** The sets of one byte, each made once: most of a pattern are plain bytes. Nobody changes a set that is in a node. */
const SINGLES: (Uint8Array | undefined)[] = [];

function single(code: number): Node {
  if (code > 255) throw new Fault('character above 0xff');
  let set = SINGLES[code];
  if (!set) {
    set = new Uint8Array(256);
    set[code] = 1;
    SINGLES[code] = set;
  }
  return { kind: 'bytes', set };
}

// ---------------------------------------------------------------------------------------------------------- NFA

/** One state: an edge that consumes a byte, or edges that do not, the preferred one first. */
interface State {
  set?: Uint8Array;
  next: number[];
  tag?: number;
  /** Passable only at the subject's start. */
  start?: boolean;
  accept?: boolean;
}

class Nfa {
  readonly states: State[] = [];

  add(state: State): number {
    if (this.states.length >= MOST_NODES) throw new Fault('pattern is too large');
    return this.states.push(state) - 1;
  }

  /** Builds a node so that it leads on to `next`. */
  build(node: Node, next: number, tagged: boolean): number {
    switch (node.kind) {
      case 'bytes':
        return this.add({ set: node.set, next: [next] });
      case 'sequence': {
        let at = next;
        for (let index = node.items.length - 1; index >= 0; index--) at = this.build(node.items[index]!, at, tagged);
        return at;
      }
      case 'choice':
        return this.add({ next: node.items.map((item) => this.build(item, next, tagged)) });
      case 'group': {
        if (!tagged) return this.build(node.item, next, tagged);
        const end = this.add({ next: [next], tag: 2 * node.index + 1 });
        return this.add({ next: [this.build(node.item, end, tagged)], tag: 2 * node.index });
      }
      case 'start':
        return this.add({ next: [next], start: true });
      case 'end': {
        const set = new Uint8Array(256);
        set[END] = 1;
        return this.add({ set, next: [next] });
      }
      case 'repeat': {
        let at = next;
        if (node.most === Number.POSITIVE_INFINITY) {
          const loop = this.add({ next: [] });
          this.states[loop]!.next = [this.build(node.item, loop, tagged), next];
          at = loop;
        } else {
          for (let count = node.least; count < node.most; count++) {
            at = this.add({ next: [this.build(node.item, at, tagged), next] });
          }
        }
        for (let count = 0; count < node.least; count++) at = this.build(node.item, at, tagged);
        return at;
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------- DFA

/** One thread of a DFA state. */
interface Thread {
  readonly state: number;
  /** Tag → register of the DFA state; missing tags are unset. */
  readonly registers: ReadonlyMap<number, number>;
  /** Tags passed since the last byte; set when the next one is consumed. */
  readonly pending: readonly number[];
}

const NO_REGISTERS: Map<number, number> = new Map();
const NO_PENDING: readonly number[] = [];
const NO_FRESH: ReadonlySet<number> = new Set();
const NO_TAGS: RegexTag[] = [];

interface DfaState {
  readonly threads: readonly Thread[];
  readonly accepting: boolean;
  readonly finish: RegexTag[];
  readonly transitions: { from: number; to: number; target: number; tags: RegexTag[] }[];
}

/**
 * Compiles a pattern.
 *
 * @param tagged false where no handler asks for the groups: the automaton is then smaller and stops at the first match
 * @param budget the work that may be done
 * @returns the automaton, or what is wrong with the pattern
 */
export function compileRegex(pattern: string, tagged = true, budget = newRegexBudget()): RegexAutomaton | RegexFault {
  try {
    // Each byte takes a node at least, but for those of a bracket.
    if (pattern.length > 16 * MOST_NODES) throw new Fault('pattern is too large');
    const parser = new Parser(pattern);
    const tree = parser.parse();
    const groups = parser.groups;
    const nfa = new Nfa();
    const accept = nfa.add({ next: [], accept: true });
    let entry: number;
    if (tagged) {
      const end = nfa.add({ next: [accept], tag: 1 });
      entry = nfa.add({ next: [nfa.build(tree, end, true)], tag: 0 });
    } else {
      entry = nfa.build(tree, accept, false);
    }
    // Skipping bytes before the match is the least preferred way.
    const any = new Uint8Array(256).fill(1);
    any[END] = 0;
    const search = nfa.add({ next: [] });
    nfa.states[search]!.next = [entry, nfa.add({ set: any, next: [search] })];
    spend(budget, nfa.states.length);
    const states = minimize(dropDead(determinize(nfa.states, search, groups, tagged, budget)), budget);
    let registers = tagged ? 2 * (groups + 1) : 0;
    for (const state of states) {
      for (const tag of state.finish) registers = Math.max(registers, tag.register + 1, (tag.copyOf ?? 0) + 1);
      for (const { tags } of state.transitions) {
        for (const tag of tags) registers = Math.max(registers, tag.register + 1, (tag.copyOf ?? 0) + 1);
      }
    }
    return { pattern, groups, states, registers, tagged };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    throw error;
  }
}

/** What closures of one pattern share. */
interface ClosureContext {
  readonly nfa: readonly State[];
  readonly tagged: boolean;
  readonly budget: RegexBudget;
  /** For each state the number of the closure that saw it last. */
  readonly seen: Uint32Array;
  number: number;
}

function spend(budget: RegexBudget, steps: number): void {
  budget.steps -= steps;
  if (budget.steps < 0) throw new Fault('the regular expressions of the script are too large');
}

function closure(context: ClosureContext, seeds: readonly Thread[], atStart: boolean): Thread[] {
  const { nfa, tagged, budget, seen } = context;
  const threads: Thread[] = [];
  const number = ++context.number;
  for (const seed of seeds) {
    const stack: Thread[] = [seed];
    while (stack.length > 0) {
      const thread = stack.pop()!;
      if (seen[thread.state] === number) continue;
      seen[thread.state] = number;
      spend(budget, 1);
      const state = nfa[thread.state]!;
      if (state.accept) {
        threads.push(thread);
        // Less preferred threads can no longer win.
        return threads;
      }
      if (state.set) {
        threads.push(thread);
        continue;
      }
      if (state.start && !atStart) continue;
      const pending =
        state.tag === undefined || !tagged
          ? thread.pending
          : [...thread.pending.filter((tag) => tag !== state.tag), state.tag];
      for (let index = state.next.length - 1; index >= 0; index--) {
        stack.push({ state: state.next[index]!, registers: thread.registers, pending });
      }
    }
  }
  return threads;
}

/** Ranges of bytes that no edge of the NFA tells apart. */
function byteClasses(nfa: readonly State[]): { from: number; to: number }[] {
  const boundary = new Uint8Array(257);
  boundary[0] = 1;
  boundary[1] = 1;
  const seen = new Set<Uint8Array>();
  for (const { set } of nfa) {
    if (!set || seen.has(set)) continue;
    seen.add(set);
    for (let code = 1; code < 256; code++) if (set[code] !== set[code - 1]) boundary[code] = 1;
  }
  const ranges: { from: number; to: number }[] = [];
  for (let code = 0; code < 256; code++) {
    if (boundary[code]) ranges.push({ from: code, to: code });
    else ranges[ranges.length - 1]!.to = code;
  }
  return ranges;
}

function determinize(
  nfa: readonly State[],
  start: number,
  groups: number,
  tagged: boolean,
  budget: RegexBudget,
): DfaState[] {
  const context: ClosureContext = { nfa, tagged, budget, seen: new Uint32Array(nfa.length), number: 0 };
  const firstRegister = tagged ? 2 * (groups + 1) : 0;
  const classes = byteClasses(nfa);
  const states: DfaState[] = [];
  const known = new Map<string, number>();

  /** Renumbers registers by first use, so that equal states look equal; gives the operations that move them. */
  function enter(threads: readonly Thread[], fresh: ReadonlySet<number>): { index: number; tags: RegexTag[] } {
    const numbers = new Map<number, number>();
    const renamed = threads.map((thread): Thread => {
      if (thread.registers.size === 0) return thread;
      const registers = new Map<number, number>();
      for (const [tag, register] of thread.registers) {
        let number = numbers.get(register);
        if (number === undefined) {
          number = firstRegister + numbers.size;
          numbers.set(register, number);
        }
        registers.set(tag, number);
      }
      return { ...thread, registers };
    });
    const moves = [...numbers].map(([from, to]) =>
      fresh.has(from) ? { register: to } : { register: to, copyOf: from },
    );
    const tags = moves.length === 0 ? NO_TAGS : orderMoves(moves, firstRegister);
    let key = '';
    for (const thread of renamed) {
      key += thread.state;
      for (const [tag, register] of thread.registers) key += `,${tag}=${register}`;
      if (thread.pending.length > 0) key += `:${thread.pending}`;
      key += ';';
    }
    let index = known.get(key);
    if (index === undefined) {
      if (states.length >= MOST_STATES) throw new Fault('pattern needs too many states');
      index = states.length;
      known.set(key, index);
      const last = renamed[renamed.length - 1];
      const accepting = last !== undefined && nfa[last.state]!.accept === true;
      const finish: RegexTag[] = [];
      if (accepting && tagged) {
        for (let tag = 0; tag < firstRegister; tag++) {
          if (last.pending.includes(tag)) finish.push({ register: tag });
          else {
            const register = last.registers.get(tag);
            // A group that took no part has no bounds: register -1 of the source stands for "unset".
            finish.push(register === undefined ? { register: tag, unset: true } : { register: tag, copyOf: register });
          }
        }
      }
      states.push({ threads: renamed, accepting, finish, transitions: [] });
    }
    return { index, tags };
  }

  enter(closure(context, [{ state: start, registers: new Map(), pending: [] }], true), new Set());
  for (let at = 0; at < states.length; at++) {
    const state = states[at]!;
    // Without groups to find, the first match is as good as any.
    if (state.accepting && !tagged) continue;
    for (const range of classes) {
      spend(budget, 1 + state.threads.length);
      let fresh = 1_000_000;
      const seeds: Thread[] = [];
      if (!tagged) {
        for (const { state: from } of state.threads) {
          const edge = nfa[from]!;
          if (edge.set?.[range.from])
            seeds.push({ state: edge.next[0]!, registers: NO_REGISTERS, pending: NO_PENDING });
        }
        if (seeds.length === 0) continue;
        const { index } = enter(closure(context, seeds, false), NO_FRESH);
        if (states[index]!.threads.length > 0) state.transitions.push({ ...range, target: index, tags: NO_TAGS });
        continue;
      }
      const freshFor = new Map<number, number>();
      for (const thread of state.threads) {
        const edge = nfa[thread.state]!;
        if (!edge.set?.[range.from]) continue;
        const registers = thread.registers.size + thread.pending.length > 0 ? new Map(thread.registers) : NO_REGISTERS;
        for (const tag of thread.pending) {
          let register = freshFor.get(tag);
          if (register === undefined) {
            register = fresh++;
            freshFor.set(tag, register);
          }
          registers.set(tag, register);
        }
        seeds.push({ state: edge.next[0]!, registers, pending: [] });
      }
      if (seeds.length === 0) continue;
      const { index, tags } = enter(closure(context, seeds, false), new Set(freshFor.values()));
      if (states[index]!.threads.length === 0) continue;
      state.transitions.push({ ...range, target: index, tags });
    }
  }
  return states;
}

/** Orders parallel moves so that none overwrites what another still reads; a cycle goes through a spare register. */
function orderMoves(moves: readonly RegexTag[], firstRegister: number): RegexTag[] {
  const copies = moves.filter((move) => move.copyOf !== undefined && move.copyOf !== move.register);
  const sets = moves.filter((move) => move.copyOf === undefined);
  const ordered: RegexTag[] = [];
  let left: RegexTag[] = [...copies];
  while (left.length > 0) {
    const free = left.findIndex((move) => !left.some((other) => other !== move && other.copyOf === move.register));
    if (free >= 0) {
      ordered.push(left[free]!);
      left.splice(free, 1);
      continue;
    }
    const broken = left[0]!;
    const spare = Math.max(firstRegister, ...moves.map((move) => Math.max(move.register, move.copyOf ?? 0))) + 1;
    ordered.push({ register: spare, copyOf: broken.register });
    left = left.map((move) => (move.copyOf === broken.register ? { ...move, copyOf: spare } : move));
  }
  return [...ordered, ...sets];
}

/** Removes transitions into states from which nothing accepts: a run ends there at once. */
function dropDead(states: readonly DfaState[]): DfaState[] {
  const alive = states.map((state) => state.accepting);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [index, state] of states.entries()) {
      if (!alive[index] && state.transitions.some((edge) => alive[edge.target])) {
        alive[index] = true;
        changed = true;
      }
    }
  }
  return states.map((state) => ({
    ...state,
    transitions: state.transitions.filter((edge) => alive[edge.target]),
  }));
}

/** Joins states that no input tells apart (Moore's partition refinement), and neighbouring ranges that agree. */
function minimize(states: readonly DfaState[], budget: RegexBudget): RegexState[] {
  let edges = states.length;
  for (const state of states) edges += state.transitions.length;
  // What an edge sets does not change, so it is written as text but once.
  const tagTexts = states.map((state) =>
    state.transitions.map(({ tags }) => (tags.length === 0 ? '' : JSON.stringify(tags))),
  );
  let block = states.map((state) => (state.accepting ? `a${JSON.stringify(state.finish)}` : '-'));
  let count = new Set(block).size;
  for (;;) {
    spend(budget, edges);
    const numbers = new Map<string, number>();
    const numbered = block.map((key) => {
      let number = numbers.get(key);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(key, number);
      }
      return number;
    });
    const refined = states.map(({ transitions }, index) => {
      const texts = tagTexts[index]!;
      let key = `${numbered[index]}|`;
      // Neighbouring ranges that agree count as one.
      for (let at = 0; at < transitions.length; ) {
        const { from, target } = transitions[at]!;
        const number = numbered[target]!;
        const text = texts[at]!;
        let { to } = transitions[at++]!;
        for (; at < transitions.length; at++) {
          const edge = transitions[at]!;
          if (edge.from !== to + 1 || edge.from === 1 || numbered[edge.target] !== number || texts[at] !== text) break;
          to = edge.to;
        }
        key += `${from}-${to}>${number}${text} `;
      }
      return key;
    });
    const now = new Set(refined).size;
    block = refined;
    if (now === count) break;
    count = now;
  }
  // Blocks are numbered by their first state, so that the start stays state 0.
  const blockNumbers = new Map<string, number>();
  const representatives: number[] = [];
  const numberOf = block.map((key, index) => {
    let number = blockNumbers.get(key);
    if (number === undefined) {
      number = representatives.push(index) - 1;
      blockNumbers.set(key, number);
    }
    return number;
  });
  return representatives.map((index) => {
    const state = states[index]!;
    return {
      accepting: state.accepting,
      transitions: mergeRanges(state.transitions.map((edge) => ({ ...edge, target: numberOf[edge.target]! }))),
      finish: state.finish,
    };
  });
}

function mergeRanges<T extends { from: number; to: number; target: number; tags: readonly RegexTag[] }>(
  edges: readonly T[],
): T[] {
  const merged: T[] = [];
  for (const edge of edges) {
    const last = merged[merged.length - 1];
    if (
      last &&
      last.to + 1 === edge.from &&
      // The end of the subject stays an edge of its own, so that runners can tell it from bytes.
      edge.from !== 1 &&
      last.target === edge.target &&
      (last.tags === edge.tags || JSON.stringify(last.tags) === JSON.stringify(edge.tags))
    ) {
      merged[merged.length - 1] = { ...last, to: edge.to };
    } else merged.push(edge);
  }
  return merged;
}
