// Probe points at places that debug information knows: their names, how the kernel finds them, and what is to be said of
// those that can't be probed.
import type { CodeFunction, CodePlace, CodeReturn } from '../code-source.js';
import type { KprobePoint } from '../elaborated.js';
import type { BuiltPoint, PointRequest } from '../families/family.js';
import { placeVariables } from './place-variables.js';

/** `kernel`, or `module("m")`. */
export function baseName(module: string | undefined): string {
  return module === undefined ? 'kernel' : `module("${module}")`;
}

/** `NAME@FILE:LINE` */
export function functionText(found: Pick<CodeFunction, 'name' | 'file' | 'line'>): string {
  return `${found.name}@${found.file}:${found.line}`;
}

export interface PlaceOptions {
  readonly return?: boolean;
  readonly maxactive?: number | undefined;
  /** Whoever calls must be one of these, nearest first. */
  readonly callers?: KprobePoint['callers'];
  readonly wildcard?: boolean;
}

/** A probe point at a place. */
export function placePoint(
  request: PointRequest,
  name: string,
  place: CodePlace,
  options: PlaceOptions = {},
): BuiltPoint {
  const point: KprobePoint = {
    family: 'kprobe',
    symbol: place.symbol,
    offset: place.offset,
    ...(place.module === undefined ? {} : { module: place.module }),
    return: options.return ?? false,
    ...(options.maxactive === undefined ? {} : { maxactive: options.maxactive }),
    ...(options.callers === undefined ? {} : { callers: options.callers }),
    function: place.function,
  };
  return {
    name,
    point,
    variables: placeVariables(request, place, options.return ?? false),
    ...(options.wildcard ? { wildcard: true } : {}),
  };
}

/** Drops the places that can't be probed. What was asked for by name is told of; a pattern is content with the rest. */
export function probeable(
  request: PointRequest,
  places: readonly CodePlace[],
  wildcard: boolean,
): readonly CodePlace[] {
  const told = new Set<string>();
  return places.filter((place) => {
    if (place.unprobeable === undefined) return true;
    const text = `function ${place.function} is blocklisted: ${place.unprobeable}`;
    if (!wildcard && !told.has(text)) request.warn(text);
    told.add(text);
    return false;
  });
}

/** How far above the stack pointer a return address lies when a function has just been entered. */
const ENTERED = 0;
/** What a return takes off the stack. */
const RETURN_SIZE = 8;

/** The checks for callers, one level further out. */
export interface CallerChain {
  /** Where, above the stack pointer of the probed place, the next return address lies; undefined where that varies. */
  readonly above: number | undefined;
  readonly checks: NonNullable<KprobePoint['callers']>[number];
}

/** A chain for a function that is entered. */
export const enteredChain: CallerChain = { above: ENTERED, checks: [] };

/** Adds that a call must return to a place. Undefined where nobody can tell where the address would be. */
export function addCaller(chain: CallerChain, after: CodeReturn): CallerChain | undefined {
  if (chain.above === undefined) return undefined;
  const { symbol, offset, module } = after;
  return {
    above: after.frame === undefined ? undefined : chain.above + RETURN_SIZE + after.frame,
    checks: [...chain.checks, { above: chain.above, symbol, offset, ...(module === undefined ? {} : { module }) }],
  };
}
