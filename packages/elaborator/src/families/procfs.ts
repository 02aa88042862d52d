// procfs("PATH")[.umask(N)].read[.maxsize(N)] and .write (stapprobes(3stap), PROCFS).
import { type Family, formatParts, type PointPattern, type PointRequest } from './family.js';

function build(direction: 'read' | 'write') {
  return (request: PointRequest): ReturnType<PointPattern['build']> => {
    const path = request.string('procfs');
    if (path !== undefined && (path === '' || path.startsWith('/') || path.split('/').includes('..'))) {
      return { fault: `bad procfs path "${path}"` };
    }
    const umask = request.has('umask') ? request.number('umask') : undefined;
    if (umask !== undefined && (umask < 0n || umask > 0o777n)) return { fault: 'bad umask value' };
    const maxsize = request.has('maxsize') ? request.number('maxsize') : undefined;
    if (maxsize !== undefined && (maxsize < 1n || maxsize > 1n << 24n)) return { fault: 'maxsize value out of range' };
    return [
      {
        name: formatParts(request.parts),
        point: {
          family: 'procfs',
          ...(path === undefined ? {} : { path }),
          direction,
          ...(umask === undefined ? {} : { umask: Number(umask) }),
          ...(maxsize === undefined ? {} : { maxsize: Number(maxsize) }),
        },
        variables: () => ({
          return: false,
          words: {
            unknown: () => 'invalid target symbol for procfs probe, $value expected',
            readOnly: (name) =>
              name === 'value'
                ? `procfs $value variable is read-only in a procfs ${direction} probe`
                : 'invalid target symbol for procfs probe, $value expected',
            unreadable: () =>
              direction === 'read' ? 'procfs $value variable cannot be read in a procfs read probe' : undefined,
            structure: (name) => `procfs variable '$${name}' may not be used as a structure`,
            addressOf: (name) => `cannot take address of procfs variable '$${name}'`,
          },
          variables: [
            {
              name: 'value',
              type: 'string',
              source: { kind: 'procfs-value' },
              group: 'other',
              ...(direction === 'read' ? { writable: 'always' as const } : {}),
            },
          ],
        }),
      },
    ];
  };
}

export const procfsFamily: Family = {
  name: 'procfs',
  points: ['procfs', 'procfs(string)'].flatMap((base) =>
    [base, `${base}.umask(number)`].flatMap((prefix): PointPattern[] => [
      { pattern: `${prefix}.read`, build: build('read') },
      { pattern: `${prefix}.read.maxsize(number)`, build: build('read') },
      { pattern: `${prefix}.write`, build: build('write') },
    ]),
  ),
};
