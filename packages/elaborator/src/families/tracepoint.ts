// kernel.trace("[system:]name") (stapprobes(3stap), KERNEL TRACEPOINTS). Argument names and types are those of the
// `__traceiter_NAME` function's prototype.

import { byLikeness, similarNames } from '../similar.js';
import { scalarSize } from '../types.js';
import type { Family, PointRequest, PointVariable } from './family.js';

/** Tracepoints spelt like one that was not found; with their systems where one was written. */
function nearTracepoints(request: PointRequest, text: string): string[] {
  const all = request.symbols.tracepoints('*');
  if (!text.includes(':')) {
    return similarNames(
      text,
      all.map((facts) => facts.name),
    );
  }
  return similarNames(
    text,
    all.flatMap(({ name, system }) => (system === undefined ? [] : [`${system}:${name}`])),
  );
}

export const tracepointFamily: Family = {
  name: 'tracepoint',
  points: [
    {
      pattern: 'kernel.trace(string)',
      build(request) {
        const text = request.string('trace') ?? '';
        const colon = text.indexOf(':');
        const system = colon < 0 ? undefined : text.slice(0, colon);
        const name = colon < 0 ? text : text.slice(colon + 1);
        if (name === '') return { fault: `malformed tracepoint name "${text}"` };
        let found = request.symbols.tracepoints(text);
        if (found.length === 0 && system !== undefined && !/[*?[]/.test(name)) {
          // One that no event header names may be of any system.
          found = request.symbols.tracepoints(name).filter((facts) => facts.system === undefined);
        }
        if (found.length === 0) {
          return { fault: `no match for tracepoint "${text}"`, near: () => nearTracepoints(request, text) };
        }
        return found.map((facts) => {
          // Up to 2.6 the name was shown without its system.
          const isShort = facts.system === undefined || request.isFor('2.6');
          const shown = isShort ? facts.name : `${facts.system}:${facts.name}`;
          return {
            name: `kernel.trace("${shown}")`,
            point: {
              family: 'tracepoint',
              name: facts.name,
              ...(facts.system === undefined ? {} : { system: facts.system }),
              ...(facts.module === undefined ? {} : { module: facts.module }),
              arguments: facts.arguments.map((argument) => {
                const size = scalarSize(request.symbols, argument.type);
                return { name: argument.name, size: size?.size ?? 8, signed: size?.signed ?? false };
              }),
            },
            variables: () => ({
              return: false,
              words: {
                unknown: (name) => {
                  const names = ['$name', '$parms', '$vars', ...facts.arguments.map((argument) => argument.name)];
                  const near = byLikeness(name, names).map((one) => `$${one}`);
                  return `unable to find tracepoint variable '$${name}' (alternatives: ${near.join(', ')})`;
                },
                readOnly: (name) => `write to tracepoint variable '$${name}' not permitted; need stap -g`,
              },
              strings: { name: facts.name, ...(facts.system === undefined ? {} : { system: facts.system }) },
              variables: facts.arguments.map(
                (argument, index): PointVariable => ({
                  name: argument.name,
                  type: argument.type,
                  ...(facts.module === undefined ? {} : { module: facts.module }),
                  source: { kind: 'tracepoint-argument', index },
                  group: 'parameter',
                }),
              ),
            }),
            wildcard: facts.name !== name,
          };
        });
      },
    },
  ],
};
