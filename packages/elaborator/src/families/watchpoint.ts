// kernel.data(ADDRESS or "symbol")[.length(N)].write|rw (stapprobes(3stap), HARDWARE BREAKPOINTS).
import type { Family, PointPattern, PointRequest } from './family.js';

function build(access: 'write' | 'rw') {
  return (request: PointRequest): ReturnType<PointPattern['build']> => {
    const symbol = request.string('data');
    const asked = request.has('length') ? request.number('length') : 1n;
    // "The user-specified length gets approximated to the closest possible address length that the architecture can
    // support": of these the first that holds it.
    const length = [1n, 2n, 4n, 8n].find((possible) => asked >= 1n && asked <= possible);
    if (length === undefined) return { fault: `length ${asked} is not within 1 and 8` };
    if (symbol !== undefined && !/^[A-Za-z_][\w.]*$/.test(symbol))
      return { fault: `malformed symbol name "${symbol}"` };
    const data = symbol === undefined ? `0x${BigInt.asUintN(64, request.number('data')).toString(16)}` : `"${symbol}"`;
    return [
      {
        // As SystemTap names it: with the address in hexadecimal, and, but in listings, the length also where it was not said.
        name: `kernel.data(${data})${request.listing && !request.has('length') ? '' : `.length(${asked})`}.${access}`,
        point: {
          family: 'watchpoint',
          ...(symbol === undefined ? { address: BigInt.asUintN(64, request.number('data')).toString() } : { symbol }),
          length: Number(length),
          access,
        },
      },
    ];
  };
}

export const watchpointFamily: Family = {
  name: 'watchpoint',
  points: ['kernel.data(number)', 'kernel.data(number).length(number)', 'kernel.data(string)'].flatMap(
    (base): PointPattern[] => [
      { pattern: `${base}.write`, build: build('write') },
      { pattern: `${base}.rw`, build: build('rw') },
    ],
  ),
};
