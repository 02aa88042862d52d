// How much of what a function point stands for is probed: said in one line where it is not all, or where the compiler made
// variants of a function.
import type { CodeFunction } from '../code-source.js';
import type { FunctionCoverage } from '../elaborated.js';
import type { PointCoverage } from '../passes/derive-probes.js';
import type { FunctionCopies, SymbolSource } from '../symbol-source.js';

/** More functions than this are counted without looking up the symbol of each. */
const MOST_LOOKED_UP = 100;

/** Counts; undefined where all of it is probed and nothing is out of the ordinary. */
export function countCoverage(found: PointCoverage, symbols: SymbolSource): FunctionCoverage | undefined {
  return found.copies ? countNames(found.point, found.copies, found.probed) : countCode(found, symbols);
}

/** By debug information: functions with each of their copies. */
function countCode(
  found: Extract<PointCoverage, { readonly copies?: undefined }>,
  symbols: SymbolSource,
): FunctionCoverage | undefined {
  const { functions } = found;
  const sum = (of: (one: CodeFunction) => number) => functions.reduce((a, one) => a + of(one), 0);
  const looked = functions.length <= MOST_LOOKED_UP ? functions.flatMap((one) => [...one.entries, ...one.parts]) : [];
  const variants = countVariants(looked.map((entry) => symbols.code?.symbolAt(entry) ?? ''));
  const counted = {
    point: found.point,
    functions: functions.length,
    symbols: sum((one) => one.entries.length + one.parts.length),
    variants,
    inlined: sum((one) => one.copies),
    probed: found.probed,
    withoutCode: sum((one) => one.withoutCode),
  };
  const all = sum((one) => one.entries.length) + counted.inlined;
  return counted.probed < all || Object.keys(variants).length > 0 ? counted : undefined;
}

/** By BTF and the kernel's symbols: nobody knows of inlined copies. A function's cold part is never entered by a call. */
function countNames(point: string, copies: FunctionCopies, probed: number): FunctionCoverage | undefined {
  const variants = countVariants(copies.variants);
  const entered = copies.variants.length - (variants['cold'] ?? 0);
  if (probed >= copies.functions && entered === 0) return undefined;
  const symbols = copies.functions + copies.variants.length;
  return { point, functions: copies.functions, symbols, variants, probed, withoutCode: 0 };
}

/** How many names end in each of the compiler's suffixes: `foo.isra.0.cold` is a cold part. */
function countVariants(names: readonly string[]): Record<string, number> {
  const variants: Record<string, number> = {};
  for (const name of names) {
    const suffix = /.*\.(isra|constprop|part|cold)\b/.exec(name)?.[1];
    if (suffix !== undefined) variants[suffix] = (variants[suffix] ?? 0) + 1;
  }
  return variants;
}

/** The line that tells it. */
export function coverageText(coverage: FunctionCoverage): string {
  const count = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`;
  const variants = Object.entries(coverage.variants).map(([suffix, number]) => `${number} .${suffix}`);
  const symbols = `${count(coverage.symbols, 'symbol', 'symbols')}${variants.length > 0 ? ` (${variants.join(', ')})` : ''}`;
  const without = coverage.withoutCode > 0 ? `, ${coverage.withoutCode} without location` : '';
  const inlined =
    coverage.inlined === undefined
      ? 'inlined copies not known without DWARF'
      : count(coverage.inlined, 'inlined copy', 'inlined copies');
  const functions = count(coverage.functions, 'function', 'functions');
  return `${coverage.point}: ${functions}, ${symbols}, ${inlined}; ${coverage.probed} probed${without}`;
}
