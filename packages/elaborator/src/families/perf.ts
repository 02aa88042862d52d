// perf.type(N).config(M)… (stapprobes(3stap), PERF).
import { type Family, formatParts, type PointPattern, type PointRequest } from './family.js';

// "When not specified, the default behavior is to sample at a count of 1000000."
const DEFAULT_SAMPLE = 1_000_000n;

function build(request: PointRequest): ReturnType<PointPattern['build']> {
  const type = request.number('type');
  if (type < 0n || type > 0xffff_ffffn) return { fault: 'perf type out of range' };
  const hertz = request.has('hz') ? request.number('hz') : undefined;
  const sample = request.has('sample') ? request.number('sample') : hertz === undefined ? DEFAULT_SAMPLE : undefined;
  if (sample !== undefined && sample < 1n) return { fault: 'perf sample value out of range' };
  if (hertz !== undefined && (hertz < 1n || hertz > 1_000_000n)) return { fault: 'perf hz value out of range' };
  const process = request.string('process');
  const counter = request.string('counter');
  if (counter === '') return { fault: 'missing perf probe counter component name' };
  return [
    {
      name: formatParts(request.parts),
      point: {
        family: 'perf',
        type: Number(type),
        config: BigInt.asUintN(64, request.number('config')).toString(),
        ...(sample === undefined ? {} : { sample: sample.toString() }),
        ...(hertz === undefined ? {} : { hertz: Number(hertz) }),
        ...(request.has('process') ? { process: process ?? '' } : {}),
        ...(counter === undefined ? {} : { counter }),
      },
    },
  ];
}

export const perfFamily: Family = {
  name: 'perf',
  points: [
    '',
    '.sample(number)',
    '.hz(number)',
    '.process(string)',
    '.process',
    '.counter(string)',
    '.process(string).counter(string)',
    '.process.counter(string)',
    '.sample(number).process(string)',
    '.sample(number).process',
    '.hz(number).process(string)',
    '.hz(number).process',
  ].map((suffix) => ({ pattern: `perf.type(number).config(number)${suffix}`, build })),
};
