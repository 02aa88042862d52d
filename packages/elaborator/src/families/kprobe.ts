// kprobe.* (stapprobes(3stap), DWARFLESS): functions by symbol alone. The kernel looks the symbol up when the module
// is loaded, so a name that the symbol source lacks is fine unless it holds wildcards.
import {
  type BuiltPoint,
  type Family,
  maxactiveOf,
  type PointFault,
  type PointPattern,
  type PointRequest,
} from './family.js';

function buildKprobes(request: PointRequest, suffix: string, isReturn: boolean): readonly BuiltPoint[] | PointFault {
  const symbol = request.string('function') ?? '';
  const module = request.string('module');
  if (symbol === '') return { fault: 'empty function name' };
  const maxactive = maxactiveOf(request);
  if (typeof maxactive === 'object') return maxactive;
  let names = [symbol];
  if (/[*?]/.test(symbol)) {
    names = request.symbols.functions(symbol, module).map((facts) => facts.name);
    if (names.length === 0) return { fault: `no match for function "${symbol}"` };
  } else if (!/^[A-Za-z_.$][\w.$]*$/.test(symbol)) {
    return { fault: `malformed function name "${symbol}"` };
  }
  const base = module === undefined ? 'kprobe' : `kprobe.module("${module}")`;
  return names.map((name) => ({
    name: `${base}.function("${name}")${suffix}`,
    point: {
      family: 'kprobe',
      symbol: name,
      offset: 0,
      ...(module === undefined ? {} : { module }),
      return: isReturn,
      ...(maxactive === undefined ? {} : { maxactive }),
      function: name,
    },
    wildcard: name !== symbol,
  }));
}

function kprobePoints(base: string): PointPattern[] {
  return [
    { pattern: `${base}.function(string)`, build: (request) => buildKprobes(request, '', false) },
    { pattern: `${base}.function(string).call`, build: (request) => buildKprobes(request, '.call', false) },
    { pattern: `${base}.function(string).return`, build: (request) => buildKprobes(request, '.return', true) },
    {
      pattern: `${base}.function(string).return.maxactive(number)`,
      build: (request) => buildKprobes(request, `.return.maxactive(${request.number('maxactive')})`, true),
    },
  ];
}

export const kprobeFamily: Family = {
  name: 'kprobe',
  points: [
    ...kprobePoints('kprobe'),
    ...kprobePoints('kprobe.module(string)'),
    {
      pattern: 'kprobe.statement(number).absolute',
      build(request) {
        if (!request.guru) return { fault: 'absolute statement probe in unprivileged script; need stap -g' };
        const address = BigInt.asUintN(64, request.number('statement'));
        return [
          {
            name: `kprobe.statement(0x${address.toString(16)}).absolute`,
            point: { family: 'kprobe', offset: 0, address: address.toString(), return: false },
          },
        ];
      },
    },
  ],
};
