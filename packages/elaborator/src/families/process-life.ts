// process(…).begin, .end, .thread.begin, .thread.end, .syscall and .syscall.return (stapprobes(3stap), USER-SPACE): events
// for which no program's code is needed.
import type { ProcessPoint } from '../elaborated.js';
import {
  type BuiltPoint,
  type Family,
  formatParts,
  type PointFault,
  type PointPattern,
  type PointRequest,
  type PointVariable,
  type PointVariables,
  type VariableWords,
} from './family.js';

const EVENTS: Readonly<Record<string, ProcessPoint['event']>> = {
  begin: 'begin',
  end: 'end',
  'thread.begin': 'thread-begin',
  'thread.end': 'thread-end',
  syscall: 'syscall',
  'syscall.return': 'syscall-return',
};

/** Documented for processes by path or number only. */
const STEPS = ['insn', 'insn.block'];

const ARGUMENTS = 6;

function valueAt(index: number, name: string, group: PointVariable['group']): PointVariable {
  return { name, type: 'long', source: { kind: 'tracepoint-argument', index }, group };
}

/** What is known of a system call: its number, then its arguments or its result. */
function variablesOf(event: ProcessPoint['event']): readonly PointVariable[] {
  if (event === 'syscall-return') return [valueAt(0, 'syscall', 'other'), valueAt(1, 'return', 'return')];
  if (event !== 'syscall') return [];
  const given = Array.from({ length: ARGUMENTS }, (_, index) => valueAt(index + 1, `arg${index + 1}`, 'parameter'));
  return [valueAt(0, 'syscall', 'other'), ...given];
}

/** SystemTap's words about what there is not. */
function wordsOf(event: ProcessPoint['event']): VariableWords {
  const isCall = event === 'syscall' || event === 'syscall-return';
  const unknown = (name: string): string => {
    if (!isCall) {
      return 'only "process(PATH_OR_PID).syscall" and "process(PATH_OR_PID).syscall.return" probes support target symbols';
    }
    if (name === 'return') return 'only "process(PATH_OR_PID).syscall.return" support $return.';
    if (/^arg\d+$/.test(name)) {
      return event === 'syscall'
        ? `invalid syscall argument number (1-${ARGUMENTS})`
        : 'only "process(PATH_OR_PID).syscall" support $argN or $$parms.';
    }
    return 'invalid target symbol for utrace probe, $syscall, $return, $argN or $$parms expected';
  };
  return {
    unknown,
    readOnly: (name) => `utrace '$${name.replace(/^arg\d+$/, 'argN')}' variable is read-only`,
    structure: (name) => `utrace variable '$${name}' may not be used as a structure`,
    addressOf: (name) => `cannot take address of utrace variable '$${name}'`,
  };
}

function build(request: PointRequest, event: ProcessPoint['event']): readonly BuiltPoint[] | PointFault {
  const written = request.string('process');
  const hasNumber = request.parts[0]?.argument?.kind === 'number';
  const pid = request.number('process');
  if (hasNumber && pid <= 0n) return { fault: `cannot probe pid ${pid}: Invalid pid` };
  if (hasNumber && pid >= 1n << 22n) return { fault: `cannot probe pid ${pid}: No such process` };
  if (written === '') return { fault: 'empty module' };
  const path = written === undefined ? undefined : (request.symbols.executable?.(written) ?? written);
  const [first, ...rest] = request.parts;
  const parts =
    path !== undefined && first?.argument?.kind === 'string'
      ? [{ ...first, argument: { ...first.argument, value: path } }, ...rest]
      : request.parts;
  return [
    {
      name: formatParts(parts),
      point: {
        family: 'process',
        event,
        ...(path === undefined ? {} : { path }),
        ...(hasNumber ? { pid: Number(pid) } : {}),
      },
      variables: (): PointVariables => ({
        return: event === 'syscall-return',
        words: wordsOf(event),
        variables: variablesOf(event),
      }),
    },
  ];
}

function refuse(request: PointRequest): PointFault {
  const step = request.has('block') ? 'block' : 'instruction';
  return {
    fault: `each ${step} of a process cannot be probed: Linux has had no way to since utrace was left out`,
    hint: 'process("PATH").statement("FUNCTION@FILE:LINE") probes a place in its code',
  };
}

export const processLifeFamily: Family = {
  name: 'process-life',
  points: ['process', 'process(string)', 'process(number)'].flatMap((base): PointPattern[] => [
    ...Object.entries(EVENTS).map(
      ([suffix, event]): PointPattern => ({
        pattern: `${base}.${suffix}`,
        privilege: 'stapusr',
        build: (request) => build(request, event),
      }),
    ),
    ...(base === 'process' ? [] : STEPS).map(
      (suffix): PointPattern => ({ pattern: `${base}.${suffix}`, build: refuse }),
    ),
  ]),
};
