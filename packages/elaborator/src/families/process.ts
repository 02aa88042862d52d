// process(…).* (stapprobes(3stap), USER-SPACE): places in programs and libraries, which a `ProgramSource` finds. The
// events of a process's life are in `process-life.ts`.
import type { ProgramQuery, ProgramWhat } from '../program-source.js';
import type { BuiltPoint, Family, PointFault, PointPattern, PointRequest } from './family.js';

/** Suffixes that need a program's code, each with what it asks for. */
const PLACES: Readonly<Record<string, (request: PointRequest) => ProgramWhat>> = {
  'function(string)': (request) => functionOf(request),
  'function(string).call': (request) => functionOf(request),
  'function(string).exported': (request) => functionOf(request),
  'function(string).inline': (request) => functionOf(request),
  'function(string).return': (request) => functionOf(request),
  'function(string).label(string)': (request) => functionOf(request),
  'function(string).callee(string)': (request) => functionOf(request),
  'function(string).callee(string).call': (request) => functionOf(request),
  'function(string).callee(string).return': (request) => functionOf(request),
  'function(string).callees': (request) => functionOf(request),
  'function(string).callees(number)': (request) => functionOf(request),
  'function(number)': (request) => functionOf(request),
  'function(number).call': (request) => functionOf(request),
  'function(number).exported': (request) => functionOf(request),
  'function(number).return': (request) => functionOf(request),
  'statement(string)': (request) => statementOf(request),
  'statement(string).nearest': (request) => statementOf(request),
  'statement(number)': (request) => statementOf(request),
  'statement(number).nearest': (request) => statementOf(request),
  plt: (request) => pltOf(request),
  'plt.return': (request) => pltOf(request),
  'plt(string)': (request) => pltOf(request),
  'plt(string).return': (request) => pltOf(request),
  'mark(string)': (request) => markOf(request),
  'provider(string).mark(string)': (request) => markOf(request),
};

const ABSOLUTE = ['statement(number).absolute', 'statement(number).absolute.return'];

function functionOf(request: PointRequest): ProgramWhat {
  const only = (['call', 'exported', 'inline', 'return'] as const).find((name) => request.has(name));
  const name = request.string('function');
  const label = request.string('label');
  const callee = request.string('callee');
  return {
    kind: 'function',
    ...(name === undefined ? { address: String(request.number('function')) } : { name }),
    ...(only ? { only } : {}),
    ...(label === undefined ? {} : { label }),
    ...(callee === undefined ? {} : { callee }),
    ...(request.has('callees') ? { callees: Number(request.number('callees')) || 1 } : {}),
  };
}

function statementOf(request: PointRequest): ProgramWhat {
  const name = request.string('statement');
  return {
    kind: 'statement',
    ...(name === undefined ? { address: String(request.number('statement')) } : { name }),
    absolute: request.has('absolute'),
    nearest: request.has('nearest'),
  };
}

function pltOf(request: PointRequest): ProgramWhat {
  return { kind: 'plt', name: request.string('plt') ?? '*', return: request.has('return') };
}

function markOf(request: PointRequest): ProgramWhat {
  const provider = request.string('provider');
  return { kind: 'mark', name: request.string('mark') ?? '*', ...(provider === undefined ? {} : { provider }) };
}

/** Which process a point names, in words. */
function processOf(request: PointRequest): string {
  const path = request.string('process');
  if (path !== undefined) return `"${path}"`;
  const pid = request.number('process');
  return pid === 0n ? 'the target process' : `process ${pid}`;
}

function build(request: PointRequest, what: ProgramWhat): readonly BuiltPoint[] | PointFault {
  const { programs } = request.symbols;
  if (!programs) return noPrograms(request, what);
  const path = request.string('process');
  const pid = request.number('process');
  const library = request.string('library');
  const query: ProgramQuery = {
    ...(path === undefined ? {} : { path }),
    ...(pid === 0n ? {} : { pid: String(pid) }),
    ...(library === undefined ? {} : { library }),
    what,
  };
  const places = programs.places(query);
  if ('fault' in places) return places;
  return places.map((place): BuiltPoint => {
    const { variables, strings } = place;
    return {
      name: place.name,
      point: {
        family: 'uprobe',
        path: place.file,
        offset: place.offset,
        return: place.return,
        ...(place.pid === undefined ? {} : { pid: place.pid }),
        ...(place.semaphore === undefined ? {} : { semaphore: place.semaphore }),
        ...(place.function === undefined ? {} : { function: place.function }),
      },
      variables: () => ({
        variables: variables?.() ?? [],
        return: place.return,
        ...(place.function === undefined ? {} : { function: place.function }),
        ...(strings ? { strings } : {}),
      }),
    };
  });
}

/** Nobody can look into programs: says what it would have taken. */
function noPrograms(request: PointRequest, what: ProgramWhat): PointFault {
  const library = request.string('library');
  const file = library === undefined ? processOf(request) : `library "${library}" of ${processOf(request)}`;
  const wanted = (): string => {
    switch (what.kind) {
      case 'function':
        return what.name === undefined ? `the function at address ${what.address}` : `function "${what.name}"`;
      case 'statement':
        return what.name === undefined ? `the statement at address ${what.address}` : `statement "${what.name}"`;
      case 'plt':
        return `procedure linkage entry "${what.name}"`;
      case 'mark':
        return what.provider === undefined ? `mark "${what.name}"` : `mark "${what.name}" of "${what.provider}"`;
    }
  };
  return {
    fault: `cannot look for ${wanted()} in ${file}: user-space programs are not read yet`,
    hint: 'probe the kernel’s side instead, or make the point optional with ?',
  };
}

const placePatterns = (base: string): PointPattern[] =>
  Object.entries(PLACES).map(([suffix, what]) => ({
    pattern: `${base}.${suffix}`,
    privilege: 'stapusr',
    build: (request) => build(request, what(request)),
  }));

export const processFamily: Family = {
  name: 'process',
  points: [
    ...['process', 'process(string)', 'process(number)'].flatMap((base): PointPattern[] => [
      ...placePatterns(base),
      ...placePatterns(`${base}.library(string)`),
    ]),
    // Addresses of a running process need its number.
    ...ABSOLUTE.map(
      (suffix): PointPattern => ({
        pattern: `process(number).${suffix}`,
        privilege: 'stapusr',
        build: (request) => build(request, statementOf(request)),
      }),
    ),
  ],
};
