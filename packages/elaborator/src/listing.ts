// The listings of `stap -l`, `-L` and `--dump-…`: lines in SystemTap's format, as data for whoever prints them.
import type { Ast, FunctionDeclaration, ScriptFile } from '@stapkit/parser';
import { type Diagnostic, hasErrors, type Outcome } from '@stapkit/pass';
import type { CodeLocation } from './code-source.js';
import { type DraftProbe, findCell, type LocalSymbol } from './draft.js';
import { derive, type ElaborateOptions } from './elaborate.js';
import type { PointVariable, PointVariables } from './families/family.js';
import { type Family, formatParts } from './families/family.js';
import { FAMILIES } from './families/table.js';
import { bind } from './passes/bind.js';
import type { DerivedProbe } from './passes/derive-probes.js';
import { infer } from './passes/infer.js';
import { tokenNamer } from './tokens.js';
import { typeName } from './types.js';
import { eachExpression, eachOperand, eachStatement } from './walk.js';

/**
 * What `-l` and `-L` print for the probe points of a script, which is usually `probe PATTERN {}`.
 *
 * @param ast the script, its library files included
 * @param variables `-L`: with the variables that a handler could use, and their types
 * @returns the lines, each once and sorted; errors where nothing matches
 */
export function listProbes(ast: Ast, options: ElaborateOptions, variables: boolean): Outcome<readonly string[]> {
  const derived = derive(ast, options, true);
  // The probes of a library file that an alias comes with are not what was asked for.
  const own = new Set<unknown>(ast.user.flatMap((file) => file.declarations));
  const asked = (probe: DerivedProbe): boolean => own.has(probe.declaration);
  if (!variables) {
    return { value: sortedOnce(derived.probes.filter(asked).map(shownName)), diagnostics: derived.diagnostics };
  }
  const tokens = tokenNamer(new Map(ast.sources.map((source) => [source.name, source.text])));
  const bound = bind(ast, derived.probes, { symbols: options.symbols, tokens, guru: options.guru ?? false });
  const diagnostics: Diagnostic[] = [...derived.diagnostics];
  // Contradictions are for the run to report; here they only leave a type open.
  infer(bound.draft);
  const lines = derived.probes.flatMap((probe, index) => {
    if (!asked(probe)) return [];
    const draft = bound.draft.probes[index];
    const locals = draft ? assignedLocals(draft) : [];
    const words = [shownName(probe)];
    for (const local of locals) words.push(`${local.name}:${findCell(local.cell).type ?? 'unknown'}`);
    const found = listed(probe.variables?.());
    // What a function returns comes first, then its parameters; what is not there at this place is not listed.
    const rank = ({ group }: PointVariable) => (group === 'return' ? 0 : group === 'parameter' ? 1 : 2);
    for (const variable of [...found].sort((a, b) => rank(a) - rank(b))) {
      if (variable.source.kind === 'location' && isElsewhere(variable.source.location)) continue;
      const type =
        typeof variable.type === 'string'
          ? variable.type
          : typeName(options.symbols, variable.type) + (variable.pointsTo ? '*' : '');
      words.push(`$${variable.name}:${type}`);
    }
    return words.join(' ');
  });
  return { value: sortedOnce(lines), diagnostics: hasErrors(diagnostics) ? diagnostics : [] };
}

/** The variables of a point, with the locals that only debug information tells of. */
function listed(known: PointVariables | undefined): readonly PointVariable[] {
  if (!known?.all || known.return) return known?.variables ?? [];
  const names = new Set(known.variables.map((variable) => variable.name));
  return [...known.variables, ...known.all().filter((variable) => !names.has(variable.name))];
}

/** An alias is listed by its own name, a point in code by what it resolved to. */
function shownName(probe: DerivedProbe): string {
  const isAlias = probe.chain.some((step) => step.how === 'alias');
  return isAlias ? probe.written : probe.name;
}

function sortedOnce(lines: readonly string[]): string[] {
  return [...new Set(lines)].sort();
}

/** The locals that a handler's own code assigns, in order: what an alias offers. */
function assignedLocals(probe: DraftProbe): LocalSymbol[] {
  const found = new Set<LocalSymbol>();
  type Expression = Parameters<typeof eachOperand>[0];
  const expression = (node: Expression): void => {
    if (node.kind === 'assignment' && node.target.kind === 'local' && !node.target.symbol.hidden) {
      found.add(node.target.symbol);
    }
    eachOperand(node, expression);
  };
  const statement = (node: DraftProbe['body']): void => {
    eachExpression(node, expression);
    eachStatement(node, statement);
  };
  statement(probe.body);
  return [...found];
}

/**
 * What `--dump-probe-types` prints: every probe point pattern of the families.
 */
export function listProbeTypes(
  families: readonly Family[] = FAMILIES,
  privilege: 'stapusr' | 'stapsys' | 'stapdev' = 'stapdev',
): readonly string[] {
  const points = families.flatMap((family) => family.points);
  const allowed = privilege === 'stapusr' ? points.filter((point) => point.privilege === 'stapusr') : points;
  const patterns = new Set(allowed.map((point) => point.pattern));
  return [...patterns].sort(comparePatterns);
}

/** Part by part, a part without an argument first: `process.begin`, `process(number).begin`, `process(string).begin`. */
function comparePatterns(left: string, right: string): number {
  const a = left.split('.');
  const b = right.split('.');
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] !== b[at]) return a[at]! < b[at]! ? -1 : 1;
  }
  return a.length - b.length;
}

/**
 * What `--dump-probe-aliases` prints: every alias of the files, with what it stands for. Names that start with an
 * underscore are the library's own affair.
 *
 * @param files parsed library files, e.g. all of the tapset's
 */
export function listProbeAliases(files: readonly ScriptFile[]): readonly string[] {
  return sortedOnce(
    files.flatMap((file) =>
      file.declarations.flatMap((declaration) => {
        if (declaration.kind !== 'probe-alias') return [];
        const points = declaration.points
          .map((point) => `${formatParts(point.parts)}${point.sufficient ? '!' : point.optional ? '?' : ''}`)
          .join(', ');
        return declaration.names
          .map((name) => formatParts(name.parts))
          .filter((name) => !name.split('.').some((part) => part.startsWith('_')))
          .map((name) => `${name} = ${points}`);
      }),
    ),
  );
}

/**
 * What `--dump-functions` prints: every public function with its types, as declared.
 *
 * @param files parsed library files, e.g. all of the tapset's
 * @param properties `-v`: with the pragmas of embedded C behind each
 */
export function listFunctions(files: readonly ScriptFile[], properties = false): readonly string[] {
  const lines: string[] = [];
  for (const file of files) {
    for (const declaration of file.declarations) {
      if (declaration.kind !== 'function' || declaration.private || declaration.name.startsWith('__')) continue;
      lines.push(formatFunction(declaration, properties));
    }
  }
  return sortedOnce(lines);
}

/** Who may call a function of embedded C: what SystemTap shows always, of all that such code says of itself. */
const RIGHTS = ['guru', 'unprivileged', 'myproc-unprivileged'];

function formatFunction(declaration: FunctionDeclaration, properties: boolean): string {
  const parameters = declaration.parameters.map((parameter) => `${parameter.name}:${parameter.type ?? 'unknown'}`);
  const pragmas =
    declaration.body.kind === 'embedded-code'
      ? declaration.body.pragmas
          .filter((pragma) => RIGHTS.includes(pragma.trim()) || (properties && !pragma.startsWith('runtime:')))
          .map((pragma) => ` /* ${pragma.trim()} */`)
          .join('')
      : '';
  return `${declaration.name}:${declaration.result ?? 'unknown'} (${parameters.join(', ')})${pragmas}`;
}

/** Whether a variable is not there at its place. One that is there in a form that can't be followed counts as there. */
function isElsewhere(location: CodeLocation): boolean {
  return location.kind === 'absent' && /^(?:not accessible|optimized out)/.test(location.reason);
}
