// What a handler at a place in code can refer to.
import type { CodeLocation, CodePlace, CodeVariable } from '../code-source.js';
import type { PointRequest, PointVariable, PointVariables } from '../families/family.js';
import type { FunctionFacts, SymbolSource } from '../symbol-source.js';
import { scalarSize, strip } from '../types.js';

/** The variables of a function's entry or return, by the calling convention. */
export function functionVariables(facts: FunctionFacts, request: PointRequest, isReturn: boolean) {
  return (): PointVariables => {
    const variables: PointVariable[] = [];
    for (const [index, parameter] of facts.parameters.entries()) {
      const size = scalarSize(request.symbols, parameter.type);
      variables.push({
        name: parameter.name === '' ? `arg${index + 1}` : parameter.name,
        type: parameter.type,
        ...(facts.module === undefined ? {} : { module: facts.module }),
        source: { kind: 'parameter', index, size: size?.size ?? 8, signed: size?.signed ?? false },
        group: 'parameter',
      });
    }
    if (isReturn) variables.push(...resultVariables(request, facts.result, facts.module));
    const { symbols } = request;
    const dwarf = entryOf(symbols, facts);
    const fromDwarf = (): readonly PointVariable[] => {
      const place = isReturn ? undefined : dwarf();
      return place ? (symbols.code?.variables?.(place) ?? []).map((one) => locationVariable(place, one)) : [];
    };
    return {
      variables,
      return: isReturn,
      function: facts.name,
      // What BTF lacks: locals, and variables outside functions.
      more: (name) => {
        const local = fromDwarf().find((variable) => variable.name === name);
        if (local) return local;
        const place = dwarf();
        const variable = place && symbols.code?.visible?.(place, name);
        return variable && locationVariable(place, variable);
      },
      ...(isReturn ? {} : { all: () => [...variables, ...fromDwarf()] }),
    };
  };
}

/** The place where debug information has a function begin, if it knows one of the name. */
function entryOf(symbols: SymbolSource, facts: FunctionFacts): () => CodePlace | undefined {
  const module = facts.module === undefined ? {} : { module: facts.module };
  return () => {
    const { code } = symbols;
    if (!code?.has(facts.module)) return undefined;
    const places = code.functions({ name: facts.name, copies: 'entries', ...module }).flatMap((f) => f.entries);
    // The compiler's copies have other names (NAME.isra.0), and a probe is placed by the name.
    return places.find((place) => places.length === 1 || code.symbolAt(place) === facts.name);
  };
}

/**
 * The variables of a place that debug information told of. Where a function is entered BTF says as much of the parameters,
 * by the calling convention, and DWARF is asked only for what else a handler names.
 */
export function placeVariables(request: PointRequest, place: CodePlace, isReturn: boolean): () => PointVariables {
  const { symbols } = request;
  let found: readonly PointVariable[] | undefined;
  const outside = (name: string): PointVariable | undefined => {
    const variable = symbols.code?.visible?.(place, name);
    return variable && locationVariable(place, variable);
  };
  const fromDwarf = (): readonly PointVariable[] => {
    found ??= (symbols.code?.variables?.(place) ?? []).map((variable) => locationVariable(place, variable));
    return found;
  };
  return () => {
    const facts = isReturn || place.entry ? entryFacts(request, place) : undefined;
    if (facts) {
      return {
        ...functionVariables(facts, request, isReturn)(),
        more: (name) =>
          (isReturn ? undefined : fromDwarf().find((variable) => variable.name === name)) ?? outside(name),
        ...(isReturn ? {} : { all: fromDwarf }),
        place,
      };
    }
    const result = isReturn ? symbols.code?.resultType?.(place) : undefined;
    return {
      variables: [...fromDwarf(), ...resultVariables(request, result, place.module)],
      more: outside,
      return: isReturn,
      function: place.function,
      place,
    };
  };
}

/**
 * What BTF says of the function whose entry a place is. Of static functions of one name, and of copies that the compiler
 * changed (NAME.isra.0), it may speak of another.
 */
function entryFacts({ symbols }: PointRequest, place: CodePlace): FunctionFacts | undefined {
  if (symbols.codeOnly === true || !place.entry) return undefined;
  const [facts, ...others] = symbols.functions(place.function, place.module);
  if (!facts || others.length > 0 || facts.untyped === true) return undefined;
  if (facts.address !== undefined && place.module === undefined) {
    return facts.address === place.address ? facts : undefined;
  }
  return symbols.code?.symbolAt(place) === place.function ? facts : undefined;
}

function locationVariable(place: CodePlace, variable: CodeVariable): PointVariable {
  return {
    name: variable.name,
    type: variable.type,
    ...(place.module === undefined ? {} : { module: place.module }),
    source: { kind: 'location', location: variable.location },
    group: variable.group === 'global' ? 'other' : variable.group,
  };
}

/** `$return`, where a function returns something. */
function resultVariables(
  { symbols }: PointRequest,
  type: number | undefined,
  module: string | undefined,
): readonly PointVariable[] {
  if (type === undefined) return [];
  const size = scalarSize(symbols, type);
  const location = size ? undefined : aggregateResult(symbols, type);
  if (!size && !location) return [];
  return [
    {
      name: 'return',
      type,
      ...(module === undefined ? {} : { module }),
      source: location
        ? { kind: 'location', location }
        : { kind: 'return-value', size: size!.size, signed: size!.signed },
      group: 'return',
    },
  ];
}

/**
 * Where a function of x86-64 leaves a structure or union (System V ABI, section 3.2.3): of up to two words in rax and rdx,
 * a larger one in memory, which rax then points to. The kernel has no floating point, whose registers would be others.
 */
function aggregateResult(symbols: SymbolSource, type: number): CodeLocation | undefined {
  const { facts } = strip(symbols, type);
  if ((facts.kind !== 'struct' && facts.kind !== 'union') || symbols.kernel.architecture !== 'x86_64') return undefined;
  const word = (number: number): CodeLocation => ({ kind: 'value', value: { kind: 'register', number } });
  if (facts.size <= 8) return word(0);
  if (facts.size > 16) return { kind: 'memory', address: { kind: 'register', number: 0 } };
  return {
    kind: 'pieces',
    pieces: [
      { size: 8, location: word(0) },
      { size: facts.size - 8, location: word(1) },
    ],
  };
}
