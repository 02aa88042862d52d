// What `stap explain` shows: for each probe of a script the way from the point as written to the resolved places, and for
// each optional point that was left out, why.
import type { Ast } from '@stapkit/parser';
import type { Diagnostic, RelatedPlace, Span } from '@stapkit/pass';
import { derive, type ElaborateOptions } from './elaborate.js';
import type { ProbeStep, ResolvedPoint } from './elaborated.js';

export interface ExplainedProbe {
  /** Where the declaration stands. */
  readonly span: Span;
  /** Every point of the declaration, as written. */
  readonly declared: string;
  readonly resolved: readonly {
    readonly name: string;
    readonly family: ResolvedPoint['family'];
    readonly chain: readonly ProbeStep[];
  }[];
  readonly dropped: readonly {
    readonly point: string;
    readonly reasons: readonly RelatedPlace[];
  }[];
}

export interface Explanation {
  readonly probes: readonly ExplainedProbe[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Follows every probe point of a script.
 *
 * @returns one entry a declaration, in order
 */
export function explain(ast: Ast, options: ElaborateOptions): Explanation {
  const derived = derive(ast, options);
  const probes: ExplainedProbe[] = [];
  for (const file of ast.user) {
    for (const declaration of file.declarations) {
      if (declaration.kind !== 'probe') continue;
      const resolved = derived.probes.filter((probe) => probe.declaration === declaration);
      const dropped = derived.dropped.filter((point) => point.declaration === declaration);
      probes.push({
        span: declaration.span,
        declared: resolved[0]?.declared ?? dropped.map((point) => point.chain[0]?.text ?? '').join(','),
        resolved: resolved.map((probe) => ({ name: probe.name, family: probe.point.family, chain: probe.chain })),
        dropped: dropped.map((point) => ({ point: point.chain[0]?.text ?? '', reasons: point.reasons() })),
      });
    }
  }
  return { probes, diagnostics: derived.diagnostics };
}

/**
 * Prints an explanation.
 *
 * @returns lines of text, the last one with its newline
 */
export function formatExplanation(explanation: Explanation): string {
  const lines: string[] = [];
  for (const probe of explanation.probes) {
    lines.push(`probe ${probe.declared}`);
    for (const { name, chain } of probe.resolved) {
      for (const [index, step] of chain.entries()) {
        lines.push(
          `${'  '.repeat(index + 1)}${index === 0 ? '' : '-> '}${step.text}  (${step.how}, ${step.span.file})`,
        );
      }
      lines.push(`${'  '.repeat(chain.length + 1)}= ${name}`);
    }
    for (const { point, reasons } of probe.dropped) {
      lines.push(`  ${point}  left out:`);
      for (const reason of reasons) lines.push(`    ${reason.message}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
