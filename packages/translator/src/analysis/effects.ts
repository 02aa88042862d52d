// What functions and handlers do to global variables, which locals they assign, and how deep they call.
import type { Elaborated, EmbeddedText, Expression, Statement } from '@stapkit/elaborator';
import { childExpressions, childStatements, statementExpressions, walkExpression, walkStatement } from './children.js';

/**
 * How a handler uses a global. `add` is `<<<`, which many CPUs may do at once; `merge` reads a statistic, which waits
 * for those.
 */
export interface GlobalUse {
  reads: number;
  writes: number;
  adds: number;
  merges: number;
  /** Everything that is done to it is one machine operation on a number: a load, a store, an atomic update. */
  simple: boolean;
}

export type GlobalUses = ReadonlyMap<number, GlobalUse>;

/** An access in a loop, or in a function that is called from one, happens more than once. */
const MANY = 2;

/** The globals that a text of embedded C says it reads and writes, by its pragmas `read:x` and `write:x`. */
export function embeddedUses(
  e: Elaborated,
  text: Pick<EmbeddedText, 'pragmas' | 'code'>,
): Map<number, 'read' | 'write'> {
  const uses = new Map<number, 'read' | 'write'>();
  const find = (name: string): number => e.globals.findIndex((global) => global.name === name);
  for (const pragma of text.pragmas) {
    const match = /^(?:pragma:)?(read|write):(\w+)$/.exec(pragma.replace(/\s+/g, ''));
    if (!match) continue;
    const index = find(match[2]!);
    if (index >= 0 && uses.get(index) !== 'write') uses.set(index, match[1] as 'read' | 'write');
  }
  for (const match of text.code.matchAll(/STAP_GLOBAL_(GET|SET)_(\w+)/g)) {
    const index = find(match[2]!);
    if (index >= 0 && (match[1] === 'SET' || !uses.has(index))) uses.set(index, match[1] === 'SET' ? 'write' : 'read');
  }
  return uses;
}

const ATOMIC_OPERATORS = new Set(['+', '-', '|', '&', '^']);

export class Effects {
  private readonly functions = new Map<number, Map<number, GlobalUse>>();

  constructor(private readonly script: Elaborated) {}

  /** What calling a function does to globals, everything it calls included. */
  ofFunction(index: number): GlobalUses {
    const known = this.functions.get(index);
    if (known) return known;
    const uses = new Map<number, GlobalUse>();
    // Entered first, so that recursion ends; a second round then sees what the cycle does.
    this.functions.set(index, uses);
    const declared = this.script.functions[index]!;
    for (let round = 0; round < 2; round++) {
      const found = new Map<number, GlobalUse>();
      if (declared.body.kind === 'embedded') this.addEmbedded(found, declared.body, 1);
      else this.addStatement(found, declared.body, 1);
      if (declared.fallback !== undefined) merge(found, this.ofFunction(declared.fallback), 1);
      uses.clear();
      for (const [global, use] of found) uses.set(global, use);
    }
    return uses;
  }

  ofStatement(statement: Statement): GlobalUses {
    const uses = new Map<number, GlobalUse>();
    this.addStatement(uses, statement, 1);
    return uses;
  }

  ofExpression(expression: Expression): GlobalUses {
    const uses = new Map<number, GlobalUse>();
    this.addExpression(uses, expression, 1);
    return uses;
  }

  /**
   * Tells whether evaluating an expression may change what another expression of the same statement gives: a value
   * that was named before it must then be kept apart.
   */
  changes(expression: Expression): boolean {
    let found = false;
    walkExpression(expression, (e) => {
      if (e.kind === 'assignment' || e.kind === 'update' || e.kind === 'accumulate' || e.kind === 'let') found = true;
      else if (e.kind === 'store' || e.kind === 'context-store' || e.kind === 'embedded' || e.kind === 'regex')
        found = true;
      else if (e.kind === 'call') {
        for (const use of this.ofFunction(e.function).values()) if (use.writes + use.adds > 0) found = true;
        // A function may raise the script's own globals only; what it does elsewhere no expression reads.
      }
    });
    return found;
  }

  /** The locals that a body assigns in any way. */
  assignedLocals(body: Statement | EmbeddedText): ReadonlySet<number> {
    const assigned = new Set<number>();
    if (body.kind === 'embedded') return assigned;
    walkStatement(
      body,
      (s) => {
        if (s.kind === 'foreach') {
          for (const key of s.keys) assigned.add(key);
          if (s.value !== undefined) assigned.add(s.value);
        } else if (s.kind === 'foreach-bucket') {
          assigned.add(s.key);
          if (s.value !== undefined) assigned.add(s.value);
        } else if (s.kind === 'try' && s.variable !== undefined) assigned.add(s.variable);
      },
      (e) => {
        if ((e.kind === 'assignment' || e.kind === 'update') && e.target.kind === 'local') assigned.add(e.target.local);
        else if (e.kind === 'let') assigned.add(e.local);
      },
    );
    return assigned;
  }

  /** The longest chain of calls that the probes can make; undefined where functions recurse. */
  callDepth(): number | undefined {
    const depths = new Map<number, number | undefined>();
    const active = new Set<number>();
    const calls = (index: number): Set<number> => {
      const found = new Set<number>();
      const { body, fallback } = this.script.functions[index]!;
      if (fallback !== undefined) found.add(fallback);
      if (body.kind !== 'embedded') addCalls(found, body);
      return found;
    };
    const depth = (index: number): number | undefined => {
      if (active.has(index)) return undefined;
      if (depths.has(index)) return depths.get(index);
      active.add(index);
      let most: number | undefined = 1;
      for (const callee of calls(index)) {
        const below = depth(callee);
        most = below === undefined || most === undefined ? undefined : Math.max(most, below + 1);
      }
      active.delete(index);
      depths.set(index, most);
      return most;
    };
    let most = 0;
    for (let index = 0; index < this.script.functions.length; index++) {
      const own = depth(index);
      if (own === undefined) return undefined;
      most = Math.max(most, own);
    }
    return most;
  }

  private addStatement(uses: Map<number, GlobalUse>, s: Statement, times: number): void {
    const inside = s.kind === 'loop' || s.kind === 'foreach' || s.kind === 'foreach-bucket' ? MANY : times;
    if (s.kind === 'foreach') {
      // Sorting needs the array for itself; see `stapkit_walk_start`.
      const statistic = this.script.globals[s.global]!.type === 'statistic';
      note(uses, s.global, s.sort ? 'writes' : statistic ? 'merges' : 'reads', MANY, false);
    } else if (s.kind === 'foreach-bucket') note(uses, s.source.global, 'merges', MANY, false);
    else if (s.kind === 'delete') note(uses, s.target.global, 'writes', times, s.target.kind === 'global');
    else if (s.kind === 'embedded') this.addEmbedded(uses, s, times);
    for (const e of statementExpressions(s)) this.addExpression(uses, e, inside);
    for (const child of childStatements(s)) this.addStatement(uses, child, inside);
  }

  private addExpression(uses: Map<number, GlobalUse>, e: Expression, times: number): void {
    switch (e.kind) {
      case 'global':
        note(uses, e.global, 'reads', times, true);
        break;
      case 'element':
        note(uses, e.global, 'reads', times, false);
        break;
      case 'assignment':
        if (e.target.kind !== 'local')
          note(
            uses,
            e.target.global,
            'writes',
            times,
            e.target.kind === 'global' && (e.operator === undefined || ATOMIC_OPERATORS.has(e.operator)),
          );
        break;
      case 'update':
        if (e.target.kind !== 'local') note(uses, e.target.global, 'writes', times, e.target.kind === 'global');
        break;
      case 'accumulate':
        note(uses, e.target.global, 'adds', times, false);
        break;
      case 'membership':
        note(uses, e.global, 'reads', times, false);
        break;
      case 'statistic':
      case 'bucket':
      case 'print-histogram':
        note(uses, e.source.global, 'merges', times, false);
        break;
      case 'call':
        merge(uses, this.ofFunction(e.function), times);
        break;
      case 'embedded':
        this.addEmbedded(uses, e, times);
        break;
      default:
        break;
    }
    for (const child of childExpressions(e)) this.addExpression(uses, child, times);
  }

  private addEmbedded(uses: Map<number, GlobalUse>, text: Pick<EmbeddedText, 'pragmas' | 'code'>, times: number): void {
    for (const [global, how] of embeddedUses(this.script, text)) {
      note(uses, global, how === 'write' ? 'writes' : 'reads', Math.max(times, MANY), false);
    }
  }
}

function addCalls(found: Set<number>, body: Statement): void {
  walkStatement(
    body,
    () => {},
    (e) => {
      if (e.kind === 'call') found.add(e.function);
    },
  );
}

function useOf(uses: Map<number, GlobalUse>, global: number): GlobalUse {
  let use = uses.get(global);
  if (!use) {
    use = { reads: 0, writes: 0, adds: 0, merges: 0, simple: true };
    uses.set(global, use);
  }
  return use;
}

function note(
  uses: Map<number, GlobalUse>,
  global: number,
  how: 'reads' | 'writes' | 'adds' | 'merges',
  times: number,
  simple: boolean,
): void {
  const use = useOf(uses, global);
  use[how] += times;
  use.simple &&= simple;
}

function merge(uses: Map<number, GlobalUse>, from: GlobalUses, times: number): void {
  for (const [global, other] of from) {
    const use = useOf(uses, global);
    use.reads += other.reads * times;
    use.writes += other.writes * times;
    use.adds += other.adds * times;
    use.merges += other.merges * times;
    use.simple &&= other.simple;
  }
}
