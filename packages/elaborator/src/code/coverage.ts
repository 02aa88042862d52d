// How much of what a function point stands for is probed: said in one line where it is not all, or where the compiler made
// variants of a function.
import type { FunctionCoverage } from '../elaborated.js';
import type { PointCoverage } from '../passes/derive-probes.js';
import type { SymbolSource } from '../symbol-source.js';

/** More functions than this are counted without looking up the symbol of each. */
const MOST_LOOKED_UP = 100;

/** Counts; undefined where all of it is probed and nothing is out of the ordinary. */
export function countCoverage(found: PointCoverage, symbols: SymbolSource): FunctionCoverage | undefined {
  const { functions } = found;
  const sum = (of: (one: PointCoverage['functions'][number]) => number) => functions.reduce((a, one) => a + of(one), 0);
  const variants: Record<string, number> = {};
  if (functions.length <= MOST_LOOKED_UP) {
    for (const one of functions) {
      for (const entry of one.entries) {
        const suffix = /\.(isra|constprop|part|cold)\b/.exec(symbols.code?.symbolAt(entry) ?? '')?.[1];
        if (suffix !== undefined) variants[suffix] = (variants[suffix] ?? 0) + 1;
      }
    }
  }
  const counted: FunctionCoverage = {
    point: found.point,
    functions: functions.length,
    symbols: sum((one) => one.entries.length),
    variants,
    inlined: sum((one) => one.copies),
    probed: found.probed,
    withoutCode: sum((one) => one.withoutCode),
  };
  const all = counted.symbols + counted.inlined;
  return counted.probed < all || Object.keys(variants).length > 0 ? counted : undefined;
}

/** The line that tells it. */
export function coverageText(coverage: FunctionCoverage): string {
  const count = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`;
  const variants = Object.entries(coverage.variants).map(([suffix, number]) => `${number} .${suffix}`);
  const symbols = `${count(coverage.symbols, 'symbol', 'symbols')}${variants.length > 0 ? ` (${variants.join(', ')})` : ''}`;
  const without = coverage.withoutCode > 0 ? `, ${coverage.withoutCode} without location` : '';
  return `${coverage.point}: ${count(coverage.functions, 'function', 'functions')}, ${symbols}, ${count(
    coverage.inlined,
    'inlined copy',
    'inlined copies',
  )}; ${coverage.probed} probed${without}`;
}
