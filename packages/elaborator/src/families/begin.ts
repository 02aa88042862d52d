// begin, end, error and never (stapprobes(3stap), BEGIN/END/ERROR).
import { type BuiltPoint, type Family, formatParts, type PointPattern } from './family.js';

function sequenced(name: 'begin' | 'end' | 'error'): PointPattern[] {
  const build = (sequence: bigint, text: string): BuiltPoint[] => [
    { name: text, point: { family: name, sequence: sequence.toString() } },
  ];
  return [
    { pattern: name, privilege: 'stapusr', build: ({ parts }) => build(0n, formatParts(parts)) },
    {
      pattern: `${name}(number)`,
      privilege: 'stapusr',
      build: (request) => build(request.number(name), formatParts(request.parts)),
    },
  ];
}

export const beginFamily: Family = {
  name: 'begin',
  points: [
    ...sequenced('begin'),
    ...sequenced('end'),
    ...sequenced('error'),
    { pattern: 'never', privilege: 'stapusr', build: () => [{ name: 'never', point: { family: 'never' } }] },
  ],
};
