// The names that a script uses and that a library may define: what pass 1 asks the tapset for.
import type { AstNode, ProbePoint } from './ast.js';
import { visitNode } from './visitor.js';

/** Names to look up in a library. */
export interface ReferencedNames {
  readonly functions: ReadonlySet<string>;
  readonly variables: ReadonlySet<string>;
  /** Dotted, wildcards kept, arguments dropped: `vfs.read`, `syscall.*`. */
  readonly probes: readonly string[];
}

/** Writes a point as the library knows it: dotted, wildcards kept, arguments dropped. */
export function dottedName(point: ProbePoint): string {
  return point.parts.map((part) => part.name).join('.');
}

/** Collects names over several files, and tells which of them are new. */
export class NameCollector {
  private readonly functions = new Set<string>();
  private readonly variables = new Set<string>();
  private readonly probes = new Set<string>();
  private fresh = { functions: new Set<string>(), variables: new Set<string>(), probes: new Set<string>() };

  /** Adds the names that a tree uses. */
  add(tree: AstNode): void {
    visitNode(tree, (node) => {
      switch (node.kind) {
        case 'call':
          this.note('functions', node.name);
          break;
        case 'identifier':
          this.note('variables', node.name);
          break;
        case 'probe':
          for (const point of node.points) this.note('probes', dottedName(point));
          break;
        case 'probe-alias':
          for (const point of node.points) this.note('probes', dottedName(point));
          break;
        case 'embedded-code':
          // Globals that embedded C says it uses.
          for (const pragma of node.pragmas) {
            const match = /^pragma:(?:read|write):(\w+)$/.exec(pragma);
            if (match) this.note('variables', match[1]!);
          }
          break;
      }
      return undefined;
    });
  }

  /** Adds a probe point's dotted name that no tree holds as written. */
  addProbe(name: string): void {
    this.note('probes', name);
  }

  private note(kind: 'functions' | 'variables' | 'probes', name: string): void {
    if (this[kind].has(name)) return;
    this[kind].add(name);
    this.fresh[kind].add(name);
  }

  /** Returns the names that came in since the last call, or undefined where there are none. */
  take(): ReferencedNames | undefined {
    const { functions, variables, probes } = this.fresh;
    if (functions.size + variables.size + probes.size === 0) return undefined;
    this.fresh = { functions: new Set(), variables: new Set(), probes: new Set() };
    return { functions, variables, probes: [...probes] };
  }
}
