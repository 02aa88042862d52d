// timer.* (stapprobes(3stap), TIMERS). Intervals become nanoseconds; jiffies stay jiffies, as only the kernel knows
// their length.
import type { Family, PointPattern } from './family.js';
import { formatParts } from './family.js';

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  s: 1_000_000_000n,
  sec: 1_000_000_000n,
  ms: 1_000_000n,
  msec: 1_000_000n,
  us: 1000n,
  usec: 1000n,
  ns: 1n,
  nsec: 1n,
};

// What SystemTap accepts: a hundred microseconds at least, where a unit is shorter, and a day at most.
const SHORTEST = 100_000n;
const LONGEST = 86_400n * 1_000_000_000n;
const MOST_JIFFIES = 1_000_000n;

function interval(unit: string, scale: bigint): PointPattern[] {
  const least = scale < SHORTEST ? SHORTEST / scale : 1n;
  const most = LONGEST / scale;
  const outOfRange = `interval value out of range (${least}, ${most})`;
  return [
    {
      pattern: `timer.${unit}(number)`,
      privilege: 'stapusr',
      build(request) {
        const count = request.number(unit);
        if (count < least || count > most) return { fault: outOfRange };
        return [
          {
            name: formatParts(request.parts),
            point: { family: 'timer', unit: 'ns', interval: (count * scale).toString(), randomize: '0' },
          },
        ];
      },
    },
    {
      pattern: `timer.${unit}(number).randomize(number)`,
      privilege: 'stapusr',
      build(request) {
        const count = request.number(unit);
        const randomize = request.number('randomize');
        if (count < least || count > most) return { fault: outOfRange };
        if (randomize < 0n || randomize > count) return { fault: 'randomization value out of range' };
        return [
          {
            name: formatParts(request.parts),
            point: {
              family: 'timer',
              unit: 'ns',
              interval: (count * scale).toString(),
              randomize: (randomize * scale).toString(),
            },
          },
        ];
      },
    },
  ];
}

export const timerFamily: Family = {
  name: 'timer',
  points: [
    ...Object.entries(NANOSECONDS).flatMap(([unit, scale]) => interval(unit, scale)),
    {
      pattern: 'timer.hz(number)',
      privilege: 'stapusr',
      build(request) {
        const rate = request.number('hz');
        if (rate < 1n) return { fault: 'frequency must be greater than 0' };
        if (rate > 10_000n) return { fault: 'interval value out of range (100000, 86400000000000)' };
        return [
          {
            name: formatParts(request.parts),
            point: { family: 'timer', unit: 'ns', interval: (1_000_000_000n / rate).toString(), randomize: '0' },
          },
        ];
      },
    },
    {
      pattern: 'timer.jiffies(number)',
      privilege: 'stapusr',
      build(request) {
        const count = request.number('jiffies');
        if (count < 1n || count > MOST_JIFFIES) return { fault: 'invalid interval for jiffies timer' };
        return [
          {
            name: formatParts(request.parts),
            point: { family: 'timer', unit: 'jiffies', interval: count.toString(), randomize: '0' },
          },
        ];
      },
    },
    {
      pattern: 'timer.jiffies(number).randomize(number)',
      privilege: 'stapusr',
      build(request) {
        const count = request.number('jiffies');
        const randomize = request.number('randomize');
        if (count < 1n || count > MOST_JIFFIES) return { fault: 'invalid interval for jiffies timer' };
        if (randomize < 0n || randomize > count) return { fault: 'invalid randomize for jiffies timer' };
        return [
          {
            name: formatParts(request.parts),
            point: {
              family: 'timer',
              unit: 'jiffies',
              interval: count.toString(),
              randomize: randomize.toString(),
            },
          },
        ];
      },
    },
    ...['timer.profile', 'timer.profile.tick'].map(
      (pattern): PointPattern => ({
        pattern,
        build: () => [{ name: pattern, point: { family: 'profile' } }],
      }),
    ),
    {
      pattern: 'timer.profile.freq.hz(number)',
      build(request) {
        const hertz = request.number('hz');
        if (hertz < 1n || hertz > 100_000n) return { fault: 'interval value out of range (1, 100000)' };
        return [{ name: formatParts(request.parts), point: { family: 'profile', hertz: Number(hertz) } }];
      },
    },
  ],
};
