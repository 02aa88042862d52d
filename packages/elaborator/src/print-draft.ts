// Prints the draft for `--dump-after`: each symbol with what is known of its type by then, each body as an indented tree.
import { type Cell, type Draft, type DraftProbe, type FunctionSymbol, findCell, type GlobalSymbol } from './draft.js';

/** Prints a draft, `?` where a type is not known yet. */
export function printDraft(draft: Draft): string {
  const lines: string[] = [];
  for (const symbol of draft.globals) lines.push(`global ${globalText(symbol)}`);
  for (const symbol of draft.functions) pushFunction(lines, symbol);
  for (const probe of draft.probes) pushProbe(lines, probe);
  return `${lines.join('\n')}\n`;
}

function typeOf(cell: Cell): string {
  return findCell(cell).type ?? '?';
}

function globalText(symbol: GlobalSymbol): string {
  const keys = symbol.keys && symbol.keys.length > 0 ? `[${symbol.keys.map(typeOf).join(', ')}]` : '';
  return `${symbol.name}${keys}: ${typeOf(symbol.cell)}`;
}

function pushFunction(lines: string[], symbol: FunctionSymbol): void {
  const parameters = symbol.parameters.map((one) => `${one.name}: ${typeOf(one.cell)}`).join(', ');
  lines.push(`function ${symbol.name}(${parameters}): ${typeOf(symbol.result)}`);
  pushTree(lines, symbol.body, 1);
}

function pushProbe(lines: string[], probe: DraftProbe): void {
  lines.push(`probe ${probe.name}`);
  if (probe.condition) {
    lines.push('  if');
    pushTree(lines, probe.condition, 2);
  }
  probe.entryValues.forEach((value, slot) => {
    lines.push(`  at entry, slot ${slot}`);
    pushTree(lines, value, 2);
  });
  pushTree(lines, probe.body, 1);
}

/** What says where a node stands, not what it is. */
const LEFT_OUT = new Set([
  'kind',
  'cell',
  'token',
  'library',
  'typed',
  'keyTokens',
  'valueToken',
  'arrayToken',
  'span',
]);

/** A node's kind, type and plain fields on a line, and its children below it. */
function pushTree(lines: string[], node: object, depth: number): void {
  const { kind, cell } = node as { kind?: string; cell?: Cell };
  const words: string[] = [];
  const children: [string, object][] = [];
  for (const [name, value] of Object.entries(node)) {
    if (LEFT_OUT.has(name) || value === undefined) continue;
    if (Array.isArray(value) && !isSymbol(value[0])) {
      for (const one of value) {
        if (typeof one === 'object' && one !== null && !isSymbol(one)) children.push([name, one]);
        else words.push(`${name}=${plain(one)}`);
      }
    } else if (typeof value === 'object' && value !== null && !isSymbol(value) && !Array.isArray(value)) {
      children.push([name, value]);
    } else words.push(`${name}=${Array.isArray(value) ? value.map(plain).join(',') : plain(value)}`);
  }
  const head = [kind, ...words].filter((word) => word !== undefined).join(' ');
  lines.push(`${'  '.repeat(depth)}${head}${cell ? `: ${typeOf(cell)}` : ''}`);
  for (const [name, child] of children) {
    // Lists speak for themselves; a child of another name is told by it.
    if (name === 'statements' || name === 'arguments' || name === 'expression') pushTree(lines, child, depth + 1);
    else if (name === 'diagnostic') lines.push(`${'  '.repeat(depth + 1)}${(child as { message: string }).message}`);
    else {
      lines.push(`${'  '.repeat(depth + 1)}${name}:`);
      pushTree(lines, child, depth + 2);
    }
  }
}

/** A symbol is shown by its name: its own parts may lead back here. */
function isSymbol(value: unknown): value is { readonly name: string } {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const { kind } = value;
  return (kind === 'local' || kind === 'global' || kind === 'function') && 'name' in value;
}

function plain(value: unknown): string {
  if (isSymbol(value)) return value.name;
  if (value === null) return '*';
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? '?');
}
