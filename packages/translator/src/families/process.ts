// The life of processes and their system calls.
import type { ProcessPoint } from '@stapkit/elaborator';
import { cString } from '../emit/c-text.js';
import { type FamilyEmitter, printStruct } from './family.js';

const EVENTS: Readonly<Record<ProcessPoint['event'], string>> = {
  begin: 'STAPKIT_PROCESS_BEGIN',
  end: 'STAPKIT_PROCESS_END',
  'thread-begin': 'STAPKIT_THREAD_BEGIN',
  'thread-end': 'STAPKIT_THREAD_END',
  syscall: 'STAPKIT_PROCESS_SYSCALL',
  'syscall-return': 'STAPKIT_PROCESS_SYSCALL_RETURN',
};

export const processFamily: FamilyEmitter<ProcessPoint> = {
  runtimeFamily: () => 'stapkit_family_process',
  printPoint: (point, name) =>
    printStruct('stapkit_process_point', name, {
      path: point.path === undefined ? undefined : cString(point.path),
      pid: point.pid === undefined ? undefined : String(point.pid),
      event: EVENTS[point.event],
    }),
};
