// What a handler at a place in code can refer to.
import type { CodePlace } from '../code-source.js';
import type { PointRequest, PointVariable, PointVariables } from '../families/family.js';
import type { FunctionFacts } from '../symbol-source.js';
import { scalarSize } from '../types.js';

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
    if (isReturn && facts.result !== undefined) {
      const size = scalarSize(request.symbols, facts.result);
      if (size) {
        variables.push({
          name: 'return',
          type: facts.result,
          ...(facts.module === undefined ? {} : { module: facts.module }),
          source: { kind: 'return-value', size: size.size, signed: size.signed },
          group: 'return',
        });
      }
    }
    return { variables, return: isReturn, function: facts.name };
  };
}

/**
 * The variables of a place that debug information told of. Where a function is entered BTF says as much of the parameters,
 * by the calling convention, and DWARF is asked only for what else a handler names.
 */
export function placeVariables(request: PointRequest, place: CodePlace, isReturn: boolean): () => PointVariables {
  const { symbols } = request;
  let found: readonly PointVariable[] | undefined;
  const fromDwarf = (): readonly PointVariable[] => {
    found ??= (symbols.code?.variables?.(place) ?? []).map((variable) => ({
      name: variable.name,
      type: variable.type,
      ...(place.module === undefined ? {} : { module: place.module }),
      source: { kind: 'location', location: variable.location },
      group: variable.group === 'global' ? 'other' : variable.group,
    }));
    return found;
  };
  return () => {
    const [facts] = place.entry && symbols.codeOnly !== true ? symbols.functions(place.function, place.module) : [];
    if (facts) {
      return {
        ...functionVariables(facts, request, isReturn)(),
        more: (name) => (isReturn ? undefined : fromDwarf().find((variable) => variable.name === name)),
        place,
      };
    }
    return {
      variables: [...fromDwarf(), ...(isReturn ? returnValue(request, place) : [])],
      return: isReturn,
      function: place.function,
      place,
    };
  };
}

/** What the function of a place returns. */
function returnValue({ symbols }: PointRequest, place: CodePlace): readonly PointVariable[] {
  const type = symbols.code?.resultType?.(place);
  const size = type === undefined ? undefined : scalarSize(symbols, type);
  if (type === undefined || !size) return [];
  return [
    {
      name: 'return',
      type,
      ...(place.module === undefined ? {} : { module: place.module }),
      source: { kind: 'return-value', size: size.size, signed: size.signed },
      group: 'return',
    },
  ];
}
